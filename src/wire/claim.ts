/** Claims about who is alive, to bytes and back. Decoding answers `undefined` for whatever is not one. */
import { type ClaimDraft, isProper } from '../core/swim/claim.ts';
import type { UnverifiedClaim } from '../runtime/ports.ts';
import { decodeMessage } from './bounded-reader.ts';
import { isCount } from './bounds.ts';
import { peerIdOf, publicKeyBytes, publicKeyOf } from './peer-id.ts';
import { claimNames, claimType, signedClaimType } from './schema.ts';

export const signatureBytes = 64;
/** Two keys, two numbers, a signature: a claim takes at most 163 bytes. */
const claimMaxBytes = 200;
const fieldsMaxCount = 16;

export interface ClaimParts {
  readonly claim: Uint8Array;
  readonly signature: Uint8Array;
}

interface ClaimMessage {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly epoch: unknown;
  readonly incarnation: number;
  readonly kind: number;
  readonly refused: boolean;
}

/** The bytes that are signed. @throws RangeError for what nobody may claim: a bug in the caller. */
export function encodeClaim(draft: ClaimDraft): Uint8Array {
  if (!isProper(draft) || !isCount(draft.epoch)) throw new RangeError(`${draft.issuer} cannot claim that`);
  const { issuer, subject, epoch, incarnation, kind, refused } = draft;
  return claimType
    .encode({
      issuer: publicKeyOf(issuer),
      ...(subject === issuer ? {} : { subject: publicKeyOf(subject) }),
      epoch,
      incarnation,
      kind: claimNames.numberOf(kind),
      refused,
    } as never)
    .finish();
}

export function sealClaim(parts: ClaimParts): Uint8Array {
  return signedClaimType.encode(parts as never).finish();
}

export function openClaim(wire: Uint8Array): ClaimParts | undefined {
  if (wire.length > claimMaxBytes) return undefined;
  const parts = decodeMessage<ClaimParts>(signedClaimType, wire, fieldsMaxCount);
  return parts?.signature.length === signatureBytes ? parts : undefined;
}

export function decodeClaim(wire: Uint8Array): UnverifiedClaim | undefined {
  const parts = openClaim(wire);
  const message = parts && decodeMessage<ClaimMessage>(claimType, parts.claim, fieldsMaxCount);
  if (parts === undefined || message === undefined || message.issuer.length !== publicKeyBytes)
    return undefined;
  const kind = claimNames.nameOf(message.kind);
  if (kind === undefined || ![0, publicKeyBytes].includes(message.subject.length)) return undefined;
  const issuer = peerIdOf(message.issuer);
  const subject = message.subject.length === 0 ? issuer : peerIdOf(message.subject);
  const epoch = typeof message.epoch === 'number' ? message.epoch : 0;
  const { incarnation, refused } = message;
  if (!isProper({ kind, issuer, subject })) return undefined;
  // Laid out anew: whoever passes it on cannot pad it with what the signature does not cover.
  return { kind, issuer, subject, epoch, incarnation, refused, wire: sealClaim(parts) };
}
