/**
 * Records that may become admissible soon: their time lies ahead of our clock, they name records
 * that are on their way, or they follow an agent that we do not see as gone yet.
 *
 * Bounded in number per author and in all, and in time; what does not fit or ripen is dropped and
 * comes again with the next sync.
 */
import type { NodeId } from './node.ts';
import type { PeerId, VerifiedRecord } from './record.ts';

export type ParkingReason = 'future' | 'unknown-context' | 'succession';

export interface ParkingLimits {
  /** How long a record may wait, ms. */
  readonly parkedMaxMs: number;
  readonly perAuthorMaxCount: number;
  readonly totalMaxCount: number;
}

export const defaultParkingLimits: ParkingLimits = {
  parkedMaxMs: 30_000, // Design §3.
  perAuthorMaxCount: 64, // reliability study, §3b.
  totalMaxCount: 1_024, // Guess: 4 MiB of records of the largest size.
};

interface Parked {
  readonly record: VerifiedRecord;
  readonly reason: ParkingReason;
  readonly untilMonoMs: number;
}

export class Parking {
  readonly #limits: ParkingLimits;
  readonly #parked = new Map<string, Parked>();
  readonly #countBy = new Map<PeerId, number>();

  constructor(limits: Partial<ParkingLimits> = {}) {
    this.#limits = { ...defaultParkingLimits, ...limits };
  }

  get count(): number {
    return this.#parked.size;
  }

  /** False when there is no room. */
  park(record: VerifiedRecord, reason: ParkingReason, monoMs: number): boolean {
    if (this.#parked.has(record.digest)) return true;
    const ofAuthor = this.#countBy.get(record.author) ?? 0;
    if (ofAuthor >= this.#limits.perAuthorMaxCount || this.#parked.size >= this.#limits.totalMaxCount)
      return false;
    this.#parked.set(record.digest, { record, reason, untilMonoMs: monoMs + this.#limits.parkedMaxMs });
    this.#countBy.set(record.author, ofAuthor + 1);
    return true;
  }

  countOf(subject: NodeId): number {
    let count = 0;
    for (const { record } of this.#parked.values()) if (record.subject === subject) count += 1;
    return count;
  }

  /** What waits for records that are on their way, of this subject. */
  awaitingContext(subject: NodeId): readonly VerifiedRecord[] {
    const found: VerifiedRecord[] = [];
    for (const { record, reason } of this.#parked.values()) {
      if (record.subject === subject && reason === 'unknown-context') found.push(record);
    }
    return found;
  }

  remove(records: readonly VerifiedRecord[]): void {
    const digests = new Set(records.map(record => record.digest));
    this.#takeWhere(({ record }) => digests.has(record.digest));
  }

  /** Takes out what waits for news about this subject. */
  take(subject: NodeId): readonly VerifiedRecord[] {
    return this.#takeWhere(({ record, reason }) => record.subject === subject && reason !== 'future');
  }

  /** Takes out everything, to be tried again; what has waited too long is dropped for good. */
  takeAll(monoMs: number): readonly VerifiedRecord[] {
    this.#takeWhere(parked => parked.untilMonoMs <= monoMs);
    return this.#takeWhere(() => true);
  }

  #takeWhere(matches: (parked: Parked) => boolean): readonly VerifiedRecord[] {
    const taken: VerifiedRecord[] = [];
    for (const [digest, parked] of this.#parked) {
      if (!matches(parked)) continue;
      this.#parked.delete(digest);
      const left = (this.#countBy.get(parked.record.author) ?? 1) - 1;
      if (left > 0) this.#countBy.set(parked.record.author, left);
      else this.#countBy.delete(parked.record.author);
      taken.push(parked.record);
    }
    return taken;
  }
}
