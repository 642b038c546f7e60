/**
 * How many datagrams are looked at, before anybody decodes them.
 *
 * A flood comes from addresses that have never sent anything good. So those from which a member has lately spoken
 * have a share each that nobody else can use up, and all others have one for each host and one together. A
 * flooder that forges a member's address can crowd out that one; its link is then what tells that it lives.
 */
import { RateLimit } from '../core/gossip/rate-limit.ts';

export interface DatagramGateOptions {
  /** From one member's address, and from one host of which nothing is known; a second, with a burst of twice that. */
  readonly sourcePerSecond: number;
  /** From all addresses of which nothing is known, together. */
  readonly strangersPerSecond: number;
}

export type DatagramExcess = 'source_rate' | 'strangers_rate';

/** Guess: four times the largest cluster that is meant. */
const membersMaxCount = 4_096;

export class DatagramGate {
  readonly #members = new Set<string>();
  readonly #sources: RateLimit;
  readonly #strangers: RateLimit;

  constructor({ sourcePerSecond, strangersPerSecond }: DatagramGateOptions) {
    this.#sources = new RateLimit({
      perSecond: sourcePerSecond,
      burstCount: 2 * sourcePerSecond,
      bucketsMaxCount: 2 * membersMaxCount,
    });
    this.#strangers = new RateLimit({
      perSecond: strangersPerSecond,
      burstCount: 2 * strangersPerSecond,
      bucketsMaxCount: 1,
    });
  }

  /** A member has spoken from there: what came was verified. */
  heard(address: string): void {
    // Set again, so that the order is that of the last time.
    this.#members.delete(address);
    this.#members.add(address);
    if (this.#members.size <= membersMaxCount) return;
    for (const oldest of this.#members) {
      this.#members.delete(oldest);
      return;
    }
  }

  /** Why this one is not looked at, or `undefined`. */
  excess(address: string, nowMs: number): DatagramExcess | undefined {
    if (this.#members.has(address)) {
      return this.#sources.take(address, nowMs) ? undefined : 'source_rate';
    }
    const host = address.slice(0, address.lastIndexOf(':'));
    if (!this.#sources.take(host, nowMs)) return 'source_rate';
    return this.#strangers.take('', nowMs) ? undefined : 'strangers_rate';
  }
}
