/** An agent changes its key, and is killed at whatever moment of it: it goes on with one of the two. */
import { assert, describe, it } from 'vitest';
import { seededRandom } from '../../src/runtime/seeded-random.ts';
import { SimAgent } from '../../src/sim/agent.ts';
import { Clinic } from '../../src/sim/clinic.ts';
import { Decoded } from '../../src/sim/codec.ts';
import { KeyRing } from '../../src/sim/key-ring.ts';
import { SimNetworkHub } from '../../src/sim/network.ts';
import { PostOffice } from '../../src/sim/post.ts';
import { Predecessors } from '../../src/sim/predecessors.ts';
import { Scheduler } from '../../src/sim/scheduler.ts';

const services = ['service-1', 'service-2', 'service-3'];
const lookEveryMs = 20;

class Cluster {
  readonly scheduler = new Scheduler();
  readonly keys: KeyRing;
  readonly agents: readonly SimAgent[];

  constructor(seed: number, loss: number) {
    console.log(`SEED=${seed}`);
    const { scheduler } = this;
    const conditions = { loss, delayMinMs: 0.5, delayMaxMs: 5 };
    this.keys = new KeyRing({ seed, isReal: false });
    const components = {
      hub: new SimNetworkHub(conditions, { scheduler, random: seededRandom(seed, 'network') }),
      clinic: new Clinic({ random: seededRandom(seed, 'clinic') }),
      predecessors: new Predecessors({ random: seededRandom(seed, 'predecessors') }),
      post: new PostOffice({ receivers: [] }, { random: seededRandom(seed, 'post') }),
      keys: this.keys,
      decoded: new Decoded(),
      witness: { input: () => {} },
    };
    const agents: SimAgent[] = [];
    for (let index = 1; index <= 5; index++) {
      const seeds = agents.slice(0, 2).map(({ address }) => address);
      agents.push(new SimAgent({ seed, index, seeds, settings: {} }, components));
    }
    this.agents = agents;
  }

  get host(): SimAgent {
    return this.agents[2] as SimAgent;
  }

  static async withServices(seed: number, loss = 0): Promise<Cluster> {
    const cluster = new Cluster(seed, loss);
    for (const agent of cluster.agents) await agent.start();
    await cluster.pass(8_000);
    for (const [index, id] of services.entries()) {
      assert.isTrue((await cluster.perform(cluster.host.register(id, 7_000 + index))).ok);
    }
    await cluster.pass(3_000);
    assert.deepEqual(cluster.missing(), [], `SEED=${seed}`);
    return cluster;
  }

  pass(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.nowMs + ms);
  }

  async perform<T>(answer: Promise<T>): Promise<T> {
    await this.pass(500);
    return answer;
  }

  /** What somebody who runs does not list as alive: a service, or the agent that changes its key. */
  missing(): readonly string[] {
    return this.agents
      .filter(({ isUp }) => isUp)
      .flatMap(({ id: by, protocol }) =>
        [this.host.id, ...services].flatMap(id => {
          const status = protocol.table.listing.get(id)?.status ?? 'not listed';
          return status === 'alive' ? [] : [`${by}: ${id} is ${status} at ${this.scheduler.nowMs} ms`];
        }),
      );
  }

  /** Keys that somebody still holds a record of, besides those that agents have now. */
  remains(): readonly string[] {
    const present = new Set(this.agents.map(({ peer }) => peer));
    return this.agents.flatMap(({ id, protocol }) =>
      [...protocol.table.ledger.records()]
        .filter(({ author }) => !present.has(author))
        .map(({ author, subject }) => `${id} holds ${subject} of ${author}`),
    );
  }

  roots(): ReadonlySet<string> {
    return new Set(this.agents.map(({ protocol }) => protocol.tree.root(1).root));
  }
}

describe('sim/key rotation', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    it(`lists the agent and all that it hosts as alive, everywhere and all the time (seed ${seed})`, async () => {
      const cluster = await Cluster.withServices(seed, seed % 2 === 0 ? 0.05 : 0);
      const before = cluster.host.peer;
      const gaps: string[] = [];

      const rotated = cluster.host.rotateKey();
      for (let lookedMs = 0; lookedMs < 30_000; lookedMs += lookEveryMs) {
        await cluster.pass(lookEveryMs);
        gaps.push(...cluster.missing());
      }

      assert.deepEqual(await rotated, { ok: true });
      assert.notEqual(cluster.host.peer, before);
      assert.deepEqual(gaps, [], `SEED=${seed}`);
      assert.deepEqual(cluster.remains(), [], `SEED=${seed}`);
      assert.equal(cluster.roots().size, 1, `SEED=${seed}`);
      assert.deepEqual(cluster.keys.contradictions, [], `SEED=${seed}`);
    });
  }

  const random = seededRandom(11, 'moments');
  for (let seed = 1; seed <= 16; seed++) {
    // From before the first file is written until after the former key has ended.
    const killedAfterMs = Math.round(seed <= 10 ? seed * 12 : random.next() * 12_000);
    it(`is taken up or taken back by a start after kill -9 in the ${killedAfterMs}th ms of it (seed ${seed})`, async () => {
      const cluster = await Cluster.withServices(seed);
      const before = cluster.host.peer;

      // Nobody hears of it: the process ends before it answers, or the answer says what the next start confirms.
      void cluster.host.rotateKey();
      await cluster.pass(killedAfterMs);
      cluster.host.crash();
      await cluster.pass(700);
      await cluster.host.start();
      await cluster.pass(60_000);

      const { id, peer, protocol } = cluster.host;
      assert.isTrue(peer === protocol.author.peer);
      assert.isTrue(killedAfterMs < 40 || peer !== before, 'the key was changed by then');
      for (const { protocol: each } of cluster.agents) {
        assert.equal(each.table.ledger.resolution(id).winner?.author, peer, `SEED=${seed}`);
      }
      assert.deepEqual(cluster.missing(), [], `SEED=${seed}`);
      assert.deepEqual(cluster.remains(), [], `SEED=${seed}`);
      assert.equal(cluster.roots().size, 1, `SEED=${seed}`);
      assert.deepEqual(cluster.keys.contradictions, [], `SEED=${seed}`);
    });
  }
});
