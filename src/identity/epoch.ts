/**
 * The epoch of a new start: above the stored one, and not below the wall clock in milliseconds.
 *
 * A stored counter alone repeats after an old backup was restored; a clock alone repeats when it goes
 * back. The maximum of both survives either; it repeats only when both happen at once.
 *
 * @param storedEpoch - The last epoch this data directory knows of; `undefined` when it was lost.
 * @param wallMs - Milliseconds since the Unix epoch; an integer >= 0.
 */
export function nextEpoch(storedEpoch: number | undefined, wallMs: number): number {
  return storedEpoch === undefined ? wallMs : Math.max(storedEpoch + 1, wallMs);
}
