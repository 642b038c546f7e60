/** Claims and datagrams within bounds, for tests. */
import fc from 'fast-check';
import type { ClaimDraft, VerifiedClaim } from '../../../src/core/swim/claim.ts';
import type { ProbeBody, ProbeMessage } from '../../../src/core/swim/message.ts';
import { Speaker } from '../../record-builder.ts';

/** Who signs, and whom it talks to and about. */
export const me = new Speaker(1);
const peers = [2, 3, 4].map(number => new Speaker(number).peer);
const count = fc.maxSafeNat();
const uint32 = fc.nat(2 ** 32 - 1);

export const arbitraryClaimDraft: fc.Arbitrary<ClaimDraft> = fc
  .record({
    about: fc.oneof(
      fc.record({
        kind: fc.constantFrom('alive' as const, 'left' as const, 'revoked' as const),
        subject: fc.constant(me.peer),
      }),
      fc.record({
        kind: fc.constantFrom('suspect' as const, 'dead' as const, 'removed' as const),
        subject: fc.constantFrom(...peers),
      }),
    ),
    epoch: count,
    incarnation: uint32,
    refused: fc.boolean(),
  })
  .map(({ about, ...rest }) => ({ issuer: me.peer, ...about, ...rest }));

export const arbitraryClaim: fc.Arbitrary<VerifiedClaim> = arbitraryClaimDraft.map(draft =>
  me.probeCodec.sealClaim(draft),
);

/** The parts of a claim that its issuer chose. */
export function claimDraftOf({ kind, issuer, subject, epoch, incarnation, refused }: ClaimDraft): ClaimDraft {
  return { kind, issuer, subject, epoch, incarnation, refused };
}

const peer = fc.constantFrom(...peers);
const origin = fc.record({ peer, nonce: count });

const question = <Type extends 'ping' | 'ack'>(type: Type): fc.Arbitrary<ProbeBody> =>
  fc.oneof(
    fc.record({ type: fc.constant(type), nonce: count }),
    fc.record({ type: fc.constant(type), nonce: count, origin }),
  ) as fc.Arbitrary<ProbeBody>;

export const arbitraryBody: fc.Arbitrary<ProbeBody> = fc.oneof(
  question('ping'),
  question('ack'),
  fc.record({ type: fc.constant('ping-request' as const), nonce: count, target: peer }),
  fc.record({ type: fc.constant('nack' as const), nonce: count }),
  fc.record({ type: fc.constant('relay' as const), ack: fc.uint8Array({ minLength: 1, maxLength: 300 }) }),
  fc.record({ type: fc.constant('news' as const) }),
);

export const arbitraryProbe: fc.Arbitrary<ProbeMessage> = fc.record({
  from: fc.constant(me.peer),
  to: peer,
  epoch: count,
  counter: count,
  incarnation: uint32,
  wallMs: count,
  body: arbitraryBody,
  claims: fc.array(arbitraryClaim, { maxLength: 4 }),
});
