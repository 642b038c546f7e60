/**
 * Keys that gave their place to another one, with their own signature.
 *
 * What the former key has said stays valid until its owner ends it, and is as alive as the key that follows: so
 * there is no moment at which what it vouched for is vouched for by nobody, whatever arrives first. Taking the
 * former key for gone at once was rejected: everything that it hosts would be off the lists until it is said anew.
 */
import type { Effect } from '../effects.ts';
import type { Author } from '../record/author.ts';
import { bucketNamedBy, healthSubjectOf, isHealthSubject } from '../record/health.ts';
import type { NodeId } from '../record/node.ts';
import {
  type ContextEntry,
  compareText,
  contextMaxCount,
  type PeerId,
  type VerifiedRecord,
} from '../record/record.ts';
import type { Table } from '../record/table.ts';
import type { Now } from '../time.ts';

/** Guess: as many as removals; a key that follows another costs its owner two signatures and us one entry. */
const followedMaxCount = 4_096;
/** A chain of keys is walked so far: nobody changes his key faster than the former ones are ended. */
const hopsMaxCount = 8;

export interface SuccessionComponents {
  readonly author: Author;
  readonly table: Table;
  /** Takes a record of our own in, writes it and tells others. */
  readonly say: (record: VerifiedRecord, now: Now) => readonly Effect[];
}

export class Succession {
  readonly #parts: SuccessionComponents;
  readonly #next = new Map<PeerId, PeerId>();
  readonly #former = new Map<PeerId, PeerId>();

  constructor(components: SuccessionComponents) {
    this.#parts = components;
  }

  /** A record may say that its author follows another key. */
  note({ author, body }: Pick<VerifiedRecord, 'author' | 'body'>): void {
    if (body.type === 'entry' && body.predecessor !== undefined) this.add(body.predecessor.peer, author);
  }

  /** The word of the first that follows counts. */
  add(former: PeerId, next: PeerId): void {
    if (this.#next.has(former)) return;
    this.#next.set(former, next);
    this.#former.set(next, former);
    this.#parts.table.ledger.follow(former);
    if (this.#next.size <= followedMaxCount) return;
    for (const [oldest, itsNext] of this.#next) {
      this.#next.delete(oldest);
      if (this.#former.get(itsNext) === oldest) this.#former.delete(itsNext);
      this.#parts.table.ledger.unfollow(oldest);
      break;
    }
  }

  isFollowed(peer: PeerId): boolean {
    return this.#next.has(peer);
  }

  /** The key that speaks now where this one did: itself, unless it is followed. */
  latest(peer: PeerId): PeerId {
    let latest = peer;
    for (let hops = 0; hops < hopsMaxCount; hops += 1) {
      const next = this.#next.get(latest);
      if (next === undefined) break;
      latest = next;
    }
    return latest;
  }

  /** The keys before this one, the latest first. */
  formersOf(peer: PeerId): readonly PeerId[] {
    const formers: PeerId[] = [];
    for (let former = this.#former.get(peer); former !== undefined; former = this.#former.get(former)) {
      if (formers.length >= hopsMaxCount || formers.includes(former)) break;
      formers.push(former);
    }
    return formers;
  }

  /**
   * Says with the present key what the former one of ours had said, except about our own name, which comes first
   * and elsewhere. Health goes before services: an ill one must not look well for a moment.
   *
   * Departures are said again too, or what they had ended would come back when the former key ends.
   *
   * @param onRecord - Hears of each record of the former key before it is said again.
   */
  sayAgain(
    former: PeerId,
    ownId: NodeId,
    now: Now,
    onRecord: (record: VerifiedRecord) => void = () => {},
  ): readonly Effect[] {
    const { author, table, say } = this.#parts;
    const { ledger } = table;
    const subjects = [...ledger.subjectsOf(former)].sort(
      (a, b) => Number(isHealthSubject(b)) - Number(isHealthSubject(a)) || compareText(a, b),
    );
    return subjects.flatMap(each => {
      const record = ledger.recordBy(former, each);
      if (record === undefined || each === ownId) return [];
      const { authority, claimedAt, leaseMs, body } = record;
      const isHealth = body.type === 'health';
      const subject = isHealth ? healthSubjectOf(author.peer, bucketNamedBy(each)) : each;
      onRecord(record);
      if (ledger.recordBy(author.peer, subject) !== undefined || ledger.isFullFor(author.peer, subject))
        return [];
      const context = isHealth ? [] : contextAfter(record, author.peer);
      return say(author.write({ subject, authority, context, claimedAt, leaseMs, body }, now.wallMs), now);
    });
  }
}

/** What the former key had seen, and its own word: nothing that it did not decide is decided by repeating it. */
function contextAfter(record: VerifiedRecord, self: PeerId): readonly ContextEntry[] {
  const { author, epoch, sequence, digest } = record;
  const seen = record.context.filter(entry => entry.author !== self && entry.author !== author);
  return [{ author, epoch, sequence, digest }, ...seen]
    .slice(0, contextMaxCount)
    .sort((a, b) => compareText(a.author, b.author));
}
