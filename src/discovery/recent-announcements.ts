/** Keeps the LAN's repetitions away from the core, in bounded memory. */
import type { PeerId } from '../core/record/record.ts';

/** An agent that is still there is worth a reminder now and then. */
const repeatAfterMs = 60_000;
const remembersMaxCount = 1_000;

export class RecentAnnouncements {
  readonly #seenAtMs = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** False when the peer was announced with these addresses within the last minute. */
  isNews(peer: PeerId, multiaddrs: readonly string[]): boolean {
    const key = [peer, ...multiaddrs.toSorted()].join(' ');
    const nowMs = this.#nowMs();
    const seenAtMs = this.#seenAtMs.get(key);
    if (seenAtMs !== undefined && nowMs - seenAtMs < repeatAfterMs) return false;
    this.#seenAtMs.delete(key); // So that it comes last, and the first is the oldest.
    this.#seenAtMs.set(key, nowMs);
    const [oldest] = this.#seenAtMs.keys();
    if (this.#seenAtMs.size > remembersMaxCount && oldest !== undefined) this.#seenAtMs.delete(oldest);
    return true;
  }
}
