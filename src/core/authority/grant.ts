/** An invite: whoever shows it first to the agent that it names becomes a member, with a key of his own. */
import type { PeerId } from '../record/record.ts';
import type { MemberRole } from './certificate.ts';

export interface GrantDraft {
  readonly cluster: string;
  /** 32 hexadecimal digits, drawn at random; redeemed once. */
  readonly id: string;
  /** Multiaddrs of the agents that redeem it, each with its `/p2p/<peer id>`. */
  readonly seeds: readonly string[];
  /** As in the certificate that it is redeemed for. */
  readonly pattern: string;
  readonly roles: readonly MemberRole[];
  /** How long that certificate is valid, ms. */
  readonly lifetimeMs: number;
  /** Of the grant. */
  readonly expiresMs: number;
  /** The authority's key. */
  readonly authority: PeerId;
}

/** Read, and signed by the authority that it names; whether that is one to trust is another question. */
export interface Grant extends GrantDraft {
  readonly wire: Uint8Array;
}

export const grantSeedsMaxCount = 4;
export const grantMaxBytes = 1_500;
