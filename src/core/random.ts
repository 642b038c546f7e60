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
