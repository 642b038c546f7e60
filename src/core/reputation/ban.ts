/** What an operator says about a key, through an agent that signs it. */
import type { PeerId } from '../record/record.ts';

export interface BanDraft {
  /** The agent through which it was said. */
  readonly issuer: PeerId;
  readonly subject: PeerId;
  /** Wall clock, ms: a later statement of the issuer about the subject replaces an earlier one. */
  readonly issuedAtMs: number;
  /** Wall clock, ms; 0: until it is lifted. */
  readonly untilMs: number;
  /** A pardon. */
  readonly isLifted: boolean;
  readonly reason: string;
}

declare const verified: unique symbol;

export interface VerifiedBan extends BanDraft {
  /** The signed envelope as it was received or made. */
  readonly wire: Uint8Array;
  readonly [verified]: true;
}

/** In one message of gossip. */
export const bansPerMessageMaxCount = 16;
export const banReasonMaxLength = 200;

/** Printable ASCII, on one line: it is shown to people, in whatever terminal. */
export function isBanReason(text: string): boolean {
  return text.length <= banReasonMaxLength && /^[\x20-\x7e]*$/.test(text);
}
