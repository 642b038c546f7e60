/**
 * The two forms of an agent's key: 32 bytes on the wire, a libp2p peer id (`12D3Koo…`) everywhere else.
 *
 * A peer id of an Ed25519 key is the base58btc text of an identity multihash around a small protobuf
 * message that holds the key. Both directions are needed several times per record, so a bounded number
 * of pairs is kept; that also makes all records of one author share one string.
 */
import { base58btc } from 'multiformats/bases/base58';
import type { PeerId } from '../core/record/record.ts';
import { GenerationCache } from './generation-cache.ts';

export const publicKeyBytes = 32;

/** Identity multihash of 36 bytes; key type Ed25519; key of 32 bytes. Source: libp2p specs, peer-ids. */
const prefix = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

/** Every Ed25519 peer id has this length, because all begin with the same non-zero bytes. */
const peerIdLength = 52;

const pairsMaxCount = 4_096;
const idsByKey = new GenerationCache<string, PeerId>(pairsMaxCount);
const keysById = new GenerationCache<PeerId, Uint8Array>(pairsMaxCount);

/** @throws RangeError unless the key has 32 bytes: a bug in the caller, who checks what peers send. */
export function peerIdOf(publicKey: Uint8Array): PeerId {
  if (publicKey.length !== publicKeyBytes) throw new RangeError(`a key of ${publicKey.length} bytes`);
  const text = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKeyBytes).toString('latin1');
  const known = idsByKey.get(text);
  if (known !== undefined) return known;
  const id = base58btc.baseEncode(Buffer.concat([prefix, publicKey]));
  idsByKey.set(text, id);
  return id;
}

/** The key inside a peer id, not to be changed; `undefined` for anything but an Ed25519 peer id. */
export function publicKeyOf(id: PeerId): Uint8Array | undefined {
  const known = keysById.get(id);
  if (known !== undefined) return known;
  if (id.length !== peerIdLength || !/^[1-9A-HJ-NP-Za-km-z]+$/.test(id)) return undefined;
  const bytes = base58btc.baseDecode(id);
  if (bytes.length !== prefix.length + publicKeyBytes) return undefined;
  if (prefix.some((byte, index) => bytes[index] !== byte)) return undefined;
  const key = bytes.slice(prefix.length);
  keysById.set(id, key);
  return key;
}
