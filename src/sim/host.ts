/** The network as the process at one place has it: links, gossip and dials. */
import { drawn, shuffled } from '../core/random.ts';
import { compareText, type PeerId } from '../core/record/record.ts';
import type { Standing } from '../core/reputation/reputation.ts';
import type { DialTarget, LinkView, LocalContact, Network, NetworkHandlers } from '../runtime/ports.ts';
import { multiaddrOf, type Place, placeOf, type SimNetworkHub } from './network.ts';

interface Link {
  readonly place: Place;
  readonly outbound: boolean;
  lastArrivalMs: number;
  /** Sent, and held back by a cut. */
  readonly stalled: Uint8Array[];
}

/** What is asked of both ends of a connection before it is one. */
export interface SimAdmission {
  /** @param self - The key of the host that is asked. */
  shows(self: PeerId): Uint8Array;
  admits(peer: PeerId, certificate: Uint8Array | undefined): boolean;
}

const resendAfterMs = 200; // A lost TCP segment costs its retransmission timeout.
/** As `net/gossip-profile.ts` has it. */
const meshHeartbeatMs = 700;
/** Ten seconds, and what its look every fifteen heartbeats adds. */
const meshBackoffMs = 15_000;
const mesh = { minCount: 3, wantedCount: 3, maxCount: 4 };
const dialTimeoutMs = 5_000;
const pingTimeoutMs = 5_000;

export class SimHost implements Network {
  readonly place: Place;
  readonly peer: PeerId;
  readonly #hub: SimNetworkHub;
  readonly #links = new Map<PeerId, Link>();
  /** The peers of all links, until one comes or goes. */
  #linked: readonly { readonly peer: PeerId; readonly place: Place }[] | undefined;
  /** Peers that pass gossip on to us, and we to them. */
  readonly #mesh = new Set<PeerId>();
  /** Their meshes were full. */
  readonly #refusedUntilMs = new Map<PeerId, number>();
  #isMeshDue = false;
  readonly #seen = new Set<string>();
  readonly #shutOut = new Set<PeerId>();
  /** Brings what the process itself has to answer; it may not run at the moment. */
  onArrival: (callback: () => void) => void = callback => callback();
  /** Who is let in; absent: everybody. */
  admission: SimAdmission | undefined;
  #handlers: NetworkHandlers | undefined;

  constructor(
    options: { readonly place: Place; readonly peer: PeerId },
    components: { readonly hub: SimNetworkHub },
  ) {
    this.place = options.place;
    this.peer = options.peer;
    this.#hub = components.hub;
  }

  async start(handlers: NetworkHandlers): Promise<LocalContact> {
    this.#handlers = handlers;
    return { peer: this.peer, multiaddrs: [multiaddrOf(this.place, this.peer)] };
  }

  publish(bytes: Uint8Array): void {
    this.#seen.add(this.#hub.messageId(bytes));
    this.#passOn(bytes, undefined);
  }

  send(peer: PeerId, frame: Uint8Array): void {
    const link = this.#links.get(peer);
    if (link === undefined) return;
    const { scheduler } = this.#hub;
    this.#hub.traffic(this.place).streamBytes += frame.length;
    let delayMs = this.#hub.delayMs(this.place, link.place);
    while (this.#hub.isLost(this.place, link.place)) delayMs += resendAfterMs;
    link.lastArrivalMs = Math.max(scheduler.nowMs + delayMs, link.lastArrivalMs);
    scheduler.at(link.lastArrivalMs, () => this.#deliver(peer, link, frame));
  }

  #deliver(peer: PeerId, link: Link, frame: Uint8Array): void {
    if (link.stalled.push(frame) === 1) this.#flush(peer, link);
  }

  /** In order; what cannot pass is sent again until it does or the link is gone. */
  #flush(peer: PeerId, link: Link): void {
    if (this.#links.get(peer) !== link) return;
    if (!this.#hub.connects(this.place, link.place) || this.#hub.isDark(link.place)) {
      this.#hub.scheduler.after(resendAfterMs, () => this.#flush(peer, link));
      return;
    }
    const receiver = this.#hub.at(link.place);
    // The process at the other end of this link is gone: its kernel resets the connection.
    if (receiver?.peer !== peer || !receiver.#links.has(this.peer)) return this.#unlink(peer);
    for (const frame of link.stalled.splice(0)) receiver.arrive(this.peer, frame);
  }

  dial(target: DialTarget): void {
    const { scheduler } = this.#hub;
    const place = target.multiaddrs.map(placeOf).find(each => each !== undefined);
    const expected = target.peer ?? peerOf(target.multiaddrs[0] ?? '');
    if (place === this.place && (expected === undefined || expected === this.peer)) {
      scheduler.after(1, () =>
        this.#handlers?.onDialEnded(target.key, { ok: false, reason: 'self', text: 'own address' }),
      );
      return;
    }
    const once = ending();
    const fails = (isRefused: boolean, text = isRefused ? 'connection refused' : 'no answer') => {
      this.#handlers?.onDialEnded(target.key, { ok: false, reason: 'unreachable', text, isRefused });
    };
    scheduler.after(dialTimeoutMs, () => once(() => fails(false)));
    if (place === undefined) return;
    const roundTripMs = 1.5 * (this.#hub.delayMs(this.place, place) + this.#hub.delayMs(place, this.place));
    scheduler.after(roundTripMs, () => {
      if (!this.#hub.connects(this.place, place)) return;
      const callee = this.#hub.at(place);
      if (this.#hub.isDark(place)) return;
      if (callee === undefined) return once(() => fails(true));
      if (expected !== undefined && expected !== callee.peer) {
        return once(() => fails(true, 'another peer answers'));
      }
      // The kernel takes the connection, but to shake hands the process has to run.
      callee.onArrival(() => {
        if (callee.#isOpen() && this.#hub.connects(this.place, place))
          once(() => this.#connect(target.key, callee));
      });
    });
  }

  #connect(key: string, callee: SimHost): void {
    if (this.#handlers === undefined) return;
    if (this.#shutOut.has(callee.peer) || callee.#shutOut.has(this.peer)) {
      const refused = { ok: false, reason: 'unreachable', text: 'refused by its gate' } as const;
      this.#handlers.onDialEnded(key, refused);
      return;
    }
    if (!callee.#admits(this) || !this.#admits(callee)) {
      const text = 'admission refused';
      this.#handlers.onDialEnded(key, { ok: false, reason: 'unreachable', text });
      return;
    }
    callee.#link(this, false);
    this.#link(callee, true);
    this.#handlers.onDialEnded(key, { ok: true, peer: callee.peer });
  }

  #admits(other: SimHost): boolean {
    return this.admission?.admits(other.peer, other.admission?.shows(other.peer)) ?? true;
  }

  hangUp(peer: PeerId): void {
    this.#hub.scheduler.after(0, () => {
      const link = this.#links.get(peer);
      if (link === undefined) return;
      this.#unlink(peer);
      const other = this.#hub.at(link.place);
      if (other?.peer === peer) other.#unlink(this.peer);
    });
  }

  setStanding(peer: PeerId, standing: Standing): void {
    if (standing === 'quarantined' || standing === 'banned') this.#shutOut.add(peer);
    else this.#shutOut.delete(peer);
  }

  ping(peer: PeerId): void {
    const { scheduler } = this.#hub;
    const startMs = scheduler.nowMs;
    const once = ending();
    scheduler.after(pingTimeoutMs, () => once(() => this.#handlers?.onPing(peer, undefined)));
    const link = this.#links.get(peer);
    if (link === undefined) return;
    const pass = (then: () => void) => {
      scheduler.after(this.#hub.delayMs(this.place, link.place), () => {
        if (this.#hub.connects(this.place, link.place)) then();
      });
    };
    const answered = () => once(() => this.#handlers?.onPing(peer, scheduler.nowMs - startMs));
    pass(() => {
      if (this.#hub.isDark(link.place)) return;
      const other = this.#hub.at(link.place);
      if (other?.peer === peer && other.#links.has(this.peer)) other.onArrival(() => pass(answered));
      else if (this.#links.get(peer) === link) this.#unlink(peer);
    });
  }

  lookUp(): void {}

  async examineMdns(): Promise<undefined> {
    return undefined;
  }

  links(): readonly LinkView[] {
    return [...this.#links].map(([peer, { place, outbound }]) => ({
      peer,
      address: multiaddrOf(place, peer),
      outbound,
      subscribed: true,
      inMesh: this.#mesh.has(peer),
      score: 0,
    }));
  }

  async stop(): Promise<void> {
    this.abandon();
  }

  /** Ends with its machine: what it had sent and was not delivered yet is lost, and nobody is told. */
  vanish(): void {
    this.#handlers = undefined;
    this.#links.clear();
    this.#mesh.clear();
    this.#linked = undefined;
  }

  /** Ends without a word; the peers see their connections closed. */
  abandon(): void {
    this.#handlers = undefined;
    for (const [peer, { place }] of this.#links) {
      const other = this.#hub.at(place);
      const link = other?.peer === peer ? other.#links.get(this.peer) : undefined;
      if (other === undefined || link === undefined) continue;
      this.#hub.scheduler.after(this.#hub.delayMs(this.place, place), () => {
        const isSame = other.#links.get(this.peer) === link;
        if (isSame && this.#hub.connects(this.place, place)) other.#unlink(this.peer);
      });
    }
    this.#links.clear();
    this.#mesh.clear();
    this.#linked = undefined;
  }

  arrive(from: PeerId, frame: Uint8Array): void {
    if (this.#links.has(from)) this.#handlers?.onFrame(from, frame);
  }

  /** Those that nothing passes over any more, or whose other end is gone. */
  dropBrokenLinks(): void {
    for (const peer of [...this.#links.keys()].sort(compareText)) {
      const link = this.#links.get(peer);
      if (link === undefined || this.#hub.connects(this.place, link.place)) continue;
      this.#unlink(peer);
    }
  }

  #isOpen(): boolean {
    return this.#handlers !== undefined;
  }

  #link({ peer, place }: SimHost, outbound: boolean): void {
    if (this.#links.has(peer)) return;
    this.#links.set(peer, { place, outbound, lastArrivalMs: 0, stalled: [] });
    this.#linked = undefined;
    this.#tendMeshSoon();
    this.#handlers?.onLinkUp(peer, multiaddrOf(place, peer));
    this.#hub.scheduler.after(this.#hub.delayMs(place, this.place), () => {
      if (this.#links.has(peer)) this.#handlers?.onSubscribed(peer);
    });
  }

  #unlink(peer: PeerId): void {
    if (!this.#links.delete(peer)) return;
    this.#linked = undefined;
    this.#mesh.delete(peer);
    this.#tendMeshSoon();
    this.#handlers?.onLinkDown(peer);
  }

  /** @param except - Whom it came from; absent: it is ours, and goes to everybody. */
  #passOn(bytes: Uint8Array, except: PeerId | undefined): void {
    const traffic = this.#hub.traffic(this.place);
    this.#linked ??= [...this.#links].map(([peer, { place }]) => ({ peer, place }));
    for (const { peer, place } of this.#linked) {
      if (except !== undefined && (peer === except || !this.#mesh.has(peer))) continue;
      traffic.streamBytes += bytes.length;
      if (this.#hub.isLost(this.place, place)) continue;
      this.#hub.scheduler.after(this.#hub.delayMs(this.place, place), () => {
        const receiver = this.#hub.at(place);
        if (receiver?.peer === peer && this.#hub.connects(this.place, place))
          receiver.#hear(this.peer, bytes);
      });
    }
  }

  #tendMeshSoon(): void {
    if (this.#isMeshDue) return;
    this.#isMeshDue = true;
    this.#hub.scheduler.after(meshHeartbeatMs, () => {
      this.#isMeshDue = false;
      if (this.#isOpen()) this.#tendMesh();
    });
  }

  /** As a heartbeat does: asks as many as are missing, and puts out some when there are too many. */
  #tendMesh(): void {
    const { random, scheduler } = this.#hub;
    if (this.#mesh.size > mesh.maxCount)
      for (const peer of shuffled(random, this.#mesh).slice(mesh.wantedCount)) this.#prune(peer);
    if (this.#mesh.size >= mesh.minCount) return;
    const candidates = [...this.#links.keys()].filter(
      peer => !this.#mesh.has(peer) && (this.#refusedUntilMs.get(peer) ?? 0) <= scheduler.nowMs,
    );
    for (const peer of drawn(random, candidates, mesh.wantedCount - this.#mesh.size)) this.#graft(peer);
    if (this.#mesh.size < mesh.minCount && this.#links.size > this.#mesh.size) this.#tendMeshSoon();
  }

  #graft(peer: PeerId): void {
    const place = this.#links.get(peer)?.place;
    const other = place === undefined ? undefined : this.#hub.at(place);
    if (place === undefined || other?.peer !== peer || !this.#hub.connects(this.place, place)) return;
    const link = other.#links.get(this.peer);
    if (link === undefined) return;
    // Whom it has dialled itself it takes in any case, so that nobody who comes later is left outside.
    if (other.#mesh.size >= mesh.maxCount && !link.outbound) {
      this.#refusedUntilMs.set(peer, this.#hub.scheduler.nowMs + meshBackoffMs);
      return;
    }
    this.#mesh.add(peer);
    other.#mesh.add(this.peer);
    if (other.#mesh.size > mesh.maxCount) other.#tendMeshSoon();
  }

  #prune(peer: PeerId): void {
    this.#mesh.delete(peer);
    const place = this.#links.get(peer)?.place;
    const other = place === undefined ? undefined : this.#hub.at(place);
    if (other?.peer !== peer) return;
    other.#mesh.delete(this.peer);
    other.#refusedUntilMs.set(this.peer, this.#hub.scheduler.nowMs + meshBackoffMs);
    other.#tendMeshSoon();
  }

  #hear(from: PeerId, bytes: Uint8Array): void {
    const id = this.#hub.messageId(bytes);
    if (this.#handlers === undefined || !this.#links.has(from) || this.#seen.has(id)) return;
    this.#seen.add(id);
    if (this.#handlers.onGossip(from, bytes) === 'accept') this.#passOn(bytes, from);
  }
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

function peerOf(multiaddr: string): PeerId | undefined {
  return /\/p2p\/([^/]+)$/.exec(multiaddr)?.[1];
}
