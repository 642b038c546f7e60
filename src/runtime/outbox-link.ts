/** The hash that links the deliveries of the outbox: the core has none of its own. */
import { createHash } from 'node:crypto';
import type { Link, StoredDelivery } from '../core/outbox/delivery.ts';

export function linkOf(delivery: StoredDelivery): Link {
  const { receiver, subject, priority, kind, digest, sequence, place } = delivery;
  const { enqueuedAtMs, expiresAfterMs, previous, payload } = delivery;
  const facts = [
    receiver,
    subject ?? null,
    priority,
    kind,
    digest,
    sequence,
    place,
    enqueuedAtMs,
    expiresAfterMs,
    payload.length,
  ];
  return createHash('sha256').update(JSON.stringify(facts)).update(previous).update(payload).digest();
}
