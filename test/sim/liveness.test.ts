/** Who is alive, on bad days: pauses, loss, partitions and liars. */
import { assert, describe, it } from 'vitest';
import type { Effect, Input } from '../../src/core/effects.ts';
import { Protocol } from '../../src/core/protocol.ts';
import { randomIndex } from '../../src/core/random.ts';
import type { ClaimDraft, VerifiedClaim } from '../../src/core/swim/claim.ts';
import { credibilityMin } from '../../src/core/swim/reachability.ts';
import type { Now } from '../../src/core/time.ts';
import { seededRandom } from '../../src/runtime/seeded-random.ts';
import { SimAgent, type SimAgentOptions, type Witness } from '../../src/sim/agent.ts';
import { notAlive } from '../../src/sim/checkers.ts';
import { Clinic } from '../../src/sim/clinic.ts';
import { Decoded } from '../../src/sim/codec.ts';
import { KeyRing } from '../../src/sim/key-ring.ts';
import { SimNetworkHub } from '../../src/sim/network.ts';
import { PostOffice } from '../../src/sim/post.ts';
import { Predecessors } from '../../src/sim/predecessors.ts';
import { Scheduler } from '../../src/sim/scheduler.ts';

const calm = { loss: 0, delayMinMs: 0.5, delayMaxMs: 3 };
const joinedMs = 10_000;

class Cluster {
  readonly seed: number;
  readonly scheduler = new Scheduler();
  readonly hub: SimNetworkHub;
  readonly agents: readonly SimAgent[];
  /** `agent-1 declares agent-2 dead at 12.3 s`, in order. */
  readonly deaths: { readonly by: string; readonly of: string; readonly text: string }[] = [];

  constructor(
    seed: number,
    count: number,
    special: (index: number) => Partial<SimAgentOptions> = () => ({}),
  ) {
    console.log(`SEED=${seed} agents=${count}`);
    this.seed = seed;
    this.hub = new SimNetworkHub(calm, { scheduler: this.scheduler, random: seededRandom(seed, 'network') });
    const witness: Witness = {
      input: () => {},
      event: ({ id: by }, { event, data }) => {
        if (event !== 'liveness' || data.to !== 'dead') return;
        const text = `${by} declares ${data.id} dead at ${(this.scheduler.nowMs / 1_000).toFixed(1)} s`;
        this.deaths.push({ by, of: data.id, text });
      },
    };
    const components = {
      hub: this.hub,
      clinic: new Clinic({ random: seededRandom(seed, 'clinic') }),
      predecessors: new Predecessors({ random: seededRandom(seed, 'predecessors') }),
      post: new PostOffice({ receivers: [] }, { random: seededRandom(seed, 'post') }),
      keys: new KeyRing({ seed, isReal: false }),
      decoded: new Decoded(),
      witness,
    };
    const agents: SimAgent[] = [];
    for (let index = 1; index <= count; index++) {
      const seeds = agents.slice(0, 2).map(({ address }) => address);
      const options = { seed, index, seeds, settings: {}, ...special(index) };
      agents.push(new SimAgent(options, components));
    }
    this.agents = agents;
  }

  /** Started, and everybody knows everybody. */
  static async joined(...parts: ConstructorParameters<typeof Cluster>): Promise<Cluster> {
    const cluster = new Cluster(...parts);
    for (const agent of cluster.agents) await agent.start();
    await cluster.pass(joinedMs);
    assert.deepEqual(notAlive(cluster.agents), [], cluster.name);
    assert.deepEqual(cluster.deathsTold, [], cluster.name);
    return cluster;
  }

  get name(): string {
    return `SEED=${this.seed}`;
  }

  get deathsTold(): readonly string[] {
    return this.deaths.map(({ text }) => text);
  }

  agent(number: number): SimAgent {
    return this.agents[number - 1] as SimAgent;
  }

  pass(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.nowMs + ms);
  }

  /** @returns How long it took until everybody saw everybody alive, ms. */
  async untilAllAlive(maxMs: number): Promise<number> {
    const startMs = this.scheduler.nowMs;
    while (notAlive(this.agents).length > 0 && this.scheduler.nowMs - startMs < maxMs) await this.pass(100);
    assert.deepEqual(notAlive(this.agents), [], this.name);
    return this.scheduler.nowMs - startMs;
  }
}

/** Keeps to the protocol, but for what it says about others, every two seconds. */
class Liar extends Protocol {
  readonly #sealClaim: (draft: ClaimDraft) => VerifiedClaim;
  readonly #lie: Partial<ClaimDraft>;
  #nextMonoMs = joinedMs;

  constructor(lie: Partial<ClaimDraft>, ...parts: ConstructorParameters<typeof Protocol>) {
    super(...parts);
    this.#lie = lie;
    this.#sealClaim = parts[1].sealClaim;
  }

  override step(input: Input, now: Now): readonly Effect[] {
    const effects = super.step(input, now);
    if (input.type !== 'tick' || now.monoMs < this.#nextMonoMs) return effects;
    this.#nextMonoMs += 2_000;
    const issuer = this.author.peer;
    const lies = [...this.detector.members()].flatMap(({ peer: subject, life }) => {
      const claim = this.#sealClaim({ kind: 'dead', issuer, subject, refused: true, ...life, ...this.#lie });
      return this.detector.spread(claim, now).effects;
    });
    return [...effects, ...lies];
  }
}

describe('sim/liveness', { timeout: 60_000 }, () => {
  it.each([11, 12])(
    'nobody healthy is declared dead while one agent stands still four fifths of the time: seed %i',
    async seed => {
      const cluster = await Cluster.joined(seed, 20);
      const random = seededRandom(seed, 'pauses');
      const slow = cluster.agent(5);

      for (const endMs = cluster.scheduler.nowMs + 120_000; cluster.scheduler.nowMs < endMs; ) {
        const cycleMs = 500 + randomIndex(random, 7_000);
        slow.pause(0.8 * cycleMs);
        await cluster.pass(cycleMs);
      }

      const healthy = cluster.deaths.filter(({ of }) => of !== slow.id).map(({ text }) => text);
      assert.deepEqual(healthy, [], cluster.name);
      await cluster.untilAllAlive(30_000);
    },
  );

  it.each([21, 22])(
    'nobody is declared dead while a tenth of all datagrams get lost: seed %i',
    async seed => {
      const cluster = await Cluster.joined(seed, 20);

      cluster.hub.conditions = { ...calm, loss: 0.1 };
      await cluster.pass(120_000);

      assert.deepEqual(cluster.deathsTold, [], cluster.name);
    },
  );

  it.each([
    // Whoever was heard last was declared dead as the first ones came back.
    [32, 30, 3],
    [33, 300, 20],
    // One was asked in vain at the very end, and then not again for a long time.
    [3_101, 30, 3],
    // An agent that was slow itself passed one verdict early, and all others followed.
    [3_102, 30, 3],
    [3_201, 300, 20],
  ])(
    'of two frozen halves none declares the other dead, and all are alive soon: seed %i, cut for %i s, at most %i s',
    async (seed, cutS, healedS) => {
      const cluster = await Cluster.joined(seed, 20);
      const places = cluster.agents.map(({ place }) => place);
      const left = new Set(places.slice(0, 10));
      const right = new Set(places.slice(10));

      cluster.hub.partition(left, right);
      await cluster.pass(cutS * 1_000);
      const told = cluster.agents.map(({ protocol }) => protocol.partition(0).state);
      cluster.hub.heal();
      const tookMs = await cluster.untilAllAlive(60_000);

      assert.deepEqual(told, Array(20).fill('suspected'), cluster.name);
      assert.deepEqual(cluster.deathsTold, [], cluster.name);
      assert.isAtMost(tookMs, healedS * 1_000, cluster.name);
    },
  );

  it.each([
    [41, 'in their present lives', {}],
    [42, 'in lives that they never had', { incarnation: 1_000_000 }],
    [43, 'in the last life there is', { incarnation: 2 ** 32 - 1 }],
  ])(
    'a liar that calls everybody dead kills nobody and loses its credit: seed %i, %s',
    async (seed, _, lie) => {
      const cluster = await Cluster.joined(seed, 20, index =>
        index === 7 ? { createProtocol: (...parts) => new Liar(lie, ...parts) } : {},
      );
      const liar = cluster.agent(7);

      await cluster.pass(120_000);

      assert.deepEqual(cluster.deathsTold, [], cluster.name);
      assert.deepEqual(notAlive(cluster.agents), [], cluster.name);
      for (const { id, protocol } of cluster.agents.filter(agent => agent !== liar)) {
        const reach = protocol.detector.member(liar.peer)?.reach;
        assert.isBelow(
          reach?.credibility(cluster.scheduler.nowMs) ?? 1,
          credibilityMin,
          `${cluster.name} ${id}`,
        );
        assert.isBelow(reach?.score(cluster.scheduler.nowMs) ?? 100, 50, `${cluster.name} ${id}`);
      }
    },
  );

  it.each([51])(
    'a crash is known to all at once, a machine that stands still within half a minute: seed %i',
    async seed => {
      const cluster = await Cluster.joined(seed, 20);
      const [crashed, frozen] = [cluster.agent(3), cluster.agent(4)];
      const knows = (id: string) =>
        new Set(cluster.deaths.filter(({ of }) => of === id).map(({ by }) => by)).size;
      const until = async (holds: () => boolean) => {
        const startMs = cluster.scheduler.nowMs;
        while (!holds() && cluster.scheduler.nowMs - startMs < 60_000) await cluster.pass(50);
        return cluster.scheduler.nowMs - startMs;
      };

      crashed.crash();
      const crashMs = await until(() => knows(crashed.id) === 19);
      frozen.pause(120_000);
      const frozenMs = await until(() => knows(frozen.id) === 18);

      assert.isAtMost(crashMs, 2_500, cluster.name);
      assert.isAtMost(frozenMs, 30_000, cluster.name);
      assert.deepEqual(new Set(cluster.deaths.map(({ of }) => of)), new Set([crashed.id, frozen.id]));
    },
  );
});
