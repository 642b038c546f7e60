/**
 * The set of records this agent holds, and what each subject's records resolve to.
 *
 * Holds the latest record of each author about each subject, covered ones too: a joiner can only
 * follow a context whose records it is given. Nothing here knows of time, except that hybrid times
 * far ahead of the local clock have to wait (see `parking.ts`, which decides what waits and why).
 */

import type { FloorEntry } from './floor.ts';
import { type Bucket, bucketOf, healthBucketsCount, isHealthSubject, type SubjectHash } from './health.ts';
import { compareHybrid } from './hybrid-time.ts';
import type { NodeId } from './node.ts';
import {
  type ContextEntry,
  compareDots,
  compareText,
  contextMaxCount,
  type Digest,
  type Dot,
  type EquivocationProof,
  type PeerId,
  siblingsMaxCount,
  type VerifiedRecord,
} from './record.ts';
import { type Resolution, resolve } from './resolution.ts';

export interface LedgerLimits {
  /** Subjects one author may speak about; its records about further ones are refused. */
  readonly subjectsPerAuthorMaxCount: number;
  /** Subjects in all. */
  readonly subjectsMaxCount: number;
  /** Floors kept of reaped subjects; the oldest go first. */
  readonly floorsMaxCount: number;
  /** Recent records, of all authors together, remembered to notice equivocation across subjects. */
  readonly recentRecordsMaxCount: number;
  /** Proofs of equivocation; further ones are not believed any more, so that made-up keys cost no memory. */
  readonly proofsMaxCount: number;
  /** Authors in the agent-wide clock; those without records go first. */
  readonly clockMaxCount: number;
}

export const defaultLedgerLimits: LedgerLimits = {
  subjectsPerAuthorMaxCount: 20_257, // Derived: 10,000 hosted entries, as many departed, 256 for health, itself.
  subjectsMaxCount: 100_000, // Guess: about 150 MB at 1.5 KiB an entry.
  floorsMaxCount: 20_000, // Guess: twice the entries of a full author.
  recentRecordsMaxCount: 4_096, // Guess: more than are on their way at any moment.
  proofsMaxCount: 1_024, // Guess: honest agents give none; 10 MiB of the largest records.
  clockMaxCount: 20_000, // Guess: restarts with a lost key in a cluster of 1,000 over its life.
};

export type Admission =
  | {
      readonly type: 'admitted';
      readonly before: Resolution;
      readonly after: Resolution;
      readonly evicted: readonly VerifiedRecord[];
    }
  /** Held already. */
  | { readonly type: 'known' }
  /** Its author has said something newer, or it lies below the subject's floor. */
  | { readonly type: 'stale' }
  /** Names records that are not here yet. */
  | { readonly type: 'unknown-context'; readonly missing: readonly ContextEntry[] }
  | { readonly type: 'equivocation'; readonly proof: EquivocationProof }
  | { readonly type: 'quarantined' }
  | { readonly type: 'full' };

/** Hears of every subject whose records have changed, in the same turn; none are left when it is forgotten. */
export type SubjectListener = (
  subject: NodeId,
  hash: SubjectHash,
  records: readonly VerifiedRecord[],
) => void;

interface Subject {
  /** Replaced, never changed: readers may keep it, and it is no longer than it has to be. */
  records: readonly VerifiedRecord[];
  /** Kept only where several records compete; one record decides alone. */
  resolution: Resolution | undefined;
}

export class Ledger {
  readonly #limits: LedgerLimits;
  readonly #subjects = new Map<NodeId, Subject>();
  readonly #subjectsOf = new Map<PeerId, Set<NodeId>>();
  readonly #subjectsIn = new Map<Bucket, Set<NodeId>>();
  readonly #floors = new Map<NodeId, readonly FloorEntry[]>();
  readonly #clock = new Map<PeerId, Dot>();
  readonly #recent = new Map<string, VerifiedRecord>();
  readonly #proofs = new Map<PeerId, EquivocationProof>();
  readonly #onSubject: SubjectListener;
  /** Of authors that were taken out: nothing of this epoch or an earlier one is taken in. */
  readonly #closedEpochs = new Map<PeerId, number>();
  /** Keys that another one follows: contexts go on naming what they said, and need not wait for it. */
  readonly #followed = new Set<PeerId>();
  #recordsCount = 0;
  #receivedCount = 0;
  #conflictsCount = 0;

  constructor(
    limits: Partial<LedgerLimits> = {},
    components: { readonly onSubject?: SubjectListener | undefined } = {},
  ) {
    this.#limits = { ...defaultLedgerLimits, ...limits };
    this.#onSubject = components.onSubject ?? (() => {});
  }

  get subjectsCount(): number {
    return this.#subjects.size;
  }

  get recordsCount(): number {
    return this.#recordsCount;
  }

  /** Records taken in so far. */
  get receivedCount(): number {
    return this.#receivedCount;
  }

  /** Subjects whose concurrent records disagree. */
  get conflictsCount(): number {
    return this.#conflictsCount;
  }

  /** The latest dot seen of every author, over all subjects. */
  get clock(): ReadonlyMap<PeerId, Dot> {
    return this.#clock;
  }

  get proofs(): ReadonlyMap<PeerId, EquivocationProof> {
    return this.#proofs;
  }

  *records(): Iterable<VerifiedRecord> {
    for (const subject of this.#subjects.values()) yield* subject.records;
  }

  subjects(): Iterable<NodeId> {
    return this.#subjects.keys();
  }

  recordsOf(subject: NodeId): readonly VerifiedRecord[] {
    return this.#subjects.get(subject)?.records ?? [];
  }

  recordBy(author: PeerId, subject: NodeId): VerifiedRecord | undefined {
    return this.#subjects.get(subject)?.records.find(record => record.author === author);
  }

  /** Subjects that an author has a record about, departures included. */
  subjectsOf(author: PeerId): ReadonlySet<NodeId> {
    return this.#subjectsOf.get(author) ?? emptySet;
  }

  /** Subjects whose hash lies in this bucket, whoever speaks about them. */
  subjectsIn(bucket: Bucket): ReadonlySet<NodeId> {
    return this.#subjectsIn.get(bucket) ?? emptySet;
  }

  resolution(subject: NodeId): Resolution {
    const held = this.#subjects.get(subject);
    if (held === undefined) return resolve([]);
    return held.resolution ?? resolve(held.records);
  }

  get hasRoomForProofs(): boolean {
    return this.#proofs.size < this.#limits.proofsMaxCount;
  }

  isQuarantined(author: PeerId): boolean {
    return this.#proofs.has(author);
  }

  /** Whether a record is worth the cost of checking its signature. */
  wants(
    record: Dot & { readonly author: PeerId; readonly subject: NodeId; readonly digest: Digest },
  ): boolean {
    if (this.isQuarantined(record.author)) return false;
    const held = this.recordBy(record.author, record.subject);
    if (held === undefined) return this.#isAboveFloor(record.subject, record);
    const order = compareDots(record, held);
    return order > 0 || (order === 0 && record.digest !== held.digest);
  }

  /** @param alsoHere - Records about to be admitted together with this one; contexts may name them. */
  admit(record: VerifiedRecord, alsoHere: readonly VerifiedRecord[] = []): Admission {
    const refusal = this.#refusal(record);
    if (refusal !== undefined) return refusal;
    const missing = this.missingContext(record, alsoHere);
    return missing.length > 0 ? { type: 'unknown-context', missing } : this.#put(record);
  }

  /** For records that were admitted in an earlier run, or whose context has been waited for long enough. */
  admitAnyway(record: VerifiedRecord): Exclude<Admission, { type: 'unknown-context' }> {
    return this.#refusal(record) ?? this.#put(record);
  }

  #refusal(record: VerifiedRecord): Exclude<Admission, { type: 'unknown-context' | 'admitted' }> | undefined {
    if (this.isQuarantined(record.author)) return { type: 'quarantined' };
    const other = this.#sameDot(record);
    if (other !== undefined && other.digest !== record.digest) {
      return { type: 'equivocation', proof: proofOf(other, record) };
    }
    const held = this.recordBy(record.author, record.subject);
    if (held?.digest === record.digest) return { type: 'known' };
    if (held !== undefined ? compareDots(record, held) < 0 : !this.#isAboveFloor(record.subject, record)) {
      return { type: 'stale' };
    }
    return this.isFullFor(record.author, record.subject) ? { type: 'full' } : undefined;
  }

  /** What a record says it had seen and nobody here has: neither that record nor a later one of its author. */
  missingContext(record: VerifiedRecord, alsoHere: readonly VerifiedRecord[]): readonly ContextEntry[] {
    if (record.context.length === 0) return [];
    return record.context.filter(entry => {
      if (this.isQuarantined(entry.author) || this.#followed.has(entry.author)) return false;
      const isReached = (other: VerifiedRecord) =>
        other.author === entry.author && compareDots(other, entry) >= 0;
      if (this.recordsOf(record.subject).some(isReached) || alsoHere.some(isReached)) return false;
      return this.#isAboveFloor(record.subject, entry);
    });
  }

  /**
   * Ends an author's credit for good and drops all it said: a proof is the same everywhere, so the
   * set stays the same everywhere. Returns the subjects concerned with what they showed before.
   */
  quarantine(proof: EquivocationProof): ReadonlyMap<NodeId, Resolution> {
    const before = new Map<NodeId, Resolution>();
    if (this.#proofs.has(proof.author)) return before;
    this.#proofs.set(proof.author, proof);
    for (const subject of [...this.subjectsOf(proof.author)]) {
      before.set(subject, this.resolution(subject));
      const record = this.recordBy(proof.author, subject);
      if (record === undefined) continue;
      this.#remove(record);
      this.#settle(record);
    }
    return before;
  }

  /** What to write as the context of a new record by `author`: the others' latest about this subject. */
  contextFor(author: PeerId, subject: NodeId): readonly ContextEntry[] {
    return this.recordsOf(subject)
      .filter(record => record.author !== author)
      .map(({ author, epoch, sequence, digest }) => ({ author, epoch, sequence, digest }))
      .sort((a, b) => compareText(a.author, b.author))
      .slice(0, contextMaxCount);
  }

  /** Forgets a departed subject but keeps its floor, so that nothing older comes back. */
  reap(subject: NodeId): readonly FloorEntry[] {
    const records = [...this.recordsOf(subject)];
    const floor = floorOf(this.#floors.get(subject) ?? [], [
      ...records,
      ...records.flatMap(record => record.context.filter(entry => this.#hasSpoken(entry))),
    ]);
    for (const record of records) this.#remove(record);
    if (records[0] !== undefined) this.#settle(records[0]);
    this.setFloor(subject, floor);
    return floor;
  }

  /**
   * Forgets what an author said up to an epoch, for good. Returns the records that went, and what the
   * subjects concerned showed before.
   */
  closeEpoch(
    author: PeerId,
    epoch: number,
  ): { readonly removed: readonly VerifiedRecord[]; readonly before: ReadonlyMap<NodeId, Resolution> } {
    if (epoch > (this.#closedEpochs.get(author) ?? -1)) this.#closedEpochs.set(author, epoch);
    return this.forget(author, epoch);
  }

  /** The same, and it may come back: who was shut out may be let in again. */
  forget(
    author: PeerId,
    epoch = Number.POSITIVE_INFINITY,
  ): { readonly removed: readonly VerifiedRecord[]; readonly before: ReadonlyMap<NodeId, Resolution> } {
    const removed: VerifiedRecord[] = [];
    const before = new Map<NodeId, Resolution>();
    for (const subject of [...this.subjectsOf(author)]) {
      const record = this.recordBy(author, subject);
      if (record === undefined || record.epoch > epoch) continue;
      before.set(subject, this.resolution(subject));
      this.#remove(record);
      this.#settle(record);
      removed.push(record);
    }
    return { removed, before };
  }

  /** Another key speaks for this one now. The caller bounds how many there are. */
  follow(former: PeerId): void {
    this.#followed.add(former);
  }

  unfollow(former: PeerId): void {
    this.#followed.delete(former);
  }

  setFloor(subject: NodeId, floor: readonly FloorEntry[]): void {
    this.#floors.delete(subject);
    this.#floors.set(subject, floor);
  }

  /** Floors beyond the limit, oldest first; they are forgotten here. */
  dropOldFloors(): readonly NodeId[] {
    const dropped: NodeId[] = [];
    for (const subject of this.#floors.keys()) {
      if (this.#floors.size <= this.#limits.floorsMaxCount) break;
      this.#floors.delete(subject);
      dropped.push(subject);
    }
    return dropped;
  }

  /** Restores what the store remembers of an author, without a record. */
  restoreClock(author: PeerId, dot: Dot): void {
    this.#advanceClock(author, dot);
  }

  #put(record: VerifiedRecord): Extract<Admission, { type: 'admitted' }> {
    const held = this.recordBy(record.author, record.subject);
    const before = this.resolution(record.subject);
    let subject = this.#subjects.get(record.subject);
    if (subject === undefined) {
      subject = { records: [record], resolution: undefined };
      this.#subjects.set(record.subject, subject);
      addTo(this.#subjectsIn, bucketOf(record.subjectHash), record.subject);
    } else {
      subject.records = [...subject.records.filter(other => other !== held), record];
    }
    if (held === undefined) addTo(this.#subjectsOf, record.author, record.subject);
    this.#recordsCount += held === undefined ? 1 : 0;
    this.#receivedCount += 1;
    this.#advanceClock(record.author, record);
    this.#remember(record);

    const evicted = overflow(subject.records);
    for (const loser of evicted) this.#remove(loser);
    this.#settle(record);
    return { type: 'admitted', before, after: this.resolution(record.subject), evicted };
  }

  #remove(record: VerifiedRecord): void {
    const subject = this.#subjects.get(record.subject);
    if (!subject?.records.includes(record)) return;
    subject.records = subject.records.filter(other => other !== record);
    this.#recordsCount -= 1;
    deleteFrom(this.#subjectsOf, record.author, record.subject);
    if (subject.records.length > 0) return;
    deleteFrom(this.#subjectsIn, bucketOf(record.subjectHash), record.subject);
    if (subject.resolution?.conflict) this.#conflictsCount -= 1;
    this.#subjects.delete(record.subject);
  }

  /** After the records about a subject, of which this is or was one, have changed. */
  #settle({ subject, subjectHash }: VerifiedRecord): void {
    this.#resolveAgain(subject);
    this.#onSubject(subject, subjectHash, this.recordsOf(subject));
  }

  #resolveAgain(id: NodeId): void {
    const subject = this.#subjects.get(id);
    if (subject === undefined) return;
    const hadConflict = subject.resolution?.conflict === true;
    subject.resolution = subject.records.length > 1 ? resolve(subject.records) : undefined;
    this.#conflictsCount += (subject.resolution?.conflict === true ? 1 : 0) - (hadConflict ? 1 : 0);
  }

  /** Whether a first record by this author about this subject would exceed a limit. */
  isFullFor(author: PeerId, subject: NodeId): boolean {
    if (this.subjectsOf(author).has(subject)) return false;
    // What is bounded by its names has room of its own: a full agent can still say who is unhealthy.
    const extraCount = isHealthSubject(subject) ? healthBucketsCount : 0;
    if (this.subjectsOf(author).size >= this.#limits.subjectsPerAuthorMaxCount + extraCount) return true;
    return !this.#subjects.has(subject) && this.#subjects.size >= this.#limits.subjectsMaxCount;
  }

  #isAboveFloor(subject: NodeId, record: Dot & { readonly author: PeerId }): boolean {
    if (record.epoch <= (this.#closedEpochs.get(record.author) ?? -1)) return false;
    const floor = this.#floors.get(subject)?.find(entry => entry.author === record.author);
    return floor === undefined || compareDots(record, floor) > 0;
  }

  /** A context that runs ahead of its author must not become a floor under which he can say nothing. */
  #hasSpoken(entry: ContextEntry): boolean {
    const known = this.#clock.get(entry.author);
    return known !== undefined && compareDots(entry, known) <= 0;
  }

  #sameDot(record: VerifiedRecord): VerifiedRecord | undefined {
    const held = this.recordBy(record.author, record.subject);
    if (held !== undefined && compareDots(held, record) === 0) return held;
    return this.#recent.get(dotKey(record));
  }

  #remember(record: VerifiedRecord): void {
    this.#recent.set(dotKey(record), record);
    if (this.#recent.size <= this.#limits.recentRecordsMaxCount) return;
    for (const oldest of this.#recent.keys()) {
      this.#recent.delete(oldest);
      break;
    }
  }

  #advanceClock(author: PeerId, dot: Dot): void {
    const known = this.#clock.get(author);
    if (known === undefined || compareDots(dot, known) > 0) {
      this.#clock.set(author, { epoch: dot.epoch, sequence: dot.sequence });
    }
    if (this.#clock.size <= this.#limits.clockMaxCount) return;
    for (const idle of this.#clock.keys()) {
      if (this.#subjectsOf.has(idle) || idle === author) continue;
      this.#clock.delete(idle);
      break;
    }
  }
}

const emptySet: ReadonlySet<NodeId> = new Set();

function addTo<Key>(index: Map<Key, Set<NodeId>>, key: Key, id: NodeId): void {
  const ids = index.get(key);
  if (ids === undefined) index.set(key, new Set([id]));
  else ids.add(id);
}

function deleteFrom<Key>(index: Map<Key, Set<NodeId>>, key: Key, id: NodeId): void {
  const ids = index.get(key);
  ids?.delete(id);
  if (ids?.size === 0) index.delete(key);
}

function dotKey(record: VerifiedRecord): string {
  return `${record.author} ${record.epoch}.${record.sequence}`;
}

function proofOf(a: VerifiedRecord, b: VerifiedRecord): EquivocationProof {
  const [first, second] = a.digest < b.digest ? [a, b] : [b, a];
  return { author: a.author, first, second };
}

/** The highest dot per author. */
function floorOf(floor: readonly FloorEntry[], risen: readonly FloorEntry[]): readonly FloorEntry[] {
  const highest = new Map<PeerId, FloorEntry>();
  for (const { author, epoch, sequence } of [...floor, ...risen]) {
    const known = highest.get(author);
    if (known === undefined || compareDots({ epoch, sequence }, known) > 0) {
      highest.set(author, { author, epoch, sequence });
    }
  }
  return [...highest.values()].sort((a, b) => compareText(a.author, b.author));
}

/**
 * Which records have to go when more than eight authors speak about one subject: agents about
 * themselves stay before hosts, later records before earlier ones. An author's next record never
 * ranks below its last, so whatever the order of arrival, the same eight remain. Who covers whom
 * would be a better reason, but it changes with what else is there, and two agents would go on
 * handing each other what they evict.
 */
export function overflow(records: readonly VerifiedRecord[]): readonly VerifiedRecord[] {
  if (records.length <= siblingsMaxCount) return [];
  return [...records]
    .sort(
      (a, b) =>
        Number(b.authority === 'self') - Number(a.authority === 'self') ||
        compareHybrid(b.time, a.time) ||
        compareText(a.author, b.author),
    )
    .slice(siblingsMaxCount);
}
