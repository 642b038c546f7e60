/** One agent's driver in a world that moves by hand. */
import type { Effect, Input } from '../../../src/core/effects.ts';
import { Protocol } from '../../../src/core/protocol.ts';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import { Driver, type Observer } from '../../../src/runtime/driver.ts';
import { RecentEvents } from '../../../src/runtime/event-log.ts';
import { LocalAgent } from '../../../src/runtime/local-agent.ts';
import type { Verdict } from '../../../src/runtime/ports.ts';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';
import { nodeFields, Speaker, testCluster } from '../../record-builder.ts';
import { FakeChecker, FakeClock, FakeNetwork, FakeStore } from './fake-ports.ts';

const epoch = 10;

export class DriverBench {
  readonly me = new Speaker(1);
  readonly clock = new FakeClock();
  readonly store = new FakeStore();
  readonly network = new FakeNetwork();
  readonly checker = new FakeChecker();
  readonly events = new RecentEvents({ epoch });
  /** Inputs and effects in the order in which the observer saw them. */
  readonly trace: string[] = [];
  readonly rejected: string[] = [];
  readonly logged: string[] = [];
  readonly protocol: Protocol;
  readonly driver: Driver;
  readonly agent: LocalAgent;
  loopDelayMs = 0;

  constructor(options: { readonly seeds?: readonly string[] } = {}) {
    const { clock, store, network, checker, events } = this;
    const httpPeers = { register: () => {}, stop: async () => {} };
    const { codec, peer } = this.me;
    const observer: Observer = {
      input: (input: Input) => this.trace.push(`> ${input.type}`),
      effect: (effect: Effect) => this.trace.push(`< ${effect.type}`),
      rejected: reason => this.rejected.push(reason),
      foreign: () => {},
      log: event => this.logged.push(event),
    };
    this.protocol = new Protocol(
      { id: 'me', peer, epoch, settings: {} },
      { seal: draft => codec.seal(draft), random: seededRandom(1) },
    );
    this.driver = new Driver(
      { cluster: testCluster, seeds: options.seeds ?? [], intake: {} },
      { protocol: this.protocol, codec, network, store, checker, httpPeers, clock, events, observer },
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
      },
    );
  }

  start(): void {
    this.driver.start({
      node: nodeFields(),
      agent: { multiaddrs: [this.me.multiaddr], probe: '10.0.0.1:7946' },
    });
  }

  /** Started, and its own entry written and published. */
  static async begun(options: { readonly seeds?: readonly string[] } = {}): Promise<DriverBench> {
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

  /** Ids of the entries in what was published, message by message. */
  publishedIds(): readonly (readonly string[])[] {
    return this.network.published.map(
      bytes => this.me.codec.decodeGossip(bytes)?.records.map(({ subject }) => subject) ?? ['malformed'],
    );
  }
}
