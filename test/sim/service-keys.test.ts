/** A service with a key, among thieves at every agent: its host crashes, comes back, changes its own key, and stays away. */
import { assert, describe, it } from 'vitest';
import { metricsUrl } from '../../src/core/backends/checks.ts';
import type { NodeView } from '../../src/core/view.ts';
import { seededRandom } from '../../src/runtime/seeded-random.ts';
import { SimAgent } from '../../src/sim/agent.ts';
import { Clinic } from '../../src/sim/clinic.ts';
import { Decoded } from '../../src/sim/codec.ts';
import { KeyRing } from '../../src/sim/key-ring.ts';
import { SimNetworkHub } from '../../src/sim/network.ts';
import { PostOffice } from '../../src/sim/post.ts';
import { Predecessors } from '../../src/sim/predecessors.ts';
import { Scheduler } from '../../src/sim/scheduler.ts';

const publicKey = Buffer.alloc(32, 1).toString('base64');
const thief = Buffer.alloc(32, 2).toString('base64');
const thiefPort = 666;
const leaseMs = 60_000;
/** Guess: more than a table takes to reach everybody, or the death of an agent to be known. */
const settledMs = 20_000;

class Cluster {
  readonly scheduler = new Scheduler();
  readonly hub: SimNetworkHub;
  readonly agents: readonly SimAgent[];
  /** What somebody without the key got, other than a refusal, or made somebody list. */
  readonly thefts: string[] = [];
  triesCount = 0;
  readonly #random;
  readonly #clinic: Clinic;

  constructor(seed: number) {
    console.log(`SEED=${seed}`);
    const { scheduler } = this;
    this.#random = seededRandom(seed, 'thieves');
    this.#clinic = new Clinic({ random: seededRandom(seed, 'clinic') });
    const conditions = { loss: 0.05, delayMinMs: 0.5, delayMaxMs: 20 };
    this.hub = new SimNetworkHub(conditions, { scheduler, random: seededRandom(seed, 'network') });
    const components = {
      hub: this.hub,
      clinic: this.#clinic,
      predecessors: new Predecessors({ random: seededRandom(seed, 'predecessors') }),
      post: new PostOffice({ receivers: [] }, { random: seededRandom(seed, 'post') }),
      keys: new KeyRing({ seed, isReal: false }),
      decoded: new Decoded(),
      witness: { input: () => {} },
    };
    const agents: SimAgent[] = [];
    for (let index = 1; index <= 5; index++) {
      const seeds = agents.slice(0, 2).map(({ address }) => address);
      agents.push(new SimAgent({ seed, index, seeds, settings: { hosting: { leaseMs } } }, components));
    }
    this.agents = agents;
  }

  /** Time passes, and at each second of it somebody tries. */
  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
      await this.scheduler.run(this.scheduler.nowMs + 1_000);
      this.#steal();
      if (this.ports().includes(`${thiefPort}`)) {
        this.thefts.push(`the thief is listed at ${this.scheduler.nowMs} ms`);
      }
    }
  }

  #steal(): void {
    const agent = this.agents[Math.floor(this.#random.next() * this.agents.length)] as SimAgent;
    if (!agent.isUp) return;
    const key = this.#random.next() < 0.5 ? {} : { publicKey: thief };
    const lastUpdatedS = 1_999_999_999;
    const tried =
      this.#random.next() < 0.7
        ? agent.register('svc', thiefPort, { ...key, lastUpdatedS })
        : agent.deregister('svc', { publicKey: thief, lastUpdatedS });
    this.triesCount += 1;
    void tried.then(outcome => {
      if (outcome.ok) this.thefts.push(`${agent.id} obeyed a thief at ${this.scheduler.nowMs} ms`);
    });
  }

  /** The service answers no health checks any more, which would renew its lease. */
  fallsIll({ protocol }: SimAgent): void {
    const { address, metricsPort } = protocol.table.listing.get('svc') as NodeView;
    const host = address.slice(0, address.lastIndexOf(':'));
    this.#clinic.fallsIll(metricsUrl({ host, port: metricsPort }), 'timeout');
  }

  async perform<T>(answer: Promise<T>): Promise<T> {
    await this.pass(2_000);
    return answer;
  }

  ports(): readonly (string | undefined)[] {
    return this.agents
      .filter(({ isUp }) => isUp)
      .map(({ protocol }) => protocol.table.listing.get('svc')?.address.replace(/.*:/, ''));
  }
}

describe('sim/service keys', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`gives what belongs to a key to nobody else, whatever befalls its hosts (seed ${seed})`, async () => {
      const cluster = new Cluster(seed);
      const [other, , host, last] = cluster.agents as [SimAgent, SimAgent, SimAgent, SimAgent, SimAgent];
      for (const agent of cluster.agents) await agent.start();
      await cluster.scheduler.run(10_000);
      const registered = host.register('svc', 1, { publicKey });
      await cluster.scheduler.run(cluster.scheduler.nowMs + settledMs);
      assert.deepEqual(await registered, { ok: true });

      host.crash();
      await cluster.pass(settledMs);
      await host.start();
      await cluster.pass(settledMs);
      assert.deepEqual(cluster.ports(), Array(5).fill('1'), 'it came back with its host');
      assert.deepEqual(await cluster.perform(host.rotateKey()), { ok: true });
      await cluster.pass(settledMs);
      host.losePower();
      await cluster.pass(settledMs);
      assert.deepEqual(await cluster.perform(other.register('svc', 2, { publicKey })), { ok: true });
      await cluster.pass(settledMs);
      assert.deepEqual(cluster.ports(), Array(4).fill('2'));
      // Now the service is gone too, and so its lease runs out; its name is not free.
      cluster.fallsIll(other);
      await cluster.pass(leaseMs + settledMs);
      assert.deepEqual(cluster.ports(), Array(4).fill(undefined));
      assert.deepEqual(await cluster.perform(last.register('svc', 3, { publicKey })), { ok: true });
      await host.start();
      await cluster.pass(settledMs);

      assert.deepEqual(cluster.ports(), Array(5).fill('3'));
      assert.deepEqual(cluster.thefts, [], `SEED=${seed}`);
      assert.isAbove(cluster.triesCount, 100);
      const roots = new Set(cluster.agents.map(({ protocol }) => protocol.tree.root(1).root));
      assert.equal(roots.size, 1, `SEED=${seed}`);
    });

    it(`is not changed by what is sent again to a part that has not heard of later (seed ${seed})`, async () => {
      const cluster = new Cluster(seed);
      const [a, b, c] = cluster.agents as [SimAgent, SimAgent, SimAgent];
      for (const agent of cluster.agents) await agent.start();
      await cluster.scheduler.run(settledMs);
      const firstS = Math.floor(a.machine.wallMs / 1_000);
      const perform = async (answer: Promise<unknown>) => {
        await cluster.scheduler.run(cluster.scheduler.nowMs + 500);
        assert.deepEqual(await answer, { ok: true });
      };
      await perform(a.register('svc', 1, { publicKey, lastUpdatedS: firstS }));

      for (const [departs, expected] of [
        [false, '2'],
        [true, undefined],
      ] as const) {
        await cluster.scheduler.run(cluster.scheduler.nowMs + settledMs);
        const side = new Set([a.place, c.place]);
        const rest = new Set(cluster.agents.map(({ place }) => place).filter(place => !side.has(place)));
        const heal = cluster.hub.partition(side, rest);
        await cluster.scheduler.run(cluster.scheduler.nowMs + settledMs);
        const lastUpdatedS = firstS + (departs ? 4 : 2);
        if (departs) await perform(a.deregister('svc', { publicKey, lastUpdatedS }));
        else await perform(a.register('svc', 2, { publicKey, lastUpdatedS }));
        await cluster.scheduler.run(cluster.scheduler.nowMs + 5_000);
        await perform(b.register('svc', 3, { publicKey, lastUpdatedS: lastUpdatedS - 1 }));
        heal();
        await cluster.scheduler.run(cluster.scheduler.nowMs + 3 * settledMs);
        assert.deepEqual(cluster.ports(), Array(5).fill(expected), `SEED=${seed}`);
      }
    });
  }
});
