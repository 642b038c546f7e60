/** The lists of who is shut out, packed into the body of a record. */
import {
  type RevocationLists,
  revokedKeysMaxCount,
  revokedSerialsMaxCount,
} from '../core/authority/revocation.ts';
import { compareText } from '../core/record/record.ts';
import { peerIdOf, publicKeyBytes, publicKeyOf } from './peer-id.ts';

const serialBytes = 8;
const serialPattern = /^[0-9a-f]{16}$/;

/** As protobufjs returns it; bytes that were not sent are an empty array, not an empty buffer. */
export interface PackedRevocations {
  readonly serials: Uint8Array | readonly never[];
  readonly keys: Uint8Array | readonly never[];
}

export function packRevocations({ serials, keys }: RevocationLists): object {
  return {
    serials: Buffer.from(serials.join(''), 'hex'),
    keys: Buffer.concat(keys.map(key => publicKeyOf(key) as Uint8Array)),
  };
}

/** Sizes are checked before anything is made of the bytes; order and repetition by `revocationsProblem`. */
export function unpackRevocations(packed: PackedRevocations): RevocationLists | undefined {
  const serials = piecesOf(packed.serials, serialBytes, revokedSerialsMaxCount);
  const keys = piecesOf(packed.keys, publicKeyBytes, revokedKeysMaxCount);
  if (serials === undefined || keys === undefined) return undefined;
  return { serials: serials.map(bytes => bytes.toString('hex')), keys: keys.map(peerIdOf) };
}

function piecesOf(
  bytes: Uint8Array | readonly never[],
  pieceBytes: number,
  maxCount: number,
): readonly Buffer[] | undefined {
  if (bytes.length % pieceBytes !== 0 || bytes.length > pieceBytes * maxCount) return undefined;
  const all = Buffer.from(bytes);
  return Array.from({ length: all.length / pieceBytes }, (_, i) =>
    all.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  );
}

/** The first thing wrong with the lists, or `undefined`. */
export function revocationsProblem({ serials, keys }: RevocationLists): string | undefined {
  if (serials.length > revokedSerialsMaxCount) return `more than ${revokedSerialsMaxCount} revoked serials`;
  if (keys.length > revokedKeysMaxCount) return `more than ${revokedKeysMaxCount} revoked keys`;
  if (!serials.every(serial => serialPattern.test(serial))) return 'a revoked serial is not one';
  if (!keys.every(key => publicKeyOf(key) !== undefined)) return 'a revoked key is not an Ed25519 peer id';
  return isSorted(serials) && isSorted(keys) ? undefined : 'what is revoked is not sorted, each once';
}

function isSorted(texts: readonly string[]): boolean {
  return texts.every((text, i) => i === 0 || compareText(texts[i - 1] as string, text) < 0);
}
