/**
 * Group commit: everything that asks for durability while a write is under way goes into the next
 * one, so that a thousand registrations cost a few writes and none is answered before its own.
 *
 * When the store refuses, or does not come back, what was to be written is kept, the latest value of each row
 * only, so that memory stays bounded by the size of the tables; what was to follow is bounded in number: the
 * callers among it are refused, and the rest is what peers also learn by sync. A refused write is tried again
 * every second.
 */
import type { Effect, StoreOperation } from '../core/effects.ts';
import type { Clock, Store } from './ports.ts';

export interface WriteQueueHandlers {
  /** The writes asked for are durable: carry these out. */
  readonly onDurable: (effects: readonly Effect[]) => void;
  /** A write failed; `refused` will not be carried out, the rest is tried again. */
  readonly onFailed: (error: unknown, refused: readonly Effect[]) => void;
  readonly onRecovered: () => void;
}

const retryAfterMs = 1_000;
const compactMinCount = 1_000;
/** Rows that wait for a write that takes long: more than a burst of registrations has. */
const backlogMinCount = 20_000;

export class WriteQueue {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #handlers: WriteQueueHandlers;
  /** Effects that wait for their write: ten times a full registry. */
  readonly #followersMaxCount: number;
  #operations: StoreOperation[] = [];
  #then: Effect[] = [];
  #isBusy = false;
  #isFailing = false;
  #isOverloaded = false;
  #isStopped = false;
  /** Rows that waited after the last compaction. */
  #compactCount = 0;
  #cancelRetry: () => void = () => {};
  #idleWaiters: (() => void)[] = [];

  constructor(
    handlers: WriteQueueHandlers,
    components: { readonly store: Store; readonly clock: Clock },
    options: { readonly followersMaxCount: number } = { followersMaxCount: 100_000 },
  ) {
    this.#handlers = handlers;
    this.#followersMaxCount = options.followersMaxCount;
    this.#store = components.store;
    this.#clock = components.clock;
  }

  add(operations: readonly StoreOperation[], then: readonly Effect[]): void {
    if (operations.length === 0 && then.length === 0) return;
    // With nothing on its way to the disk, all that was said is on it.
    if (operations.length === 0 && !this.#isBusy && this.#operations.length === 0) {
      return this.#handlers.onDurable(then);
    }
    for (const operation of operations) this.#operations.push(operation);
    for (const effect of then) this.#then.push(effect);
    if (this.#isFailing || this.#operations.length > backlogMinCount) this.#compact();
    if (this.#then.length > this.#followersMaxCount) this.#shed();
    if (!this.#isFailing && !this.#isBusy) this.#begin();
  }

  /** Resolves when nothing waits to be written, or the store is failing. */
  idle(): Promise<void> {
    if (!this.#isBusy || this.#isFailing) return Promise.resolve();
    return new Promise(resolve => this.#idleWaiters.push(resolve));
  }

  /** What the store has refused by now is not tried again. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry();
  }

  /** Not at each addition: that would make a long outage quadratic. */
  #compact(): void {
    if (this.#operations.length < 2 * this.#compactCount + compactMinCount) return;
    this.#operations = latestOfEach(this.#operations);
    this.#compactCount = this.#operations.length;
  }

  /** Too much waits for one write: callers are refused from now on, until it is done. */
  #shed(): void {
    const isReply = (effect: Effect) => effect.type === 'reply';
    const refused = this.#then.filter(isReply);
    this.#then = latestFollowers(
      this.#then.filter(effect => !isReply(effect)),
      this.#followersMaxCount / 2,
    );
    this.#isOverloaded = true;
    this.#handlers.onFailed(new Error('the database does not come back from a write'), refused);
  }

  #begin(): void {
    this.#isBusy = true;
    // Lets the rest of this turn, and what already waits in the sockets, join the same write.
    this.#clock.soon(() => this.#write());
  }

  #write(): void {
    const operations = this.#isFailing ? latestOfEach(this.#operations) : this.#operations;
    const then = this.#then;
    this.#operations = [];
    this.#then = [];
    this.#store.write(operations).then(
      () => this.#wrote(then),
      (error: unknown) => this.#failed(error, operations, then),
    );
  }

  #wrote(then: readonly Effect[]): void {
    if (this.#isFailing || this.#isOverloaded) {
      this.#isFailing = false;
      this.#isOverloaded = false;
      this.#handlers.onRecovered();
    }
    this.#isBusy = false;
    this.#handlers.onDurable(then);
    if (this.#operations.length > 0 || this.#then.length > 0) {
      if (!this.#isBusy) this.#begin();
      return;
    }
    if (this.#isBusy) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #failed(error: unknown, operations: readonly StoreOperation[], then: readonly Effect[]): void {
    this.#isFailing = true;
    const pending = [...then, ...this.#then];
    this.#operations = latestOfEach([...operations, ...this.#operations]);
    this.#compactCount = this.#operations.length;
    this.#then = pending.filter(effect => effect.type !== 'reply');
    if (this.#isStopped) return;
    this.#cancelRetry = this.#clock.after(retryAfterMs, () => this.#write());
    this.#handlers.onFailed(
      error,
      pending.filter(effect => effect.type === 'reply'),
    );
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}

function latestOfEach(operations: readonly StoreOperation[]): StoreOperation[] {
  const byRow = new Map<string, StoreOperation>();
  for (const operation of operations) {
    const row = rowOf(operation);
    byRow.delete(row);
    byRow.set(row, operation);
  }
  return [...byRow.values()];
}

/** The latest of what tells that a queue is written says it for all before it. */
function latestFollowers(effects: readonly Effect[], maxCount: number): Effect[] {
  const written = new Map<string, Effect>();
  for (const effect of effects) if (effect.type === 'written') written.set(effect.receiver, effect);
  const others = effects.filter(({ type }) => type !== 'written');
  return [...others.slice(-maxCount), ...written.values()];
}

function rowOf(operation: StoreOperation): string {
  switch (operation.type) {
    case 'put-record':
      return `record ${operation.record.subject} ${operation.record.author}`;
    case 'delete-record':
      return `record ${operation.subject} ${operation.author}`;
    case 'put-floor':
    case 'delete-floor':
      return `floor ${operation.subject}`;
    case 'put-clock':
    case 'delete-clock':
      return `clock ${operation.author}`;
    case 'put-contact':
      return `contact ${operation.contact.peer}`;
    case 'delete-contact':
      return `contact ${operation.peer}`;
    case 'put-proof':
      return `proof ${operation.author}`;
    case 'put-reachability':
    case 'delete-reachability':
      return `reachability ${operation.peer}`;
    case 'put-ban':
    case 'delete-ban':
      return `ban ${operation.ban.subject} ${operation.ban.issuer}`;
    case 'put-removal':
      return `removal ${operation.claim.subject}`;
    case 'delete-removal':
      return `removal ${operation.peer}`;
    case 'put-delivery':
      return `delivery ${operation.delivery.sequence} ${operation.delivery.receiver}`;
    case 'delete-delivery':
      return `delivery ${operation.sequence} ${operation.receiver}`;
    case 'put-queue':
      return `queue ${operation.head.receiver}`;
    case 'delete-queue':
      return `queue ${operation.receiver}`;
    case 'put-outbox-seal':
      return 'outbox';
    case 'put-dead-letter':
      return `dead ${operation.letter.number}`;
    case 'delete-dead-letter':
      return `dead ${operation.number}`;
    case 'put-confirmation':
      return `confirmation ${operation.confirmation.id}`;
    case 'delete-confirmation':
      return `confirmation ${operation.id}`;
    case 'put-meta':
      return `meta ${operation.name}`;
  }
}
