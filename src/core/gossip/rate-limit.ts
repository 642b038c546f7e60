/**
 * Token buckets by name: how many records an author, or messages a peer, may send.
 *
 * A bucket that has filled up again is forgotten, and the number of buckets is bounded, so names
 * made up by a flooder cost nothing lasting: when there is no room, the fullest half is dropped.
 */
export interface RateLimitOptions {
  readonly perSecond: number;
  readonly burstCount: number;
  readonly bucketsMaxCount: number;
}

interface Bucket {
  tokens: number;
  atMonoMs: number;
}

export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** Takes one token; false when the bucket is empty. */
  take(name: string, monoMs: number): boolean {
    const { perSecond, burstCount, bucketsMaxCount } = this.#options;
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      if (this.#buckets.size >= bucketsMaxCount) this.#forgetFullest(monoMs);
      bucket = { tokens: burstCount, atMonoMs: monoMs };
      this.#buckets.set(name, bucket);
    }
    bucket.tokens = this.#tokensAt(bucket, monoMs, perSecond, burstCount);
    bucket.atMonoMs = monoMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #tokensAt(bucket: Bucket, monoMs: number, perSecond: number, burstCount: number): number {
    return Math.min(burstCount, bucket.tokens + ((monoMs - bucket.atMonoMs) / 1_000) * perSecond);
  }

  #forgetFullest(monoMs: number): void {
    const { perSecond, burstCount } = this.#options;
    const byFullness = [...this.#buckets].sort(
      ([, a], [, b]) =>
        this.#tokensAt(b, monoMs, perSecond, burstCount) - this.#tokensAt(a, monoMs, perSecond, burstCount),
    );
    for (const [name] of byFullness.slice(0, Math.ceil(byFullness.length / 2))) this.#buckets.delete(name);
  }
}
