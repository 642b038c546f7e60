/**
 * Token buckets by key: each key may take `perSecond` on average and `burst` at once.
 *
 * Bounded: beyond `keysMaxCount` the keys are forgotten that were heard of least recently, which at
 * worst gives a caller a fresh burst.
 */
export interface RateLimitOptions {
  readonly perSecond: number;
  readonly burst: number;
  readonly keysMaxCount: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** Takes one token. @returns seconds to wait when there is none, else 0. `nowMs` is monotonic. */
  take(key: string, nowMs: number): number {
    const { perSecond, burst, keysMaxCount } = this.#options;
    const known = this.#buckets.get(key);
    const refill = known === undefined ? 0 : ((nowMs - known.atMs) / 1_000) * perSecond;
    const tokens = known === undefined ? burst : Math.min(burst, known.tokens + refill);
    const granted = tokens >= 1;
    this.#buckets.delete(key); // Set again, so that the map's order is that of the last use.
    this.#buckets.set(key, { tokens: granted ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > keysMaxCount) this.#forgetOldest();
    return granted ? 0 : (1 - tokens) / perSecond;
  }

  #forgetOldest(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key);
      return;
    }
  }
}
