/**
 * What one receiver still has to get, in the order in which it gets it: by priority, then by place.
 *
 * A later delivery about the same subject takes the place of the earlier one, so that a subject that changes
 * all the time is neither delivered late for it nor held back by itself. The one under way stays where it is
 * until it is settled: what came of it is known by then only, and the newer one follows it.
 */
import { combined, noLink, type QueueHead } from './chain.ts';
import {
  type Delivery,
  type DeliveryRequest,
  type Link,
  type LinkOf,
  type Priority,
  priorities,
  type Receiver,
  type StoredDelivery,
} from './delivery.ts';

export interface Waiting {
  readonly delivery: Delivery;
  readonly enqueuedMonoMs: number;
  readonly expiresMonoMs: number;
}

export class DeliveryQueue {
  readonly receiver: Receiver;
  /** By place; a `Map` keeps the order, also when the one at a place is replaced. */
  readonly #classes: Readonly<Record<Priority, Map<number, Waiting>>> = {
    critical: new Map(),
    normal: new Map(),
    bulk: new Map(),
  };
  readonly #bySubject = new Map<string, Waiting>();
  #sequence = 0;
  #link: Link = noLink;
  #sum: Link = noLink;
  #bytes = 0;
  #written = 0;

  constructor(receiver: Receiver) {
    this.receiver = receiver;
  }

  get count(): number {
    return priorities.reduce((sum, priority) => sum + this.#classes[priority].size, 0);
  }

  /** Something that was enqueued is on its way to the store, though it may be gone from here. */
  get isBeingWritten(): boolean {
    return this.#written < this.#sequence;
  }

  get bytes(): number {
    return this.#bytes;
  }

  countOf(priority: Priority): number {
    return this.#classes[priority].size;
  }

  head(failures: number): QueueHead {
    return {
      receiver: this.receiver,
      sequence: this.#sequence,
      link: this.#link,
      count: this.count,
      sum: this.#sum,
      failures,
    };
  }

  /** The latest about a subject. */
  about(subject: string | undefined): Waiting | undefined {
    return subject === undefined ? undefined : this.#bySubject.get(subject);
  }

  *all(): Iterable<Waiting> {
    for (const priority of priorities) yield* this.#classes[priority].values();
  }

  /** @returns What was put in, and the delivery that it superseded. */
  add(
    request: DeliveryRequest,
    times: {
      readonly enqueuedAtMs: number;
      readonly enqueuedMonoMs: number;
      readonly expiresAfterMs: number;
    },
    linkOf: LinkOf,
  ): { readonly added: Delivery; readonly superseded: Delivery | undefined } {
    const superseded = this.about(request.subject)?.delivery;
    this.#sequence += 1;
    // Of the two priorities the higher, or updates could push a critical one to the end of the queue.
    const priority =
      superseded === undefined ? request.priority : higher(request.priority, superseded.priority);
    const keepsPlace = superseded?.priority === priority;
    const stored: StoredDelivery = {
      ...request,
      priority,
      expiresAfterMs: times.expiresAfterMs,
      enqueuedAtMs: times.enqueuedAtMs,
      sequence: this.#sequence,
      place: keepsPlace ? superseded.place : this.#sequence,
      previous: this.#link,
    };
    const added: Delivery = { ...stored, link: linkOf(stored) };
    if (superseded !== undefined) {
      this.#forget(superseded);
      if (!keepsPlace) this.#classes[superseded.priority].delete(superseded.place);
    }
    this.#link = added.link;
    this.#insert({
      delivery: added,
      enqueuedMonoMs: times.enqueuedMonoMs,
      expiresMonoMs: times.enqueuedMonoMs + times.expiresAfterMs,
    });
    return { added, superseded };
  }

  /** From the store, in order of sequence, and verified. */
  restore(head: QueueHead, waiting: readonly Waiting[]): void {
    for (const each of [...waiting].sort((a, b) => a.delivery.place - b.delivery.place)) this.#insert(each);
    this.#sequence = head.sequence;
    this.#link = head.link;
    this.#written = head.sequence;
  }

  /** Everything up to this one is in the store, and may be delivered. */
  written(sequence: number): void {
    this.#written = Math.max(this.#written, sequence);
  }

  /** The one to deliver now. */
  next(): Waiting | undefined {
    for (const waiting of this.all()) if (waiting.delivery.sequence <= this.#written) return waiting;
    return undefined;
  }

  /** False when it is no longer here: superseded, or expired. */
  remove({ priority, place, sequence }: Delivery): boolean {
    const waiting = this.#classes[priority].get(place);
    if (waiting === undefined || waiting.delivery.sequence !== sequence) return false;
    this.#classes[priority].delete(place);
    this.#forget(waiting.delivery);
    return true;
  }

  has({ priority, place, sequence }: Delivery): boolean {
    return this.#classes[priority].get(place)?.delivery.sequence === sequence;
  }

  /** When the first of them expires, on the monotonic clock; infinite when none does. */
  firstExpiryMonoMs(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { expiresMonoMs } of this.all()) first = Math.min(first, expiresMonoMs);
    return first;
  }

  oldestMonoMs(): number | undefined {
    let oldest: number | undefined;
    for (const { enqueuedMonoMs } of this.all()) oldest = Math.min(oldest ?? enqueuedMonoMs, enqueuedMonoMs);
    return oldest;
  }

  #insert(waiting: Waiting): void {
    const { delivery } = waiting;
    this.#classes[delivery.priority].set(delivery.place, waiting);
    if (delivery.subject !== undefined) this.#bySubject.set(delivery.subject, waiting);
    this.#sum = combined(this.#sum, delivery.link);
    this.#bytes += delivery.payload.length;
  }

  /** All but its place, which a successor may take. */
  #forget({ subject, sequence, link, payload }: Delivery): void {
    if (subject !== undefined && this.#bySubject.get(subject)?.delivery.sequence === sequence)
      this.#bySubject.delete(subject);
    this.#sum = combined(this.#sum, link);
    this.#bytes -= payload.length;
  }
}

function higher(a: Priority, b: Priority): Priority {
  return priorities.indexOf(a) <= priorities.indexOf(b) ? a : b;
}
