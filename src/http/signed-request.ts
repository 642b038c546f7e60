/**
 * Requests that a service signs with a key of its own: `public_key`, `signature` and the time, in any form of body.
 *
 * Whoever sees such a request can send it again. So it counts for a quarter of an hour only, and what becomes of
 * the entry bars whatever was signed before (`core/hosting/ownership.ts`).
 */
import { createPublicKey, verify } from 'node:crypto';
import type { ServiceKey } from '../core/record/node.ts';
import { FirsthandError } from '../errors.ts';

/** Guess: a lease. Whoever is there signs anew before that. */
export const signedMaxAgeS = 900;

const keyBytes = 32;
const signatureBytes = 64;
/** SubjectPublicKeyInfo of an Ed25519 key up to the key itself: RFC 8410. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

export interface Proof {
  readonly publicKey: ServiceKey;
  /** Absent: none was given. */
  readonly signature?: Uint8Array;
}

export interface ProofFields {
  readonly public_key?: string | null | undefined;
  readonly signature?: string | null | undefined;
}

/** @throws FirsthandError INVALID_PUBLIC_KEY, INVALID_SIGNATURE */
export function proofIn(fields: ProofFields): Proof | undefined {
  const { public_key: keyText, signature: signatureText } = fields;
  if (!isGiven(keyText) && !isGiven(signatureText)) return undefined;
  if (!isGiven(keyText)) {
    throw new FirsthandError('INVALID_PUBLIC_KEY', {
      text: 'public_key is missing beside signature',
      field: 'public_key',
    });
  }
  const key = bytesOf(keyText.trim(), keyBytes);
  if (key === undefined) {
    throw new FirsthandError('INVALID_PUBLIC_KEY', {
      text: 'public_key must be the 32 bytes of an Ed25519 key in base64 or base64url',
      field: 'public_key',
    });
  }
  const publicKey = key.toString('base64');
  if (!isGiven(signatureText)) return { publicKey };
  const signature = bytesOf(signatureText.trim(), signatureBytes);
  if (signature === undefined) {
    throw new FirsthandError('INVALID_SIGNATURE', {
      text: 'signature must be the 64 bytes of an Ed25519 signature in base64 or base64url',
      field: 'signature',
    });
  }
  return { publicKey, signature };
}

export interface SignedClaim {
  /** What should have been signed. */
  readonly text: string;
  /** The time in it, whole Unix seconds. */
  readonly signedS: number;
  readonly nowMs: number;
}

/** @throws FirsthandError NOT_OWNER; STALE_UPDATE for what was signed too long ago */
export function requireSignature({ publicKey, signature }: Proof, claim: SignedClaim): void {
  if (signature === undefined) {
    throw new FirsthandError('NOT_OWNER', {
      text: 'signature is missing beside public_key',
      field: 'signature',
    });
  }
  const key = createPublicKey({
    key: Buffer.concat([spkiPrefix, Buffer.from(publicKey, 'base64')]),
    format: 'der',
    type: 'spki',
  });
  if (!verify(null, Buffer.from(claim.text), key, signature)) {
    throw new FirsthandError('NOT_OWNER', {
      text: `the signature is not one of public_key over what this agent reads: ${JSON.stringify(claim.text)}`,
      field: 'signature',
    });
  }
  const ageS = Math.floor(claim.nowMs / 1_000) - claim.signedS;
  if (ageS <= signedMaxAgeS) return;
  throw new FirsthandError('STALE_UPDATE', {
    text: `this was signed ${ageS} s ago, and a signature counts for ${signedMaxAgeS} s; sign anew`,
    field: 'last_updated',
  });
}

/** One of the four ways to write so many bytes: base64 or base64url, padded or not. */
export function bytesOf(text: string, length: number): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== length) return undefined;
  const padded = bytes.toString('base64');
  const urlSafe = padded.replaceAll('+', '-').replaceAll('/', '_');
  const spellings = [padded, urlSafe].flatMap(each => [each, each.replace(/=+$/, '')]);
  return spellings.includes(text) ? bytes : undefined;
}

function isGiven(text: string | null | undefined): text is string {
  return text !== undefined && text !== null;
}
