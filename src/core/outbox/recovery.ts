/** What a starting agent makes of the rows that it finds: which queues are whole, and which are not delivered. */
import { damageOf, isSealed, noLink, type QueueHead, type Seal } from './chain.ts';
import type { DeadLetter, Delivery, LinkOf, Receiver, StoredDelivery } from './delivery.ts';

/** What the store kept. */
export interface StoredOutbox {
  readonly heads: readonly QueueHead[];
  /** In any order. */
  readonly deliveries: readonly StoredDelivery[];
  readonly deadLetters: readonly DeadLetter[];
  /** Absent in a store that never had a delivery. */
  readonly seal: Seal | undefined;
}

export const emptyStoredOutbox: StoredOutbox = {
  heads: [],
  deliveries: [],
  deadLetters: [],
  seal: undefined,
};

export interface Recovery {
  /** Deliveries in order of sequence. */
  readonly whole: readonly { readonly head: QueueHead; readonly deliveries: readonly Delivery[] }[];
  readonly damaged: readonly {
    readonly receiver: Receiver;
    readonly deliveries: readonly StoredDelivery[];
    /** One sentence. */
    readonly damage: string;
  }[];
  /** All heads are there, each as it was last written; otherwise no queue can be trusted. */
  readonly isSealed: boolean;
}

export function recover(stored: StoredOutbox, linkOf: LinkOf): Recovery {
  const heads = new Map(stored.heads.map(head => [head.receiver, head]));
  // A queue whose head alone is gone still adds up, so that the others are not taken for damaged with it.
  const headless = stored.deliveries.filter(({ receiver }) => !heads.has(receiver));
  const hasAll = isSealed(stored.seal, [
    ...stored.heads,
    ...headless.map(delivery => ({ count: 1, sum: linkOf(delivery) })),
  ]);
  const whole: Recovery['whole'][number][] = [];
  const damaged: Recovery['damaged'][number][] = [];
  for (const [receiver, deliveries] of byReceiver(stored)) {
    const head = heads.get(receiver);
    const links = deliveries.map(linkOf);
    const damage = damageOf(head, deliveries, links) ?? (hasAll ? undefined : 'rows of some queue are gone');
    if (head === undefined || damage !== undefined)
      damaged.push({ receiver, deliveries, damage: damage ?? '' });
    else
      whole.push({ head, deliveries: deliveries.map((each, i) => ({ ...each, link: links[i] ?? noLink })) });
  }
  return { whole, damaged, isSealed: hasAll };
}

function byReceiver({ heads, deliveries }: StoredOutbox): ReadonlyMap<Receiver, readonly StoredDelivery[]> {
  const queues = new Map<Receiver, StoredDelivery[]>();
  for (const { receiver } of heads) queues.set(receiver, []);
  for (const delivery of deliveries) {
    const queue = queues.get(delivery.receiver);
    if (queue === undefined) queues.set(delivery.receiver, [delivery]);
    else queue.push(delivery);
  }
  for (const queue of queues.values()) queue.sort((a, b) => a.sequence - b.sequence);
  return queues;
}
