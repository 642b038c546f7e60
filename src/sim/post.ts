/**
 * Whoever confirms deliveries: receivers that come and go, lose answers, and take the same one twice for once.
 */
import type { Receiver } from '../core/outbox/delivery.ts';
import { type Random, randomIndex } from '../core/random.ts';
import type { Clock, Deliverer, DeliveryTarget } from '../runtime/ports.ts';

const transitMaxMs = 80;
const timeoutMs = 5_000;

interface House {
  isOpen: boolean;
  /** Digests, each once, in the order in which they took effect. */
  readonly taken: string[];
  readonly known: Set<string>;
}

export class PostOffice {
  readonly #random: Random;
  readonly #houses = new Map<Receiver, House>();
  /** Share of answers that get lost on the way back, 0 to 1. */
  lossShare = 0;
  attemptsCount = 0;

  constructor(options: { readonly receivers: readonly Receiver[] }, components: { readonly random: Random }) {
    this.#random = components.random;
    for (const receiver of options.receivers)
      this.#houses.set(receiver, { isOpen: true, taken: [], known: new Set() });
  }

  get receivers(): readonly Receiver[] {
    return [...this.#houses.keys()];
  }

  taken(receiver: Receiver): readonly string[] {
    return this.#houses.get(receiver)?.taken ?? [];
  }

  set(receiver: Receiver, isOpen: boolean): void {
    const house = this.#houses.get(receiver);
    if (house !== undefined) house.isOpen = isOpen;
  }

  someReceiver(): Receiver {
    return this.receivers[randomIndex(this.#random, this.#houses.size)] ?? '';
  }

  /** For one agent; dies with its clock. */
  deliverer(clock: Clock): Deliverer {
    return {
      deliver: (target, onDelivered) => {
        this.attemptsCount += 1;
        const house = this.#houses.get(target.receiver);
        const thereMs = this.#random.next() * transitMaxMs;
        const isLost = this.#random.next() < this.lossShare;
        if (house === undefined || !house.isOpen) {
          clock.after(thereMs, () => onDelivered({ ok: false, isFinal: false, detail: 'refused' }));
          return;
        }
        clock.after(thereMs, () => {
          take(house, target);
          const backMs = isLost ? timeoutMs : this.#random.next() * transitMaxMs;
          clock.after(backMs, () =>
            onDelivered(isLost ? { ok: false, isFinal: false, detail: 'timeout' } : { ok: true }),
          );
        });
      },
      stop: () => Promise.resolve(),
    };
  }
}

function take(house: House, { digest }: DeliveryTarget): void {
  if (house.known.has(digest)) return;
  house.known.add(digest);
  house.taken.push(digest);
}
