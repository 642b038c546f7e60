/**
 * Records that may become admissible soon: their time lies ahead of our clock, they name records
 * that are on their way, they follow an agent that we do not see as gone yet, or their author's certificate has not
 * come yet.
 *
 * Bounded in number per author and in all, and in time. A record stays in its place while it is
 * tried again, so trying does not lengthen its stay.
 */
import type { NodeId } from './node.ts';
import type { PeerId, VerifiedRecord } from './record.ts';

export type ParkingReason = 'future' | 'unknown-context' | 'succession' | 'uncertified';

export interface ParkingLimits {
  /** How long a record may wait, ms. */
  readonly parkedMaxMs: number;
  /** The same for one that names unknown records and came from a peer that has it in its table, ms. */
  readonly parkedHeldMaxMs: number;
  readonly perAuthorMaxCount: number;
  readonly totalMaxCount: number;
}

export const defaultParkingLimits: ParkingLimits = {
  parkedMaxMs: 30_000, // Derived: three times the pause between two syncs, which bring what is missing.
  // Guess: what the peer has of what it names comes in the same exchange; else each on the way would wait anew.
  parkedHeldMaxMs: 5_000,
  perAuthorMaxCount: 64, // Guess: far more than one author has on its way at a time.
  totalMaxCount: 1_024, // Guess: 4 MiB of records of the largest size.
};

/** `overdue`: it has waited as long as it may. `no-room`: it was not parked. */
export type ParkingTicket = 'parked' | 'waiting' | 'overdue' | 'no-room';

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

  /** @param isHeld - A peer has it in its table. */
  park(record: VerifiedRecord, reason: ParkingReason, monoMs: number, isHeld = false): ParkingTicket {
    const { parkedMaxMs, parkedHeldMaxMs } = this.#limits;
    const untilMonoMs = monoMs + (isHeld && reason === 'unknown-context' ? parkedHeldMaxMs : parkedMaxMs);
    const parked = this.#parked.get(record.digest);
    if (parked !== undefined) {
      const soonerMonoMs = Math.min(parked.untilMonoMs, untilMonoMs);
      if (parked.reason !== reason || soonerMonoMs < parked.untilMonoMs)
        this.#parked.set(record.digest, { record: parked.record, reason, untilMonoMs: soonerMonoMs });
      return parked.untilMonoMs <= monoMs ? 'overdue' : 'waiting';
    }
    const ofAuthor = this.#countBy.get(record.author) ?? 0;
    if (ofAuthor >= this.#limits.perAuthorMaxCount || this.#parked.size >= this.#limits.totalMaxCount)
      return 'no-room';
    this.#parked.set(record.digest, { record, reason, untilMonoMs });
    this.#countBy.set(record.author, ofAuthor + 1);
    return 'parked';
  }

  countOf(subject: NodeId): number {
    let count = 0;
    for (const { record } of this.#parked.values()) if (record.subject === subject) count += 1;
    return count;
  }

  /** What waits for the certificate of this author. */
  awaitingCertificate(author: PeerId): readonly VerifiedRecord[] {
    if (!this.#countBy.has(author)) return [];
    const found: VerifiedRecord[] = [];
    for (const { record, reason } of this.#parked.values()) {
      if (record.author === author && reason === 'uncertified') found.push(record);
    }
    return found;
  }

  /** What waits for records that are on their way, of this subject. */
  awaitingContext(subject: NodeId): readonly VerifiedRecord[] {
    const found: VerifiedRecord[] = [];
    for (const { record, reason } of this.#parked.values()) {
      if (record.subject === subject && reason === 'unknown-context') found.push(record);
    }
    return found;
  }

  /** What waits for news about this subject. */
  waitingFor(subject: NodeId): readonly VerifiedRecord[] {
    const found: VerifiedRecord[] = [];
    for (const { record, reason } of this.#parked.values()) {
      if (record.subject === subject && reason !== 'future') found.push(record);
    }
    return found;
  }

  /** Everything that waits, the longest first. */
  records(): readonly VerifiedRecord[] {
    return [...this.#parked.values()].map(({ record }) => record);
  }

  remove(record: VerifiedRecord): void {
    if (!this.#parked.delete(record.digest)) return;
    const left = (this.#countBy.get(record.author) ?? 1) - 1;
    if (left > 0) this.#countBy.set(record.author, left);
    else this.#countBy.delete(record.author);
  }
}
