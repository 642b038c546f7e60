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
    for (let word = 0; word < wordsCount; word++) {
      let value = 0;
      for (let i = word * 8; i < word * 8 + 8; i++) value = (value << 4) | hexValue(digest.charCodeAt(i));
      this.#words[word] = (this.#words[word] as number) ^ value;
    }
  }

  get value(): Digest {
    return Array.from(this.#words, word => word.toString(16).padStart(8, '0')).join('');
  }
}

/** Of a lower-case hexadecimal digit, by its character code. */
function hexValue(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}
