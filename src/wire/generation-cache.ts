/**
 * A bounded cache in two generations: new entries go into the young one; when that is full it becomes
 * the old one and the former old one is dropped. An entry found in the old generation moves back to
 * the young one, so what is in use stays. A list ordered by use was rejected: it costs a deletion
 * and an insertion per hit, and these caches are hit several times a record.
 */
export class GenerationCache<Key, Value> {
  readonly #generationMaxCount: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  /** Holds at most `2 * generationMaxCount` entries. */
  constructor(generationMaxCount: number) {
    this.#generationMaxCount = generationMaxCount;
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#generationMaxCount && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  /** Entries held, those in both generations counted twice. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
