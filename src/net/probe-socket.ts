/**
 * The failure detector's UDP address.
 *
 * It is bound before the agent announces itself, because the agent's record names it. Datagrams are
 * counted; none is ever answered.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { FirsthandError } from '../errors.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';

export interface ProbeSocketOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /**
   * Whether somebody asked for this very port. If not (it is the TCP port's number), any free one will do
   * when it is taken.
   */
  readonly explicit: boolean;
}

export interface ProbeAddress {
  readonly host: string;
  readonly port: number;
}

export class ProbeSocket {
  readonly #options: ProbeSocketOptions;
  readonly #metrics: NetMetrics;
  #socket: Socket | undefined;

  constructor(options: ProbeSocketOptions, components: { readonly metrics: NetMetrics }) {
    this.#options = options;
    this.#metrics = components.metrics;
  }

  /** @throws FirsthandError ADDRESS_IN_USE, ADDRESS_UNAVAILABLE */
  async start(): Promise<ProbeAddress> {
    if (this.#socket !== undefined) throw new TypeError('the probe socket was started before');
    const { host, port, explicit } = this.#options;
    try {
      return await this.#bind(host, port);
    } catch (error) {
      if (!explicit && port !== 0 && codeOf(error) === 'EADDRINUSE') return this.#bind(host, 0);
      throw bindError(`${isIPv6(host) ? `[${host}]` : host}:${port}/udp`, error);
    }
  }

  async stop(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    await new Promise<void>(resolve => {
      socket.close(() => resolve());
    });
  }

  #bind(host: string, port: number): Promise<ProbeAddress> {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' });
    return new Promise((resolve, reject) => {
      socket.once('error', error => {
        socket.close();
        reject(error);
      });
      socket.bind(port, host, () => {
        socket.removeAllListeners('error');
        // A later error concerns one datagram only, and datagrams may get lost.
        socket.on('error', () => {});
        socket.on('message', () => this.#metrics.probeDatagrams.add());
        this.#socket = socket;
        resolve({ host: socket.address().address, port: socket.address().port });
      });
    });
  }
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
