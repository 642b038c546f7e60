import { assert, describe, it } from 'vitest';
import type { Effect, StoreOperation } from '../../../src/core/effects.ts';
import { WriteQueue } from '../../../src/runtime/write-queue.ts';
import { record } from '../../record-builder.ts';
import { FakeClock, FakeStore, settled } from './fake-ports.ts';

function epoch(value: number): StoreOperation {
  return { type: 'put-meta', name: 'epoch', value };
}

function reply(ticket: number): Effect {
  return { type: 'reply', ticket, reply: { ok: true, changed: true } };
}

function publish(subject: string): Effect {
  return { type: 'publish', records: [record({ subject })] };
}

function nameOf(effect: Effect): string {
  if (effect.type === 'reply') return `reply ${effect.ticket}`;
  return effect.type === 'publish' ? `publish ${effect.records[0]?.subject}` : effect.type;
}

class Bench {
  readonly clock = new FakeClock();
  readonly store = new FakeStore();
  readonly durable: string[] = [];
  readonly refused: string[] = [];
  failuresCount = 0;
  recoveriesCount = 0;
  readonly queue = new WriteQueue(
    {
      onDurable: effects => this.durable.push(...effects.map(nameOf)),
      onFailed: (_error, refused) => {
        this.failuresCount += 1;
        this.refused.push(...refused.map(nameOf));
      },
      onRecovered: () => {
        this.recoveriesCount += 1;
      },
    },
    this,
  );

  /** A queue whose store has refused one write of `operations`. */
  static async failing(operations: readonly StoreOperation[]): Promise<Bench> {
    const bench = new Bench();
    bench.queue.add(operations, []);
    bench.clock.turn();
    await bench.store.fail();
    return bench;
  }
}

describe('runtime/write-queue', () => {
  it('writes in the order of asking and carries out what follows in that order', async () => {
    const bench = new Bench();

    bench.queue.add([epoch(1)], [reply(1), publish('a')]);
    bench.queue.add([epoch(2), epoch(3)], [reply(2)]);
    bench.clock.turn();
    bench.queue.add([epoch(4)], [reply(3)]);
    await bench.store.succeed();
    const afterFirst = [...bench.durable];
    bench.clock.turn();
    await bench.store.succeed();

    assert.deepEqual(bench.store.writes, [[epoch(1), epoch(2), epoch(3)], [epoch(4)]]);
    assert.deepEqual(afterFirst, ['reply 1', 'publish a', 'reply 2']);
    assert.deepEqual(bench.durable, [...afterFirst, 'reply 3']);
  });

  it('has one write under way at a time', async () => {
    const bench = new Bench();

    for (let value = 1; value <= 5; value++) {
      bench.queue.add([epoch(value)], []);
      bench.clock.turn();
    }

    assert.equal(bench.store.pendingCount, 1);
    await bench.store.succeed();
    bench.clock.turn();
    assert.deepEqual(bench.store.writes, [[epoch(1)], [epoch(2), epoch(3), epoch(4), epoch(5)]]);
  });

  it('asks nothing of the store for nothing', () => {
    const bench = new Bench();

    bench.queue.add([], []);

    assert.equal(bench.clock.soonCount, 0);
  });

  it('carries out at once what needs no write of its own, unless something is on its way to the disk', async () => {
    const bench = new Bench();

    bench.queue.add([], [reply(1)]);
    assert.deepEqual(bench.durable, ['reply 1']);
    bench.queue.add([epoch(1)], []);
    bench.queue.add([], [reply(2)]);
    assert.deepEqual(bench.durable, ['reply 1']);
    bench.clock.turn();
    await bench.store.succeed();

    assert.deepEqual(bench.durable, ['reply 1', 'reply 2']);
    assert.deepEqual(bench.store.writes, [[epoch(1)]]);
  });

  it('refuses the replies of a failed write and of what waited behind it, and keeps the rest', async () => {
    const bench = new Bench();
    bench.queue.add([epoch(1)], [publish('a'), reply(1)]);
    bench.clock.turn();
    bench.queue.add([{ type: 'delete-contact', peer: 'b' }], [publish('b'), reply(2)]);

    await bench.store.fail();
    bench.clock.advance(1_000);
    await bench.store.succeed();

    assert.deepEqual(bench.refused, ['reply 1', 'reply 2']);
    assert.deepEqual(bench.store.writes.at(-1), [epoch(1), { type: 'delete-contact', peer: 'b' }]);
    assert.deepEqual(bench.durable, ['publish a', 'publish b']);
  });

  it('tries again every second, and reports recovery once', async () => {
    const bench = await Bench.failing([epoch(1)]);

    bench.clock.advance(999);
    const early = bench.store.pendingCount;
    bench.clock.advance(1);
    await bench.store.fail();
    bench.clock.advance(1_000);
    await bench.store.succeed();
    bench.queue.add([epoch(2)], []);
    bench.clock.turn();
    await bench.store.succeed();

    assert.equal(early, 0);
    assert.deepEqual(bench.store.writes, [[epoch(1)], [epoch(1)], [epoch(1)], [epoch(2)]]);
    assert.equal(bench.failuresCount, 2);
    assert.equal(bench.recoveriesCount, 1);
  });

  it('writes what was asked for during the try that succeeded', async () => {
    const bench = await Bench.failing([epoch(1)]);
    bench.clock.advance(1_000);

    bench.queue.add([epoch(2)], [reply(2)]);
    await bench.store.succeed();
    const between = [...bench.durable];
    bench.clock.turn();
    await bench.store.succeed();

    assert.deepEqual(between, []);
    assert.deepEqual(bench.durable, ['reply 2']);
  });

  const held = record({ subject: 'svc', author: 'a' });
  const newer = record({ subject: 'svc', author: 'a', sequence: 2 });
  const deleted = { type: 'delete-record', subject: 'svc', author: 'a' } as const;
  const dot = { epoch: 1, sequence: 1 };
  const contact = { peer: 'a', multiaddrs: [], seenAtMs: 1 };
  const proof = {
    type: 'put-proof',
    author: 'a',
    first: Uint8Array.of(1),
    second: Uint8Array.of(2),
  } as const;
  const rows: readonly (readonly [string, StoreOperation, StoreOperation])[] = [
    ['records', { type: 'put-record', record: held }, { type: 'put-record', record: newer }],
    ['a record and its deletion', { type: 'put-record', record: held }, deleted],
    ['a deletion and a new record', deleted, { type: 'put-record', record: newer }],
    ['floors', { type: 'put-floor', subject: 's', floor: [] }, { type: 'delete-floor', subject: 's' }],
    ['clocks', { type: 'put-clock', author: 'a', dot }, { type: 'delete-clock', author: 'a' }],
    ['contacts', { type: 'put-contact', contact }, { type: 'delete-contact', peer: 'a' }],
    ['proofs', { ...proof, first: Uint8Array.of(3) }, proof],
    ['numbers', epoch(1), epoch(2)],
  ];
  for (const [what, earlier, later] of rows) {
    it(`keeps the later of two while failing: ${what}`, async () => {
      const bench = await Bench.failing([earlier, { type: 'put-meta', name: 'alive-at-ms', value: 9 }]);

      bench.queue.add([later], []);
      bench.clock.advance(1_000);

      assert.deepEqual(bench.store.writes.at(-1), [
        { type: 'put-meta', name: 'alive-at-ms', value: 9 },
        later,
      ]);
    });
  }

  it('keeps one operation a row while failing, however many are asked for', async () => {
    const bench = await Bench.failing([epoch(0)]);

    for (let value = 1; value <= 1_000; value++) bench.queue.add([epoch(value)], []);
    bench.clock.advance(1_000);
    for (let value = 1_001; value <= 2_000; value++) bench.queue.add([epoch(value)], []);
    await bench.store.fail();
    bench.clock.advance(1_000);

    assert.deepEqual(bench.store.writes, [[epoch(0)], [epoch(1_000)], [epoch(2_000)]]);
  });

  it('keeps rows of other authors, subjects and kinds apart while failing', async () => {
    const operations: readonly StoreOperation[] = [
      { type: 'put-record', record: record({ subject: 's', author: 'a' }) },
      { type: 'put-record', record: record({ subject: 's', author: 'b' }) },
      { type: 'put-record', record: record({ subject: 't', author: 'a' }) },
      { type: 'put-floor', subject: 's', floor: [] },
      { type: 'put-clock', author: 's', dot },
      { type: 'put-contact', contact: { ...contact, peer: 's' } },
    ];

    const bench = await Bench.failing(operations);
    bench.clock.advance(1_000);

    assert.deepEqual(bench.store.writes.at(-1), operations);
  });

  it('is idle when all is written, and not before', async () => {
    const bench = new Bench();
    let isIdle = false;
    bench.queue.add([epoch(1)], []);
    bench.clock.turn();
    bench.queue.add([epoch(2)], []);

    void bench.queue.idle().then(() => {
      isIdle = true;
    });
    await bench.store.succeed();
    const between = isIdle;
    bench.clock.turn();
    await bench.store.succeed();

    assert.isFalse(between);
    assert.isTrue(isIdle);
  });

  it('does not let a failing store hold up who waits for idleness', async () => {
    const bench = new Bench();
    bench.queue.add([epoch(1)], []);
    const idle = bench.queue.idle();
    bench.clock.turn();

    await bench.store.fail();

    await idle;
    await bench.queue.idle();
  });

  it('tries no more after it was stopped', async () => {
    const bench = await Bench.failing([epoch(1)]);

    bench.queue.stop();
    bench.queue.stop();
    bench.clock.advance(10_000);
    await settled();

    assert.lengthOf(bench.store.writes, 1);
  });
});
