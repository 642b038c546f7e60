/** Chance, handed in: seeded in tests and in the simulator, the system's in production. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/** An integer in [0, below); `below` >= 1. */
export function randomIndex(random: Random, below: number): number {
  return Math.floor(random.next() * below);
}

/** Full jitter: uniform in [0, maxMs). Source: Brooker, "Exponential Backoff And Jitter" (2015). */
export function fullJitterMs(random: Random, maxMs: number): number {
  return random.next() * maxMs;
}

/** Some of the items, at most `count`, each as likely as any other; costs nothing for the rest. */
export function drawn<T>(random: Random, items: readonly T[], count: number): T[] {
  if (count >= items.length) return shuffled(random, items);
  const chosen = new Set<number>();
  // Of the last so many places each is drawn once. Source: Floyd; Bentley, "A Sample of Brilliance" (1987).
  for (let last = items.length - count; last < items.length; last++) {
    const index = randomIndex(random, last + 1);
    chosen.add(chosen.has(index) ? last : index);
  }
  return shuffled(
    random,
    Array.from(chosen, index => items[index] as T),
  );
}

/** A new array in random order (Fisher and Yates). */
export function shuffled<T>(random: Random, items: Iterable<T>): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = randomIndex(random, i + 1);
    const swap = result[i] as T;
    result[i] = result[j] as T;
    result[j] = swap;
  }
  return result;
}
