/** What the outbox keeps: something that one receiver must confirm. */
import type { ErrorCode } from '../../errors.ts';

/** `http:<base url>` for a peer that speaks only HTTP, `peer:<peer id>` for an agent. Printable ASCII. */
export type Receiver = string;

/** In the order in which they are delivered. */
export const priorities = ['critical', 'normal', 'bulk'] as const;
export type Priority = (typeof priorities)[number];

/** 32 bytes; see chain.ts. */
export type Link = Uint8Array;

export interface DeliveryRequest {
  readonly receiver: Receiver;
  /**
   * What it is about, when a later one about the same supersedes it; absent when each has to arrive for itself.
   */
  readonly subject: string | undefined;
  readonly priority: Priority;
  /** For whoever delivers; the outbox does not look at it, nor at the payload. */
  readonly kind: string;
  readonly payload: Uint8Array;
  /** Ends up in the dead letters when it has not arrived by then, ms; at most `ageMaxMs` of the outbox. */
  readonly expiresAfterMs: number;
  /** Names the content: receivers take the same one twice for once. */
  readonly digest: string;
}

/** As written to the store. What it is linked to is part of it, so that the link covers all that came before. */
export interface StoredDelivery extends DeliveryRequest {
  /** Counts what was ever put into this queue; from 1. */
  readonly sequence: number;
  /** Where it stands among those of its priority: its own sequence, or that of the one it superseded. */
  readonly place: number;
  /** By this machine's clock, for the age of what outlived a restart. */
  readonly enqueuedAtMs: number;
  readonly previous: Link;
}

export interface Delivery extends StoredDelivery {
  readonly link: Link;
}

/** Hashes a delivery, its `previous` included. The core has no hash of its own. */
export type LinkOf = (delivery: StoredDelivery) => Link;

/** How one attempt ended. */
export type DeliveryOutcome =
  /** The receiver has it. */
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** The receiver will never take this one: another attempt would be in vain. */
      readonly isFinal: boolean;
      /** One short sentence for a person. */
      readonly detail: string;
      /** The receiver asked not to be tried again for so long, ms. */
      readonly retryAfterMs?: number;
    };

export type DeathReason = 'expired' | 'refused' | 'damaged';

/** What did not arrive, without its payload. */
export interface DeadLetter {
  /** Counts the dead letters of this agent; from 1. */
  readonly number: number;
  readonly receiver: Receiver;
  readonly subject?: string;
  readonly priority: Priority;
  readonly kind: string;
  readonly digest: string;
  readonly reason: DeathReason;
  readonly detail: string;
  readonly enqueuedAtMs: number;
  readonly diedAtMs: number;
}

export type OutboxRefusal = {
  readonly code: Extract<ErrorCode, 'OUTBOX_FULL' | 'PAYLOAD_TOO_LARGE' | 'STORE_FULL' | 'STORE_FAILED'>;
  readonly text: string;
};
