import { assert, describe, it } from 'vitest';
import type { DeliveryOutcome } from '../../../../src/core/outbox/delivery.ts';
import { MemoryStore } from '../../../../src/store/memory-store.ts';
import { failure, OutboxBench, receiver, request } from './outbox-bench.ts';

const final: DeliveryOutcome = { ok: false, isFinal: true, detail: '400 Bad Request' };

describe('core/outbox', () => {
  it('attempts nothing before it is written', () => {
    const bench = new OutboxBench();
    bench.isWriting = false;

    bench.enqueue();
    const before = bench.digests;
    bench.write();

    assert.deepEqual(before, []);
    assert.deepEqual(bench.digests, ['svc:1']);
  });

  it('has one delivery of a receiver under way, and those of others at the same time', () => {
    const bench = new OutboxBench();

    bench.enqueue({ subject: 'a', digest: 'a' });
    bench.enqueue({ subject: 'b', digest: 'b' });
    bench.enqueue({ subject: 'c', digest: 'c', receiver: 'peer:other' });

    assert.deepEqual(bench.digests, ['a', 'c']);
  });

  it('delivers critical before normal before bulk, and in order within each', () => {
    const bench = new OutboxBench();
    bench.enqueue({ subject: 'first', digest: 'first' });

    for (const priority of ['bulk', 'normal', 'critical'] as const)
      for (const n of [1, 2])
        bench.enqueue({ subject: `${priority}${n}`, digest: `${priority}${n}`, priority });

    assert.deepEqual(bench.drain(), [
      'first',
      ...['critical1', 'critical2', 'normal1', 'normal2', 'bulk1', 'bulk2'],
    ]);
  });

  it('lets a later update take the place of an earlier one about the same subject', () => {
    const bench = new OutboxBench();
    bench.enqueue({ subject: 'first', digest: 'first' });
    bench.enqueue({ subject: 'a', digest: 'a:1' });
    bench.enqueue({ subject: 'b', digest: 'b:1' });

    bench.enqueue({ subject: 'a', digest: 'a:2' });

    assert.equal(bench.outbox.count, 3);
    assert.deepEqual(bench.drain(), ['first', 'a:2', 'b:1']);
  });

  it('raises a later update to the priority of the one that it supersedes', () => {
    const bench = new OutboxBench();
    bench.enqueue({ subject: 'first', digest: 'first' });
    bench.enqueue({ subject: 'a', digest: 'a:1', priority: 'critical' });
    bench.enqueue({ subject: 'b', digest: 'b:1' });

    bench.enqueue({ subject: 'a', digest: 'a:2', priority: 'bulk' });

    assert.deepEqual(bench.drain(), ['first', 'a:2', 'b:1']);
  });

  it('supersedes nothing that has no subject', () => {
    const bench = new OutboxBench();

    for (const digest of ['1', '2', '3']) bench.enqueue({ subject: undefined, digest });

    assert.deepEqual(bench.drain(), ['1', '2', '3']);
  });

  it('takes the same delivery once while it waits', () => {
    const bench = new OutboxBench();

    bench.enqueue();
    bench.enqueue();

    assert.equal(bench.outbox.count, 1);
    assert.equal(bench.view.counts.enqueued, 1);
  });

  it('sends the later update after the earlier one that is under way, and never the earlier again', () => {
    const bench = new OutboxBench();
    bench.enqueue({ digest: 'svc:1' });
    bench.enqueue({ digest: 'svc:2' });
    const whileUnderWay = bench.digests;

    bench.settle(failure);
    bench.advance(2_000);

    assert.deepEqual(whileUnderWay, ['svc:1']);
    assert.deepEqual(bench.drain(), ['svc:2']);
    assert.equal(bench.outbox.count, 0);
  });

  it('tries again after a pause, and not before', () => {
    const bench = new OutboxBench();
    bench.enqueue();
    bench.settle(failure);
    const pauseMs = bench.view.receivers[0]?.nextTryInMs ?? 0;

    bench.advance(pauseMs - 2);
    const early = bench.digests;
    bench.advance(4);

    assert.isAbove(pauseMs, 2);
    assert.deepEqual(early, []);
    assert.deepEqual(bench.digests, ['svc:1']);
  });

  it('does not let a new delivery cut the pause of a receiver short, and lets a sight of it', () => {
    const bench = new OutboxBench();
    bench.enqueue();
    bench.settle(failure);

    bench.enqueue({ subject: 'b', digest: 'b:1' });
    const before = bench.digests;
    bench.run(bench.outbox.seen(receiver, { monoMs: 0, wallMs: 0 }));

    assert.deepEqual(before, []);
    assert.deepEqual(bench.digests, ['svc:1']);
  });

  it('gives up an attempt without an outcome, and ignores an outcome that comes later', () => {
    const bench = new OutboxBench({ answerTimeoutMs: 30_000 });
    bench.enqueue();
    const [first] = bench.underWay;
    bench.advance(30_000);
    bench.advance(2_000);

    const late = bench.outbox.settled(first?.id ?? 0, { ok: true }, 32_000, { monoMs: 0, wallMs: 0 });

    assert.deepEqual(late, []);
    assert.lengthOf(bench.underWay, 2);
    assert.equal(bench.outbox.count, 1);
  });

  it('buries what the receiver refuses for good, says so, and goes on with the next', () => {
    const bench = new OutboxBench();
    bench.enqueue({ subject: 'a', digest: 'a' });
    bench.enqueue({ subject: 'b', digest: 'b' });

    bench.settle(final);

    const [letter] = bench.view.deadLetters;
    assert.deepInclude(letter, { digest: 'a', reason: 'refused', detail: '400 Bad Request' });
    assert.deepEqual(
      bench.logged.map(([event]) => event),
      ['outbox_undelivered'],
    );
    assert.deepEqual(bench.digests, ['b']);
  });

  it('buries what expires, and reports all of it in one line', () => {
    const bench = new OutboxBench();
    for (const subject of ['first', 'a', 'b'])
      bench.enqueue({ subject, digest: subject, expiresAfterMs: 5_000 });
    bench.settle(failure);

    bench.advance(5_000);

    assert.equal(bench.outbox.count, 0);
    assert.deepEqual(
      bench.view.deadLetters.map(({ subject, reason }) => [subject, reason]),
      [
        ['b', 'expired'],
        ['a', 'expired'],
        ['first', 'expired'],
      ],
    );
    assert.deepInclude(bench.logged.at(-1)?.[1], { deliveries: 3, reason: 'expired' });
  });

  it('keeps nothing longer than its bound, whatever was asked for', () => {
    const bench = new OutboxBench({ ageMaxMs: 60_000 });
    bench.enqueue({ expiresAfterMs: 1e12 });
    bench.settle(failure);

    bench.advance(60_000);

    assert.equal(bench.view.counts.expired, 1);
  });

  it('keeps the latest dead letters only', async () => {
    const bench = new OutboxBench({ deadLettersMaxCount: 2 });
    for (const subject of ['a', 'b', 'c']) bench.enqueue({ subject, digest: subject });
    for (let i = 0; i < 3; i++) bench.settle(final);

    await bench.restart();

    assert.deepEqual(
      bench.view.deadLetters.map(({ digest }) => digest),
      ['c', 'b'],
    );
  });

  it('refuses what is new when it is full, except critical ones, and supersedes still', () => {
    const bench = new OutboxBench({ entriesMaxCount: 10, reserveShare: 0.2 });
    for (let n = 0; n < 8; n++) assert.isUndefined(bench.enqueue({ subject: `${n}`, digest: `${n}` }));

    const answers = {
      normal: bench.enqueue({ subject: 'new', digest: 'new' }),
      bulk: bench.enqueue({ subject: 'new', digest: 'new', priority: 'bulk' }),
      later: bench.enqueue({ subject: '5', digest: 'later' }),
      critical: [1, 2, 3].map(n =>
        bench.enqueue({ subject: `c${n}`, digest: `c${n}`, priority: 'critical' }),
      ),
    };

    assert.deepEqual(answers, {
      normal: 'OUTBOX_FULL',
      bulk: 'OUTBOX_FULL',
      later: undefined,
      critical: [undefined, undefined, 'OUTBOX_FULL'],
    });
    assert.equal(bench.outbox.count, 10);
    assert.equal(bench.view.counts.turnedAway, 3);
  });

  it('counts bytes as well, and takes a later update that is no larger', () => {
    const bench = new OutboxBench({ bytesMax: 100, reserveShare: 0 });
    bench.enqueue({ payload: new Uint8Array(90) });

    const answers = [
      bench.enqueue({ subject: 'b', payload: new Uint8Array(11), digest: 'b' }),
      bench.enqueue({ digest: 'svc:2', payload: new Uint8Array(101) }),
      bench.enqueue({ digest: 'svc:2', payload: new Uint8Array(90) }),
    ];

    assert.deepEqual(answers, ['OUTBOX_FULL', 'OUTBOX_FULL', undefined]);
    assert.equal(bench.view.bytes, 90);
  });

  const refusals = [
    ['a payload beyond its bound', { payload: new Uint8Array(65_537) }, undefined, 'PAYLOAD_TOO_LARGE'],
    ['anything while the disk is full', {}, 'STORE_FULL', 'STORE_FULL'],
    ['critical ones while the store refuses', { priority: 'critical' }, 'STORE_FAILED', 'STORE_FAILED'],
  ] as const;

  for (const [what, fields, problem, code] of refusals) {
    it(`refuses ${what}`, () => {
      const bench = new OutboxBench();
      bench.problem = problem;

      assert.equal(bench.enqueue(fields), code);
    });
  }

  it('refuses more receivers than it keeps', () => {
    const bench = new OutboxBench({ receiversMaxCount: 2 });
    bench.enqueue({ receiver: 'peer:a' });
    bench.enqueue({ receiver: 'peer:b' });

    assert.equal(bench.enqueue({ receiver: 'peer:c' }), 'OUTBOX_FULL');
    assert.throws(() => bench.enqueue({ receiver: 'peer:ä' }), RangeError);
  });

  it('forgets idle receivers when there are many', () => {
    const bench = new OutboxBench({ receiversMaxCount: 2 });
    for (let n = 0; n < 10; n++) {
      assert.isUndefined(bench.enqueue({ receiver: `peer:${n}` }));
      bench.drain();
      bench.advance(500);
    }
  });

  it('drops what waits for a receiver that is to get nothing any more, for good', async () => {
    const bench = new OutboxBench();
    bench.enqueue({ subject: 'a', digest: 'a' });
    bench.enqueue({ subject: 'b', digest: 'b' });
    bench.enqueue({ subject: 'c', digest: 'c', receiver: 'peer:other' });

    bench.forget(receiver);

    assert.equal(bench.outbox.count, 1);
    bench.settle(failure);
    await bench.restart();
    assert.deepEqual(bench.drain(), ['c']);
    assert.deepEqual([...bench.outbox.damagedReceivers], []);
  });

  it('warns once of a receiver that takes nothing, and says when it does again', () => {
    const bench = new OutboxBench({ stuckAfterMs: 10_000 });
    bench.enqueue();
    for (let i = 0; i < 100; i++) {
      if (bench.underWay.length > 0) bench.settle(failure);
      bench.advance(1_000);
    }
    const warned = bench.logged.map(([event]) => event);
    const { state } = bench.view.receivers[0] ?? {};

    if (bench.underWay.length > 0) bench.settle(failure);
    bench.advance(60_000);
    bench.settle();

    assert.deepEqual(warned, ['outbox_receiver_stuck']);
    assert.equal(state, 'stuck');
    assert.equal(bench.logged.at(-1)?.[0], 'outbox_receiver_recovered');
  });

  it('takes out what the receiver was found to have', () => {
    const bench = new OutboxBench();
    bench.enqueue({ subject: 'a', digest: 'a' });
    bench.enqueue({ subject: 'b', digest: 'b' });

    bench.run(bench.outbox.confirmed(receiver, 'b', { monoMs: 0, wallMs: 0 }));

    assert.deepEqual(bench.drain(), ['a']);
    assert.equal(bench.outbox.count, 0);
  });
});

describe('core/outbox after a restart', () => {
  it('goes on with what was not delivered, in the same order', async () => {
    const bench = new OutboxBench();
    for (const subject of ['a', 'b', 'c']) bench.enqueue({ subject, digest: `${subject}:1` });
    bench.enqueue({ subject: 'b', digest: 'b:2' });
    bench.enqueue({ subject: 'x', digest: 'x', priority: 'critical' });
    bench.settle();

    await bench.restart();

    assert.deepEqual(bench.drain(), ['x', 'b:2', 'c:1']);
    assert.equal(bench.view.counts.damaged, 0);
  });

  it('attempts again what was under way', async () => {
    const bench = new OutboxBench();
    bench.enqueue();

    await bench.restart();

    assert.deepEqual(bench.digests, ['svc:1']);
  });

  it('goes on with the pause of a receiver that failed', async () => {
    const bench = new OutboxBench();
    bench.enqueue();
    for (let i = 0; i < 4; i++) {
      bench.settle(failure);
      bench.advance(60_000);
    }
    bench.settle(failure);

    await bench.restart();

    const [row] = bench.view.receivers;
    assert.deepInclude(row, { failuresInRow: 5, breaker: 'open' });
    assert.deepEqual(bench.digests, []);
  });

  it('does not keep a delivery longer because it was down', async () => {
    const bench = new OutboxBench();
    bench.enqueue({ expiresAfterMs: 10_000 });
    bench.settle(failure);
    bench.monoMs += 10_000;

    await bench.restart();

    assert.equal(bench.view.counts.expired, 1);
  });

  it('takes nothing for expired because the clock was set back', async () => {
    const bench = new OutboxBench();
    bench.monoMs = 100_000;
    bench.enqueue({ expiresAfterMs: 10_000 });
    bench.monoMs = 0;

    await bench.restart();

    assert.deepEqual(bench.digests, ['svc:1']);
    assert.equal(bench.view.receivers[0]?.oldestMs, 0);
  });
});

describe('core/outbox with a damaged store', () => {
  async function filled(): Promise<OutboxBench> {
    const bench = new OutboxBench();
    for (const name of ['peer:a', 'peer:b'])
      for (const n of [1, 2, 3]) bench.enqueue({ receiver: name, subject: `${n}`, digest: `${name}:${n}` });
    return bench;
  }

  const damages: readonly (readonly [string, (store: MemoryStore) => Promise<void>, readonly string[]])[] = [
    [
      'one delivery is gone',
      store => store.write([{ type: 'delete-delivery', receiver: 'peer:a', sequence: 2 }]),
      ['peer:a'],
    ],
    [
      'its last delivery is gone',
      store => store.write([{ type: 'delete-delivery', receiver: 'peer:a', sequence: 3 }]),
      ['peer:a'],
    ],
    ['its head is gone', store => store.write([{ type: 'delete-queue', receiver: 'peer:a' }]), ['peer:a']],
    [
      'a delivery has another content',
      async store => {
        const [delivery] = (await store.load()).outbox.deliveries;
        if (delivery !== undefined)
          await store.write([{ type: 'put-delivery', delivery: { ...delivery, payload: Uint8Array.of(9) } }]);
      },
      ['peer:a'],
    ],
    [
      'a whole queue is gone with its head',
      store =>
        store.write([
          { type: 'delete-queue', receiver: 'peer:a' },
          ...[1, 2, 3].map(sequence => ({ type: 'delete-delivery', receiver: 'peer:a', sequence }) as const),
        ]),
      ['peer:b'],
    ],
    [
      'one that was done with is back',
      async store => {
        const before = await store.load();
        const [delivery] = before.outbox.deliveries;
        if (delivery !== undefined)
          await store.write([{ type: 'put-delivery', delivery: { ...delivery, sequence: 9, place: 9 } }]);
      },
      ['peer:a'],
    ],
  ];

  for (const [what, damage, receivers] of damages) {
    it(`delivers nothing of a queue when ${what}, and says so`, async () => {
      const bench = await filled();
      await damage(bench.store);

      await bench.restart();

      assert.deepEqual([...bench.outbox.damagedReceivers], receivers);
      assert.deepEqual(
        bench.underWay.map(each => each.receiver),
        ['peer:a', 'peer:b'].filter(name => !receivers.includes(name) && bench.outbox.count > 0),
      );
      assert.include(
        bench.logged.map(([event]) => event),
        'outbox_queue_damaged',
      );
      assert.isAbove(bench.view.deadLetters.filter(({ reason }) => reason === 'damaged').length, 1);
    });
  }

  it('goes on as usual after that', async () => {
    const bench = await filled();
    await bench.store.write([{ type: 'delete-delivery', receiver: 'peer:a', sequence: 2 }]);
    await bench.restart();
    bench.drain();

    bench.enqueue({ receiver: 'peer:a', digest: 'new' });
    await bench.restart();

    assert.deepEqual([...bench.outbox.damagedReceivers], []);
    assert.deepEqual(bench.digests, ['new']);
  });

  it('notices that everything is gone but the seal', async () => {
    const bench = await filled();
    const { outbox } = await bench.store.load();
    bench.store = new MemoryStore();
    await bench.store.write([
      { type: 'put-outbox-seal', seal: outbox.seal ?? { count: 0, sum: new Uint8Array(32) } },
    ]);

    await bench.restart();
    const first = bench.logged.length;
    await bench.restart();

    assert.equal(first, 1);
    assert.lengthOf(bench.logged, 1);
  });

  it('takes a store that never had a delivery for whole', async () => {
    const bench = new OutboxBench();

    await bench.restart();

    assert.deepEqual(bench.logged, []);
    assert.deepEqual(request().receiver, receiver);
  });
});
