/** One simulated agent: the production core and driver on a virtual clock, network and disk. */
import type { ConfirmationOutcome, ConfirmRequest } from '../core/confirm/confirmation.ts';
import type { CoreLogEvent, Effect, Input, Refusal } from '../core/effects.ts';
import type { DeliveryRequest } from '../core/outbox/delivery.ts';
import { Protocol, type ProtocolSettings } from '../core/protocol.ts';
import {
  capabilitiesOf,
  type NodeFields,
  type NodeId,
  type NodeType,
  type Owner,
} from '../core/record/node.ts';
import type { PeerId } from '../core/record/record.ts';
import type { AgentEvent, BackendCheckView } from '../core/view.ts';
import type { ErrorCode } from '../errors.ts';
import { FirsthandError } from '../errors.ts';
import type { SigningKey } from '../identity/agent-key.ts';
import { nextEpoch } from '../identity/epoch.ts';
import { SignedProbeCodec } from '../identity/probe-codec.ts';
import { treeHash } from '../identity/tree-hash.ts';
import { Deliverers } from '../runtime/deliverers.ts';
import { Driver, type Observer } from '../runtime/driver.ts';
import { RecentEvents } from '../runtime/event-log.ts';
import { HttpDeliverer } from '../runtime/http-deliverer.ts';
import type { Rejection } from '../runtime/intake.ts';
import { KeyRotation } from '../runtime/key-rotation.ts';
import { linkOf } from '../runtime/outbox-link.ts';
import type {
  Clock,
  Network,
  NetworkHandlers,
  ProbeCodec,
  ProbePort,
  StoredState,
  Verdict,
} from '../runtime/ports.ts';
import type { ProbeRejection } from '../runtime/probe-intake.ts';
import { ReplaceableNetwork } from '../runtime/replaceable-network.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import type { SimAuthority } from './authority.ts';
import type { Clinic } from './clinic.ts';
import { MachineClock, ProcessClock } from './clock.ts';
import { type Decoded, SimRecordCodec } from './codec.ts';
import { SimDisk } from './disk.ts';
import type { SimHost } from './host.ts';
import { type KeyDisk, SimKeyKeeper } from './key-keeper.ts';
import type { KeyRing } from './key-ring.ts';
import { ipOf, multiaddrOf, type Place, probeAddressOf, type SimNetworkHub } from './network.ts';
import type { PostOffice } from './post.ts';
import type { Predecessors } from './predecessors.ts';

export const cluster = 'simulation';
/** 2026-01-01, when every simulation begins. */
const wallAtZeroMs = 1_767_225_600_000;
/** From SIGTERM to the end of the process. */
const stopMs = 500;
/** As long as a start takes to write a file and flush it. */
const keyWriteMs = 20;
/** Shorter than in production, so that a simulation sees the end of it. */
const keyOverlapMs = 10_000;

export interface SimAgentOptions {
  readonly seed: number;
  /** Also its place in the network. */
  readonly index: number;
  readonly seeds: readonly string[];
  readonly settings: Partial<ProtocolSettings>;
  /** The disk syncs every write: what is acknowledged survives a loss of power. */
  readonly syncs?: boolean;
  /** Absent: a backend. */
  readonly nodeType?: NodeType;
  /** For an agent that does not keep to the protocol. */
  readonly createProtocol?: (...parts: ConstructorParameters<typeof Protocol>) => Protocol;
}

/** Hears of everything that happens to an agent. */
export interface Witness {
  input(agent: SimAgent, input: Input): void;
  effect?(agent: SimAgent, effect: Effect): void;
  /** What the agent tells whoever watches it. */
  event?(agent: SimAgent, event: AgentEvent): void;
  rejected?(agent: SimAgent, reason: Rejection | Refusal | ProbeRejection): void;
  log?(agent: SimAgent, event: CoreLogEvent | 'store_write_failed' | 'store_recovered'): void;
  /** What it found on its disk is in its table. */
  restored?(agent: SimAgent, stored: StoredState): void;
}

export interface SimAgentComponents {
  readonly hub: SimNetworkHub;
  readonly clinic: Clinic;
  readonly predecessors: Predecessors;
  readonly post: PostOffice;
  readonly keys: KeyRing;
  readonly decoded: Decoded;
  readonly witness: Witness;
  /** Says who is a member; absent: everybody is. */
  readonly authority?: SimAuthority | undefined;
}

/** What a process has in its hands; whoever does not keep to the protocol uses it directly. */
export interface Process {
  readonly protocol: Protocol;
  readonly driver: Driver;
  readonly clock: ProcessClock;
  readonly host: Network;
  readonly keyRotation: KeyRotation;
  readonly probes: ProbePort;
  readonly codec: SimRecordCodec;
  /** Numbers what is sent, whoever sends it. */
  readonly probeCodec: ProbeCodec;
}

export type Outcome = { readonly ok: true } | { readonly ok: false; readonly code: ErrorCode | 'ended' };

export class SimAgent {
  readonly id: NodeId;
  readonly place: Place;
  readonly disk: SimDisk;
  readonly machine: MachineClock;
  readonly #options: SimAgentOptions;
  readonly #parts: SimAgentComponents;
  readonly #keyDisk: KeyDisk;
  #process: Process | undefined;
  #lives = 0;
  #keysCount = 1;
  #admission: SimHost['admission'];
  /** Neither passes gossip on nor exchanges records. */
  isSilent = false;
  /** Shows a root that nobody has. */
  showsFalseRoot = false;
  /** Hears a copy of what reaches this agent. */
  onOverheard: ((via: 'gossip' | 'datagram', bytes: Uint8Array) => void) | undefined;

  constructor(options: SimAgentOptions, components: SimAgentComponents) {
    this.id = `agent-${options.index}`;
    this.place = options.index;
    this.#options = options;
    this.#parts = components;
    const { seed, index, syncs = false } = options;
    const { scheduler } = components.hub;
    this.#keyDisk = { current: components.keys.key(index, 1), former: undefined };
    this.machine = new MachineClock({ wallAtZeroMs }, { scheduler });
    this.disk = new SimDisk({ syncs }, { scheduler, random: seededRandom(seed, `disk ${index}`) });
  }

  /** Where others find it. */
  get address(): string {
    return multiaddrOf(this.place);
  }

  get peer(): PeerId {
    return this.#keyDisk.current.peerId;
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get process(): Process | undefined {
    return this.#process;
  }

  /** @throws TypeError while the agent is down. */
  get protocol(): Protocol {
    if (this.#process === undefined) throw new TypeError(`${this.id} is down`);
    return this.#process.protocol;
  }

  get syncs(): boolean {
    return this.#options.syncs === true;
  }

  /** The services it hosts, as it checks them; none while it is down. */
  get backends(): readonly BackendCheckView[] {
    const process = this.#process;
    return process === undefined ? [] : process.protocol.backends.views(process.clock.now());
  }

  async start(): Promise<void> {
    if (this.#process !== undefined) return;
    this.#lives += 1;
    const { hub, predecessors, post, clinic, keys, decoded, witness, authority } = this.#parts;
    const clock = new ProcessClock({ machine: this.machine });
    const store = this.disk.open();
    const stored = await store.load();
    const epoch = nextEpoch(stored.meta.epoch, clock.now().wallMs);
    const parts = { key: this.#keyDisk.current, checker: keys };
    const codec = new SimRecordCodec({ cluster }, { key: this.#keyDisk.current, keys, decoded });
    const probeCodec = new SignedProbeCodec({ cluster }, parts);
    const patient = promising(clock, hub);
    const tongue = this.#tongue(probeCodec);
    const keeper = this.#keeper(codec, probeCodec, patient);
    const create = this.#options.createProtocol ?? ((...each) => new Protocol(...each));
    const protocol = create(
      {
        id: this.id,
        peer: this.peer,
        epoch,
        settings: this.#options.settings,
        predecessor: keeper.predecessor,
      },
      {
        seal: draft => keys.sealed(codec.seal(draft)),
        sealClaim: draft => probeCodec.sealClaim(draft),
        linkOf,
        random: seededRandom(this.#options.seed, `${this.id} life ${this.#lives}`),
        hash: treeHash,
        certificates: authority?.checker,
      },
    );
    const membership = authority?.portOf(this, () => written(patient));
    const events = new RecentEvents({ epoch, keptMaxCount: 100 });
    events.subscribe(({ event }) => witness.event?.(this, event));
    const first = this.#host(clock);
    const network = new ReplaceableNetwork(first, { clock: patient });
    const probes = hub.probes(this.place);
    const httpPeers = predecessors.httpPeers(clock);
    const deliverer = new Deliverers({ clock });
    deliverer.add('http:', new HttpDeliverer({ peers: httpPeers }));
    deliverer.add('peer:', post.deliverer(clock));
    const driver = new Driver(
      { cluster, seeds: this.#options.seeds, intake: {} },
      {
        protocol,
        codec,
        probeCodec: tongue,
        network,
        probes,
        store,
        checker: clinic.checker(clock),
        deliverer,
        httpPeers,
        membership,
        clock,
        events,
        observer: this.#observer(),
      },
    );
    const keyRotation = new KeyRotation(
      { id: this.id, overlapMs: keyOverlapMs },
      {
        keeper,
        membership,
        driver,
        clock: patient,
        self: () => protocol.author.peer,
        epoch: () => protocol.author.dot.epoch,
        isReady: () => protocol.phase === 'ready' && protocol.storeIsWell,
        moveNetwork: () => network.replace(() => this.#host(clock)),
        onFailed: () => {},
      },
    );
    this.#process = {
      protocol,
      driver,
      clock,
      probes,
      codec,
      probeCodec: tongue,
      keyRotation,
      host: network,
    };
    driver.restore(stored);
    witness.restored?.(this, stored);
    probes.listen({
      onDatagram: (address, bytes) => {
        this.onOverheard?.('datagram', bytes);
        clock.arrive(() => driver.probeHandlers.onDatagram(address, bytes));
      },
      onRefused: peer => clock.arrive(() => driver.probeHandlers.onRefused(peer)),
    });
    this.#admission = authority?.admissionOf(this, protocol, input => driver.feed(input));
    first.admission = this.#admission;
    const { multiaddrs } = await network.start(this.#handlers(driver.handlers, clock));
    driver.start({
      node: this.#node(`${ipOf(this.place)}:7000`, 9_000, this.#options.nodeType),
      agent: {
        multiaddrs,
        probe: probeAddressOf(this.place),
        ...(authority === undefined ? {} : { certificate: authority.certificateOf(this) }),
      },
    });
  }

  /** Registers or changes a service; an agent that is not ready refuses, as it would in production. */
  async register(id: NodeId, port: number, by: Partial<Owner> = {}): Promise<Outcome> {
    const request = { action: 'register', id, node: { ...this.#service(id, port), ...by } } as const;
    return outcomeOf(this.#process?.driver.register(request));
  }

  /** The same for a caller who wants to know who else has it; `undefined` when he never hears. */
  async registerConfirmed(
    id: NodeId,
    port: number,
    confirm: ConfirmRequest,
  ): Promise<ConfirmationOutcome | undefined> {
    const request = { action: 'register', id, node: this.#service(id, port), confirm } as const;
    return this.#process?.driver.registerAndConfirm(request).then(
      ({ confirmation }) => confirmation,
      () => undefined,
    );
  }

  /** Another key under the same name; what has failed when it is cut off is for the next start. */
  async rotateKey(): Promise<Outcome> {
    return outcomeOf(this.#process?.keyRotation.rotate());
  }

  async deregister(id: NodeId, by?: Owner): Promise<Outcome> {
    return outcomeOf(this.#process?.driver.deregister(id, by));
  }

  /** Something that a receiver must confirm. */
  async enqueue(request: DeliveryRequest): Promise<Outcome> {
    return outcomeOf(this.#process?.driver.enqueue(request));
  }

  /** The process is gone between two instructions; what was not written is lost. */
  crash(): void {
    this.#end();
    this.#parts.hub.crash(this.place);
  }

  /** The machine is gone as well: its peers are not told. */
  losePower(): void {
    this.#end();
    this.#parts.hub.darken(this.place);
    this.disk.losePower();
  }

  /** Another machine takes its place, with the same name and nothing else. */
  wipe(): void {
    this.crash();
    this.disk.wipe();
    this.#keyDisk.former = undefined;
    this.#keyDisk.current = this.#nextKey();
  }

  /** SIGSTOP, and SIGCONT after a while; or a machine that is too busy. */
  pause(forMs: number): void {
    this.#process?.clock.block(forMs);
  }

  /** SIGTERM: announces departure and ends a little later. */
  stop(): void {
    const process = this.#process;
    if (process === undefined) return;
    const { scheduler } = this.#parts.hub;
    scheduler.settled();
    process.driver.depart(false).catch(() => {
      // A crash while it was leaving: there is nobody left to tell.
    });
    scheduler.after(stopMs, () => {
      if (this.#process === process) this.crash();
    });
  }

  #nextKey(): SigningKey {
    this.#keysCount += 1;
    return this.#parts.keys.key(this.place, this.#keysCount);
  }

  #keeper(codec: SimRecordCodec, probeCodec: SignedProbeCodec, clock: Clock): SimKeyKeeper {
    return new SimKeyKeeper(
      { cluster, id: this.id },
      {
        disk: this.#keyDisk,
        codec,
        probeCodec,
        makeKey: () => this.#nextKey(),
        write: () => written(clock),
      },
    );
  }

  #host(clock: ProcessClock): SimHost {
    const host = this.#parts.hub.host(this.place, this.peer);
    host.onArrival = callback => clock.arrive(callback);
    host.admission = this.#admission;
    return host;
  }

  #end(): void {
    this.#process?.clock.stop();
    this.#process = undefined;
    this.disk.crash();
  }

  #service(id: NodeId, port: number): NodeFields {
    // A metrics port of its own, so that it can fall ill alone.
    const metricsPort = 9_000 + (Number(/\d*$/.exec(id)?.[0]) % 10_000);
    return this.#node(`10.1.${this.place >> 8}.${this.place & 255}:${port}`, metricsPort);
  }

  #node(address: string, metricsPort: number, nodeType: NodeType = 'backend'): NodeFields {
    return {
      address,
      metricsPort,
      nodeType,
      isLoadBalancer: nodeType === 'proxy',
      capabilities: capabilitiesOf(nodeType),
      lastUpdatedS: Math.floor(this.machine.wallMs / 1_000),
    };
  }

  #observer(): Observer {
    const { witness, authority, hub } = this.#parts;
    return {
      input: input => witness.input(this, input),
      effect: effect => {
        // An issuer's answer comes with a frame, not with a write, and somebody awaits it.
        if (effect.type === 'reply' && authority !== undefined) hub.scheduler.settled();
        witness.effect?.(this, effect);
      },
      rejected: reason => witness.rejected?.(this, reason),
      foreign: () => {},
      log: event => witness.log?.(this, event),
    };
  }

  /**
   * Says what it holds, unless it lies. Counts through all that the process sends: whoever lies and then keeps to the
   * protocol again would else go on with numbers that lie behind, and nobody would hear it.
   */
  #tongue(codec: SignedProbeCodec): ProbeCodec {
    let counter = 0;
    return {
      sealClaim: draft => codec.sealClaim(draft),
      verifyClaim: claim => codec.verifyClaim(claim),
      trustClaim: wire => codec.trustClaim(wire),
      decodeProbe: bytes => codec.decodeProbe(bytes),
      verifyProbe: probe => codec.verifyProbe(probe),
      encodeProbe: message => {
        counter += 1;
        const { table } = message;
        if (!this.showsFalseRoot || table === undefined) return codec.encodeProbe({ ...message, counter });
        const root = 'f'.repeat(table.root.length);
        return codec.encodeProbe({ ...message, counter, table: { ...table, root } });
      },
    };
  }

  /** Not called while the process does not run. */
  #handlers(handlers: NetworkHandlers, clock: ProcessClock): NetworkHandlers {
    return {
      ...handlers,
      onGossip: (from, bytes) => {
        // The verdict is wanted at once; a process that does not run passes nothing on.
        let verdict: Verdict = 'ignore';
        this.onOverheard?.('gossip', bytes);
        clock.arrive(() => {
          verdict = handlers.onGossip(from, bytes);
        });
        return this.isSilent ? 'ignore' : verdict;
      },
      onFrame: (from, bytes) => {
        if (!this.isSilent) clock.arrive(() => handlers.onFrame(from, bytes));
      },
      onLinkUp: (peer, address) => clock.arrive(() => handlers.onLinkUp(peer, address)),
      onLinkDown: peer => clock.arrive(() => handlers.onLinkDown(peer)),
      onSubscribed: peer => clock.arrive(() => handlers.onSubscribed(peer)),
      onDialEnded: (key, outcome) => clock.arrive(() => handlers.onDialEnded(key, outcome)),
      onPing: (peer, rttMs) => clock.arrive(() => handlers.onPing(peer, rttMs)),
    };
  }
}

/** For those whose timers settle promises: what follows runs before virtual time goes on. */
function promising(clock: ProcessClock, { scheduler }: SimNetworkHub): Clock {
  return {
    now: () => clock.now(),
    soon: callback => clock.soon(callback),
    after: (delayMs, callback) =>
      clock.after(delayMs, () => {
        scheduler.settled();
        callback();
      }),
  };
}

function written(clock: Clock): Promise<void> {
  return new Promise(resolve => clock.after(keyWriteMs, resolve));
}

function outcomeOf(answer: Promise<unknown> | undefined): Promise<Outcome> {
  if (answer === undefined) return Promise.resolve({ ok: false, code: 'ended' });
  return answer.then(
    () => ({ ok: true }) as const,
    (error: unknown) => {
      if (error instanceof FirsthandError) return { ok: false, code: error.code } as const;
      throw error;
    },
  );
}
