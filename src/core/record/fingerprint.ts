/**
 * One value for a whole set of records: the exclusive or of their digests.
 *
 * Order-free and updated in constant time. It tells two honest agents whether they hold the same
 * set; it proves nothing about a liar, who can choose records to make sums collide.
 */
import type { Digest } from './record.ts';

const wordsCount = 8;

export class Fingerprint {
  readonly #words = new Uint32Array(wordsCount);

  /** Adds a digest that is not in the set, or removes one that is. */
  toggle(digest: Digest): void {
    for (let i = 0; i < wordsCount; i++) {
      this.#words[i] = (this.#words[i] as number) ^ Number.parseInt(digest.slice(i * 8, i * 8 + 8), 16);
    }
  }

  get value(): Digest {
    return Array.from(this.#words, word => word.toString(16).padStart(8, '0')).join('');
  }
}
