/** How long to wait before a peer that failed is asked again. */

/** Source: the predecessor's join waits 1, 2, 4 and 8 s. */
const firstMs = 1_000;

/**
 * Doubles from one second up to a cap, at which it stays: there is no last try.
 *
 * @param failures - In a row; integer >= 1.
 * @param capMs - Longest wait, ms; >= 1.
 */
export function retryAfterMs(failures: number, capMs: number): number {
  // Beyond this the cap has been reached long ago, and doubling would leave the numbers.
  const doublings = Math.min(failures - 1, 30);
  return Math.min(firstMs * 2 ** doublings, capMs);
}
