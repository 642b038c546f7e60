/**
 * A network in memory that behaves as the real one does above TCP, gossipsub and UDP.
 *
 * Links are reliable and ordered: loss shows as delay. Gossip is flooded to linked, subscribed
 * peers and passed on by those that accept it; a copy may get lost for good. A partition cuts
 * dials, pings, gossip and frames at once; links over it are noticed as broken a little later. Datagrams
 * get lost, overtake each other, and sometimes come twice; a host without its agent refuses them.
 */
import { createHash } from 'node:crypto';
import type { Random } from '../core/random.ts';
import { compareText, type PeerId } from '../core/record/record.ts';
import type {
  DialTarget,
  LinkView,
  LocalContact,
  Network,
  NetworkHandlers,
  ProbeHandlers,
  ProbePort,
} from '../runtime/ports.ts';
import type { Scheduler } from './scheduler.ts';

export interface NetworkConditions {
  /** Share of gossip copies that never arrive, and of frames that arrive late; 0 to 1. */
  readonly loss: number;
  /** One way, ms: uniform between these, with one message in a hundred ten times slower. */
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
}

const resendAfterMs = 200; // A lost TCP segment costs its retransmission timeout.
const dialTimeoutMs = 5_000;
const pingTimeoutMs = 5_000;
const brokenLinkNoticedMs = 4_000;
/** Share of datagrams that arrive twice. */
const duplicatesShare = 0.02;

export class SimNetworkHub {
  readonly #hosts = new Map<PeerId, SimHost>();
  /** Who listens for datagrams, by address; and who once did, for the host stays when its agent is gone. */
  readonly #probes = new Map<string, { readonly peer: PeerId; readonly handlers: ProbeHandlers }>();
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #conditions: NetworkConditions;
  #sideOf: (peer: PeerId) => number = () => 0;

  constructor(
    conditions: NetworkConditions,
    components: { readonly scheduler: Scheduler; readonly random: Random },
  ) {
    this.#conditions = conditions;
    this.#scheduler = components.scheduler;
    this.#random = components.random;
  }

  get scheduler(): Scheduler {
    return this.#scheduler;
  }

  set conditions(conditions: NetworkConditions) {
    this.#conditions = conditions;
  }

  /** Cuts the cluster: agents on different sides cannot reach each other. */
  partition(sideOf: (peer: PeerId) => number): void {
    this.#sideOf = sideOf;
    this.#scheduler.after(brokenLinkNoticedMs, () => {
      for (const host of this.#hosts.values()) host.dropUnreachableLinks();
    });
  }

  heal(): void {
    this.#sideOf = () => 0;
  }

  /** A new process at this address; an earlier one there is dead. */
  host(peer: PeerId): SimHost {
    const host = new SimHost(peer, this);
    this.#hosts.set(peer, host);
    return host;
  }

  /** Datagrams of an agent whose own address is `address`. */
  probes(peer: PeerId, address: string): ProbePort & { readonly listen: (handlers: ProbeHandlers) => void } {
    return {
      listen: handlers => this.#probes.set(address, { peer, handlers }),
      send: (to, bytes) => this.#datagram({ peer, address, to, bytes, asked: undefined }),
      ask: (asked, to, bytes) => this.#datagram({ peer, address, to, bytes, asked }),
    };
  }

  #datagram(sent: {
    readonly peer: PeerId;
    readonly address: string;
    readonly to: string;
    readonly bytes: Uint8Array;
    readonly asked: PeerId | undefined;
  }): void {
    const { peer, address, to, bytes, asked } = sent;
    const copies = this.#random.next() < duplicatesShare ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.isLost()) continue;
      this.#scheduler.after(this.delayMs(), () => {
        const receiver = this.#probes.get(to);
        if (receiver === undefined || this.#sideOf(peer) !== this.#sideOf(receiver.peer)) return;
        if (this.#hosts.has(receiver.peer)) return receiver.handlers.onDatagram(address, bytes);
        if (asked === undefined) return;
        this.#scheduler.after(this.delayMs(), () => {
          if (this.#hosts.has(peer)) this.#probes.get(address)?.handlers.onRefused(asked);
        });
      });
    }
  }

  /** The process is gone; its peers' kernels notice at once. */
  crash(peer: PeerId): void {
    const host = this.#hosts.get(peer);
    this.#hosts.delete(peer);
    host?.abandon();
  }

  find(peer: PeerId): SimHost | undefined {
    return this.#hosts.get(peer);
  }

  canReach(a: PeerId, b: PeerId): boolean {
    return this.#hosts.has(b) && this.#sideOf(a) === this.#sideOf(b);
  }

  /** Whether packets pass between the two machines, whatever runs on them. */
  isRouted(a: PeerId, b: PeerId): boolean {
    return this.#sideOf(a) === this.#sideOf(b);
  }

  isLost(): boolean {
    return this.#random.next() < this.#conditions.loss;
  }

  delayMs(): number {
    const { delayMinMs, delayMaxMs } = this.#conditions;
    const delay = delayMinMs + this.#random.next() * (delayMaxMs - delayMinMs);
    return this.#random.next() < 0.01 ? delay * 10 : delay;
  }
}

export class SimHost implements Network {
  readonly peer: PeerId;
  readonly #hub: SimNetworkHub;
  readonly #links = new Map<PeerId, { readonly outbound: boolean; lastArrivalMs: number }>();
  readonly #seen = new Set<string>();
  /** Brings what the process itself has to answer; it may not run at the moment. */
  onArrival: (callback: () => void) => void = callback => callback();
  #handlers: NetworkHandlers | undefined;

  constructor(peer: PeerId, hub: SimNetworkHub) {
    this.peer = peer;
    this.#hub = hub;
  }

  async start(handlers: NetworkHandlers): Promise<LocalContact> {
    this.#handlers = handlers;
    return { peer: this.peer, multiaddrs: [addressOf(this.peer)] };
  }

  publish(bytes: Uint8Array): void {
    this.#seen.add(messageId(bytes));
    this.#flood(bytes, undefined);
  }

  send(peer: PeerId, frame: Uint8Array): void {
    const link = this.#links.get(peer);
    if (link === undefined) return;
    const { scheduler } = this.#hub;
    let delayMs = this.#hub.delayMs();
    while (this.#hub.isLost()) delayMs += resendAfterMs;
    link.lastArrivalMs = Math.max(scheduler.nowMs + delayMs, link.lastArrivalMs);
    const receiver = this.#hub.find(peer);
    scheduler.at(link.lastArrivalMs, () => {
      if (this.#hub.canReach(this.peer, peer)) receiver?.arrive(this.peer, frame);
    });
  }

  dial(target: DialTarget): void {
    const peer = target.peer ?? peerAt(target.multiaddrs[0] ?? '');
    const { scheduler } = this.#hub;
    if (peer === this.peer) {
      scheduler.after(1, () =>
        this.#handlers?.onDialEnded(target.key, { ok: false, reason: 'self', text: 'own address' }),
      );
      return;
    }
    const once = ending();
    const fails = (isRefused: boolean) => {
      const text = isRefused ? 'connection refused' : 'no answer';
      this.#handlers?.onDialEnded(target.key, { ok: false, reason: 'unreachable', text, isRefused });
    };
    scheduler.after(dialTimeoutMs, () => once(() => fails(false)));
    scheduler.after(3 * this.#hub.delayMs(), () => {
      if (!this.#hub.isRouted(this.peer, peer)) return;
      const callee = this.#hub.find(peer);
      if (callee === undefined) return once(() => fails(true));
      // The kernel takes the connection, but to shake hands the process has to run.
      callee.onArrival(() => {
        if (callee.#isOpen() && this.#hub.canReach(this.peer, peer))
          once(() => this.#connect(target.key, callee));
      });
    });
  }

  #connect(key: string, callee: SimHost): void {
    if (this.#handlers === undefined) return;
    callee.#link(this.peer, false);
    this.#link(callee.peer, true);
    this.#handlers.onDialEnded(key, { ok: true, peer: callee.peer });
  }

  hangUp(peer: PeerId): void {
    this.#hub.scheduler.after(0, () => {
      this.#unlink(peer);
      const other = this.#hub.find(peer);
      if (other !== undefined) other.#unlink(this.peer);
    });
  }

  ping(peer: PeerId): void {
    const { scheduler } = this.#hub;
    const startMs = scheduler.nowMs;
    const once = ending();
    scheduler.after(pingTimeoutMs, () => once(() => this.#handlers?.onPing(peer, undefined)));
    if (!this.#links.has(peer)) return;
    const pass = (then: () => void) => {
      scheduler.after(this.#hub.delayMs(), () => {
        if (this.#hub.canReach(this.peer, peer)) then();
      });
    };
    const answered = () => once(() => this.#handlers?.onPing(peer, scheduler.nowMs - startMs));
    pass(() => this.#hub.find(peer)?.onArrival(() => pass(answered)));
  }

  lookUp(): void {}

  async examineMdns(): Promise<undefined> {
    return undefined;
  }

  links(): readonly LinkView[] {
    return [...this.#links].map(([peer, { outbound }]) => ({
      peer,
      address: addressOf(peer),
      outbound,
      subscribed: true,
      inMesh: true,
      score: 0,
    }));
  }

  async stop(): Promise<void> {
    this.abandon();
  }

  /** Ends without a word; the peers see their connections closed. */
  abandon(): void {
    this.#handlers = undefined;
    for (const peer of this.#links.keys()) {
      const other = this.#hub.find(peer);
      this.#hub.scheduler.after(this.#hub.delayMs(), () => {
        if (!this.#isOpen() && other !== undefined) other.#unlink(this.peer);
      });
    }
    this.#links.clear();
  }

  arrive(from: PeerId, frame: Uint8Array): void {
    if (this.#links.has(from)) this.#handlers?.onFrame(from, frame);
  }

  dropUnreachableLinks(): void {
    for (const peer of [...this.#links.keys()].sort(compareText)) {
      if (!this.#hub.canReach(this.peer, peer)) this.#unlink(peer);
    }
  }

  #isOpen(): boolean {
    return this.#handlers !== undefined;
  }

  #link(peer: PeerId, outbound: boolean): void {
    if (this.#links.has(peer)) return;
    this.#links.set(peer, { outbound, lastArrivalMs: 0 });
    this.#handlers?.onLinkUp(peer, addressOf(peer));
    this.#hub.scheduler.after(this.#hub.delayMs(), () => {
      if (this.#links.has(peer)) this.#handlers?.onSubscribed(peer);
    });
  }

  #unlink(peer: PeerId): void {
    if (this.#links.delete(peer)) this.#handlers?.onLinkDown(peer);
  }

  #flood(bytes: Uint8Array, except: PeerId | undefined): void {
    for (const peer of this.#links.keys()) {
      if (peer === except || this.#hub.isLost()) continue;
      const receiver = this.#hub.find(peer);
      this.#hub.scheduler.after(this.#hub.delayMs(), () => {
        if (receiver !== undefined && this.#hub.canReach(this.peer, peer)) receiver.#hear(this.peer, bytes);
      });
    }
  }

  #hear(from: PeerId, bytes: Uint8Array): void {
    const id = messageId(bytes);
    if (this.#handlers === undefined || !this.#links.has(from) || this.#seen.has(id)) return;
    this.#seen.add(id);
    if (this.#handlers.onGossip(from, bytes) === 'accept') this.#flood(bytes, from);
  }
}

/** The simulated network routes by peer id; the rest of the address only has the right form. */
export function addressOf(peer: PeerId): string {
  return `/ip4/10.0.0.1/tcp/7946/p2p/${peer}`;
}

/** Of several ways in which something can end, the first one counts. */
function ending(): (end: () => void) => void {
  let isOver = false;
  return end => {
    if (isOver) return;
    isOver = true;
    end();
  };
}

function peerAt(address: string): PeerId {
  return address.slice(address.lastIndexOf('/') + 1);
}

function messageId(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}
