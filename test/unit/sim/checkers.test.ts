/** A checker that cannot fail checks nothing, so each is shown what it has to find. */
import { assert, describe, it } from 'vitest';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';
import { SimAgent } from '../../../src/sim/agent.ts';
import {
  brokenPromises,
  disagreements,
  lostWrites,
  misjudgements,
  unbridged,
} from '../../../src/sim/checkers.ts';
import { Clinic } from '../../../src/sim/clinic.ts';
import { Decoded } from '../../../src/sim/codec.ts';
import { KeyRing } from '../../../src/sim/key-ring.ts';
import { SimNetworkHub } from '../../../src/sim/network.ts';
import { PostOffice } from '../../../src/sim/post.ts';
import { Predecessors } from '../../../src/sim/predecessors.ts';
import { Scheduler } from '../../../src/sim/scheduler.ts';
import { departure, nodeFields, record } from '../../record-builder.ts';

/** Two agents, the second with the first as its seed or with none. */
async function pair({ areLinked }: { readonly areLinked: boolean }) {
  const scheduler = new Scheduler();
  const hub = new SimNetworkHub(
    { loss: 0, delayMinMs: 1, delayMaxMs: 2 },
    { scheduler, random: seededRandom(1) },
  );
  const clinic = new Clinic({ random: seededRandom(1) });
  const predecessors = new Predecessors({ random: seededRandom(1) });
  predecessors.add({ id: 'old-1', node: nodeFields({ address: '10.2.0.1:8000' }) });
  const components = {
    hub,
    clinic,
    predecessors,
    post: new PostOffice({ receivers: [] }, { random: seededRandom(1) }),
    keys: new KeyRing({ seed: 1, isReal: false }),
    decoded: new Decoded(),
    witness: { input: () => {} },
  };
  const settings = { bridge: { urls: predecessors.urls, refreshMs: 1_000 } };
  const first = new SimAgent({ seed: 1, index: 1, seeds: [], settings }, components);
  const seeds = areLinked ? [first.address] : [];
  const second = new SimAgent({ seed: 1, index: 2, seeds, settings: {} }, components);
  await first.start();
  await second.start();
  await scheduler.run(5_000);
  return { agents: [first, second] as const, scheduler, clinic, predecessors };
}

describe('sim/checkers', () => {
  it('find nothing in two agents that know each other', async () => {
    const { agents, scheduler } = await pair({ areLinked: true });
    void agents[0].register('svc', 8_000);
    await scheduler.run(10_000);

    assert.deepEqual(disagreements(agents), []);
    assert.deepEqual(lostWrites(agents), []);
  });

  it('find two agents that never met', async () => {
    const { agents } = await pair({ areLinked: false });

    const [records, ...lists] = disagreements(agents);

    assert.match(
      records ?? '',
      /^agent-2 and agent-1 hold different records: .*only agent-1 the entry of old-1/,
    );
    assert.deepEqual(lists, ['agent-1 lists agent-2 as absent', 'agent-2 lists agent-1 as absent']);
  });

  it('find a service that is ill and listed as well, until it is listed as ill everywhere', async () => {
    const { agents, scheduler, clinic } = await pair({ areLinked: true });
    void agents[0].register('service-7', 8_000);
    await scheduler.run(10_000);
    clinic.fallsIll('http://10.1.0.1:9007/metrics', 'refused');

    const before = misjudgements(agents, clinic);
    await scheduler.run(30_000);
    const after = misjudgements(agents, clinic);

    assert.deepEqual(before, [
      'agent-1 lists service-7 as alive, and it is unhealthy',
      'agent-2 lists service-7 as alive, and it is unhealthy',
    ]);
    assert.deepEqual(after, []);
  });

  it('find one record that only one of them holds', async () => {
    const { agents } = await pair({ areLinked: true });

    agents[1].protocol.table.ledger.admit(record({ author: 'somebody' }));

    assert.deepEqual(disagreements(agents), [
      'agent-2 and agent-1 hold different records: only agent-2 the entry of svc by mebody 1/1',
    ]);
  });

  it('find two that hold the same and show it differently', async () => {
    const { agents, scheduler } = await pair({ areLinked: true });
    void agents[0].register('svc', 8_000);
    await scheduler.run(10_000);

    // Liveness that did not reach the listing.
    const { detector } = agents[1].protocol;
    const member = detector.member(agents[0].peer);
    assert.isDefined(member);
    detector.left(member, member.life.epoch, { monoMs: 5_000, wallMs: 0 });
    agents[1].protocol.table.listing.refresh('svc');

    assert.deepEqual(disagreements(agents), ['agent-2 and agent-1 hold the same but list differently']);
  });

  it('find whoever is said to hold a registration and does not, by the key that holds its name', async () => {
    const { agents, scheduler } = await pair({ areLinked: true });
    const [origin, other] = agents;
    void origin.register('svc', 8_000);
    await scheduler.run(10_000);
    const outcome = {
      wanted: 'all',
      needed: 2,
      isMet: true,
      rolledBack: false,
      tookMs: 30,
      missing: [],
    } as const;
    const promises = (...confirmed: readonly string[]) =>
      brokenPromises(origin, 'svc', { ...outcome, confirmed }, agents);
    const kept = promises('agent-1', 'agent-2');
    const named = promises('agent-1', 'agent-2', 'agent-2');
    other.protocol.table.ledger.closeEpoch(origin.peer, Number.MAX_SAFE_INTEGER);

    const broken = [promises('agent-1', 'agent-2'), promises('agent-1', other.peer)];

    assert.deepEqual(kept, []);
    assert.deepEqual(named, ['agent-1 calls two members agent-2 that hold svc or should']);
    assert.deepEqual(broken, [
      ['agent-2 does not hold svc, which agent-1 believes of agent-2'],
      [`agent-2 does not hold svc, which agent-1 believes of ${other.peer}`],
    ]);
  });

  it('find an agent that is down', async () => {
    const { agents } = await pair({ areLinked: true });
    agents[1].crash();

    assert.deepEqual(lostWrites(agents), ['agent-2 is down in the end']);
    agents[0].crash();
    assert.deepEqual(disagreements(agents), ['nobody is up']);
  });

  it('find a service that its host believes to host and has lost', async () => {
    const { agents, scheduler } = await pair({ areLinked: true });
    void agents[0].register('svc', 8_000);
    await scheduler.run(10_000);
    const { ledger } = agents[0].protocol.table;
    const own = ledger.recordBy(agents[0].peer, 'svc');

    ledger.admit(record({ ...own, sequence: 99, body: departure('withdrawn') }));

    assert.deepEqual(lostWrites(agents), ['agent-1 hosts svc but holds no entry of its own about it']);
  });

  it('find a node of the predecessor that is not listed as it is, and one that has not heard of a service', async () => {
    const { agents, scheduler, predecessors } = await pair({ areLinked: true });
    const [url = ''] = predecessors.urls;
    void agents[0].register('service-7', 8_000);
    await scheduler.run(10_000);
    const well = unbridged(agents, predecessors);

    predecessors.update(url, { metricsPort: 9_999 });
    const changed = unbridged(agents, predecessors);
    predecessors.crash(url);
    predecessors.restart(url);
    const restarted = unbridged(agents, predecessors);
    await scheduler.run(20_000);

    assert.deepEqual(well, []);
    assert.deepEqual(changed, [
      'agent-1 does not list old-1 as it is',
      'agent-2 does not list old-1 as it is',
    ]);
    assert.include(restarted, `agent-1 hosts service-7, and ${url} has not heard of it`);
    assert.deepEqual(unbridged(agents, predecessors), []);
  });
});
