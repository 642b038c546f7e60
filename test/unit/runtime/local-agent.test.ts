import { assert, describe, it } from 'vitest';
import { bucketOf, healthSubjectOf } from '../../../src/core/record/health.ts';
import { FirsthandError } from '../../../src/errors.ts';
import {
  agentEntry,
  departure,
  entryAt,
  nodeFields,
  Speaker,
  seen,
  subjectHashOf,
  time,
} from '../../record-builder.ts';
import { DriverBench } from './driver-bench.ts';

/** What a call answers, once its write is done. */
async function settled<T>(bench: DriverBench, call: Promise<T>): Promise<T> {
  bench.clock.turn();
  while (bench.store.pendingCount > 0) await bench.store.succeed();
  return call;
}

describe('runtime/local-agent', () => {
  it('answers a registration with the node as it is listed', async () => {
    const bench = await DriverBench.begun();
    const request = { action: 'register', id: 'svc', node: nodeFields({ address: 'x:1' }) } as const;

    const first = await settled(bench, bench.agent.register(request));
    const again = await settled(bench, bench.agent.register(request));

    assert.isTrue(first.changed);
    assert.isFalse(again.changed);
    assert.equal(first.node, bench.agent.listing.get('svc'));
    assert.deepInclude(first.node, {
      id: 'svc',
      address: 'x:1',
      status: 'alive',
      authors: [bench.me.peer],
    });
  });

  it('rejects with an error of the catalogue', async () => {
    const bench = await DriverBench.begun();

    const error = await settled(
      bench,
      bench.agent.deregister('nobody').catch((thrown: unknown) => thrown),
    );

    assert.instanceOf(error, FirsthandError);
    assert.equal(error instanceof FirsthandError && error.code, 'UNKNOWN_NODE');
  });

  it('says when somebody asked it to leave, after it has said so to all', async () => {
    const bench = await DriverBench.begun();
    let isLeft = false;
    void bench.agent.left.then(() => {
      isLeft = true;
    });
    await new Promise<void>(resolve => setImmediate(resolve));
    assert.isFalse(isLeft);

    await settled(bench, bench.agent.leave());
    await new Promise<void>(resolve => setImmediate(resolve));

    assert.isTrue(isLeft);
    assert.equal(bench.agent.phase, 'stopping');
    assert.deepEqual(
      bench.me.codec.decodeGossip(bench.network.published.at(-1) ?? new Uint8Array())?.records.at(-1)?.body,
      departure('left'),
    );
  });

  describe('subject', () => {
    it('shows each record, who vouches, and why the others lost', async () => {
      const bench = await DriverBench.begun();
      const [a, b, c] = [new Speaker(2), new Speaker(3), new Speaker(4)];
      const [first, second, third] = [
        a.say({ body: entryAt('x:1') }),
        b.say({ body: entryAt('x:1'), time: time(1) }),
        c.say({ body: entryAt('y:1') }),
      ];
      for (const [speaker, record] of [
        [a, first],
        [b, second],
        [c, third],
      ] as const) {
        bench.hear(speaker, record);
      }

      const view = bench.agent.subject('svc');

      assert.deepInclude(view, {
        id: 'svc',
        winner: second.digest,
        rule: 'majority',
        conflict: true,
        parked: 0,
      });
      const by = (speaker: Speaker) => view?.records.find(({ author }) => author === speaker.peer);
      assert.deepInclude(by(a), { vouches: true, kind: 'entry' });
      assert.deepInclude(by(c), { vouches: false, lost: 'minority' });
      assert.equal(by(a)?.wire, Buffer.from(first.wire).toString('base64'));
      assert.isTrue(
        view?.records.every((record, i, all) => i === 0 || (all[i - 1]?.author ?? '') < record.author),
      );
    });

    it('counts what waits, and is absent where there is nothing at all', async () => {
      const bench = await DriverBench.begun();
      const [a, b] = [new Speaker(2), new Speaker(3)];
      bench.hear(a, a.say({ context: seen(b.say()) }));

      assert.deepEqual(bench.agent.subject('svc'), { id: 'svc', conflict: false, records: [], parked: 1 });
      assert.isUndefined(bench.agent.subject('nobody'));
    });

    it('comes in pages in order of id', async () => {
      const bench = await DriverBench.begun();
      const peer = new Speaker(2);
      for (const subject of ['c', 'a', 'b', 'z']) bench.hear(peer, peer.say({ subject }));

      const page = (after: string | undefined, limit: number) =>
        bench.agent.subjects(after, limit).map(({ id }) => id);

      assert.deepEqual(page(undefined, 2), ['a', 'b']);
      assert.deepEqual(page('b', 2), ['c', 'me']);
      assert.deepEqual(page('bb', 1), ['c']);
      assert.deepEqual(page('z', 2), []);
    });
  });

  it('shows no records of health among those of nodes', async () => {
    const bench = await DriverBench.begun();
    const host = new Speaker(2);
    const hash = subjectHashOf('svc');

    bench.hear(
      host,
      host.say({
        subject: healthSubjectOf(host.peer, bucketOf(hash)),
        authority: 'self',
        body: { type: 'health', entries: [{ subjectHash: hash, reason: 'timeout' }] },
      }),
    );

    assert.equal(bench.protocol.table.ledger.recordsCount, 2);
    assert.deepEqual(
      bench.agent.subjects(undefined, 10).map(({ id }) => id),
      ['me'],
    );
  });

  it('shows the clock of all authors, with names where they are known', async () => {
    const bench = await DriverBench.begun();
    const [peer, unknown] = [new Speaker(2), new Speaker(3)];
    bench.hear(peer, peer.introduce('peer'), unknown.say());

    const { author, epoch, sequence, seen: rows } = bench.agent.clock();

    assert.deepEqual({ author, epoch, sequence }, { author: bench.me.peer, epoch: 10, sequence: 1 });
    assert.deepEqual([...rows].map(({ id }) => id).sort(), ['me', 'peer', undefined]);
    assert.deepEqual(
      rows.map(row => row.author),
      rows.map(row => row.author).sort(),
    );
  });

  it('shows the mesh: connected, dialling and waiting peers, and seeds without an answer', async () => {
    const bench = await DriverBench.begun({ seeds: ['/ip4/10.0.0.9/tcp/1'] });
    const { handlers } = bench.driver;
    const [linked, waiting] = [new Speaker(2), new Speaker(3)];
    handlers.onLinkUp(linked.peer, linked.multiaddr);
    const link = {
      peer: linked.peer,
      address: linked.multiaddr,
      outbound: false,
      subscribed: true,
      inMesh: true,
      score: 1,
    };
    bench.network.linked = [link];
    bench.hear(linked, linked.introduce('linked'));
    bench.answering(linked);
    bench.pass(1_500);
    handlers.onDiscovered(waiting.peer, [waiting.multiaddr], 'mdns');
    handlers.onDialEnded(waiting.peer, { ok: false, reason: 'unreachable', text: 'refused' });
    handlers.onDialEnded('seed:/ip4/10.0.0.9/tcp/1', { ok: false, reason: 'unreachable', text: 'no answer' });
    handlers.onForeign('/x');

    const mesh = bench.agent.mesh();

    const by = (speaker: Speaker) => mesh.peers.find(({ peer }) => peer === speaker.peer);
    assert.deepInclude(by(linked), { state: 'connected', id: 'linked', liveness: 'alive', link });
    assert.isNumber(by(linked)?.rttMs);
    assert.deepInclude(by(waiting), { state: 'waiting', failedDials: 1, lastError: 'refused' });
    assert.isAbove(by(waiting)?.nextDialInMs ?? 0, 0);
    assert.deepEqual(mesh.pendingSeeds, [
      { seed: '/ip4/10.0.0.9/tcp/1', failedDials: 1, lastError: 'no answer' },
    ]);
    assert.equal(mesh.foreignRefused, 1);
    assert.equal(mesh.topic, 'topic-of-test');
  });

  describe('status', () => {
    it('of a healthy agent has no findings', async () => {
      const bench = await DriverBench.begun();
      bench.clock.advance(61_500);

      const status = bench.agent.status();

      assert.deepEqual(status.findings, []);
      assert.deepInclude(status, { phase: 'ready', uptimeS: 61, agentsKnown: 1, agentsReachable: 1 });
      assert.isTrue(status.components.every(({ ok }) => ok));
    });

    it('counts agents and services', async () => {
      const bench = await DriverBench.begun();
      const [near, gone] = [new Speaker(2), new Speaker(3)];
      bench.hear(near, near.introduce('near'), near.say());
      bench.hear(gone, gone.introduce('gone', { body: departure('left') }));
      await settled(
        bench,
        bench.agent.register({ action: 'register', id: 'mine', node: nodeFields({ address: 'y:1' }) }),
      );
      bench.refuse(near);

      const status = bench.agent.status();

      assert.deepInclude(status, { agentsKnown: 2, agentsReachable: 1 });
      assert.deepEqual(status.services, { total: 2, hosted: 1, suspect: 1, unhealthy: 0 });
      assert.deepEqual(
        status.agents.map(({ id, state }) => [id, state]),
        [
          ['gone', 'left'],
          ['me', 'alive'],
          ['near', 'suspect'],
        ],
      );
    });

    it.each<readonly [string, RegExp, (bench: DriverBench) => unknown]>([
      [
        'is isolated',
        /^isolated for \d s: none of the 1 other known agents can be reached \(peer\)$/,
        bench => {
          const peer = new Speaker(2);
          bench.hear(peer, peer.introduce('peer'));
          bench.pass(5_000);
        },
      ],
      [
        'misses one of several',
        /^not reachable at the moment: one$/,
        bench => {
          const [one, two] = [new Speaker(2), new Speaker(3)];
          bench.hear(one, one.introduce('one'), two.introduce('two'));
          bench.refuse(one);
        },
      ],
      [
        'has lost its name',
        /^the name me is held by another key/,
        bench => {
          const rival = new Speaker(2);
          bench.hear(rival, rival.introduce('me', { time: time(-9_000), body: agentEntry() }));
        },
      ],
      [
        'sees a conflict',
        /^1 id is in conflict/,
        bench => {
          const [one, two] = [new Speaker(2), new Speaker(3)];
          bench.hear(one, one.say({ body: entryAt('x:1') }), two.say({ body: entryAt('y:1') }));
        },
      ],
      [
        'cannot write',
        /^store: the database refuses writes/,
        bench => bench.driver.feed({ type: 'store-health', ok: false }),
      ],
      [
        'is too busy',
        /^event_loop: 99 % of delays are below 900 ms$/,
        bench => {
          bench.loopDelayMs = 900;
        },
      ],
      [
        'has signed contradictory records',
        /^this agent’s key is proved to have signed contradictory records/,
        bench =>
          bench.driver.feed({
            type: 'proof-received',
            first: new Speaker(1).say({ epoch: 3 }),
            second: new Speaker(1).say({ epoch: 3, leaseMs: 1 }),
          }),
      ],
    ])('says so when it %s', async (_, finding, happen) => {
      const bench = await DriverBench.begun();

      happen(bench);

      const { findings } = bench.agent.status();
      assert.isTrue(
        findings.some(text => finding.test(text)),
        findings.join('\n'),
      );
    });
  });
});
