/**
 * What this agent says about nodes that it knows from HTTP peers only: records of the lowest authority.
 *
 * A hint never stands against what somebody signed in his own right. Where an agent or a host speaks of a
 * node we say nothing, and take back what we said. A departure that such an author has written
 * ends a node for the HTTP peers too, which remember it for long and would bring it back; only when they say
 * that it was updated since may a hint follow. A withdrawal says less (its author has not heard of the node), so
 * there it is enough that the node answers us.
 */
import type { Effect } from '../effects.ts';
import type { Author } from '../record/author.ts';
import { isSameContent, type NodeFields, type NodeId } from '../record/node.ts';
import { type ContextEntry, compareText, type PeerId, type VerifiedRecord } from '../record/record.ts';
import type { Table } from '../record/table.ts';
import type { Now } from '../time.ts';
import type { LivenessState } from '../view.ts';
import type { Agreement } from './consensus.ts';

/**
 * With so many others who say the same we need not: a subject keeps the records of eight authors, and a
 * ninth would push one of them out, who would say it again.
 */
const vouchersEnoughCount = 3;
/** As far as a registration may be ahead of the clock. Contract. */
const aheadMaxMs = 60_000;

export interface HintsOptions {
  readonly selfId: NodeId;
  readonly leaseMs: number;
  readonly maxCount: number;
}

export interface HintsComponents {
  readonly author: Author;
  readonly table: Table;
  readonly livenessOf: (author: PeerId) => LivenessState;
  /** Whether the node that serves at this address answers our registrations. */
  readonly isAnswering: (address: string) => boolean;
  /** Takes a record of our own in, writes it and tells others. */
  readonly say: (record: VerifiedRecord, now: Now) => readonly Effect[];
}

export class Hints {
  readonly #options: HintsOptions;
  readonly #components: HintsComponents;
  readonly #own = new Set<NodeId>();

  constructor(options: HintsOptions, components: HintsComponents) {
    this.#options = options;
    this.#components = components;
  }

  get count(): number {
    return this.#own.size;
  }

  ids(): Iterable<NodeId> {
    return this.#own;
  }

  has(id: NodeId): boolean {
    return this.#own.has(id);
  }

  /** Hears of each record of our own, said or recalled: what replaces a hint ends it. */
  follow({ subject, authority, body }: VerifiedRecord): void {
    if (authority === 'hint' && body.type === 'entry') this.#own.add(subject);
    else this.#own.delete(subject);
  }

  /** Whether an agent speaks for itself under this name. */
  isAgent(id: NodeId): boolean {
    if (id === this.#options.selfId) return true;
    const { winner } = this.#components.table.ledger.resolution(id);
    return winner?.authority === 'self' && winner.body.type === 'entry';
  }

  /** Says what HTTP peers agree on, unless it is said already or is not ours to say. */
  say(id: NodeId, { node, source }: Agreement, now: Now): readonly Effect[] {
    if (this.#isSpokenFor(id, node, now)) return this.withdraw(id, now);
    const { table, author, say } = this.#components;
    const own = this.#ownEntry(id);
    if (own !== undefined && isSameContent(own.body.node, node)) return [];
    if (own === undefined) {
      if (this.#own.size >= this.#options.maxCount || table.ledger.isFullFor(author.peer, id)) return [];
      if (this.#vouchersCount(id, node) >= vouchersEnoughCount) return [];
    }
    if (table.ledger.isQuarantined(author.peer)) return [];
    const record = author.write(
      {
        subject: id,
        authority: 'hint',
        context: this.#context(id),
        claimedAt: own?.claimedAt,
        leaseMs: this.#options.leaseMs,
        body: { type: 'entry', node, learntFrom: source },
      },
      now.wallMs,
    );
    return say(record, now);
  }

  /** Takes back what we say about a node, if we do; others who say it are not concerned. */
  withdraw(id: NodeId, now: Now): readonly Effect[] {
    const { author, table, say } = this.#components;
    const own = this.#ownEntry(id);
    this.#own.delete(id);
    if (own === undefined || table.ledger.isQuarantined(author.peer)) return [];
    const record = author.write(
      {
        subject: id,
        authority: 'hint',
        context: [],
        claimedAt: own.claimedAt,
        leaseMs: 0,
        body: { type: 'departure', reason: 'withdrawn' },
      },
      now.wallMs,
    );
    return say(record, now);
  }

  withdrawAll(now: Now): readonly Effect[] {
    return [...this.#own].sort(compareText).flatMap(id => this.withdraw(id, now));
  }

  /** Everything once more, in the present epoch: what was said before is void. */
  sayAgain(now: Now): readonly Effect[] {
    const { author, say } = this.#components;
    return [...this.#own].sort(compareText).flatMap(id => {
      const own = this.#ownEntry(id);
      if (own === undefined || this.#isSpokenFor(id, own.body.node, now)) return [];
      const { subject, authority, claimedAt, leaseMs, body } = own;
      const context = this.#context(id);
      return say(author.write({ subject, authority, context, claimedAt, leaseMs, body }, now.wallMs), now);
    });
  }

  /** Takes back what has come to be spoken for by somebody with more authority. */
  yieldSpokenFor(now: Now): readonly Effect[] {
    return [...this.#own].sort(compareText).flatMap(id => {
      const own = this.#ownEntry(id);
      const isOurs = own !== undefined && !this.#isSpokenFor(id, own.body.node, now);
      return isOurs ? [] : this.withdraw(id, now);
    });
  }

  #ownEntry(id: NodeId): OwnEntry | undefined {
    const { author, table } = this.#components;
    const record = table.ledger.recordBy(author.peer, id);
    return record !== undefined && isHintEntry(record) ? record : undefined;
  }

  #isSpokenFor(id: NodeId, node: NodeFields, now: Now): boolean {
    if (id === this.#options.selfId) return true;
    const { table, isAnswering } = this.#components;
    return table.ledger.recordsOf(id).some(record => {
      if (record.authority === 'hint') return false;
      if (record.body.type !== 'departure' || isUpdatedSince(record, node, now))
        return record.body.type === 'entry';
      return record.body.reason !== 'withdrawn' || !isAnswering(node.address);
    });
  }

  #vouchersCount(id: NodeId, node: NodeFields): number {
    const { table, author, livenessOf } = this.#components;
    return table.ledger
      .recordsOf(id)
      .filter(
        record =>
          record.author !== author.peer &&
          isHintEntry(record) &&
          isSameContent(record.body.node, node) &&
          livenessOf(record.author) === 'alive',
      ).length;
  }

  /** Hints follow each other, and, because it was updated since, whatever departure is left by now. */
  #context(id: NodeId): readonly ContextEntry[] {
    const { author, table } = this.#components;
    return table.ledger.contextFor(author.peer, id);
  }
}

type OwnEntry = VerifiedRecord & {
  readonly body: Extract<VerifiedRecord['body'], { readonly type: 'entry' }>;
};

function isHintEntry(record: VerifiedRecord): record is OwnEntry {
  return record.authority === 'hint' && record.body.type === 'entry';
}

/**
 * The peers give whole seconds, so what happened within the same one may have been before. A time that lies
 * ahead is of a clock that was wrong, and says nothing.
 */
function isUpdatedSince(departure: VerifiedRecord, { lastUpdatedS }: NodeFields, { wallMs }: Now): boolean {
  const updatedMs = lastUpdatedS * 1_000;
  return updatedMs > departure.time.wallMs && updatedMs <= wallMs + aheadMaxMs;
}
