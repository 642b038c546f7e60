/**
 * The cluster as this agent knows it: takes verified records in, keeps ledger, parking and listing
 * in step, and says what changed.
 */
import type { Roster } from '../authority/roster.ts';
import type { Effect, Refusal, StoreOperation } from '../effects.ts';
import { Listing } from '../membership/listing.ts';
import type { Now } from '../time.ts';
import type { LivenessState } from '../view.ts';
import { changeBetween, event, healthEvents, livenessEvents, unlistedView } from './change-events.ts';
import { bucketOf, healthChanges, healthEntriesOf, isHealthSubject } from './health.ts';
import { compareHybrid, type HybridTime } from './hybrid-time.ts';
import { type Admission, Ledger, type LedgerLimits, type SubjectListener } from './ledger.ts';
import type { NodeId } from './node.ts';
import { Parking, type ParkingLimits, type ParkingReason } from './parking.ts';
import type { EquivocationProof, PeerId, VerifiedRecord } from './record.ts';
import { covers, type Resolution } from './resolution.ts';

export interface TableSettings extends Partial<LedgerLimits>, Partial<ParkingLimits> {
  /** Hybrid times further ahead of our clock than this wait, ms. */
  readonly driftMaxMs: number;
  /** How long departures are kept before only their floor remains, ms. */
  readonly tombstoneRetentionMs: number;
}

export const defaultTableSettings: TableSettings = {
  driftMaxMs: 2_000, // Guess: far above what clocks kept by NTP differ.
  tombstoneRetentionMs: 24 * 3_600_000, // Serf and chitchat keep them as long.
};

export type Taken =
  /** With others that had been waiting for it, as `records` says. */
  | {
      readonly type: 'admitted';
      readonly records: readonly VerifiedRecord[];
      readonly effects: readonly Effect[];
    }
  | { readonly type: 'equivocation'; readonly proof: EquivocationProof }
  | {
      readonly type: 'parked';
      readonly reason: ParkingReason;
      /** False when it was waiting already. */
      readonly isNew: boolean;
    }
  | { readonly type: 'known' }
  | { readonly type: 'refused'; readonly reason: Refusal };

export class Table {
  readonly ledger: Ledger;
  readonly parking: Parking;
  readonly listing: Listing;
  readonly #settings: TableSettings;
  readonly #components: { readonly self: PeerId };
  readonly #livenessOf: (author: PeerId) => LivenessState;
  readonly #roster: Pick<Roster, 'recordFault'> | undefined;
  /** Subjects that may hold nothing but departures. */
  readonly #departed = new Set<NodeId>();

  constructor(
    settings: Partial<TableSettings>,
    components: {
      readonly self: PeerId;
      readonly livenessOf: (author: PeerId) => LivenessState;
      /** Of authors whose records are kept and not shown. */
      readonly isHidden?: (author: PeerId) => boolean;
      readonly onSubject?: SubjectListener;
      /** Who may say what; absent: everybody speaks for himself. */
      readonly roster?: Pick<Roster, 'recordFault'> | undefined;
    },
  ) {
    this.#roster = components.roster;
    this.#settings = { ...defaultTableSettings, ...settings };
    this.#components = components;
    this.#livenessOf = components.livenessOf;
    this.ledger = new Ledger(settings, { onSubject: components.onSubject });
    this.parking = new Parking(settings);
    this.listing = new Listing({
      ledger: this.ledger,
      livenessOf: components.livenessOf,
      isHidden: components.isHidden,
    });
  }

  /**
   * Takes a record in, waits with it, or says why not.
   *
   * @param isHeld - It comes from a peer that has it in its table.
   */
  take(record: VerifiedRecord, now: Now, isHeld = false): Taken {
    const taken = this.#judge(record, now, isHeld);
    // What its arrival let in may be others that had waited, while it goes on waiting itself.
    const waits = taken.type === 'parked' || (taken.type === 'admitted' && !taken.records.includes(record));
    if (!waits) this.parking.remove(record);
    return taken;
  }

  #judge(record: VerifiedRecord, now: Now, isHeld: boolean): Taken {
    // Nobody can grant anything yet, so a delegate is somebody who claims to be one.
    if (record.authority === 'delegate') return { type: 'refused', reason: 'ungranted' };
    // Without an authority there is nobody who could revoke anything.
    const isList = record.body.type === 'revocations';
    if (isList && this.#roster === undefined) return { type: 'refused', reason: 'ungranted' };
    const fault = this.#roster?.recordFault(record);
    if (fault === 'uncertified') return this.#park(record, fault, now);
    if (fault !== undefined) return { type: 'refused', reason: fault };
    // A list must not wait for the clocks: nothing is compared with its time.
    if (isList) return this.#admit(record, [], now, isHeld);
    const aheadMs = record.time.wallMs - now.wallMs - this.#settings.driftMaxMs;
    if (aheadMs > 0 && record.author !== this.#components.self) return this.#park(record, 'future', now);
    if (this.#usurps(record)) return this.#park(record, 'succession', now);
    return this.#admit(record, [], now, isHeld);
  }

  #admit(record: VerifiedRecord, together: readonly VerifiedRecord[], now: Now, isHeld = false): Taken {
    const admission = this.ledger.admit(record, together);
    if (admission.type !== 'unknown-context') return this.#admitted(record, admission);
    // Nobody waits with his own word: what it names was here once, and may have been evicted since.
    if (record.author === this.#components.self)
      return this.#admitted(record, this.ledger.admitAnyway(record));
    const parked = this.#park(record, 'unknown-context', now, isHeld);
    if (parked.type === 'parked') return this.#admitTogether(record.subject, now) ?? parked;
    // What it names does not come: reaped or evicted everywhere by now. Waiting only spares the
    // reader a conflict that is about to end; a context covers nothing that it does not name exactly.
    return this.#admitted(record, this.ledger.admitAnyway(record));
  }

  #admitted(record: VerifiedRecord, admission: Exclude<Admission, { type: 'unknown-context' }>): Taken {
    switch (admission.type) {
      case 'admitted': {
        const written = persist([{ type: 'put-record', record }, ...admission.evicted.map(deletion)]);
        const told = isHealthSubject(record.subject)
          ? this.#reportHealth(record.author, admission.before, admission.after)
          : this.#report(record.subject, admission.before, admission.after);
        return { type: 'admitted', records: [record], effects: [written, ...told] };
      }
      case 'equivocation':
      case 'known':
        return admission;
      default:
        return { type: 'refused', reason: admission.type };
    }
  }

  /**
   * Records can name each other in a circle: A saw B's first, B saw A's, A spoke again. Whoever
   * gets only the latest of each has to take them in together or never. So: the largest set of
   * waiting records whose contexts are all reached by what is held and by the set itself.
   */
  #admitTogether(subject: NodeId, now: Now): Taken | undefined {
    let together = this.parking.awaitingContext(subject);
    for (let before = Number.POSITIVE_INFINITY; together.length < before; ) {
      before = together.length;
      const set = together;
      together = set.filter(record => this.ledger.missingContext(record, set).length === 0);
    }
    if (together.length === 0) return undefined;
    for (const record of together) this.parking.remove(record);
    const records: VerifiedRecord[] = [];
    const effects: Effect[] = [];
    for (const record of together) {
      const taken = this.#admit(record, together, now);
      if (taken.type !== 'admitted') continue;
      records.push(...taken.records);
      effects.push(...taken.effects);
    }
    return { type: 'admitted', records, effects };
  }

  /** Puts back what the store kept; nobody is told, for nothing happened. */
  restore(records: Iterable<VerifiedRecord>): void {
    for (const record of records) this.ledger.admitAnyway(record);
    // Only now: how an entry stands may hang on records about other subjects.
    for (const subject of this.ledger.subjects()) {
      this.listing.refresh(subject);
      if (this.ledger.resolution(subject).winner?.body.type === 'departure') this.#departed.add(subject);
    }
  }

  /** The liveness of an author changed: look again at everything it vouches for. */
  livenessChanged(author: PeerId, to: LivenessState, by: readonly NodeId[]): readonly Effect[] {
    const effects: Effect[] = [];
    for (const id of this.ledger.subjectsOf(author)) {
      if (isHealthSubject(id)) continue;
      const change = this.listing.refresh(id);
      const goneState = to === 'left' ? 'left' : 'dead';
      effects.push(...livenessEvents(id, change, goneState, by), ...healthEvents(id, change));
    }
    return effects;
  }

  /** Ends the credit of an author that is proved to have signed two records for one dot. */
  quarantine(proof: EquivocationProof): readonly Effect[] {
    if (this.ledger.isQuarantined(proof.author)) return [];
    const dropped = [...this.ledger.subjectsOf(proof.author)];
    const before = this.ledger.quarantine(proof);
    const operations: StoreOperation[] = [
      { type: 'put-proof', author: proof.author, first: proof.first.wire, second: proof.second.wire },
      ...dropped.map(subject => ({ type: 'delete-record', subject, author: proof.author }) as const),
    ];
    const reports = [...before].flatMap(([id, was]) => this.#report(id, was, this.ledger.resolution(id)));
    const told = event({
      event: 'conflict',
      data: { id: proof.first.subject, kind: 'equivocation', authors: [proof.author] },
    });
    return [persist(operations), ...reports, told];
  }

  /** Departures older than the retention, leaving their floors. Wall clock: it outlives restarts. */
  reapTombstones(now: Now): readonly StoreOperation[] {
    const operations: StoreOperation[] = [];
    const bound: HybridTime = { wallMs: now.wallMs - this.#settings.tombstoneRetentionMs, counter: 0 };
    for (const id of this.#departed) {
      const records = this.ledger.recordsOf(id);
      if (this.ledger.resolution(id).winner?.body.type !== 'departure') this.#departed.delete(id);
      else if (records.every(record => compareHybrid(record.time, bound) < 0)) {
        this.#departed.delete(id);
        operations.push(...records.map(deletion), {
          type: 'put-floor',
          subject: id,
          floor: this.ledger.reap(id),
        });
      }
    }
    return [...operations, ...this.#droppedFloors()];
  }

  /** An agent was taken out: all it said up to an epoch is forgotten, and stays so. */
  closeEpoch(author: PeerId, epoch: number): readonly Effect[] {
    const { removed, before } = this.ledger.closeEpoch(author, epoch);
    if (removed.length === 0) return [];
    const reports = [...before].flatMap(([id, was]) => this.#report(id, was, this.ledger.resolution(id)));
    return [persist(removed.map(deletion)), ...reports];
  }

  /** An author was shut out: all it said is forgotten. */
  shutOut(author: PeerId): readonly Effect[] {
    const { removed, before } = this.ledger.forget(author);
    if (removed.length === 0) return [];
    const reports = [...before].flatMap(([id, was]) => this.#report(id, was, this.ledger.resolution(id)));
    return [persist(removed.map(deletion)), ...reports];
  }

  #droppedFloors(): readonly StoreOperation[] {
    return this.ledger.dropOldFloors().map(subject => ({ type: 'delete-floor', subject }));
  }

  #park(record: VerifiedRecord, reason: ParkingReason, now: Now, isHeld = false): Taken {
    if (this.ledger.recordBy(record.author, record.subject)?.digest === record.digest)
      return { type: 'known' };
    const ticket = this.parking.park(record, reason, now.monoMs, isHeld);
    if (ticket === 'no-room') return { type: 'refused', reason: 'no-room-to-park' };
    if (ticket === 'overdue') return { type: 'refused', reason };
    return { type: 'parked', reason, isNew: ticket === 'parked' };
  }

  /** A key that would follow another one as an agent, while we see the holder of the name alive. */
  #usurps(record: VerifiedRecord): boolean {
    if (record.authority !== 'self') return false;
    const { winner } = this.ledger.resolution(record.subject);
    if (winner?.authority !== 'self' || winner.author === record.author || winner.body.type !== 'entry')
      return false;
    // The holder itself gave it its place.
    if (record.body.type === 'entry' && record.body.predecessor?.peer === winner.author) return false;
    if (!covers(record, winner) || compareHybrid(record.claimedAt, winner.claimedAt) < 0) return false;
    const state = this.#livenessOf(winner.author);
    return state === 'alive' || state === 'suspect';
  }

  #report(id: NodeId, before: Resolution, after: Resolution): readonly Effect[] {
    const listed = this.listing.refresh(id);
    if (after.winner?.body.type === 'departure') this.#departed.add(id);
    else this.#departed.delete(id);

    const effects: Effect[] = [];
    const change = changeBetween(before.winner, after.winner);
    const author = after.winner ?? before.winner;
    const node = listed.after ?? listed.before ?? unlistedView(change === 'departed' ? before : after);
    if (change !== undefined && author !== undefined && node !== undefined) {
      const { author: peer, epoch, sequence } = author;
      effects.push(event({ event: 'record', data: { id, change, node, author: peer, epoch, sequence } }));
    }
    effects.push(...healthEvents(id, listed));
    if (after.conflict && !before.conflict) {
      const authors = this.ledger.recordsOf(id).map(record => record.author);
      const kind = after.winner?.authority === 'self' ? 'name-held-by-another-key' : 'concurrent';
      effects.push(event({ event: 'conflict', data: { id, kind, authors } }), {
        type: 'log',
        event: 'record_conflict',
        fields: { id, kind, authors },
      });
    }
    return effects;
  }

  /** An author says something else of the health of its services, all of them in one bucket. */
  #reportHealth(author: PeerId, before: Resolution, after: Resolution): readonly Effect[] {
    const changed = healthChanges(healthEntriesOf(before.winner), healthEntriesOf(after.winner));
    const [first] = changed;
    if (first === undefined) return [];
    return [...this.ledger.subjectsIn(bucketOf(first))]
      .filter(id => changed.has(this.ledger.recordBy(author, id)?.subjectHash ?? ''))
      .flatMap(id => healthEvents(id, this.listing.refresh(id)));
  }
}

function deletion({ subject, author }: VerifiedRecord): StoreOperation {
  return { type: 'delete-record', subject, author };
}

function persist(operations: readonly StoreOperation[], then: readonly Effect[] = []): Effect {
  return { type: 'persist', operations, then };
}
