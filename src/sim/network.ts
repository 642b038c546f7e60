/**
 * A network in memory that behaves as the real one does above TCP, gossipsub and UDP.
 *
 * Hosts stand at numbered places, and stay there when their agents come and go. Links are reliable and ordered:
 * loss shows as delay, and what a cut holds back comes when it heals, unless the link has broken by then. Gossip
 * goes from each host that accepts it to a few linked, subscribed peers, as in gossipsub's mesh; a copy may get
 * lost for good. Datagrams get lost, overtake each other, and sometimes come twice; a host without its agent
 * refuses them.
 */
import { createHash } from 'node:crypto';
import type { Random } from '../core/random.ts';
import type { PeerId } from '../core/record/record.ts';
import type { ProbeHandlers, ProbePort } from '../runtime/ports.ts';
import { SimHost } from './host.ts';
import type { Scheduler } from './scheduler.ts';

/** Where a machine stands: from 1. */
export type Place = number;

export interface NetworkConditions {
  /** Share of gossip copies and datagrams that never arrive, and of frames that arrive late; 0 to 1. */
  readonly loss: number;
  /** One way, ms: uniform between these, with one message in a hundred ten times slower. */
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
}

/** What befalls packets on top of the ordinary conditions. */
export interface NetworkRule {
  /** Of packets from these places; absent: from everywhere. */
  readonly from?: ReadonlySet<Place>;
  readonly to?: ReadonlySet<Place>;
  /** None gets through. */
  readonly isCut?: boolean;
  readonly loss?: number;
  readonly delayMinMs?: number;
  readonly delayMaxMs?: number;
  /** Share of datagrams that arrive twice. */
  readonly duplicates?: number;
}

export const calmConditions: NetworkConditions = { loss: 0, delayMinMs: 0.5, delayMaxMs: 3 };

const brokenLinkNoticedMs = 4_000;
const duplicatesShare = 0.02;
const slowShare = 0.01;
const probePort = 7_946;

export interface Traffic {
  datagrams: number;
  datagramBytes: number;
  streamBytes: number;
}

/** Makes the network of a world, where it is to be another one than usual. */
export type CreateHub = (...parts: ConstructorParameters<typeof SimNetworkHub>) => SimNetworkHub;

export class SimNetworkHub {
  readonly #hosts = new Map<Place, SimHost>();
  /** Who listens for datagrams, and who once did, for the host stays when its agent is gone. */
  readonly #probes = new Map<Place, ProbeHandlers>();
  readonly #rules = new Set<NetworkRule>();
  readonly #traffic = new Map<Place, Traffic>();
  readonly #dark = new Set<Place>();
  readonly #ids = new WeakMap<Uint8Array, string>();
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  conditions: NetworkConditions;

  constructor(
    conditions: NetworkConditions,
    components: { readonly scheduler: Scheduler; readonly random: Random },
  ) {
    this.conditions = conditions;
    this.#scheduler = components.scheduler;
    this.#random = components.random;
  }

  get random(): Random {
    return this.#random;
  }

  get scheduler(): Scheduler {
    return this.#scheduler;
  }

  get rules(): ReadonlySet<NetworkRule> {
    return this.#rules;
  }

  /** @returns What ends it; safe to call twice. */
  impose(rule: NetworkRule): () => void {
    this.#rules.add(rule);
    if (rule.isCut === true) {
      this.#scheduler.after(brokenLinkNoticedMs, () => {
        if (!this.#rules.has(rule)) return;
        for (const host of this.#hosts.values()) host.dropBrokenLinks();
      });
    }
    return () => this.#rules.delete(rule);
  }

  /** Cuts the cluster: places of different sides cannot reach each other; those of none reach all. */
  partition(...sides: readonly ReadonlySet<Place>[]): () => void {
    const lifts = sides.flatMap(from =>
      sides.filter(to => to !== from).map(to => this.impose({ from, to, isCut: true })),
    );
    return () => {
      for (const lift of lifts) lift();
    };
  }

  /** Ends every rule. */
  heal(): void {
    this.#rules.clear();
  }

  /** A new process at this place; an earlier one there is dead. */
  host(place: Place, peer: PeerId): SimHost {
    const host = this.createHost(place, peer);
    this.#dark.delete(place);
    this.#hosts.set(place, host);
    return host;
  }

  protected createHost(place: Place, peer: PeerId): SimHost {
    return new SimHost({ place, peer }, { hub: this });
  }

  /** What a place has sent so far. */
  traffic(place: Place): Traffic {
    let traffic = this.#traffic.get(place);
    if (traffic === undefined) {
      traffic = { datagrams: 0, datagramBytes: 0, streamBytes: 0 };
      this.#traffic.set(place, traffic);
    }
    return traffic;
  }

  probes(place: Place): ProbePort & { readonly listen: (handlers: ProbeHandlers) => void } {
    return {
      listen: handlers => this.#probes.set(place, handlers),
      send: (to, bytes) => this.#datagram({ place, to, bytes, asked: undefined }),
      ask: (asked, to, bytes) => this.#datagram({ place, to, bytes, asked }),
    };
  }

  #datagram(sent: {
    readonly place: Place;
    readonly to: string;
    readonly bytes: Uint8Array;
    readonly asked: PeerId | undefined;
  }): void {
    const { place, bytes, asked } = sent;
    const to = placeOf(sent.to);
    const traffic = this.traffic(place);
    traffic.datagrams += 1;
    traffic.datagramBytes += bytes.length;
    if (to === undefined || !this.#probes.has(to)) return;
    const copies = this.#random.next() < this.#duplicates(place, to) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.isLost(place, to)) continue;
      this.#scheduler.after(this.delayMs(place, to), () => {
        if (!this.passes(place, to)) return;
        if (this.#hosts.has(to)) return this.#probes.get(to)?.onDatagram(probeAddressOf(place), bytes);
        if (asked === undefined || this.#dark.has(to)) return;
        this.#scheduler.after(this.delayMs(to, place), () => {
          if (this.#hosts.has(place) && this.passes(to, place)) this.#probes.get(place)?.onRefused(asked);
        });
      });
    }
  }

  /** The machine is gone: nobody there answers, not even that nobody listens. */
  darken(place: Place): void {
    this.#dark.add(place);
    this.#hosts.get(place)?.vanish();
    this.#hosts.delete(place);
  }

  isDark(place: Place): boolean {
    return this.#dark.has(place);
  }

  /** The process is gone; its peers' kernels notice at once. */
  crash(place: Place): void {
    const host = this.#hosts.get(place);
    this.#hosts.delete(place);
    host?.abandon();
  }

  /** Whoever runs there now. */
  at(place: Place): SimHost | undefined {
    return this.#hosts.get(place);
  }

  /** Whether packets pass in this direction, whatever runs there. */
  passes(from: Place, to: Place): boolean {
    for (const rule of this.#rules) if (rule.isCut === true && applies(rule, from, to)) return false;
    return true;
  }

  /** Both ways, as a connection needs it. */
  connects(a: Place, b: Place): boolean {
    return this.#rules.size === 0 || (this.passes(a, b) && this.passes(b, a));
  }

  isLost(from: Place, to: Place): boolean {
    let kept = 1 - this.conditions.loss;
    for (const rule of this.#rules) if (applies(rule, from, to)) kept *= 1 - (rule.loss ?? 0);
    return kept < 1 && this.#random.next() >= kept;
  }

  delayMs(from: Place, to: Place): number {
    let { delayMinMs, delayMaxMs } = this.conditions;
    for (const rule of this.#rules) {
      if (rule.delayMaxMs === undefined || !applies(rule, from, to)) continue;
      delayMinMs += rule.delayMinMs ?? 0;
      delayMaxMs += rule.delayMaxMs;
    }
    const delayMs = delayMinMs + this.#random.next() * (delayMaxMs - delayMinMs);
    return this.#random.next() < slowShare ? delayMs * 10 : delayMs;
  }

  #duplicates(from: Place, to: Place): number {
    let share = duplicatesShare;
    for (const rule of this.#rules)
      if (rule.duplicates !== undefined && applies(rule, from, to)) share = Math.max(share, rule.duplicates);
    return share;
  }

  /** By content: the same bytes sent again are the same message. */
  messageId(bytes: Uint8Array): string {
    let id = this.#ids.get(bytes);
    if (id === undefined) {
      id = createHash('sha256').update(bytes).digest('base64');
      this.#ids.set(bytes, id);
    }
    return id;
  }
}

function applies({ from, to }: NetworkRule, sender: Place, receiver: Place): boolean {
  return (from === undefined || from.has(sender)) && (to === undefined || to.has(receiver));
}

/** The IPv4 address of a place. */
export function ipOf(place: Place): string {
  return `10.0.${place >> 8}.${place & 255}`;
}

export function probeAddressOf(place: Place): string {
  return `${ipOf(place)}:${probePort}`;
}

/** @param address - Anything that begins with an address of ours, after a slash or not. */
export function placeOf(address: string): Place | undefined {
  const bytes = /^(?:\/ip4\/)?10\.0\.(\d+)\.(\d+)\b/.exec(address);
  return bytes === null ? undefined : Number(bytes[1]) * 256 + Number(bytes[2]);
}

/** @param peer - Who has to answer there; absent: whoever does. */
export function multiaddrOf(place: Place, peer?: PeerId): string {
  return `/ip4/${ipOf(place)}/tcp/7946${peer === undefined ? '' : `/p2p/${peer}`}`;
}
