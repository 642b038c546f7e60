/** What is not well about an agent's own membership, in a sentence. */
import type { Roster } from '../core/authority/roster.ts';
import type { PeerId } from '../core/record/record.ts';

const remedy =
  "an agent with --ca-dir renews it while the two are connected; 'firsthand invite' makes an invite";

/** `undefined` when all is well, or nobody says who is a member. */
export function membershipFinding(
  roster: Roster | undefined,
  self: PeerId,
  wallMs: number,
): string | undefined {
  const own = roster?.certificateOf(self);
  if (roster === undefined || own === undefined) return undefined;
  if (roster.fault(self, wallMs) === 'revoked')
    return 'this agent was shut out by its authority: it can come back with a new invite';
  const leftMs = own.expiresMs - wallMs;
  if (leftMs > (own.expiresMs - own.issuedMs) / 4) return undefined;
  const leftMin = Math.round(leftMs / 60_000);
  return leftMs <= 0
    ? `the certificate of this agent has expired, and nobody talks to it: ${remedy}`
    : `the certificate of this agent ends in ${leftMin} min and was not renewed: ${remedy}`;
}
