/** One simulated agent: the production core and driver on a virtual clock, network and disk. */
import type { ConfirmationOutcome, ConfirmRequest } from '../core/confirm/confirmation.ts';
import type { Input } from '../core/effects.ts';
import type { DeliveryRequest } from '../core/outbox/delivery.ts';
import { Protocol, type ProtocolSettings } from '../core/protocol.ts';
import { capabilitiesOf, type NodeFields, type NodeId } from '../core/record/node.ts';
import type { PeerId } from '../core/record/record.ts';
import type { AgentEvent, BackendCheckView } from '../core/view.ts';
import type { SigningKey } from '../identity/agent-key.ts';
import { nextEpoch } from '../identity/epoch.ts';
import { SignedProbeCodec } from '../identity/probe-codec.ts';
import { SignedRecordCodec } from '../identity/record-codec.ts';
import { treeHash } from '../identity/tree-hash.ts';
import { Driver, type Observer } from '../runtime/driver.ts';
import { RecentEvents } from '../runtime/event-log.ts';
import { HttpDeliverer } from '../runtime/http-deliverer.ts';
import { linkOf } from '../runtime/outbox-link.ts';
import type { NetworkHandlers, Verdict } from '../runtime/ports.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import type { Clinic } from './clinic.ts';
import { SimDisk } from './disk.ts';
import { addressOf, type SimNetworkHub } from './network.ts';
import type { PostOffice } from './post.ts';
import type { Predecessors } from './predecessors.ts';
import { VirtualClock } from './scheduler.ts';
import { ToySignatures } from './toy-signatures.ts';

export const cluster = 'simulation';
/** 2026-01-01, when every simulation begins. */
const wallAtZeroMs = 1_767_225_600_000;

export interface SimAgentOptions {
  readonly seed: number;
  readonly index: number;
  readonly seeds: readonly PeerId[];
  readonly settings: Partial<ProtocolSettings>;
  /** For an agent that does not keep to the protocol. */
  readonly createProtocol?: (...parts: ConstructorParameters<typeof Protocol>) => Protocol;
}

export interface Trace {
  input(agent: NodeId, input: Input): void;
  /** What the agent tells whoever watches it. */
  event?(agent: NodeId, event: AgentEvent): void;
}

export interface SimAgentComponents {
  readonly hub: SimNetworkHub;
  readonly clinic: Clinic;
  readonly predecessors: Predecessors;
  readonly trace: Trace;
  /** Whoever confirms deliveries; the predecessor's nodes when it is not given. */
  readonly post?: PostOffice;
}

interface Process {
  readonly protocol: Protocol;
  readonly driver: Driver;
  readonly clock: VirtualClock;
}

export class SimAgent {
  readonly id: NodeId;
  readonly peer: PeerId;
  readonly #options: SimAgentOptions;
  readonly #hub: SimNetworkHub;
  readonly #clinic: Clinic;
  readonly #predecessors: Predecessors;
  readonly #trace: Trace;
  readonly #post: PostOffice | undefined;
  readonly #codec: SignedRecordCodec;
  readonly #probeCodec: SignedProbeCodec;
  readonly #disk: SimDisk;
  #process: Process | undefined;
  #lives = 0;

  constructor(options: SimAgentOptions, components: SimAgentComponents) {
    this.id = `agent-${options.index}`;
    this.#options = options;
    this.#hub = components.hub;
    this.#clinic = components.clinic;
    this.#predecessors = components.predecessors;
    this.#trace = components.trace;
    this.#post = components.post;
    const key = simulatedKey(options.seed, options.index);
    this.peer = key.peerId;
    this.#codec = new SignedRecordCodec({ cluster }, { key, checker: toy });
    this.#probeCodec = new SignedProbeCodec({ cluster }, { key, checker: toy });
    this.#disk = new SimDisk(this.#hub);
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  /** @throws TypeError while the agent is down. */
  get protocol(): Protocol {
    if (this.#process === undefined) throw new TypeError(`${this.id} is down`);
    return this.#process.protocol;
  }

  /** The services it hosts, as it checks them; none while it is down. */
  get backends(): readonly BackendCheckView[] {
    const process = this.#process;
    return process === undefined ? [] : process.protocol.backends.views(process.clock.now());
  }

  async start(): Promise<void> {
    this.#lives += 1;
    const { scheduler } = this.#hub;
    const clock = new VirtualClock({ wallAtZeroMs }, { scheduler });
    const store = this.#disk.open();
    const stored = await store.load();
    const epoch = nextEpoch(stored.meta.epoch, clock.now().wallMs);
    const create = this.#options.createProtocol ?? ((...parts) => new Protocol(...parts));
    const protocol = create(
      {
        id: this.id,
        peer: this.peer,
        epoch,
        settings: this.#options.settings,
      },
      {
        seal: draft => this.#codec.seal(draft),
        sealClaim: draft => this.#probeCodec.sealClaim(draft),
        linkOf,
        random: seededRandom(this.#options.seed, `${this.id} life ${this.#lives}`),
        hash: treeHash,
      },
    );
    const events = new RecentEvents({ epoch, keptMaxCount: 100 });
    events.subscribe(({ event }) => this.#trace.event?.(this.id, event));
    const network = this.#hub.host(this.peer);
    network.onArrival = callback => clock.arrive(callback);
    const probe = `10.0.0.${this.#options.index}:7946`;
    const probes = this.#hub.probes(this.peer, probe);
    const httpPeers = this.#predecessors.httpPeers(clock);
    const driver = new Driver(
      { cluster, seeds: this.#options.seeds.map(addressOf), intake: {} },
      {
        protocol,
        codec: this.#codec,
        probeCodec: this.#probeCodec,
        network,
        probes,
        store,
        checker: this.#clinic.checker(clock),
        deliverer: this.#post?.deliverer(clock) ?? new HttpDeliverer({ peers: httpPeers }),
        httpPeers,
        clock,
        events,
        observer: this.#observer(),
      },
    );
    this.#process = { protocol, driver, clock };
    driver.restore(stored);
    probes.listen({
      onDatagram: (address, bytes) => clock.arrive(() => driver.probeHandlers.onDatagram(address, bytes)),
      onRefused: peer => clock.arrive(() => driver.probeHandlers.onRefused(peer)),
    });
    const { multiaddrs } = await network.start(pausable(driver.handlers, clock));
    driver.start({
      node: this.#node(clock, `10.0.0.${this.#options.index}:7000`, 9_000),
      agent: { multiaddrs, probe },
    });
  }

  /** Registers or changes a service; an agent that is not ready refuses, as it would in production. */
  register(id: NodeId, port: number): void {
    const process = this.#process;
    if (process === undefined) return;
    // A metrics port of its own, so that it can fall ill alone.
    const metricsPort = 9_000 + Number(/\d*$/.exec(id)?.[0]);
    const node = this.#node(process.clock, `10.1.0.${this.#options.index}:${port}`, metricsPort);
    process.driver.register({ action: 'register', id, node }).catch(() => {
      // Refusals (a service hosted elsewhere, an agent still joining) are part of the workload.
    });
  }

  /** The same for a caller who wants to know who else has it; `undefined` when he never hears. */
  async registerConfirmed(
    id: NodeId,
    port: number,
    confirm: ConfirmRequest,
  ): Promise<ConfirmationOutcome | undefined> {
    const process = this.#process;
    if (process === undefined) return undefined;
    const node = this.#node(process.clock, `10.1.0.${this.#options.index}:${port}`, port + 1_000);
    const request = { action: 'register', id, node, confirm } as const;
    return process.driver.registerAndConfirm(request).then(
      ({ confirmation }) => confirmation,
      () => undefined,
    );
  }

  deregister(id: NodeId): void {
    this.#process?.driver.deregister(id).catch(() => {
      // As above.
    });
  }

  /** Something that a receiver must confirm. @returns Whether it was accepted; never when the process ends first. */
  enqueue(request: DeliveryRequest): Promise<boolean> {
    return (
      this.#process?.driver.enqueue(request).then(
        () => true,
        () => false,
      ) ?? Promise.resolve(false)
    );
  }

  /** What the store of a next process would find. */
  get disk(): SimDisk {
    return this.#disk;
  }

  /** The process is gone between two instructions; what was not written is lost. */
  crash(): void {
    this.#process?.clock.stop();
    this.#process = undefined;
    this.#disk.crash();
    this.#hub.crash(this.peer);
  }

  /** SIGSTOP, and SIGCONT after a while. */
  pause(forMs: number): void {
    const process = this.#process;
    if (process === undefined) return;
    process.clock.pause();
    this.#hub.scheduler.after(forMs, () => process.clock.resume());
  }

  /** SIGTERM: announces departure and ends a little later. */
  stop(): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#hub.scheduler.settled();
    process.driver.depart(false).catch(() => {
      // A crash while it was leaving: there is nobody left to tell.
    });
    this.#hub.scheduler.after(500, () => {
      if (this.#process === process) this.crash();
    });
  }

  #node(clock: VirtualClock, address: string, metricsPort: number): NodeFields {
    return {
      address,
      metricsPort,
      nodeType: 'backend',
      isLoadBalancer: false,
      capabilities: capabilitiesOf('backend'),
      lastUpdatedS: Math.floor(clock.now().wallMs / 1_000),
    };
  }

  #observer(): Observer {
    return {
      input: input => this.#trace.input(this.id, input),
      effect: () => {},
      rejected: () => {},
      foreign: () => {},
      log: () => {},
    };
  }
}

/** Handlers that are not called while the process does not run. */
function pausable(handlers: NetworkHandlers, clock: VirtualClock): NetworkHandlers {
  return {
    ...handlers,
    onGossip: (from, bytes) => {
      // The verdict is wanted at once; a process that does not run passes nothing on.
      let verdict: Verdict = 'ignore';
      clock.arrive(() => {
        verdict = handlers.onGossip(from, bytes);
      });
      return verdict;
    },
    onFrame: (from, bytes) => clock.arrive(() => handlers.onFrame(from, bytes)),
    onLinkUp: (peer, address) => clock.arrive(() => handlers.onLinkUp(peer, address)),
    onLinkDown: peer => clock.arrive(() => handlers.onLinkDown(peer)),
    onSubscribed: peer => clock.arrive(() => handlers.onSubscribed(peer)),
    onDialEnded: (key, outcome) => clock.arrive(() => handlers.onDialEnded(key, outcome)),
    onPing: (peer, rttMs) => clock.arrive(() => handlers.onPing(peer, rttMs)),
  };
}

const toy = new ToySignatures();
function simulatedKey(seed: number, index: number): SigningKey {
  const random = seededRandom(seed, `key ${index}`);
  return toy.key(
    Uint8Array.from({ length: 32 }, () => Math.floor(random.next() * 256)),
    Math.floor(random.next() * 2 ** 32),
  );
}
