/** libp2p pings over existing connections; each call ends in exactly one answer. */
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
    try {
      await this.#parts.ping.ping(connection.remotePeer, { signal });
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
