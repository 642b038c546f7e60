/**
 * Deliveries that one particular receiver must confirm, as opposed to what is gossiped to whoever listens.
 *
 * Each is in the store before the first attempt and leaves when the receiver has it, refuses it for good,
 * when a later one about the same subject supersedes it, or when it expires; what did not arrive becomes a
 * dead letter. One queue per receiver, one delivery under way per queue: so an older update about a subject
 * never arrives after a newer one. A receiver may get the same one twice, when its answer or our process was
 * lost; it tells them by their digest.
 *
 * Bounded in number, bytes and age. When it is full, superseding goes on, and what is new is refused, except
 * that a reserve is kept for critical deliveries. Nothing that was accepted is thrown out for something else.
 */
import type { CoreLogEvent, Effect, StoreOperation } from '../effects.ts';
import type { Random } from '../random.ts';
import type { Now } from '../time.ts';
import type { OutboxView } from '../view.ts';
import { combined, noLink, type QueueHead } from './chain.ts';
import { DeadLetters } from './dead-letters.ts';
import type {
  DeathReason,
  Delivery,
  DeliveryOutcome,
  DeliveryRequest,
  LinkOf,
  OutboxRefusal,
  Receiver,
} from './delivery.ts';
import { type OutboxCounts, outboxView } from './outbox-view.ts';
import { DeliveryQueue, type Waiting } from './queue.ts';
import { ReceiverHealth } from './receiver-health.ts';
import { recover, type StoredOutbox } from './recovery.ts';
import { defaultOutboxSettings, type OutboxSettings } from './settings.ts';

export interface OutboxComponents {
  readonly random: Random;
  readonly linkOf: LinkOf;
  /** Why nothing can be written at the moment, if so. */
  readonly storeProblem: () => Extract<OutboxRefusal['code'], 'STORE_FULL' | 'STORE_FAILED'> | undefined;
}

export type Enqueued =
  | { readonly ok: true; readonly effects: readonly Effect[] }
  | { readonly ok: false; readonly refusal: OutboxRefusal };

/** One receiver: what it has to get, how it responds, and what is under way. */
export interface Lane {
  readonly queue: DeliveryQueue;
  readonly health: ReceiverHealth;
  underWay: { readonly id: number; readonly delivery: Delivery; readonly sinceMonoMs: number } | undefined;
  delivered: number;
  isReported: boolean;
  nextExpiryMonoMs: number;
}

export class Outbox {
  readonly #settings: OutboxSettings;
  readonly #components: OutboxComponents;
  readonly #lanes = new Map<Receiver, Lane>();
  readonly #deadLetters: DeadLetters;
  readonly #damaged = new Set<Receiver>();
  readonly #counts: { -readonly [K in keyof OutboxCounts]: number } = {
    enqueued: 0,
    superseded: 0,
    delivered: 0,
    failed: 0,
    refused: 0,
    expired: 0,
    damaged: 0,
    turnedAway: 0,
  };
  #count = 0;
  #bytes = 0;
  #sum = noLink;
  #lastAttempt = 0;

  constructor(settings: Partial<OutboxSettings>, components: OutboxComponents) {
    this.#settings = { ...defaultOutboxSettings, ...settings };
    this.#components = components;
    this.#deadLetters = new DeadLetters(this.#settings.deadLettersMaxCount);
  }

  /** Deliveries that wait or are under way. */
  get count(): number {
    return this.#count;
  }

  /** Receivers whose queue came damaged from the store: whatever they must know has to be sent anew. */
  get damagedReceivers(): ReadonlySet<Receiver> {
    return this.#damaged;
  }

  /**
   * Puts back what the store kept, before anything is enqueued.
   *
   * A queue that is not whole is not delivered: what was lost may be newer than what is left. It goes to the
   * dead letters, and everybody concerned learns the present state by other ways.
   */
  restore(stored: StoredOutbox, now: Now): readonly Effect[] {
    this.#deadLetters.restore(stored.deadLetters);
    const { whole, damaged, isSealed } = recover(stored, this.#components.linkOf);
    for (const { head, deliveries } of whole) this.#resume(head, deliveries, now);
    if (damaged.length === 0 && isSealed) return [];

    const operations: StoreOperation[] = [];
    const effects: Effect[] = [];
    for (const { receiver, deliveries, damage } of damaged) {
      this.#damaged.add(receiver);
      this.#counts.damaged += deliveries.length;
      for (const delivery of deliveries) {
        operations.push(
          { type: 'delete-delivery', receiver, sequence: delivery.sequence },
          ...this.#deadLetters.add(delivery, 'damaged', damage, now.wallMs),
        );
      }
      operations.push({ type: 'delete-queue', receiver });
      effects.push(log('outbox_queue_damaged', { receiver, deliveries: deliveries.length, damage }));
    }
    if (damaged.length === 0) effects.push(log('outbox_queue_damaged', { damage: 'every queue is gone' }));
    return [...effects, { type: 'persist', operations: [...operations, this.#sealRow()], then: [] }];
  }

  /**
   * Takes one delivery in. It is attempted once it is written; `then` is carried out at the same time.
   *
   * @throws RangeError for a receiver that cannot be a key in the store: a bug in the caller.
   */
  enqueue(request: DeliveryRequest, now: Now, then: readonly Effect[] = []): Enqueued {
    const { receiver, subject, payload } = request;
    requireKeys(request);
    const known = this.#lanes.get(receiver);
    const earlier = known?.queue.about(subject);
    // Waiting already: what was asked for is done once that is written.
    if (earlier?.delivery.digest === request.digest)
      return { ok: true, effects: [{ type: 'persist', operations: [], then }] };
    const refusal = this.#refusal(request, known === undefined, earlier);
    if (refusal !== undefined) {
      this.#counts.turnedAway += 1;
      return { ok: false, refusal };
    }
    const lane = known ?? this.#open(receiver, 0, now);
    const { added, superseded } = lane.queue.add(
      request,
      {
        enqueuedAtMs: now.wallMs,
        enqueuedMonoMs: now.monoMs,
        expiresAfterMs: Math.min(request.expiresAfterMs, this.#settings.ageMaxMs),
      },
      this.#components.linkOf,
    );
    lane.nextExpiryMonoMs = Math.min(lane.nextExpiryMonoMs, now.monoMs + added.expiresAfterMs);
    this.#counts.enqueued += 1;
    this.#tally(1, payload.length, added);
    const operations: StoreOperation[] = [{ type: 'put-delivery', delivery: added }];
    if (superseded !== undefined) {
      this.#counts.superseded += 1;
      this.#tally(-1, -superseded.payload.length, superseded);
      operations.push({ type: 'delete-delivery', receiver, sequence: superseded.sequence });
    }
    const written: Effect = { type: 'written', receiver, sequence: added.sequence };
    return { ok: true, effects: [this.#persist(lane, operations, [written, ...then])] };
  }

  /** Everything for this receiver up to this one is durable. */
  written(receiver: Receiver, sequence: number, now: Now): readonly Effect[] {
    const lane = this.#lanes.get(receiver);
    if (lane === undefined) return [];
    lane.queue.written(sequence);
    return this.#attempt(lane, now);
  }

  /** An attempt ended. One that was given up before is told by its number, and ignored. */
  settled(id: number, outcome: DeliveryOutcome, latencyMs: number, now: Now): readonly Effect[] {
    const lane = this.#laneOf(id);
    return lane === undefined ? [] : this.#settle(lane, outcome, latencyMs, now);
  }

  /** The receiver was found to have it, by whatever way it came. */
  confirmed(receiver: Receiver, digest: string, now: Now): readonly Effect[] {
    const lane = this.#lanes.get(receiver);
    if (lane === undefined) return [];
    const operations: StoreOperation[] = [];
    for (const { delivery } of [...lane.queue.all()])
      if (delivery.digest === digest) operations.push(...this.#take(lane, delivery));
    if (operations.length === 0) return [];
    this.#counts.delivered += operations.length;
    lane.delivered += operations.length;
    return [this.#persist(lane, operations), ...this.#attempt(lane, now)];
  }

  /** The receiver was seen: it is tried now, however long the pause would have been. */
  seen(receiver: Receiver, now: Now): readonly Effect[] {
    const lane = this.#lanes.get(receiver);
    if (lane === undefined) return [];
    lane.health.seen(now.monoMs);
    return this.#attempt(lane, now);
  }

  receivers(): readonly Receiver[] {
    return [...this.#lanes.keys()];
  }

  /** Nobody is to get anything there any more: what waits is dropped. */
  forget(receiver: Receiver, now: Now): readonly Effect[] {
    const lane = this.#lanes.get(receiver);
    if (lane === undefined) return [];
    const operations = [...lane.queue.all()].flatMap(({ delivery }) => [...this.#take(lane, delivery)]);
    lane.nextExpiryMonoMs = lane.queue.firstExpiryMonoMs();
    const effects =
      operations.length === 0 ? [] : [this.#persist(lane, operations), ...this.#wellAgain(lane)];
    this.#closeIfIdle(lane, now);
    return effects;
  }

  /** Gives up what took too long, and tries again what is due. */
  tick(now: Now): readonly Effect[] {
    const effects: Effect[] = [];
    for (const lane of [...this.#lanes.values()]) {
      const { underWay } = lane;
      if (underWay !== undefined && now.monoMs - underWay.sinceMonoMs >= this.#settings.answerTimeoutMs) {
        const outcome = { ok: false, isFinal: false, detail: 'no outcome in time' } as const;
        effects.push(...this.#settle(lane, outcome, this.#settings.answerTimeoutMs, now));
      }
      if (now.monoMs >= lane.nextExpiryMonoMs) effects.push(...this.#expire(lane, now));
      effects.push(...this.#attempt(lane, now), ...this.#report(lane, now));
      this.#closeIfIdle(lane, now);
    }
    return effects;
  }

  views(now: Now): OutboxView {
    return outboxView(
      {
        count: this.#count,
        bytes: this.#bytes,
        counts: { ...this.#counts },
        deadLetters: this.#deadLetters.latest(),
        damaged: this.#damaged,
        settings: this.#settings,
      },
      this.#lanes.values(),
      now,
    );
  }

  #refusal(
    { priority, payload }: DeliveryRequest,
    isNew: boolean,
    earlier: Waiting | undefined,
  ): OutboxRefusal | undefined {
    const { entriesMaxCount, bytesMax, payloadMaxBytes, receiversMaxCount, reserveShare } = this.#settings;
    const problem = this.#components.storeProblem();
    if (problem !== undefined) return { code: problem, text: 'the database refuses writes at the moment' };
    if (payload.length > payloadMaxBytes) {
      const text = `a delivery may have ${payloadMaxBytes} bytes, and this one has ${payload.length}`;
      return { code: 'PAYLOAD_TOO_LARGE', text };
    }
    if (isNew && this.#lanes.size >= receiversMaxCount)
      return { code: 'OUTBOX_FULL', text: `deliveries for ${receiversMaxCount} receivers wait already` };
    const share = priority === 'critical' ? 1 : 1 - reserveShare;
    const count = this.#count + (earlier === undefined ? 1 : 0);
    const bytes = this.#bytes + payload.length - (earlier?.delivery.payload.length ?? 0);
    // What supersedes an earlier one needs no room in number, and may be larger only while there is some.
    const isFull = earlier === undefined && count > entriesMaxCount * share;
    if (!isFull && (bytes <= bytesMax * share || bytes <= this.#bytes)) return undefined;
    return { code: 'OUTBOX_FULL', text: `${this.#count} deliveries wait to be taken, as many as may` };
  }

  #resume(head: QueueHead, deliveries: readonly Delivery[], now: Now): void {
    const lane = this.#open(head.receiver, head.failures, now);
    const waiting = deliveries.map(delivery => {
      // A clock that was set makes them neither older than they may become nor younger than new.
      const ageMs = Math.min(Math.max(0, now.wallMs - delivery.enqueuedAtMs), delivery.expiresAfterMs);
      const enqueuedMonoMs = now.monoMs - ageMs;
      return { delivery, enqueuedMonoMs, expiresMonoMs: enqueuedMonoMs + delivery.expiresAfterMs };
    });
    lane.queue.restore(head, waiting);
    lane.nextExpiryMonoMs = lane.queue.firstExpiryMonoMs();
    for (const delivery of deliveries) this.#tally(1, delivery.payload.length, delivery);
  }

  #open(receiver: Receiver, failures: number, now: Now): Lane {
    const lane: Lane = {
      queue: new DeliveryQueue(receiver),
      health: new ReceiverHealth(this.#settings, this.#components.random, failures, now.monoMs),
      underWay: undefined,
      delivered: 0,
      isReported: false,
      nextExpiryMonoMs: Number.POSITIVE_INFINITY,
    };
    this.#lanes.set(receiver, lane);
    return lane;
  }

  /** A receiver that failed is remembered until its pause is over, or every new delivery would try it at once. */
  #closeIfIdle({ queue, health, underWay }: Lane, { monoMs }: Now): void {
    if (queue.count > 0 || queue.isBeingWritten || underWay !== undefined) return;
    if (monoMs < health.nextTryMonoMs) return;
    if (health.failures > 0 || this.#lanes.size > this.#settings.receiversMaxCount / 2)
      this.#lanes.delete(queue.receiver);
  }

  #laneOf(id: number): Lane | undefined {
    for (const lane of this.#lanes.values()) if (lane.underWay?.id === id) return lane;
    return undefined;
  }

  #attempt(lane: Lane, now: Now): readonly Effect[] {
    if (lane.underWay !== undefined || now.monoMs < lane.health.nextTryMonoMs) return [];
    const delivery = lane.queue.next()?.delivery;
    if (delivery === undefined) return [];
    this.#lastAttempt += 1;
    const id = this.#lastAttempt;
    lane.underWay = { id, delivery, sinceMonoMs: now.monoMs };
    lane.health.tried();
    const { receiver, kind, payload, digest } = delivery;
    return [{ type: 'deliver', receiver, id, kind, payload, digest }];
  }

  #settle(lane: Lane, outcome: DeliveryOutcome, latencyMs: number, now: Now): readonly Effect[] {
    const delivery = lane.underWay?.delivery;
    lane.underWay = undefined;
    if (delivery === undefined) return [];
    // Superseded or expired meanwhile: there is nothing left of it but what it says about the receiver.
    const isHere = lane.queue.has(delivery);
    if (outcome.ok || outcome.isFinal) {
      lane.health.answered(latencyMs, outcome.ok ? undefined : outcome.detail, now.monoMs);
      const operations = isHere ? [...this.#take(lane, delivery)] : [];
      if (outcome.ok) {
        lane.delivered += 1;
        this.#counts.delivered += 1;
      } else if (isHere) operations.push(...this.#bury(delivery, 'refused', outcome.detail, now));
      return [
        ...(operations.length === 0 ? [] : [this.#persist(lane, operations)]),
        ...(outcome.ok || !isHere ? [] : [undelivered(delivery, 1, 'refused', outcome.detail)]),
        ...this.#wellAgain(lane),
        ...this.#attempt(lane, now),
      ];
    }
    this.#counts.failed += 1;
    lane.health.failed(outcome.detail, outcome.retryAfterMs ?? 0, now.monoMs);
    // So that the pauses go on where they stood after a restart.
    return lane.queue.count === 0 ? [] : [this.#persist(lane, [])];
  }

  #expire(lane: Lane, now: Now): readonly Effect[] {
    const expired = [...lane.queue.all()]
      .filter(({ expiresMonoMs }) => now.monoMs >= expiresMonoMs)
      .map(({ delivery }) => delivery)
      // Its outcome is about to be known.
      .filter(delivery => delivery !== lane.underWay?.delivery);
    const operations = expired.flatMap(delivery => [
      ...this.#take(lane, delivery),
      ...this.#bury(delivery, 'expired', lane.health.lastError ?? 'not attempted', now),
    ]);
    lane.nextExpiryMonoMs = lane.queue.firstExpiryMonoMs();
    const [first] = expired;
    if (first === undefined) return [];
    const told = undelivered(first, expired.length, 'expired', lane.health.lastError ?? 'not attempted');
    return [this.#persist(lane, operations), told];
  }

  #bury(delivery: Delivery, reason: DeathReason, detail: string, now: Now): readonly StoreOperation[] {
    this.#counts[reason] += 1;
    return this.#deadLetters.add(delivery, reason, detail, now.wallMs);
  }

  #take(lane: Lane, delivery: Delivery): readonly StoreOperation[] {
    if (!lane.queue.remove(delivery)) return [];
    this.#tally(-1, -delivery.payload.length, delivery);
    return [{ type: 'delete-delivery', receiver: delivery.receiver, sequence: delivery.sequence }];
  }

  #tally(count: number, bytes: number, { link }: Delivery): void {
    this.#count += count;
    this.#bytes += bytes;
    this.#sum = combined(this.#sum, link);
  }

  /** Once for each time that a receiver takes nothing, not for each attempt. */
  #report(lane: Lane, { monoMs }: Now): readonly Effect[] {
    const { health, queue } = lane;
    if (lane.isReported || health.failures === 0) return [];
    if (monoMs - (queue.oldestMonoMs() ?? monoMs) < this.#settings.stuckAfterMs) return [];
    lane.isReported = true;
    const { receiver, count } = queue;
    const fields = { receiver, deliveries: count, failures: health.failures, error: health.lastError };
    return [log('outbox_receiver_stuck', fields)];
  }

  #wellAgain(lane: Lane): readonly Effect[] {
    if (!lane.isReported) return [];
    lane.isReported = false;
    return [log('outbox_receiver_recovered', { receiver: lane.queue.receiver })];
  }

  /** Rows, and what proves that they are all there, in one batch. */
  #persist(lane: Lane, operations: readonly StoreOperation[], then: readonly Effect[] = []): Effect {
    const { queue, health } = lane;
    const head: StoreOperation =
      queue.count > 0
        ? { type: 'put-queue', head: queue.head(health.failures) }
        : { type: 'delete-queue', receiver: queue.receiver };
    return { type: 'persist', operations: [...operations, head, this.#sealRow()], then };
  }

  #sealRow(): StoreOperation {
    return { type: 'put-outbox-seal', seal: { count: this.#count, sum: this.#sum } };
  }
}

/** Their bounds are those of the store: the facts of a delivery stay far below 64 KiB. */
function requireKeys({ receiver, subject = '', kind, digest }: DeliveryRequest): void {
  if (!/^[!-~]{1,512}$/.test(receiver)) throw new RangeError(`no receiver: ${receiver}`);
  const isLong = subject.length > 512 || kind.length > 64 || digest.length > 128;
  if (isLong) throw new RangeError(`a subject, kind or digest for ${receiver} is too long`);
}

function undelivered(
  { receiver, subject }: Delivery,
  deliveries: number,
  reason: DeathReason,
  detail: string,
): Effect {
  return log('outbox_undelivered', { receiver, subject, deliveries, reason, detail });
}

function log(event: CoreLogEvent, fields: Readonly<Record<string, unknown>>): Effect {
  return { type: 'log', event, fields };
}
