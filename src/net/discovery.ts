/**
 * Starts and stops what finds peers, and asks the DHT.
 *
 * Both are loaded only after the agent listens, because they cost a tenth of a second to load. The DHT
 * starts later still: its first walk asks every neighbour several times, which nobody needs in the second
 * in which a whole cluster comes up. The first look-up starts it at once.
 */
import type { PeerId } from '../core/record/record.ts';
import type { DiscoverySource, MdnsFinding } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import type { GatedRegistrar } from './gated-registrar.ts';
import type { Host, HostInternals } from './host.ts';
import type { LinkTable } from './link-table.ts';

export interface Stoppable {
  stop(): Promise<void>;
}

export interface LanDiscovery extends Stoppable {
  examine(): Promise<readonly MdnsFinding[]>;
}

export type OnPeer = (peer: PeerId, multiaddrs: readonly string[]) => void;

export type StartMdns = (
  options: {
    readonly cluster: string;
    readonly self: PeerId;
    /** Our addresses that are reachable at one of these hosts, with `/p2p/…`. */
    readonly addressesAt: (hosts: readonly string[]) => readonly string[];
  },
  components: { readonly log: Log; readonly metrics: NetMetrics; readonly onPeer: OnPeer },
) => Promise<LanDiscovery>;

export interface Dht extends Stoppable {
  /** Resolves to whether it was found; `onPeer` has its addresses. Rejects only when aborted. */
  find(peer: PeerId, signal: AbortSignal): Promise<boolean>;
}

export type StartDht = (
  options: { readonly protocol: string },
  components: {
    readonly internals: HostInternals;
    readonly registrar: GatedRegistrar;
    readonly onPeer: OnPeer;
  },
) => Promise<Dht>;

export interface DiscoveryOptions {
  readonly cluster: string;
  readonly kadProtocol: string;
  readonly self: PeerId;
  readonly dhtDelayMaxMs: number;
}

export interface DiscoveryComponents {
  readonly host: Host;
  readonly links: LinkTable;
  readonly log: Log;
  readonly metrics: NetMetrics;
  readonly mdns: StartMdns | undefined;
  readonly dht: StartDht | undefined;
  readonly onDiscovered: (peer: PeerId, multiaddrs: readonly string[], source: DiscoverySource) => void;
}

const lookUpTimeoutMs = 10_000;
const lookUpsAtOnceMaxCount = 4;
const lookUpsWaitingMaxCount = 64;
/** The DHT names the same neighbours in every answer. */
const repeatAfterMs = 60_000;
const remembersMaxCount = 1_000;

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #parts: DiscoveryComponents;
  readonly #stopping = new AbortController();
  readonly #waiting = new Set<PeerId>();
  readonly #reportedAtMs = new Map<PeerId, number>();
  #active = 0;
  #mdns: Promise<LanDiscovery | undefined> = Promise.resolve(undefined);
  #dht: Promise<Dht | undefined> | undefined;
  #dhtTimer: NodeJS.Timeout | undefined;

  constructor(options: DiscoveryOptions, components: DiscoveryComponents) {
    this.#options = options;
    this.#parts = components;
  }

  /** While it is, the DHT may dial whom it is referred to. */
  get isLookingUp(): boolean {
    return this.#active > 0;
  }

  start(addressesAt: (hosts: readonly string[]) => readonly string[]): void {
    const { mdns, dht, log, metrics } = this.#parts;
    const { cluster, self } = this.#options;
    if (mdns !== undefined) {
      const onPeer: OnPeer = (peer, multiaddrs) => this.#report(peer, multiaddrs, 'mdns');
      this.#mdns = this.#guard('mdns', mdns({ cluster, self, addressesAt }, { log, metrics, onPeer }));
    }
    if (dht !== undefined) {
      // Spread, so that agents that start together do not walk together.
      const delayMs = this.#options.dhtDelayMaxMs * (1 / 3 + (Math.random() * 2) / 3);
      this.#dhtTimer = setTimeout(() => void this.#startDht(), delayMs);
    }
  }

  /** `undefined` when mDNS is off. */
  async examineMdns(): Promise<readonly MdnsFinding[] | undefined> {
    if (this.#parts.mdns === undefined) return undefined;
    const mdns = await this.#mdns;
    return mdns === undefined
      ? [{ name: 'all', problem: 'mDNS did not start; the log says why' }]
      : mdns.examine();
  }

  lookUp(peer: PeerId): void {
    if (this.#stopping.signal.aborted || this.#waiting.has(peer)) return;
    if (this.#parts.dht === undefined || this.#waiting.size >= lookUpsWaitingMaxCount) {
      this.#parts.metrics.lookUps.add({ outcome: 'dropped' });
      return;
    }
    this.#waiting.add(peer);
    this.#next();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#dhtTimer);
    const started = await Promise.all([this.#mdns, this.#dht]);
    await Promise.all(started.map(service => service?.stop()));
  }

  #next(): void {
    const [peer] = this.#waiting;
    if (peer === undefined || this.#active >= lookUpsAtOnceMaxCount || this.#stopping.signal.aborted) return;
    this.#waiting.delete(peer);
    this.#active += 1;
    void this.#find(peer).then(found => {
      this.#active -= 1;
      this.#parts.metrics.lookUps.add({ outcome: found ? 'found' : 'not_found' });
      this.#next();
    });
  }

  /** Never rejects: not finding a peer is an ordinary end. */
  async #find(peer: PeerId): Promise<boolean> {
    const dht = await this.#startDht();
    if (dht === undefined) return false;
    this.#reportedAtMs.delete(peer); // Whoever asks gets the answer, also a second time.
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(lookUpTimeoutMs)]);
    return dht.find(peer, signal).catch(() => false);
  }

  #startDht(): Promise<Dht | undefined> {
    clearTimeout(this.#dhtTimer);
    this.#dht ??= this.#loadDht();
    return this.#dht;
  }

  #loadDht(): Promise<Dht | undefined> {
    const { dht, host } = this.#parts;
    if (dht === undefined || this.#stopping.signal.aborted) return Promise.resolve(undefined);
    return this.#guard(
      'dht',
      dht(
        { protocol: this.#options.kadProtocol },
        {
          internals: host.internals,
          registrar: host.gate,
          onPeer: (peer, multiaddrs) => this.#reportDht(peer, multiaddrs),
        },
      ),
    );
  }

  #reportDht(peer: PeerId, multiaddrs: readonly string[]): void {
    const now = performance.now();
    if (this.#parts.links.isLinked(peer)) return;
    if (now - (this.#reportedAtMs.get(peer) ?? Number.NEGATIVE_INFINITY) < repeatAfterMs) return;
    this.#reportedAtMs.delete(peer); // So that it comes last, and the first is the oldest.
    this.#reportedAtMs.set(peer, now);
    const [oldest] = this.#reportedAtMs.keys();
    if (this.#reportedAtMs.size > remembersMaxCount && oldest !== undefined)
      this.#reportedAtMs.delete(oldest);
    this.#report(peer, multiaddrs, 'dht');
  }

  #report(peer: PeerId, multiaddrs: readonly string[], source: DiscoverySource): void {
    if (peer === this.#options.self || multiaddrs.length === 0 || this.#stopping.signal.aborted) return;
    this.#parts.onDiscovered(peer, multiaddrs, source);
  }

  /** An agent without discovery still has its seeds: logged, and never fatal. */
  async #guard<Service>(name: string, starting: Promise<Service>): Promise<Service | undefined> {
    try {
      return await starting;
    } catch (error) {
      this.#parts.log('discovery_failed', { name, error });
      return undefined;
    }
  }
}
