/**
 * Updates that HTTP peers must get: the latest of each subject for each receiver, tried until it is taken.
 *
 * One receiver, one delivery under way; the others wait behind it. A failed one is tried again after a pause
 * that doubles, so a receiver that is away costs one attempt a minute, however many wait for it.
 */
import type { Effect } from '../effects.ts';
import { fullJitterMs, type Random } from '../random.ts';
import type { NodeId } from '../record/node.ts';
import { retryAfterMs } from './backoff.ts';
import type { PeerOutcome } from './outcome.ts';

export interface Delivery {
  /** `http:` and the base URL. */
  readonly receiver: string;
  readonly subject: NodeId;
  readonly priority: 'critical' | 'normal' | 'bulk';
  readonly kind: 'registration';
  /** JSON body. */
  readonly payload: string;
}

/** What takes deliveries over and sees to it that they arrive. */
export interface Deliveries {
  enqueue(delivery: Delivery): readonly Effect[];
}

export const httpReceiverPrefix = 'http:';
/** Of the keys of the requests that carry deliveries. */
export const deliveryKeyPrefix = 'delivery:';

const retryMaxMs = 60_000;
/** Guess: a hundred services for each of a hundred receivers. */
const deliveriesMaxCount = 10_000;

interface Receiver {
  readonly url: string;
  /** In order of arrival; a later delivery about the same subject takes the place of the earlier one. */
  readonly waiting: Map<NodeId, Delivery>;
  underWay: { readonly key: string; readonly delivery: Delivery } | undefined;
  failuresInRow: number;
  dueMonoMs: number;
}

export class MemoryDeliveries implements Deliveries {
  readonly #random: Random;
  readonly #maxCount: number;
  readonly #receivers = new Map<string, Receiver>();
  #lastKey = 0;
  #count = 0;
  #droppedCount = 0;

  constructor(components: { readonly random: Random }, maxCount = deliveriesMaxCount) {
    this.#random = components.random;
    this.#maxCount = maxCount;
  }

  /** Waiting, those under way not counted. */
  get count(): number {
    return this.#count;
  }

  /** Deliveries that had no room, and those that their receiver does not accept. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  enqueue(delivery: Delivery): readonly Effect[] {
    const receiver = this.#receiverOf(delivery.receiver);
    if (!receiver.waiting.has(delivery.subject)) {
      if (this.#count >= this.#maxCount) {
        this.#droppedCount += 1;
        return [];
      }
      this.#count += 1;
    }
    receiver.waiting.set(delivery.subject, delivery);
    // A receiver that failed waits for its time, which `due` knows.
    return receiver.failuresInRow === 0 ? this.#launch(receiver) : [];
  }

  /** Starts what waits for receivers whose pause is over. */
  due(monoMs: number): readonly Effect[] {
    return [...this.#receivers.values()].flatMap(receiver =>
      receiver.dueMonoMs <= monoMs ? this.#launch(receiver) : [],
    );
  }

  /** @param key - Of the request; an unknown one is of a receiver that was forgotten, and counts for nothing. */
  answered(key: string, outcome: PeerOutcome, monoMs: number): readonly Effect[] {
    const receiver = [...this.#receivers.values()].find(({ underWay }) => underWay?.key === key);
    const delivery = receiver?.underWay?.delivery;
    if (receiver === undefined || delivery === undefined) return [];
    receiver.underWay = undefined;
    if (outcome.ok || isKnownThere(outcome) || !isWorthAnother(outcome)) {
      if (!outcome.ok && !isKnownThere(outcome)) this.#droppedCount += 1;
      receiver.failuresInRow = 0;
      receiver.dueMonoMs = monoMs;
      return this.#launch(receiver);
    }
    receiver.failuresInRow += 1;
    receiver.dueMonoMs =
      monoMs + fullJitterMs(this.#random, retryAfterMs(receiver.failuresInRow, retryMaxMs));
    if (!receiver.waiting.has(delivery.subject)) {
      receiver.waiting.set(delivery.subject, delivery);
      this.#count += 1;
    }
    return [];
  }

  /** Nothing more is delivered there. */
  forget(receiver: string): void {
    this.#count -= this.#receivers.get(receiver)?.waiting.size ?? 0;
    this.#receivers.delete(receiver);
  }

  #receiverOf(name: string): Receiver {
    const known = this.#receivers.get(name);
    if (known !== undefined) return known;
    const receiver: Receiver = {
      url: name.slice(httpReceiverPrefix.length),
      waiting: new Map(),
      underWay: undefined,
      failuresInRow: 0,
      dueMonoMs: 0,
    };
    this.#receivers.set(name, receiver);
    return receiver;
  }

  #launch(receiver: Receiver): readonly Effect[] {
    if (receiver.underWay !== undefined) return [];
    const [next] = receiver.waiting.values();
    if (next === undefined) return [];
    receiver.waiting.delete(next.subject);
    this.#count -= 1;
    this.#lastKey += 1;
    const key = `${deliveryKeyPrefix}${this.#lastKey}`;
    receiver.underWay = { key, delivery: next };
    return [{ type: 'register-with', key, url: receiver.url, body: next.payload }];
  }
}

/** The receiver has something newer, so it has been told by somebody. */
function isKnownThere(outcome: Extract<PeerOutcome, { readonly ok: false }>): boolean {
  return outcome.status === 409;
}

/** What a receiver refuses for what it says, it refuses again. */
function isWorthAnother({ status }: Extract<PeerOutcome, { readonly ok: false }>): boolean {
  return status === undefined || status >= 500 || status === 408 || status === 429;
}
