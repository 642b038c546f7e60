/**
 * The failure detector's datagrams.
 *
 * The socket is bound before the agent announces itself, because the agent's record names its address. Only a
 * connected socket ever hears that nobody listens at the other end, so whoever is in doubt is asked from a
 * socket of its own.
 */
import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { lookup as dnsLookup } from 'node:dns';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { PeerId } from '../core/record/record.ts';
import { FirsthandError } from '../errors.ts';
import type { ProbeHandlers, ProbePort } from '../runtime/ports.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import { DatagramGate, type DatagramGateOptions } from './datagram-gate.ts';

export interface ProbeAddress {
  readonly host: string;
  readonly port: number;
}

export interface ProbeSocketOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /**
   * Whether somebody asked for this very port. If not (it is the TCP port's number), any free one will do
   * when it is taken.
   */
  readonly explicit: boolean;
  /** How many datagrams are looked at; absent: all. */
  readonly gate?: DatagramGateOptions;
}

interface Asking {
  readonly socket: Socket;
  readonly address: string;
  readonly isConnected: Promise<boolean>;
  timer: NodeJS.Timeout;
}

/** A socket that asked is kept for so long after the last question: an answer is later only on a broken network. */
const askedMs = 3_000;
/** Guess: more doubts than that at a time are one doubt, about ourselves. */
const askingMaxCount = 256;

export class ProbeSocket implements ProbePort {
  readonly #metrics: NetMetrics;
  readonly #asking = new Map<PeerId, Asking>();
  #socket: Socket | undefined;
  #ownHost = '';
  #gate: DatagramGate | undefined;
  #handlers: ProbeHandlers | undefined;

  constructor(components: { readonly metrics: NetMetrics }) {
    this.#metrics = components.metrics;
  }

  /** @throws FirsthandError ADDRESS_IN_USE, ADDRESS_UNAVAILABLE */
  async start(options: ProbeSocketOptions, handlers: ProbeHandlers): Promise<ProbeAddress> {
    if (this.#socket !== undefined) throw new TypeError('the probe socket was started before');
    this.#handlers = handlers;
    const { host, port, explicit } = options;
    this.#ownHost = host;
    this.#gate = options.gate && new DatagramGate(options.gate);
    try {
      return await this.#bind(host, port);
    } catch (error) {
      if (!explicit && port !== 0 && codeOf(error) === 'EADDRINUSE') return this.#bind(host, 0);
      throw bindError(`${isIPv6(host) ? `[${host}]` : host}:${port}/udp`, error);
    }
  }

  send(address: string, bytes: Uint8Array): void {
    const socket = this.#socket;
    if (socket === undefined || !hasPort(address)) return;
    const { host, port } = targetOf(address, isIPv6(this.#ownHost));
    this.#count('out', bytes);
    // What cannot be sent is lost, as any datagram may be.
    socket.send(bytes, port, host, () => {});
  }

  ask(peer: PeerId, address: string, bytes: Uint8Array): void {
    if (this.#socket === undefined || !hasPort(address)) return;
    let asking = this.#asking.get(peer);
    if (asking !== undefined && asking.address !== address) {
      this.#endAsking(peer);
      asking = undefined;
    }
    asking ??= this.#open(peer, address);
    if (asking === undefined) return this.send(address, bytes);
    clearTimeout(asking.timer);
    asking.timer = this.#askingEnds(peer);
    const { socket, isConnected } = asking;
    void isConnected.then(connected => {
      if (!connected || this.#asking.get(peer)?.socket !== socket) return;
      this.#count('out', bytes);
      socket.send(bytes, () => {});
    });
  }

  /** A member speaks from there: its datagrams get through whatever others send. */
  heard(address: string): void {
    this.#gate?.heard(address);
  }

  async stop(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    for (const peer of [...this.#asking.keys()]) this.#endAsking(peer);
    if (socket === undefined) return;
    await new Promise<void>(resolve => {
      socket.close(() => resolve());
    });
  }

  #bind(host: string, port: number): Promise<ProbeAddress> {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', lookup });
    return new Promise((resolve, reject) => {
      socket.once('error', error => {
        socket.close();
        reject(error);
      });
      socket.bind(port, host, () => {
        socket.removeAllListeners('error');
        // A later error concerns one datagram only, and datagrams may get lost.
        socket.on('error', () => {});
        socket.on('message', (bytes, from) => this.#received(bytes, from, this.#gate));
        this.#socket = socket;
        resolve({ host: socket.address().address, port: socket.address().port });
      });
    });
  }

  #open(peer: PeerId, address: string): Asking | undefined {
    if (this.#asking.size >= askingMaxCount) return undefined;
    const own = this.#ownHost;
    const { host, port } = targetOf(address, false);
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' });
    socket.on('message', (bytes, from) => this.#received(bytes, from));
    socket.on('error', error => {
      if (this.#asking.get(peer)?.socket !== socket) return;
      this.#endAsking(peer);
      if (codeOf(error) === 'ECONNREFUSED') this.#handlers?.onRefused(peer);
    });
    const connected = Promise.withResolvers<boolean>();
    const connect = () => {
      socket.once('connect', () => connected.resolve(true));
      socket.connect(port, host);
    };
    // From the address that the others know us by, unless we listen on all.
    if (isWildcard(own) || isIPv6(own) !== isIPv6(host)) connect();
    else socket.bind(0, own, connect);
    const asking = { socket, address, isConnected: connected.promise, timer: this.#askingEnds(peer) };
    this.#asking.set(peer, asking);
    return asking;
  }

  #askingEnds(peer: PeerId): NodeJS.Timeout {
    const timer = setTimeout(() => this.#endAsking(peer), askedMs);
    timer.unref();
    return timer;
  }

  #endAsking(peer: PeerId): void {
    const asking = this.#asking.get(peer);
    if (asking === undefined) return;
    this.#asking.delete(peer);
    clearTimeout(asking.timer);
    asking.socket.close();
  }

  /** @param gate - Absent where the socket is connected, and hears one peer only. */
  #received(bytes: Buffer, { address: from, port }: RemoteInfo, gate?: DatagramGate): void {
    this.#count('in', bytes);
    const plain = from.startsWith('::ffff:') ? from.slice(7) : from;
    const address = plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
    const excess = gate?.excess(address, performance.now());
    if (excess === undefined) this.#handlers?.onDatagram(address, bytes);
    else this.#metrics.probesDropped.add({ reason: excess });
  }

  #count(direction: 'in' | 'out', bytes: Uint8Array): void {
    this.#metrics.probeDatagrams.add({ direction });
    this.#metrics.probeBytes.add({ direction }, bytes.length);
  }
}

/** @param isFromIpv6 - The sending socket speaks IPv6, to which IPv4 hosts are known by a mapped address. */
function targetOf(address: string, isFromIpv6: boolean): ProbeAddress {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return {
    host: isFromIpv6 && isIPv4(host) ? `::ffff:${host}` : host,
    port: Number(address.slice(colon + 1)),
  };
}

/** Most hosts are addresses already, and the resolver takes its time to see that. */
const lookup: NonNullable<SocketOptions['lookup']> = (host, options, callback) => {
  const family = isIP(host);
  if (family === 0) dnsLookup(host, options, callback);
  else callback(null, host, family);
};

/** Who left and speaks again may be known before its address is. */
function hasPort(address: string): boolean {
  const { port } = targetOf(address, false);
  return port > 0 && port < 65_536;
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function bindError(address: string, error: unknown): FirsthandError {
  if (codeOf(error) === 'EADDRINUSE') {
    return new FirsthandError(
      'ADDRESS_IN_USE',
      { text: `${address} is taken by another process`, address },
      error,
    );
  }
  const why = error instanceof Error ? error.message : String(error);
  return new FirsthandError(
    'ADDRESS_UNAVAILABLE',
    { text: `cannot listen on ${address}: ${why}`, address },
    error,
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
