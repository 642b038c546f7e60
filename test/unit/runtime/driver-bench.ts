/** One agent's driver in a world that moves by hand. */

import type { Effect, Input } from '../../../src/core/effects.ts';
import { Protocol } from '../../../src/core/protocol.ts';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import { FirsthandError } from '../../../src/errors.ts';
import { treeHash } from '../../../src/identity/tree-hash.ts';
import { Doctor } from '../../../src/runtime/doctor.ts';
import { Driver, type Observer } from '../../../src/runtime/driver.ts';
import { RecentEvents } from '../../../src/runtime/event-log.ts';
import { KeyRotation } from '../../../src/runtime/key-rotation.ts';
import { LocalAgent } from '../../../src/runtime/local-agent.ts';
import { linkOf } from '../../../src/runtime/outbox-link.ts';
import type { Verdict } from '../../../src/runtime/ports.ts';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';
import { Warden } from '../../../src/runtime/warden.ts';
import { SimKeyKeeper } from '../../../src/sim/key-keeper.ts';
import { checker as authorityChecker, certificateFor } from '../../authority-builder.ts';
import { nodeFields, Speaker, testCluster } from '../../record-builder.ts';
import { FakeChecker, FakeClock, FakeNetwork, FakeProbes, FakeStore } from './fake-ports.ts';

const epoch = 10;

export interface BenchOptions {
  readonly seeds?: readonly string[];
  /** An authority says who is a member. */
  readonly isCertified?: boolean;
}

export class DriverBench {
  readonly me = new Speaker(1);
  readonly clock = new FakeClock();
  readonly store = new FakeStore();
  readonly network = new FakeNetwork();
  readonly checker = new FakeChecker();
  readonly probes = new FakeProbes();
  readonly events = new RecentEvents({ epoch });
  /** Inputs and effects in the order in which the observer saw them. */
  readonly trace: string[] = [];
  readonly rejected: string[] = [];
  readonly logged: string[] = [];
  readonly protocol: Protocol;
  readonly driver: Driver;
  readonly doctor: Doctor;
  readonly agent: LocalAgent;
  readonly keys: SimKeyKeeper;
  readonly failedSteps: string[] = [];
  networkMovesCount = 0;
  loopDelayMs = 0;
  openFilesMax: number | undefined = 65_536;

  /** For the next key: what was written down. */
  readonly kept: Uint8Array[] = [];
  keepFails = false;
  readonly #isCertified: boolean;

  constructor(options: BenchOptions = {}) {
    this.#isCertified = options.isCertified === true;
    const { clock, store, network, probes, checker, events } = this;
    const httpPeers = { register: () => {}, stop: async () => {} };
    const { codec, probeCodec, peer } = this.me;
    const observer: Observer = {
      input: (input: Input) => this.trace.push(`> ${input.type}`),
      effect: (effect: Effect) => this.trace.push(`< ${effect.type}`),
      rejected: reason => this.rejected.push(reason),
      foreign: () => {},
      log: event => this.logged.push(event),
    };
    this.protocol = new Protocol(
      { id: 'me', peer, epoch, settings: {} },
      {
        seal: draft => codec.seal(draft),
        sealClaim: draft => probeCodec.sealClaim(draft),
        random: seededRandom(1),
        hash: treeHash,
        linkOf,
        certificates: this.#isCertified ? authorityChecker : undefined,
      },
    );
    this.driver = new Driver(
      { cluster: testCluster, seeds: options.seeds ?? [], intake: {} },
      {
        protocol: this.protocol,
        codec,
        probeCodec,
        network,
        probes,
        store,
        checker,
        deliverer: { deliver: () => {}, stop: async () => {} },
        httpPeers,
        clock,
        events,
        observer,
      },
    );
    this.doctor = new Doctor(
      { fullMeshMaxCount: 200, hostedMaxCount: 1_000, driftMaxMs: 2_000 },
      {
        protocol: this.protocol,
        driver: this.driver,
        network,
        clock,
        loopDelayMs: () => this.loopDelayMs,
        openFilesMax: () => this.openFilesMax,
        ownProbe: () => this.me.probeAddress,
        takesFaults: false,
      },
    );
    this.keys = new SimKeyKeeper(
      { cluster: testCluster, id: 'me' },
      {
        disk: { current: this.me.key, former: undefined },
        codec,
        probeCodec,
        makeKey: () => new Speaker(9).key,
        write: async () => {},
      },
    );
    this.agent = new LocalAgent(
      {
        identity: {
          id: 'me',
          peerId: peer,
          cluster: testCluster,
          epoch,
          nodeType: 'backend',
          version: '1.2.3',
        },
        topic: 'topic-of-test',
      },
      {
        protocol: this.protocol,
        driver: this.driver,
        network,
        clock,
        events,
        loopDelayMs: () => this.loopDelayMs,
        profile: 'lan',
        doctor: this.doctor,
        warden: new Warden(
          { cluster: testCluster },
          { protocol: this.protocol, driver: this.driver, codec, clock },
        ),
        keyRotation: new KeyRotation(
          { id: 'me', overlapMs: 60_000 },
          {
            keeper: this.keys,
            membership: this.#isCertified
              ? {
                  keepNext: async certificate => {
                    if (this.keepFails) throw new FirsthandError('MEMBERSHIP_UNUSABLE');
                    this.kept.push(certificate);
                  },
                }
              : undefined,
            driver: this.driver,
            clock,
            self: () => this.protocol.author.peer,
            epoch: () => this.protocol.author.dot.epoch,
            isReady: () => this.protocol.phase === 'ready',
            moveNetwork: async () => {
              this.networkMovesCount += 1;
            },
            onFailed: step => this.failedSteps.push(step),
          },
        ),
      },
    );
  }

  start(): void {
    this.driver.start({
      node: nodeFields(),
      agent: {
        multiaddrs: [this.me.multiaddr],
        probe: '10.0.0.1:7946',
        ...(this.#isCertified ? { certificate: certificateFor(this.me.peer).wire } : {}),
      },
    });
  }

  /** Started, and its own entry written and published. */
  static async begun(options: BenchOptions = {}): Promise<DriverBench> {
    const bench = new DriverBench(options);
    bench.start();
    await bench.write();
    bench.clock.turn();
    bench.network.published.length = 0;
    return bench;
  }

  /** What waits to be written is written. */
  async write(): Promise<void> {
    this.clock.turn();
    await this.store.succeed();
  }

  /** The same where nothing may be waiting. */
  async writeAll(): Promise<void> {
    this.clock.turn();
    while (this.store.pendingCount > 0) await this.store.succeed();
  }

  /** The store refuses what waits to be written. */
  async failWrite(): Promise<void> {
    this.clock.turn();
    await this.store.fail();
  }

  register(id: string, address = '10.0.0.9:80'): Promise<boolean> {
    return this.driver.register({ action: 'register', id, node: nodeFields({ address }) });
  }

  hear(from: Speaker, ...records: readonly VerifiedRecord[]): Verdict {
    return this.driver.handlers.onGossip(from.peer, from.codec.encodeGossip(records, []));
  }

  link(peer: Speaker): void {
    this.driver.handlers.onLinkUp(peer.peer, peer.multiaddr);
  }

  /** Its host says that nobody listens, to a dial and to the probe that follows. */
  refuse({ peer }: Speaker): void {
    const text = 'connection refused';
    this.driver.handlers.onDialEnded(peer, { ok: false, reason: 'unreachable', isRefused: true, text });
    this.driver.probeHandlers.onRefused(peer);
  }

  /** From now on these answer each ping, in the next turn. */
  answering(...speakers: readonly Speaker[]): void {
    this.probes.onSent = bytes => {
      const probe = this.me.probeCodec.decodeProbe(bytes);
      if (probe === undefined || probe === 'foreign' || probe.body.type !== 'ping') return;
      const { to, body } = probe;
      const asked = speakers.find(({ peer }) => peer === to);
      if (asked === undefined) return;
      const origin = body.origin === undefined ? {} : { origin: body.origin };
      const ack = asked.datagram(this.me.peer, { type: 'ack', nonce: body.nonce, ...origin });
      this.clock.soon(() => this.probed(asked, ack));
    };
  }

  /** Time goes by, with turns of the loop in between. */
  pass(ms: number): void {
    for (const endMonoMs = this.clock.monoMs + ms; this.clock.monoMs < endMonoMs; ) {
      this.clock.advance(Math.min(50, endMonoMs - this.clock.monoMs));
      this.clock.turn();
      this.clock.turn();
    }
  }

  /** A datagram arrives. */
  probed(from: Speaker, bytes: Uint8Array): void {
    this.driver.probeHandlers.onDatagram(from.probeAddress, bytes);
  }

  /** Ids of the entries in what was published, message by message. */
  publishedIds(): readonly (readonly string[])[] {
    return this.network.published.map(
      bytes => this.me.codec.decodeGossip(bytes)?.records.map(({ subject }) => subject) ?? ['malformed'],
    );
  }
}
