/** Updates that HTTP peers must get: how they are handed to the outbox, and what their answers mean to it. */
import type { DeliveryOutcome, DeliveryRequest, Priority, Receiver } from '../outbox/delivery.ts';
import type { NodeFields, NodeId } from '../record/node.ts';
import type { PeerOutcome } from './outcome.ts';
import { registrationBody } from './registration.ts';

/** Of receivers that are HTTP peers; their base URL follows. */
export const httpScheme = 'http:';

export function receiverOf(url: string): Receiver {
  return httpScheme + url;
}

export function urlOf(receiver: Receiver): string {
  return receiver.slice(httpScheme.length);
}

/** What a receiver is to know of a node; a later one about the same node takes its place. */
export function updateFor(
  url: string,
  id: NodeId,
  node: NodeFields,
  parts: { readonly priority: Priority; readonly digestOf: (text: string) => string },
): DeliveryRequest {
  const body = registrationBody('update', id, node);
  return {
    receiver: receiverOf(url),
    subject: id,
    priority: parts.priority,
    kind: 'registration',
    payload: new TextEncoder().encode(body),
    expiresAfterMs: Number.MAX_SAFE_INTEGER, // As long as the outbox keeps anything.
    digest: parts.digestOf(body),
  };
}

/** What an answer to an update means: what a receiver refuses for what it says, it refuses again. */
export function deliveryOutcome(outcome: PeerOutcome): DeliveryOutcome {
  // 409: it has something newer, so it has been told by somebody.
  if (outcome.ok || outcome.status === 409) return { ok: true };
  const { reason, status, detail } = outcome;
  const isRefusal = status !== undefined && status < 500 && status !== 408 && status !== 429;
  const isFinal = isRefusal || reason === 'forbidden-address' || reason === 'foreign';
  return { ok: false, isFinal, detail };
}
