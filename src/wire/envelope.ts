/**
 * The envelope around a record: its bytes and the signature over them, laid out as the protobuf
 * message `SignedRecord` with exactly its two fields.
 *
 * The record inside stays as received. The envelope is laid out anew, so that whoever passes a record on
 * cannot pad it with fields that the signature does not cover, and so that both parts can be found
 * without decoding: one byte of tag and one or two of length, the record, two bytes, the signature.
 */
import { recordMaxBytes } from '../core/record/record.ts';

export const signatureBytes = 64;

/** Largest record whose envelope still fits `recordMaxBytes`. */
const contentMaxBytes = recordMaxBytes - 3 - 2 - signatureBytes;

export interface SignedParts {
  readonly record: Uint8Array;
  readonly signature: Uint8Array;
}

/** `undefined` when the signature has the wrong length, or the record is empty or too large. */
export function sealEnvelope({ record, signature }: SignedParts): Buffer | undefined {
  const { length } = record;
  if (signature.length !== signatureBytes || length === 0 || length > contentMaxBytes) return undefined;
  const start = length < 128 ? 2 : 3;
  const envelope = Buffer.allocUnsafe(start + length + 2 + signatureBytes);
  envelope[0] = 0x0a; // Field 1, length-delimited.
  envelope[1] = length < 128 ? length : (length & 127) | 128;
  if (start === 3) envelope[2] = length >>> 7;
  envelope.set(record, start);
  envelope[start + length] = 0x12; // Field 2, length-delimited.
  envelope[start + length + 1] = signatureBytes;
  envelope.set(signature, start + length + 2);
  return envelope;
}

/** The parts of an envelope that `sealEnvelope` made, as views of it. */
export function openEnvelope(envelope: Uint8Array): SignedParts {
  const start = (envelope[1] as number) < 128 ? 2 : 3;
  const end = envelope.length - signatureBytes;
  return { record: envelope.subarray(start, end - 2), signature: envelope.subarray(end) };
}
