/**
 * Which part of a table two agents can compare.
 *
 * Departures are forgotten when they are old enough, by each agent's own clock and settings, so at any moment
 * some agents still hold a few that others have dropped. A hash over everything would differ all the time. So
 * departed subjects are sorted by the time of their last record into epochs of ten minutes, each a tree of its own,
 * and two agents compare only epochs that both still hold in full. What does not expire is epoch `standing`.
 */
import type { VerifiedRecord } from '../record/record.ts';

export const expiryEpochMs = 600_000;
export const standing = 0;
/** Epochs compared at most, a week of them: their hashes have to fit one frame. */
export const epochsMaxCount = 1_000;

/** Of a subject, by all that is held about it: the same for everybody who holds the same. */
export function expiryEpochOf(records: readonly VerifiedRecord[], isDeparted: boolean): number {
  if (!isDeparted) return standing;
  // A subject is forgotten when the last of its records is old enough, so the last one decides.
  const lastMs = records.reduce((latest, { time }) => Math.max(latest, time.wallMs), 0);
  return Math.max(standing + 1, Math.floor(lastMs / expiryEpochMs));
}

/**
 * The first epoch that an agent compares.
 *
 * One more than it holds in full, so that clocks may differ by ten minutes. Where departures are kept for less than
 * half an hour there is no epoch that nobody has begun to forget; then the present one is compared all the same,
 * which costs an exchange without result now and then.
 */
export function comparedSince(retentionMs: number, wallMs: number): number {
  const firstWhole = Math.floor((wallMs - retentionMs) / expiryEpochMs) + 1;
  const present = Math.floor(wallMs / expiryEpochMs);
  return Math.max(standing + 1, present - epochsMaxCount, Math.min(firstWhole + 1, present));
}
