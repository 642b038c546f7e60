/**
 * Hybrid logical time: close to the wall clock, yet never behind anything already seen.
 *
 * Decides only between records that happened concurrently, so a wrong clock can win a tie but
 * never undo an update that had seen the other. A plain wall clock was rejected because it can go
 * back; a plain Lamport counter because it drifts away from what people call "later".
 *
 * Source: Kulkarni et al., "Logical Physical Clocks" (2014).
 */
export interface HybridTime {
  /** Milliseconds since the Unix epoch; a safe integer >= 0. */
  readonly wallMs: number;
  /** Orders events within one millisecond; 0 to 65,535. */
  readonly counter: number;
}

export const hybridCounterMax = 65_535;

/** Negative when `a` is earlier. */
export function compareHybrid(a: HybridTime, b: HybridTime): number {
  return a.wallMs - b.wallMs || a.counter - b.counter;
}

/** The time of a new local event: after `last`, and not before the wall clock. */
export function nextHybrid(last: HybridTime, wallMs: number): HybridTime {
  if (wallMs > last.wallMs) return { wallMs, counter: 0 };
  if (last.counter < hybridCounterMax) return { wallMs: last.wallMs, counter: last.counter + 1 };
  return { wallMs: last.wallMs + 1, counter: 0 };
}

/** The clock after seeing `seen`: the later of the two, so that the next local event comes after both. */
export function mergeHybrid(last: HybridTime, seen: HybridTime): HybridTime {
  return compareHybrid(seen, last) > 0 ? seen : last;
}
