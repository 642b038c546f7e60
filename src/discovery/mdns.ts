/**
 * Finds agents of the cluster on the LAN, on every interface, also on those that appear later.
 *
 * `@libp2p/mdns` cannot be told an interface, so its questions leave on the default route only, and
 * without one they do not leave at all. The package below it can, so it is used directly.
 *
 * Nothing that goes wrong here is fatal: an interface that fails is reported once and tried again.
 */
import { networkInterfaces } from 'node:os';
import type { PeerId } from '../core/record/record.ts';
import type { MdnsFinding } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import { MdnsInterface } from './mdns-interface.ts';
import { type Announcement, serviceName } from './mdns-packet.ts';
import { RecentAnnouncements } from './recent-announcements.ts';

type Interfaces = ReturnType<typeof networkInterfaces>;

export interface MdnsOptions {
  readonly cluster: string;
  readonly self: PeerId;
  /** Our addresses that are reachable at one of these hosts, with `/p2p/…`. */
  readonly addressesAt: (hosts: readonly string[]) => readonly string[];
}

export interface MdnsComponents {
  readonly log: Log;
  readonly metrics: NetMetrics;
  readonly onPeer: (peer: PeerId, multiaddrs: readonly string[]) => void;
}

const rescanIntervalMs = 10_000;
/** More than that are containers' bridges, of which a few are enough. */
const interfacesMaxCount = 32;

export async function startMdns(options: MdnsOptions, components: MdnsComponents): Promise<Mdns> {
  const { default: createMdns } = await import('multicast-dns');
  const mdns = new Mdns(options, { ...components, createMdns });
  mdns.start();
  return mdns;
}

export class Mdns {
  readonly #options: MdnsOptions;
  readonly #parts: MdnsComponents & Pick<ConstructorParameters<typeof MdnsInterface>[1], 'createMdns'>;
  readonly #service: string;
  readonly #recent = new RecentAnnouncements();
  /** By the interface's name and addresses, so that one that changes is opened anew. */
  readonly #open = new Map<string, MdnsInterface>();
  /** Why an interface was given up, each reported once. */
  readonly #failures = new Map<string, Error>();
  #rescan: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    options: MdnsOptions,
    components: MdnsComponents & Pick<ConstructorParameters<typeof MdnsInterface>[1], 'createMdns'>,
  ) {
    this.#options = options;
    this.#parts = components;
    this.#service = serviceName(options.cluster);
  }

  start(): void {
    this.#scan();
    this.#rescan = setInterval(() => this.#scan(), rescanIntervalMs);
  }

  /** Every interface but loopback: whether what is sent there is heard there. */
  async examine(): Promise<readonly MdnsFinding[]> {
    const present = [...usableInterfaces(networkInterfaces())].filter(
      ([, { infos }]) => !infos.some(({ internal }) => internal),
    );
    return Promise.all(
      present.map(async ([key, { name }]) => {
        const opened = this.#open.get(key);
        if (opened === undefined) {
          const error = this.#failures.get(key);
          return { name, problem: `cannot be used${error === undefined ? '' : `: ${error.message}`}` };
        }
        if (await opened.hearsItself()) return { name };
        return { name, problem: 'a question that was sent there was not heard there' };
      }),
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#rescan);
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(entry => entry.stop()));
  }

  #scan(): void {
    const present = usableInterfaces(networkInterfaces());
    for (const key of this.#open.keys()) {
      if (!present.has(key)) this.#close(key);
    }
    for (const [key, { name, infos }] of present) {
      if (!this.#open.has(key)) this.#listen(key, name, infos);
    }
    this.#parts.metrics.mdnsInterfaces.set(this.#open.size);
  }

  #listen(key: string, name: string, infos: NonNullable<Interfaces[string]>): void {
    const { createMdns, metrics, log } = this.#parts;
    const hosts = infos.map(({ address }) => address);
    try {
      const opened = new MdnsInterface(
        { service: this.#service, instance: this.#options.self, name, infos },
        {
          createMdns,
          metrics,
          announce: () => this.#options.addressesAt(hosts),
          onAnnouncement: announcement => this.#onAnnouncement(announcement),
          onFailure: error => this.#onFailure(key, name, error),
        },
      );
      this.#open.set(key, opened);
      log('mdns_started', { interface: name });
    } catch (error) {
      this.#onFailure(key, name, error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onAnnouncement({ peer, multiaddrs }: Announcement): void {
    if (this.#stopped || peer === this.#options.self) return;
    if (this.#recent.isNews(peer, multiaddrs)) this.#parts.onPeer(peer, multiaddrs);
  }

  /** Closed now; the next scan tries it again. */
  #onFailure(key: string, name: string, error: Error): void {
    if (this.#stopped) return;
    this.#close(key);
    const isKnown = this.#failures.has(key);
    this.#failures.set(key, error);
    if (isKnown) return;
    this.#parts.log('mdns_interface_failed', { interface: name, error });
  }

  #close(key: string): void {
    void this.#open.get(key)?.stop();
    this.#open.delete(key);
  }
}

/** Every interface that is up and has an address, loopback included. */
function usableInterfaces(
  interfaces: Interfaces,
): ReadonlyMap<string, { readonly name: string; readonly infos: NonNullable<Interfaces[string]> }> {
  const usable = new Map<string, { name: string; infos: NonNullable<Interfaces[string]> }>();
  for (const [name, infos = []] of Object.entries(interfaces)) {
    if (infos.length === 0 || usable.size >= interfacesMaxCount) continue;
    usable.set(`${name} ${infos.map(({ cidr }) => cidr).join(' ')}`, { name, infos });
  }
  return usable;
}
