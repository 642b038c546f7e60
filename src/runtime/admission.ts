/**
 * What two agents say to each other before anything else.
 *
 * The network encrypts a connection, learns whose key is at the other end, and then carries messages between the
 * two authorities until each has decided. Only then does anything else see the connection. An authority knows
 * how one proves to belong here (a secret, a certificate, an invite); the network knows nothing of that.
 */
import type { PeerId } from '../core/record/record.ts';

export type AdmissionRole = 'dialer' | 'listener';

export interface AdmissionParties {
  readonly role: AdmissionRole;
  readonly self: PeerId;
  /** It holds this key: the encryption has shown that. */
  readonly remote: PeerId;
}

export interface AdmissionAuthority {
  /**
   * How it admits, `a-z` and hyphens: part of the name of the encryption, so that agents that admit in different
   * ways, or not at all, find that out before they have said anything.
   */
  readonly name: string;
  begin(parties: AdmissionParties): AdmissionExchange;
  /** The sentence for the operator of this agent: what was refused, and what mends it. Never a secret. */
  explain(refusal: AdmissionRefusal): string;
}

/**
 * One side of one exchange. Each side says at most `admissionMessagesMaxCount` messages of at most
 * `admissionMessageMaxBytes`, its opening and last words included.
 *
 * A dialer should not count itself as admitted before it has heard the listener's last words: otherwise it goes on
 * to speak to somebody who is about to refuse it, and never learns why.
 */
export interface AdmissionExchange {
  /** Said at once, without waiting for the other side. */
  readonly opening: Uint8Array;
  /** Takes the peer's next message. A step may wait for a disk, within the network's deadline. */
  take(message: Uint8Array): AdmissionStep | Promise<AdmissionStep>;
}

export type AdmissionStep =
  /** Undecided: another message has to come. */
  | { readonly type: 'go-on'; readonly message?: Uint8Array }
  | { readonly type: 'admitted'; readonly lastWords?: Uint8Array; readonly facts: AdmissionFacts }
  | { readonly type: 'refused'; readonly reason: RefusalReason };

/** What an admitted peer has proved. */
export interface AdmissionFacts {
  /** Ids of the cluster keys that both sides hold, the one in use here first. */
  readonly keyIds?: readonly string[];
  /** Its membership certificate as it was received. */
  readonly certificate?: Uint8Array;
  readonly roles?: readonly string[];
}

export interface AdmissionRefusal {
  readonly reason: RefusalReason;
  /** Whether this agent refused the peer, or the peer this agent. */
  readonly by: 'self' | 'peer';
}

export const refusalReasons = [
  /** Not what an exchange is made of. */
  'malformed',
  /** The time for it was over, or the connection. */
  'late',
  /** A failure of this side's own, such as a full disk. */
  'failed',
  'wrong-secret',
  'other-cluster',
  'other-authority',
  'certificate-malformed',
  'certificate-forged',
  'certificate-expired',
  'certificate-not-yet-valid',
  'certificate-revoked',
  'certificate-replaced',
  'certificate-of-another-key',
  'invite-forged',
  'invite-expired',
  'invite-used',
  'invite-not-taken-here',
  'banned',
] as const;

export type RefusalReason = (typeof refusalReasons)[number];

export function isRefusalReason(text: string): text is RefusalReason {
  return (refusalReasons as readonly string[]).includes(text);
}

export const admissionMessageMaxBytes = 4 * 1_024;
export const admissionMessagesMaxCount = 2;
