/**
 * What one agent says about who is alive, small enough to ride on a probe.
 *
 * Only the subject itself says `alive` and `left`, and only it raises its incarnation; everybody else can
 * accuse. Each claim is signed by its issuer, so it may travel through anybody's hands.
 */
import type { PeerId } from '../record/record.ts';

/** One life of an agent: opened anew at each start, and within it raised at each refutation. */
export interface Life {
  readonly epoch: number;
  readonly incarnation: number;
}

export const claimKinds = ['alive', 'left', 'suspect', 'dead', 'removed', 'revoked'] as const;
/**
 * `removed`: an operator took the subject out, up to and including the life that is named. `revoked`: the owner of a
 * key ends it, in whatever life.
 */
export type ClaimKind = (typeof claimKinds)[number];

export interface ClaimDraft extends Life {
  readonly kind: ClaimKind;
  readonly issuer: PeerId;
  readonly subject: PeerId;
  /** Evidence of an accusation: the subject's host answered that nobody listens there. */
  readonly refused: boolean;
}

declare const verified: unique symbol;

export interface VerifiedClaim extends ClaimDraft {
  /** The signed envelope as it was received or made. */
  readonly wire: Uint8Array;
  readonly [verified]: true;
}

/** Negative when `a` is the earlier life. */
export function compareLives(a: Life, b: Life): number {
  return a.epoch - b.epoch || a.incarnation - b.incarnation;
}

export function isAccusation(kind: ClaimKind): kind is 'suspect' | 'dead' {
  return kind === 'suspect' || kind === 'dead';
}

/** Whether the issuer may say this: about itself that it lives, leaves or ends, about others the rest. */
export function isProper({
  kind,
  issuer,
  subject,
}: Pick<ClaimDraft, 'kind' | 'issuer' | 'subject'>): boolean {
  return (kind === 'alive' || kind === 'left' || kind === 'revoked') === (issuer === subject);
}
