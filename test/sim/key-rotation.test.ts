/** An agent changes its key, and is killed at whatever moment of it: it goes on with one of the two. */
import { assert, describe, it } from 'vitest';
import type { VerifiedCertificate } from '../../src/core/authority/certificate.ts';
import { seededRandom } from '../../src/runtime/seeded-random.ts';
import { SimAgent } from '../../src/sim/agent.ts';
import { SimAuthority } from '../../src/sim/authority.ts';
import { Clinic } from '../../src/sim/clinic.ts';
import { Decoded } from '../../src/sim/codec.ts';
import { KeyRing } from '../../src/sim/key-ring.ts';
import { SimNetworkHub } from '../../src/sim/network.ts';
import { PostOffice } from '../../src/sim/post.ts';
import { Predecessors } from '../../src/sim/predecessors.ts';
import { Scheduler } from '../../src/sim/scheduler.ts';

const services = ['service-1', 'service-2', 'service-3'];
const lookEveryMs = 20;
/** It holds the issuing key where there is an authority. */
const issuerPlace = 1;
const hourMs = 3_600_000;

interface ClusterOptions {
  readonly loss?: number;
  readonly isCertified?: boolean;
}

class Cluster {
  readonly scheduler = new Scheduler();
  readonly keys: KeyRing;
  readonly agents: readonly SimAgent[];
  /** Says who is a member; absent: everybody is. */
  readonly authority: SimAuthority | undefined;

  constructor(seed: number, { loss = 0, isCertified = false }: ClusterOptions) {
    console.log(`SEED=${seed}${isCertified ? ' with an authority' : ''}`);
    const { scheduler } = this;
    const conditions = { loss, delayMinMs: 0.5, delayMaxMs: 5 };
    this.keys = new KeyRing({ seed, isReal: false });
    const options = { seed, lifetimeMs: hourMs, issuer: issuerPlace };
    this.authority = isCertified ? new SimAuthority(options, { keys: this.keys }) : undefined;
    const components = {
      authority: this.authority,
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

  static async withServices(seed: number, options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(seed, options);
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

describe.each([
  ['', false],
  [' with an authority', true],
])('sim/key rotation%s', (_, isCertified) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    it(`lists the agent and all that it hosts as alive, everywhere and all the time (seed ${seed})`, async () => {
      const loss = seed % 2 === 0 ? 0.05 : 0;
      const cluster = await Cluster.withServices(seed, { loss, isCertified });
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
  /** Two writes, or three and a question to the issuer. */
  const changedByMs = isCertified ? 100 : 40;
  for (let seed = 1; seed <= 16; seed++) {
    // From before the first file is written until after the former key has ended.
    const killedAfterMs = Math.round(seed <= 10 ? seed * 12 : random.next() * 12_000);
    it(`is taken up or taken back by a start after kill -9 in the ${killedAfterMs}th ms of it (seed ${seed})`, async () => {
      const cluster = await Cluster.withServices(seed, { isCertified });
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
      assert.isTrue(killedAfterMs < changedByMs || peer !== before, 'the key was changed by then');
      for (const { protocol: each } of cluster.agents) {
        assert.equal(each.table.ledger.resolution(id).winner?.author, peer, `SEED=${seed}`);
      }
      assert.deepEqual(cluster.missing(), [], `SEED=${seed}`);
      assert.deepEqual(cluster.remains(), [], `SEED=${seed}`);
      assert.equal(cluster.roots().size, 1, `SEED=${seed}`);
      assert.deepEqual(cluster.keys.contradictions, [], `SEED=${seed}`);
      // Nobody was helped out with a certificate that nobody had asked for.
      assert.equal(cluster.authority?.givenCount ?? cluster.agents.length, cluster.agents.length);
    });
  }
});

describe('sim/key rotation of members', () => {
  async function certified(seed: number) {
    const cluster = await Cluster.withServices(seed, { isCertified: true });
    const authority = cluster.authority as SimAuthority;
    const certificateNow = () => {
      const read = authority.checker.read(authority.certificateOf(cluster.host));
      assert.isDefined(read);
      return read as VerifiedCertificate;
    };
    /** Why each of the others does not let in whoever shows this. */
    const faults = (shown: VerifiedCertificate) =>
      cluster.agents
        .filter(agent => agent !== cluster.host)
        .map(({ protocol, machine }) => protocol.roster?.faultOf(shown, machine.wallMs));
    return { cluster, certificateNow, faults };
  }

  it('gives the next key the same rights, and keeps the former ones out, the first one too after the second', async () => {
    const { cluster, certificateNow, faults } = await certified(21);
    const first = certificateNow();

    await cluster.perform(cluster.host.rotateKey());
    await cluster.pass(15_000);
    const second = certificateNow();
    await cluster.perform(cluster.host.rotateKey());
    await cluster.pass(15_000);
    const third = certificateNow();

    const { pattern, roles, notBeforeMs } = first;
    assert.deepInclude(third, { pattern, roles, notBeforeMs, key: cluster.host.peer });
    assert.deepEqual(
      [first, second, third].map(({ line }) => line?.generation),
      [undefined, 1, 2],
    );
    assert.deepEqual(faults(first), Array(4).fill('replaced'));
    assert.deepEqual(faults(second), Array(4).fill('replaced'));
    assert.deepEqual(faults(third), Array(4).fill(undefined));
    assert.equal(cluster.authority?.givenCount, cluster.agents.length);
  });

  it('changes nothing where no issuer answers, and goes on with the key that it has', async () => {
    const { cluster, certificateNow, faults } = await certified(22);
    const before = certificateNow();
    cluster.agents[issuerPlace - 1]?.crash();

    const refused = cluster.host.rotateKey();
    await cluster.pass(10_000);

    assert.deepEqual(await refused, { ok: false, code: 'NO_ISSUER' });
    assert.equal(cluster.host.peer, before.key);
    assert.isUndefined(cluster.host.process?.keyRotation.view().former);
    await cluster.agents[issuerPlace - 1]?.start();
    await cluster.pass(5_000);
    assert.deepEqual(await cluster.perform(cluster.host.rotateKey()), { ok: true });
    await cluster.pass(15_000);
    assert.deepEqual(cluster.missing(), []);
    assert.deepEqual(faults(before), Array(4).fill('replaced'));
  });

  it('takes the certificate from its own directory where the agent itself issues', async () => {
    const { cluster } = await certified(23);
    const issuer = cluster.agents[issuerPlace - 1] as SimAgent;
    const before = issuer.peer;
    for (const agent of cluster.agents) if (agent !== issuer) agent.crash();

    const rotated = await cluster.perform(issuer.rotateKey());

    assert.deepEqual(rotated, { ok: true });
    assert.notEqual(issuer.peer, before);
    assert.equal(cluster.authority?.givenCount, cluster.agents.length);
  });
});
