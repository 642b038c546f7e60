/** What the authority signs: content and signature, laid out as the protobuf message `SignedByAuthority`. */
import { decodeMessage } from './bounded-reader.ts';
import { signatureBytes } from './envelope.ts';
import { signedByAuthorityType } from './schema.ts';

export interface AuthorityParts {
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
}

const fieldsMaxCount = 8;

export function sealByAuthority(parts: AuthorityParts): Uint8Array {
  return signedByAuthorityType.encode(parts as never).finish();
}

/** `undefined` for whatever is too large or is no such message. */
export function openByAuthority(wire: Uint8Array, maxBytes: number): AuthorityParts | undefined {
  if (wire.length > maxBytes) return undefined;
  const parts = decodeMessage<AuthorityParts>(signedByAuthorityType, wire, fieldsMaxCount);
  return parts?.signature.length === signatureBytes && parts.content.length > 0 ? parts : undefined;
}
