/**
 * Registrations whose caller wants to know that others hold them too.
 *
 * Once a record is durable here and published, each linked member is asked for it, soon at first and then
 * every half second, until enough have said that they have it on their disk. Waiting for gossip to come
 * back was rejected: an agent hears its own messages from nobody, and a mesh says nothing about who got
 * them. A member that is not linked counts only when its table is found equal to ours (`rootAgreed`): what
 * others say about it is hearsay.
 *
 * What is waited for is a row in the store, written together with the record, so a restart goes on with it.
 * When time runs out the record stays valid and goes on spreading, unless the caller asked for `rollback`.
 */
import type { Effect, StoreOperation, Ticket } from '../effects.ts';
import type { NodeFields, NodeId } from '../record/node.ts';
import type { PeerId, VerifiedRecord } from '../record/record.ts';
import type { Table } from '../record/table.ts';
import { type ShortDigest, shortDigest } from '../sync/message.ts';
import type { Now } from '../time.ts';
import {
  type ConfirmationView,
  type ConfirmRequest,
  confirmTimeoutMaxMs,
  isMet,
  type KnownMember,
  type StoredConfirmation,
  type Tally,
  tally,
} from './confirmation.ts';
import { answerTo, withoutAnswer } from './held-answer.ts';
import { questions } from './receipts.ts';

export interface ConfirmSettings {
  /** Between two questions to one member about one record, ms. */
  readonly askEveryMs: number;
  /** Confirmations waited for at once. */
  readonly pendingMaxCount: number;
}

export const defaultConfirmSettings: ConfirmSettings = {
  askEveryMs: 500, // Guess: a question costs 150 bytes, a caller waits 5 s.
  pendingMaxCount: 1_000, // Guess: about 1 MB with 100 members.
};

/** The first question: by then gossip has brought the record to most (11 ms median, 49 ms p99, measured). */
const firstAskMs = 25;
/** Questions due this soon go out together. */
const togetherMs = 20;
/** How long what was taken up after a restart is looked after at least, ms: links are up by then. */
const resumedMinMs = 5_000;
const endedMaxCount = 100;

interface Pending extends StoredConfirmation {
  readonly tickets: readonly { readonly ticket: Ticket; readonly changed: boolean }[];
  readonly holders: Set<PeerId>;
  readonly startedMonoMs: number;
  readonly deadlineMonoMs: number;
  readonly resumed: boolean;
  /** False until the record is on our own disk. */
  isDurable: boolean;
  askAfterMs: number;
  nextAskMonoMs: number;
}

export interface ConfirmationsComponents {
  readonly self: { readonly peer: PeerId; readonly id: NodeId };
  readonly table: Table;
  readonly members: () => Iterable<KnownMember>;
  readonly isLinked: (peer: PeerId) => boolean;
  /** Makes the previous content count again, or withdraws the subject when there was none. */
  readonly rollBack: (subject: NodeId, previous: NodeFields | undefined, now: Now) => readonly Effect[];
}

export class Confirmations {
  readonly #settings: ConfirmSettings;
  readonly #components: ConfirmationsComponents;
  readonly #pending = new Map<number, Pending>();
  /** The latest that have ended, oldest first. */
  readonly #ended: ConfirmationView[] = [];
  #lastId = 0;
  #wakeAtMonoMs = Number.POSITIVE_INFINITY;
  /** Since this start: what peers know of us is known here too. */
  #hasCaughtUp = false;

  constructor(settings: Partial<ConfirmSettings>, components: ConfirmationsComponents) {
    this.#settings = { ...defaultConfirmSettings, ...settings };
    this.#components = components;
  }

  get isFull(): boolean {
    return this.#pending.size >= this.#settings.pendingMaxCount;
  }

  /**
   * Takes the answer out of what a registration leads to, and holds it back until it is confirmed.
   *
   * @param before - Our own record about the subject before the registration.
   */
  follow(
    request: { readonly ticket: Ticket; readonly id: NodeId; readonly confirm: ConfirmRequest },
    before: VerifiedRecord | undefined,
    effects: readonly Effect[],
    now: Now,
  ): readonly Effect[] {
    const answer = answerTo(request.ticket, effects);
    const record = this.#own(request.id);
    if (!answer?.ok || record === undefined) return effects;
    const { wanted, timeoutMs, rollback } = request.confirm;
    this.#lastId += 1;
    const pending: Pending = {
      id: this.#lastId,
      subject: request.id,
      digest: record.digest,
      wanted,
      deadlineWallMs: now.wallMs + timeoutMs,
      // Who repeats what is said already has changed nothing that could be undone.
      rollback: rollback && answer.changed,
      ...(before?.body.type === 'entry' ? { previous: before.body.node } : {}),
      tickets: [{ ticket: request.ticket, changed: answer.changed }],
      holders: new Set(),
      startedMonoMs: now.monoMs,
      deadlineMonoMs: now.monoMs + timeoutMs,
      resumed: false,
      isDurable: false,
      askAfterMs: firstAskMs,
      nextAskMonoMs: Number.POSITIVE_INFINITY,
    };
    this.#pending.set(pending.id, pending);
    const durable: Effect = { type: 'wake', afterMs: 0, input: { type: 'confirm-durable', id: pending.id } };
    const row: Effect = {
      type: 'persist',
      operations: [{ type: 'put-confirmation', confirmation: stored(pending) }],
      then: [durable],
    };
    return [...withoutAnswer(request.ticket, effects), row];
  }

  /** Takes up what an earlier run waited for. Before the agent starts. */
  restore(all: readonly StoredConfirmation[]): readonly StoreOperation[] {
    const kept = all.filter(({ subject }) => this.#own(subject) !== undefined);
    for (const confirmation of kept.slice(0, this.#settings.pendingMaxCount)) {
      this.#pending.set(confirmation.id, {
        ...confirmation,
        tickets: [],
        holders: new Set(),
        startedMonoMs: 0,
        deadlineMonoMs: 0,
        resumed: true,
        isDurable: true,
        askAfterMs: this.#settings.askEveryMs,
        nextAskMonoMs: 0,
      });
    }
    this.#lastId = all.reduce((highest, { id }) => Math.max(highest, id), this.#lastId);
    return all.filter(({ id }) => !this.#pending.has(id)).map(deletion);
  }

  /** The agent starts: time runs again for what was taken up. */
  start(now: Now): readonly Effect[] {
    for (const pending of this.#pending.values()) {
      // A clock that was set back must not make anybody wait longer than he asked for.
      const leftMs = Math.min(pending.deadlineWallMs - now.wallMs, confirmTimeoutMaxMs);
      this.#pending.set(pending.id, {
        ...pending,
        startedMonoMs: now.monoMs,
        deadlineMonoMs: now.monoMs + Math.max(leftMs, resumedMinMs),
        nextAskMonoMs: now.monoMs + this.#settings.askEveryMs,
      });
    }
    return this.#arm(now);
  }

  /** Record and row are on our own disk. */
  durable(id: number, now: Now): readonly Effect[] {
    const pending = this.#pending.get(id);
    if (pending === undefined) return [];
    pending.isDurable = true;
    pending.nextAskMonoMs = now.monoMs + pending.askAfterMs;
    return [...this.#settle([pending], now), ...this.#arm(now)];
  }

  /** Time to ask again, or time is up. */
  wake(now: Now): readonly Effect[] {
    this.#wakeAtMonoMs = Number.POSITIVE_INFINITY;
    const effects = this.#settle([...this.#pending.values()], now);
    return [...effects, ...this.#ask(now), ...this.#arm(now)];
  }

  /** A member says what it has on its disk. */
  held(from: PeerId, digests: readonly ShortDigest[], now: Now): readonly Effect[] {
    const said = new Set(digests);
    return this.#confirmed(from, pending => said.has(this.#askedFor(pending)), now);
  }

  /** The table of a member was found equal to ours, so it holds everything that we hold. */
  rootAgreed(peer: PeerId, now: Now): readonly Effect[] {
    this.caughtUp();
    return this.#confirmed(peer, () => true, now);
  }

  /** We lack nothing that some peer has. */
  caughtUp(): void {
    this.#hasCaughtUp = true;
  }

  /** The disk refuses: who waits for a record that is not on it yet is told so, and nothing is promised. */
  storeFailed(): readonly Effect[] {
    const lost = [...this.#pending.values()].filter(({ isDurable }) => !isDurable);
    for (const { id } of lost) this.#pending.delete(id);
    const details = { text: 'the database refuses writes at the moment' };
    return [
      ...lost.flatMap(({ tickets }) =>
        tickets.map(
          ({ ticket }) =>
            ({ type: 'reply', ticket, reply: { ok: false, code: 'STORE_FAILED', details } }) as const,
        ),
      ),
      ...forgotten(lost),
    ];
  }

  /** The agent stops: callers hear how far it came. Only who leaves for good forgets it. */
  stop(forGood: boolean, now: Now): readonly Effect[] {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    return [
      ...all.flatMap(pending => this.#answers(pending, this.#tally(pending), false, now)),
      ...(forGood ? forgotten(all) : []),
    ];
  }

  /** What is waited for, and then what has ended lately, the latest first. */
  views(now: Now): readonly ConfirmationView[] {
    const waiting = [...this.#pending.values()].map(pending => ({
      ...view(pending, this.#tally(pending), 'waiting', false),
      leftMs: Math.max(0, Math.round(pending.deadlineMonoMs - now.monoMs)),
    }));
    return [...waiting, ...this.#ended.toReversed()];
  }

  #confirmed(peer: PeerId, isSaid: (pending: Pending) => boolean, now: Now): readonly Effect[] {
    const said = [...this.#pending.values()].filter(pending => !pending.holders.has(peer) && isSaid(pending));
    for (const { holders } of said) holders.add(peer);
    return this.#settle(said, now);
  }

  /** Ends what has enough holders, and what has no time left. */
  #settle(some: readonly Pending[], now: Now): readonly Effect[] {
    return some.flatMap(pending => {
      if (!pending.isDurable || !this.#pending.has(pending.id)) return [];
      const tallied = this.#tally(pending);
      if (isMet(tallied)) return this.#end(pending, tallied, false, now);
      if (now.monoMs < pending.deadlineMonoMs) return [];
      if (!this.#mayUndo(pending)) return this.#end(pending, tallied, false, now);
      // An old backup remembers promises that were overtaken long ago: first hear what the others know.
      return pending.resumed && !this.#hasCaughtUp ? [] : this.#undo(pending, tallied, now);
    });
  }

  #mayUndo({ rollback, subject, digest }: Pending): boolean {
    return rollback && this.#own(subject)?.digest === digest;
  }

  /** With it end all that wait for the same record: it will not be there any more. */
  #undo(pending: Pending, tallied: Tally, now: Now): readonly Effect[] {
    const { subject, digest, previous } = pending;
    const others = [...this.#pending.values()].filter(
      other => other !== pending && other.subject === subject && other.digest === digest,
    );
    const fields = { id: subject, missing: tallied.missing, restored: previous !== undefined };
    return [
      { type: 'log', event: 'registration_rolled_back', fields },
      ...this.#components.rollBack(subject, previous, now),
      ...this.#end(pending, tallied, true, now),
      ...others.flatMap(other => this.#end(other, this.#tally(other), true, now)),
    ];
  }

  #end(pending: Pending, tallied: Tally, rolledBack: boolean, now: Now): readonly Effect[] {
    this.#pending.delete(pending.id);
    const isWell = isMet(tallied) && !rolledBack;
    this.#ended.push(view(pending, tallied, isWell ? 'met' : 'failed', rolledBack));
    if (this.#ended.length > endedMaxCount) this.#ended.shift();
    const told = this.#answers(pending, tallied, rolledBack, now);
    // What undoes a record is durable before anybody hears of it.
    return [
      { type: 'persist', operations: [deletion(pending)], then: rolledBack ? told : [] },
      ...(rolledBack ? [] : told),
    ];
  }

  #answers(pending: Pending, tallied: Tally, rolledBack: boolean, now: Now): readonly Effect[] {
    const tookMs = now.monoMs - pending.startedMonoMs;
    const confirmation = { ...tallied, isMet: isMet(tallied) && !rolledBack, rolledBack, tookMs };
    return pending.tickets.map(({ ticket, changed }) => ({
      type: 'reply',
      ticket,
      reply: { ok: true, changed, confirmation },
    }));
  }

  #ask(now: Now): readonly Effect[] {
    const due = [...this.#pending.values()].filter(
      ({ isDurable, nextAskMonoMs }) => isDurable && nextAskMonoMs <= now.monoMs + togetherMs,
    );
    for (const pending of due) {
      pending.nextAskMonoMs = now.monoMs + pending.askAfterMs;
      pending.askAfterMs = Math.min(2 * pending.askAfterMs, this.#settings.askEveryMs);
    }
    const linked = [...this.#components.members()].filter(({ peer }) => this.#components.isLinked(peer));
    return linked.flatMap(({ peer }) => {
      const items = due
        .filter(({ holders }) => !holders.has(peer))
        .map(pending => ({ subject: pending.subject, digest: this.#askedFor(pending) }));
      return questions(peer, items);
    });
  }

  /** One wake at a time, for whatever comes first. */
  #arm(now: Now): readonly Effect[] {
    let nextMonoMs = Number.POSITIVE_INFINITY;
    for (const { isDurable, nextAskMonoMs, deadlineMonoMs } of this.#pending.values()) {
      if (!isDurable) continue;
      const isOverdue = deadlineMonoMs <= now.monoMs; // It waits for a first peer to hear from.
      nextMonoMs = Math.min(nextMonoMs, nextAskMonoMs, isOverdue ? nextAskMonoMs : deadlineMonoMs);
    }
    if (nextMonoMs >= this.#wakeAtMonoMs) return [];
    this.#wakeAtMonoMs = nextMonoMs;
    return [{ type: 'wake', afterMs: Math.max(0, nextMonoMs - now.monoMs), input: { type: 'confirm-due' } }];
  }

  /** Whoever has our next record about the subject had no use for this one any more. */
  #askedFor({ subject, digest }: Pending): ShortDigest {
    return shortDigest(this.#own(subject)?.digest ?? digest);
  }

  #own(subject: NodeId): VerifiedRecord | undefined {
    return this.#components.table.ledger.recordBy(this.#components.self.peer, subject);
  }

  #tally({ wanted, holders }: Pending): Tally {
    return tally(wanted, this.#components.self.id, this.#components.members(), holders);
  }
}

function view(
  { id, subject, digest, rollback, resumed }: Pending,
  tallied: Tally,
  state: ConfirmationView['state'],
  rolledBack: boolean,
): ConfirmationView {
  return { id, subject, digest, state, ...tallied, rollback, rolledBack, resumed };
}

function stored(pending: Pending): StoredConfirmation {
  const { id, subject, digest, wanted, deadlineWallMs, rollback, previous } = pending;
  return {
    id,
    subject,
    digest,
    wanted,
    deadlineWallMs,
    rollback,
    ...(previous === undefined ? {} : { previous }),
  };
}

function forgotten(some: readonly { readonly id: number }[]): readonly Effect[] {
  return some.length === 0 ? [] : [{ type: 'persist', operations: some.map(deletion), then: [] }];
}

function deletion({ id }: { readonly id: number }): StoreOperation {
  return { type: 'delete-confirmation', id };
}
