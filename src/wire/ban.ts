/** Bans to bytes and back. Decoding answers `undefined` for whatever is not one. */
import { type BanDraft, isBanReason } from '../core/reputation/ban.ts';
import type { UnverifiedBan } from '../runtime/ports.ts';
import { decodeMessage } from './bounded-reader.ts';
import { isCount } from './bounds.ts';
import { signatureBytes } from './claim.ts';
import { peerIdOf, publicKeyBytes, publicKeyOf } from './peer-id.ts';
import { banType, signedBanType } from './schema.ts';

/** Two keys, two numbers, a reason, a signature: a ban takes at most 370 bytes. */
const banMaxBytes = 400;
const fieldsMaxCount = 16;

export interface BanParts {
  readonly ban: Uint8Array;
  readonly signature: Uint8Array;
}

interface BanMessage {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly issuedAtMs: unknown;
  readonly untilMs: unknown;
  readonly lifted: boolean;
  readonly reason: string;
}

/** The bytes that are signed. @throws RangeError for what nobody may say: a bug in the caller. */
export function encodeBan(draft: BanDraft): Uint8Array {
  if (!isProper(draft)) throw new RangeError(`${draft.issuer} cannot say that`);
  const { issuer, subject, issuedAtMs, untilMs, isLifted, reason } = draft;
  return banType
    .encode({
      issuer: publicKeyOf(issuer),
      subject: publicKeyOf(subject),
      issuedAtMs,
      untilMs,
      lifted: isLifted,
      reason,
    } as never)
    .finish();
}

export function sealBan(parts: BanParts): Uint8Array {
  return signedBanType.encode(parts as never).finish();
}

export function openBan(wire: Uint8Array): BanParts | undefined {
  if (wire.length > banMaxBytes) return undefined;
  const parts = decodeMessage<BanParts>(signedBanType, wire, fieldsMaxCount);
  return parts?.signature.length === signatureBytes ? parts : undefined;
}

export function decodeBan(wire: Uint8Array): UnverifiedBan | undefined {
  const parts = openBan(wire);
  const message = parts && decodeMessage<BanMessage>(banType, parts.ban, fieldsMaxCount);
  if (parts === undefined || message === undefined) return undefined;
  if (message.issuer.length !== publicKeyBytes || message.subject.length !== publicKeyBytes) return undefined;
  const draft: BanDraft = {
    issuer: peerIdOf(message.issuer),
    subject: peerIdOf(message.subject),
    issuedAtMs: typeof message.issuedAtMs === 'number' ? message.issuedAtMs : 0,
    untilMs: typeof message.untilMs === 'number' ? message.untilMs : 0,
    isLifted: message.lifted,
    reason: message.reason,
  };
  // Laid out anew: whoever passes it on cannot pad it with what the signature does not cover.
  return isProper(draft) ? { ...draft, wire: sealBan(parts) } : undefined;
}

function isProper({ issuer, subject, issuedAtMs, untilMs, reason }: BanDraft): boolean {
  if (publicKeyOf(issuer) === undefined || publicKeyOf(subject) === undefined || issuer === subject)
    return false;
  return isCount(issuedAtMs) && isCount(untilMs) && isBanReason(reason);
}
