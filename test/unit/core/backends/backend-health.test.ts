import { assert, describe, it } from 'vitest';
import type { CheckOutcome } from '../../../../src/core/backends/outcome.ts';
import type { Effect } from '../../../../src/core/effects.ts';
import type { Restored } from '../../../../src/core/protocol.ts';
import { healthEntriesOf, healthSubjectOf, isHealthSubject } from '../../../../src/core/record/health.ts';
import type { NodeFields } from '../../../../src/core/record/node.ts';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { nodeFields, Speaker, startWallMs, subjectHashOf } from '../../../record-builder.ts';
import { events, logs, ofType, ProtocolBench, published, written } from '../protocol-bench.ts';
import { failed, passed } from './answers.ts';

/** These two share a bucket, and differ in what follows. */
const [first, second] = twoInOneBucket();

function twoInOneBucket(): readonly [string, string] {
  const seen = new Map<string, string>();
  for (let i = 0; ; i++) {
    const bucket = subjectHashOf(`svc-${i}`).slice(0, 2);
    const other = seen.get(bucket);
    if (other !== undefined) return [other, `svc-${i}`];
    seen.set(bucket, `svc-${i}`);
  }
}

/** An agent whose checks are answered by a table. */
class Bench extends ProtocolBench {
  readonly found: Record<string, CheckOutcome> = {};
  readonly checked: string[] = [];

  /** Registers, and answers what is due in the second that follows. */
  host(id: string, node: Partial<NodeFields> = {}): readonly Effect[] {
    const fields = nodeFields(node);
    return this.step({ type: 'register', ticket: 1, action: 'register', id, node: fields });
  }

  /** Time goes by; every check is answered at once. */
  live(ms: number): readonly Effect[] {
    const effects: Effect[] = [];
    for (let passedMs = 0; passedMs < ms; passedMs += 250) effects.push(...this.#answered(this.pass(250)));
    return effects;
  }

  status(id: string): string | undefined {
    return this.protocol.table.listing.get(id)?.status;
  }

  #answered(effects: readonly Effect[]): readonly Effect[] {
    return effects.flatMap(effect => {
      if (effect.type !== 'check') return [effect];
      const id = effect.key.split(':')[1] as string;
      this.checked.push(id);
      const answer = { type: 'checked', key: effect.key, outcome: this.found[id] ?? passed } as const;
      return this.#answered(this.step(answer));
    });
  }
}

function started(options: ConstructorParameters<typeof ProtocolBench>[0] = {}): Bench {
  const bench = new Bench(options);
  bench.start();
  return bench;
}

function healthRecords(effects: readonly Effect[]): readonly VerifiedRecord[] {
  return published(effects).filter(({ subject }) => isHealthSubject(subject));
}

function kept(bench: Bench): Restored {
  return {
    records: [...bench.protocol.table.ledger.records()],
    floors: new Map(),
    clocks: new Map(),
    contacts: [],
    proofs: [],
    reachability: new Map(),
    removals: [],
    aliveAtMs: startWallMs,
  };
}

describe('core/backends/backend-health', () => {
  it('checks hosted backends, and neither other services nor the agent itself', () => {
    const bench = started();
    bench.host('backend', { address: '[fd00::7]:8000', metricsPort: 9_100 });
    bench.host('proxy', { nodeType: 'proxy' });

    const checks = ofType(bench.pass(1_000), 'check');

    assert.deepEqual(
      checks.map(({ key, host, port }) => `${key} ${host} ${port}`),
      ['backend:backend:1 fd00::7 9100'],
    );
  });

  it('does not check what other agents host', () => {
    const bench = started();
    const other = new Speaker(2);

    const effects = [...bench.hear(other, other.say({ subject: 'svc' })), ...bench.pass(5_000)];

    assert.deepEqual(ofType(effects, 'check'), []);
  });

  it('says once what is unhealthy, writes it first, tells it as an event and logs it', () => {
    const bench = started();
    bench.host('svc');
    bench.found.svc = failed('not-ready');

    const effects = bench.live(20_000);

    const [said, ...more] = healthRecords(effects);
    assert.deepEqual(more, []);
    assert.deepInclude(said, { subject: healthSubjectOf(bench.me.peer, subjectHashOf('svc').slice(0, 2)) });
    assert.deepEqual(healthEntriesOf(said), [{ subjectHash: subjectHashOf('svc'), reason: 'not-ready' }]);
    assert.isTrue(written(effects).some(operation => operation.type === 'put-record'));
    assert.equal(bench.status('svc'), 'unhealthy');
    assert.deepEqual(
      events(effects, 'health').map(({ data }) => data),
      [{ id: 'svc', from: 'healthy', to: 'unhealthy', reason: 'it answers that it is not ready' }],
    );
    assert.deepEqual(logs(effects), ['backend_unhealthy']);
    assert.deepEqual(events(effects, 'liveness'), []);
    assert.deepEqual(events(effects, 'record'), []);
  });

  it('says when it is well again', () => {
    const bench = started();
    bench.host('svc');
    bench.found.svc = failed('refused');
    bench.live(20_000);
    bench.found.svc = passed;

    const effects = bench.live(20_000);

    assert.deepEqual(healthRecords(effects).map(healthEntriesOf), [[]]);
    assert.equal(bench.status('svc'), 'alive');
    assert.deepEqual(
      events(effects, 'health').map(({ data }) => `${data.from} ${data.to} ${data.reason}`),
      ['unhealthy healthy its health checks pass again'],
    );
    assert.deepEqual(logs(effects), ['backend_healthy']);
  });

  it('gathers what turns between two ticks into one record a bucket', () => {
    const bench = started();
    const others = Array.from({ length: 50 }, (_, i) => `other-${i}`);
    for (const id of [first, second, ...others]) {
      bench.host(id);
      bench.found[id] = failed('not-ready');
    }
    // All first checks fall into one tick, because none came before it.
    bench.monoMs += 2_000;
    const due = bench.pass(250);
    const turned = ofType(due, 'check').flatMap(({ key }) =>
      bench.step({ type: 'checked', key, outcome: failed('not-ready') }),
    );

    const said = healthRecords([...turned, ...bench.pass(250)]);

    const buckets = said.map(({ subject }) => subject);
    assert.equal(new Set(buckets).size, buckets.length);
    const entries = said.flatMap(healthEntriesOf);
    assert.equal(entries.length, ofType(due, 'check').length);
    assert.isAbove(entries.length, buckets.length);
  });

  it('keeps a service by its passed checks, and lets it go when they fail for a lease', () => {
    const bench = started({ settings: { hosting: { leaseMs: 20_000 } } });
    bench.host('svc');

    bench.live(60_000);
    assert.equal(bench.status('svc'), 'alive');
    bench.found.svc = failed('refused');
    const effects = bench.live(30_000);

    assert.isUndefined(bench.status('svc'));
    assert.deepEqual(
      events(effects, 'record').map(({ data }) => data.change),
      ['departed'],
    );
  });

  it('stops checking what is deregistered, and forgets what it said of it', () => {
    const bench = started();
    bench.host('svc');
    bench.found.svc = failed('not-ready');
    bench.live(5_000);
    bench.step({ type: 'deregister', ticket: 2, id: 'svc' });
    bench.checked.length = 0;

    const effects = bench.live(20_000);

    assert.deepEqual(bench.checked, []);
    assert.deepEqual(healthRecords(effects).map(healthEntriesOf), [[]]);
    assert.deepEqual(events(effects, 'health'), []);
    bench.host('svc');
    assert.equal(bench.status('svc'), 'alive');
  });

  it('starts anew with a service that moved, and goes on with one that said the same or changed otherwise', () => {
    const bench = started();
    bench.host('svc');
    bench.found.svc = failed('not-ready');
    bench.live(5_000);

    bench.host('svc');
    bench.host('svc', { capabilities: ['other'] });
    bench.pass(250);
    assert.equal(bench.status('svc'), 'unhealthy');
    bench.host('svc', { address: '10.0.0.2:8080' });
    bench.pass(250);

    assert.equal(bench.status('svc'), 'alive');
    assert.equal(bench.protocol.backends.views({ monoMs: bench.monoMs, wallMs: 0 })[0]?.checks, 0);
  });

  it('stops checking a backend that became something else', () => {
    const bench = started();
    bench.host('svc');
    bench.live(1_000);
    bench.host('svc', { nodeType: 'governator' });
    bench.checked.length = 0;

    bench.live(20_000);

    assert.deepEqual(bench.checked, []);
  });

  it('finds after a restart unhealthy what was unhealthy, until it has answered well twice', () => {
    const before = started();
    for (const id of ['svc', 'well']) before.host(id);
    before.found.svc = failed('refused');
    before.live(20_000);

    const again = new Bench({ epoch: 11 });
    again.protocol.restore(kept(before), { monoMs: 0, wallMs: startWallMs });
    again.start();
    assert.deepEqual(
      ['svc', 'well'].map(id => again.status(id)),
      ['unhealthy', 'alive'],
    );
    const effects = again.live(20_000);

    assert.equal(again.status('svc'), 'alive');
    assert.equal(again.checked.filter(id => id === 'svc').length >= 2, true);
    assert.equal(healthRecords(effects).length, 1);
  });

  it('takes back after a restart what it had said of services that it hosts no more', () => {
    const before = started();
    before.host('svc');
    before.found.svc = failed('refused');
    before.live(20_000);
    const { records, ...rest } = kept(before);

    const again = new Bench({ epoch: 11 });
    again.protocol.restore(
      { ...rest, records: records.filter(({ subject }) => subject !== 'svc') },
      { monoMs: 0, wallMs: startWallMs },
    );
    again.start();

    assert.deepEqual(healthRecords(again.live(1_000)).map(healthEntriesOf), [[]]);
  });

  it('says nothing while it is not ready, and nothing more once it leaves', () => {
    const bench = new Bench({ settings: { joinTimeoutMs: 60_000 } });
    const seeded = bench.start(['/ip4/10.0.0.2/tcp/7946']);

    assert.deepEqual(ofType([...seeded, ...bench.live(5_000)], 'check'), []);
    const leaving = started();
    leaving.host('svc');
    leaving.live(1_000);
    leaving.step({ type: 'depart', ticket: 3, forGood: false });
    assert.deepEqual(ofType(leaving.live(20_000), 'check'), []);
  });

  it('does not speak when its key is not heard any more, or its author is full', () => {
    const bench = started({ settings: { table: { subjectsPerAuthorMaxCount: 2 } } });
    bench.host('svc');
    bench.found.svc = failed('not-ready');

    // Full of services, and yet with room for health.
    assert.equal(healthRecords(bench.live(5_000)).length, 1);
    const [one, two] = [bench.me, new Speaker(1)].map(speaker => speaker.say({ subject: 'x', epoch: 99 }));
    bench.step({ type: 'proof-received', first: one as VerifiedRecord, second: two as VerifiedRecord });
    bench.found.svc = passed;

    assert.deepEqual(healthRecords(bench.live(20_000)), []);
  });

  it('leaves answers alone that are meant for somebody else', () => {
    const bench = started();

    assert.deepEqual(bench.step({ type: 'checked', key: 'peer:agent:1', outcome: failed('timeout') }), []);
  });

  describe('at another agent', () => {
    /** The host says which of its services, all in one bucket, are unhealthy. */
    function hear(bench: Bench, host: Speaker, entries: readonly string[]): readonly Effect[] {
      const [bucket = ''] = [...new Set(entries.map(id => subjectHashOf(id).slice(0, 2)))];
      const record = host.say({
        subject: healthSubjectOf(host.peer, bucket),
        authority: 'self',
        body: {
          type: 'health',
          entries: entries
            .map(id => ({ subjectHash: subjectHashOf(id), reason: 'timeout' as const }))
            .sort((a, b) => (a.subjectHash < b.subjectHash ? -1 : 1)),
        },
      });
      return bench.hear(host, record);
    }

    it('turns exactly the services of that host that it names', () => {
      const bench = started();
      const [host, other] = [new Speaker(2), new Speaker(3)];
      bench.link(host);
      bench.link(other);
      bench.hear(host, host.introduce('host'), host.say({ subject: first }), host.say({ subject: second }));
      bench.hear(other, other.introduce('other'));

      const effects = hear(bench, host, [first]);

      assert.deepEqual(
        [first, second].map(id => bench.status(id)),
        ['unhealthy', 'alive'],
      );
      assert.deepEqual(
        events(effects, 'health').map(({ data }) => `${data.id} ${data.to}: ${data.reason}`),
        [`${first} unhealthy: it does not answer in time`],
      );
      assert.deepEqual(events(effects, 'record'), []);
      assert.deepEqual(events(hear(bench, other, [first]), 'health'), [], 'of a stranger’s service');
    });

    it('meets no agent and shows no node by it', () => {
      const bench = started();

      const effects = hear(bench, new Speaker(2), [first]);

      assert.deepEqual([...bench.protocol.detector.members()], []);
      assert.deepEqual(
        bench.protocol.table.listing.nodes().map(({ id }) => id),
        ['me'],
      );
      assert.deepEqual(ofType(effects, 'event'), []);
      assert.equal(bench.protocol.table.ledger.conflictsCount, 0);
    });

    it('counts as soon as the service is known, also when that comes later', () => {
      const host = new Speaker(2);
      const bench = started();
      hear(bench, host, [first]);
      bench.link(host);

      const effects = bench.hear(host, host.introduce('host'), host.say({ subject: first }));

      assert.equal(bench.status(first), 'unhealthy');
      assert.deepEqual(
        events(effects, 'health').map(({ data }) => data.to),
        ['unhealthy'],
      );
    });

    it('goes on counting while the host is suspect, and tells of liveness apart from health', () => {
      const bench = started();
      const host = new Speaker(2);
      bench.link(host);
      bench.hear(host, host.introduce('host'), host.say({ subject: first }));
      hear(bench, host, [first]);

      const down = [
        ...bench.step({ type: 'link-down', peer: host.peer }),
        ...bench.step({ type: 'probe-refused', peer: host.peer }),
      ];
      assert.equal(bench.status(first), 'suspect');
      const up = bench.link(host);

      assert.equal(bench.status(first), 'unhealthy');
      const told = (effects: readonly Effect[]) =>
        events(effects, 'liveness')
          .filter(({ data }) => data.id === first)
          .map(({ data }) => `${data.from} ${data.to}`);
      assert.deepEqual([told(down), told(up)], [['alive suspect'], ['suspect alive']]);
      assert.deepEqual(events([...down, ...up], 'health'), []);
    });
  });
});
