/**
 * How a queue proves, after a restart, that it is whole.
 *
 * The store loses rows without a word when its files are damaged. Each delivery is linked by a hash to the
 * one that was enqueued before it, but what was delivered or superseded is gone from the middle of the
 * queue, so a chain alone cannot tell a row that was lost from one that was done with. Hence each queue has
 * a *head*, written in the same batch as every change, that holds the sum (exclusive or) of the links of
 * everything still to be delivered; and the outbox a *seal*, the same over all queues, for a lost batch may
 * take the head along. A log with markers for what is done was rejected: it needs compaction of its own, and
 * proves no more.
 *
 * It guards against disks, not against people: who can write rows can write sums.
 */
import type { Link, Receiver, StoredDelivery } from './delivery.ts';

export const noLink: Link = new Uint8Array(32);

export interface QueueHead {
  readonly receiver: Receiver;
  /** Of the last one ever enqueued. */
  readonly sequence: number;
  readonly link: Link;
  /** What is still to be delivered: how many, and the sum of their links. */
  readonly count: number;
  readonly sum: Link;
  /** Attempts that failed in a row, so that the pauses between them go on where they stood. */
  readonly failures: number;
}

export interface Seal {
  readonly count: number;
  readonly sum: Link;
}

export const emptySeal: Seal = { count: 0, sum: noLink };

export function combined(a: Link, b: Link): Link {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}

export function isSameLink(a: Link, b: Link): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/**
 * What is wrong with a queue as it came from the store: one sentence, or `undefined` when it is whole.
 *
 * @param deliveries - In order of sequence.
 * @param links - The hash of each.
 */
export function damageOf(
  head: QueueHead | undefined,
  deliveries: readonly StoredDelivery[],
  links: readonly Link[],
): string | undefined {
  if (head === undefined) return 'its head is gone';
  if (deliveries.length !== head.count) return `${deliveries.length} of ${head.count} deliveries are left`;
  const sum = links.reduce(combined, noLink);
  if (!isSameLink(sum, head.sum)) return 'a delivery is not the one that was written';
  for (const [i, { sequence, previous }] of deliveries.entries()) {
    const before = deliveries[i - 1];
    if (before?.sequence === sequence - 1 && !isSameLink(previous, links[i - 1] ?? noLink))
      return `delivery ${sequence} does not follow the one before it`;
  }
  const last = links.at(-1);
  if (deliveries.at(-1)?.sequence === head.sequence && last !== undefined && !isSameLink(last, head.link))
    return 'its last delivery does not fit its head';
  return undefined;
}

/** Whether the heads that are left are all there were, each as it was last written. */
export function isSealed(seal: Seal | undefined, heads: Iterable<Seal>): boolean {
  let { count, sum } = emptySeal;
  for (const head of heads) {
    count += head.count;
    sum = combined(sum, head.sum);
  }
  const expected = seal ?? emptySeal;
  return count === expected.count && isSameLink(sum, expected.sum);
}
