/**
 * mDNS on one network interface.
 *
 * The `multicast-dns` package underneath sends on one interface and hears, as sockets on port 5353 do,
 * what any socket of the machine has joined. So each interface has a socket of its own, and a packet
 * counts only when its sender is on that interface's network.
 *
 * A newcomer announces itself at once and asks; everybody answers. To keep a LAN of hundreds quiet, an
 * answer goes out at most once a second, and who hears another one's question waits with its own, because
 * the answers are for all. Source: RFC 6762 §6, §7.3.
 */
import { createSocket } from 'node:dgram';
import { BlockList, isIPv4 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type createMdns from 'multicast-dns';
import type { MulticastDNS, QueryPacket, ResponsePacket } from 'multicast-dns';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import { type Announcement, answersFor, readAnnouncement } from './mdns-packet.ts';

export interface MdnsInterfaceOptions {
  readonly service: string;
  /** The label under which we answer. */
  readonly instance: string;
  readonly name: string;
  readonly infos: readonly NetworkInterfaceInfo[];
}

export interface MdnsInterfaceComponents {
  readonly createMdns: typeof createMdns;
  readonly metrics: NetMetrics;
  /** What we have to announce here; asked anew each time. */
  readonly announce: () => readonly string[];
  readonly onAnnouncement: (announcement: Announcement) => void;
  /** The interface cannot be used, or not now. May be called several times. */
  readonly onFailure: (error: Error) => void;
}

const port = 5_353;
const group4 = '224.0.0.251';
const group6 = 'ff02::fb';
/** The first questions, ms after the start; a packet or two may be lost. Then one at `queryIntervalMs`. */
const firstQueriesMs = [0, 1_000, 3_000, 9_000];
const queryIntervalMs = 60_000;
const answerIntervalMs = 1_000;
/** Answers of many agents to one question must not arrive at once. */
const answerSpreadMs = 20;
/** A packet that comes back by loopback needs no longer than a busy event loop. Guess. */
const examineMs = 1_500;
/** Guess: several times what a LAN of 200 agents says when all of them start. */
const packetsPerSecondMaxCount = 1_000;

export class MdnsInterface {
  readonly #options: MdnsInterfaceOptions;
  readonly #parts: MdnsInterfaceComponents;
  readonly #networks: BlockList;
  readonly #mdns: MulticastDNS;
  #queriesSent = 0;
  #queryTimer: NodeJS.Timeout | undefined;
  #answerTimer: NodeJS.Timeout | undefined;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #windowStartMs = 0;
  #packetsInWindow = 0;
  #stopped = false;
  /** Called when a packet of this machine's own arrives. */
  readonly #onHeard = new Set<() => void>();

  constructor(options: MdnsInterfaceOptions, components: MdnsInterfaceComponents) {
    this.#options = options;
    this.#parts = components;
    this.#networks = networksOf(options.infos);
    this.#mdns = components.createMdns(socketOptions(options));
    this.#mdns.on('query', (packet, from) => this.#onQuery(packet, from.address));
    this.#mdns.on('response', (packet, from) => this.#onResponse(packet, from.address));
    this.#mdns.on('error', error => components.onFailure(error));
    this.#mdns.on('warning', error => this.#onWarning(error));
    this.#mdns.once('ready', () => {
      this.#answerSoon();
      this.#query();
    });
  }

  /** Asks, and waits for its own question: multicast comes back to whoever has joined the group. */
  hearsItself(): Promise<boolean> {
    return new Promise(resolve => {
      const end = (heard: boolean) => {
        clearTimeout(timer);
        this.#onHeard.delete(heardIt);
        resolve(heard);
      };
      const heardIt = () => end(true);
      const timer = setTimeout(() => end(false), examineMs);
      this.#onHeard.add(heardIt);
      this.#mdns.query([{ name: this.#options.service, type: 'PTR' }], error => {
        if (error !== null && error !== undefined) end(false);
      });
    });
  }

  stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#queryTimer);
    clearTimeout(this.#answerTimer);
    return new Promise(resolve => this.#mdns.destroy(resolve));
  }

  #query(): void {
    if (this.#stopped) return;
    this.#queriesSent += 1;
    this.#mdns.query([{ name: this.#options.service, type: 'PTR' }], error => this.#onSent(error));
    this.#scheduleQuery();
  }

  #scheduleQuery(): void {
    clearTimeout(this.#queryTimer);
    const next = firstQueriesMs[this.#queriesSent];
    const previous = firstQueriesMs[this.#queriesSent - 1];
    const delayMs =
      next === undefined || previous === undefined
        ? queryIntervalMs * (1 + Math.random() / 4)
        : next - previous;
    this.#queryTimer = setTimeout(() => this.#query(), delayMs);
  }

  #onQuery(packet: QueryPacket, from: string): void {
    if (!this.#accepts(from)) return;
    if (this.#options.infos.some(({ address }) => address === from))
      for (const heard of this.#onHeard) heard();
    const asked = packet.questions?.some(
      ({ name, type }) => type === 'PTR' && name.toLowerCase() === this.#options.service,
    );
    if (asked !== true) return;
    this.#parts.metrics.mdnsPackets.add({ kind: 'query' });
    this.#answerSoon();
    // Somebody has asked for us; but the first few questions are asked for certain.
    if (this.#queriesSent >= firstQueriesMs.length) this.#scheduleQuery();
  }

  #onResponse(packet: ResponsePacket, from: string): void {
    if (!this.#accepts(from)) return;
    const isNear = (host: string) => this.#isNear(host);
    const records = [...(packet.answers ?? []), ...(packet.additionals ?? [])];
    const announcement = readAnnouncement(records, this.#options.service, isNear);
    if (announcement === undefined) return;
    this.#parts.metrics.mdnsPackets.add({ kind: 'answer' });
    this.#parts.onAnnouncement(announcement);
  }

  #answerSoon(): void {
    if (this.#answerTimer !== undefined || this.#stopped) return;
    const waitMs = Math.max(0, this.#answeredAtMs + answerIntervalMs - performance.now());
    this.#answerTimer = setTimeout(() => this.#answer(), waitMs + Math.random() * answerSpreadMs);
  }

  #answer(): void {
    this.#answerTimer = undefined;
    this.#answeredAtMs = performance.now();
    const { service, instance } = this.#options;
    const answers = answersFor(service, instance, this.#parts.announce());
    if (answers.length > 0) this.#mdns.respond(answers, error => this.#onSent(error));
  }

  /** Whether the sender is on this interface's network, and we are not being flooded. */
  #accepts(from: string): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#windowStartMs >= 1_000) {
      this.#windowStartMs = nowMs;
      this.#packetsInWindow = 0;
    }
    this.#packetsInWindow += 1;
    if (!this.#stopped && this.#packetsInWindow <= packetsPerSecondMaxCount && this.#isNear(from))
      return true;
    this.#parts.metrics.mdnsPackets.add({ kind: 'ignored' });
    return false;
  }

  #isNear(host: string): boolean {
    const [address = ''] = host.split('%');
    return this.#networks.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  }

  #onSent(error: Error | null): void {
    if (error !== null && error !== undefined && !this.#stopped) this.#parts.onFailure(error);
  }

  /** Either a packet that cannot be read, which is the sender's matter, or an error of the system. */
  #onWarning(error: Error): void {
    if ('syscall' in error) this.#parts.onFailure(error);
    else this.#parts.metrics.mdnsPackets.add({ kind: 'ignored' });
  }
}

function socketOptions({ name, infos }: MdnsInterfaceOptions): createMdns.Options {
  const ip4 = infos.find(({ family }) => family === 'IPv4');
  if (ip4 !== undefined) return { port, ip: group4, interface: ip4.address, bind: '0.0.0.0' };
  const socket = createSocket({ type: 'udp6', reuseAddr: true, ipv6Only: true });
  return { port, ip: group6, type: 'udp6', socket, interface: `::%${name}`, bind: '::' };
}

function networksOf(infos: readonly NetworkInterfaceInfo[]): BlockList {
  const networks = new BlockList();
  for (const { cidr, family } of infos) {
    const [address, prefix] = cidr?.split('/') ?? [];
    if (address === undefined || prefix === undefined) continue;
    networks.addSubnet(address, Number(prefix), family === 'IPv4' ? 'ipv4' : 'ipv6');
  }
  return networks;
}
