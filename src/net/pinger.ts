/**
 * Pings over existing connections; each call ends in exactly one answer.
 *
 * yamux has a ping of its own: two frames on a connection that is there anyway. libp2p's ping protocol
 * opens and negotiates a stream each time, which costs the two ends 3.6 ms of CPU together (measured), or
 * most of an idle agent's budget with 20 neighbours. It remains for a multiplexer that has none.
 */
import type { Connection } from '@libp2p/interface';
import type { Ping } from '@libp2p/ping';
import type { PeerId } from '../core/record/record.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import type { LinkTable } from './link-table.ts';

export interface PingerComponents {
  readonly ping: Pick<Ping, 'ping'>;
  readonly links: LinkTable;
  readonly metrics: NetMetrics;
  readonly onPing: (peer: PeerId, rttMs: number | undefined) => void;
}

const pingTimeoutMs = 5_000;

export class Pinger {
  readonly #parts: PingerComponents;
  readonly #stopping = new AbortController();
  /** How many calls wait for the one ping to that peer. */
  readonly #waiting = new Map<PeerId, number>();

  constructor(components: PingerComponents) {
    this.#parts = components;
  }

  ping(peer: PeerId): void {
    const waiting = this.#waiting.get(peer) ?? 0;
    this.#waiting.set(peer, waiting + 1);
    if (waiting === 0) void this.#run(peer);
  }

  /** Ends what is pending as unanswered. */
  stop(): void {
    this.#stopping.abort();
    for (const peer of [...this.#waiting.keys()]) this.#end(peer, undefined);
  }

  /** Never rejects, and never answers within the call that asked. */
  async #run(peer: PeerId): Promise<void> {
    await Promise.resolve();
    this.#end(peer, await this.#measure(peer));
  }

  async #measure(peer: PeerId): Promise<number | undefined> {
    const connection = this.#parts.links.connectionTo(peer);
    if (connection === undefined) return undefined; // libp2p would dial, which is not ours to decide.
    const signal = AbortSignal.any([AbortSignal.timeout(pingTimeoutMs), this.#stopping.signal]);
    const startMs = performance.now();
    const muxer = muxerOf(connection);
    try {
      if (muxer === undefined) await this.#parts.ping.ping(connection.remotePeer, { signal });
      // Not aborted but left alone when it is late: yamux closes the connection for an answer that it no
      // longer expects, and the next ping to this peer waits for the same answer.
      else await Promise.race([muxer.ping(), rejection(signal)]);
      return performance.now() - startMs;
    } catch {
      return undefined; // That it did not answer is all there is to know; why is not told apart.
    }
  }

  #end(peer: PeerId, rttMs: number | undefined): void {
    const waiting = this.#waiting.get(peer) ?? 0;
    this.#waiting.delete(peer);
    if (waiting === 0) return;
    if (rttMs === undefined) this.#parts.metrics.pingsFailed.add();
    else this.#parts.metrics.pingSeconds.observe(rttMs / 1_000);
    for (let index = 0; index < waiting; index += 1) this.#parts.onPing(peer, rttMs);
  }
}

interface PingingMuxer {
  ping(): Promise<number>;
}

/** The multiplexer of a connection, which libp2p keeps to itself. */
function muxerOf(connection: Connection): PingingMuxer | undefined {
  const muxer: unknown = 'muxer' in connection ? connection.muxer : undefined;
  return isPinging(muxer) ? muxer : undefined;
}

function isPinging(muxer: unknown): muxer is PingingMuxer {
  return typeof muxer === 'object' && muxer !== null && 'ping' in muxer && typeof muxer.ping === 'function';
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
  });
}
