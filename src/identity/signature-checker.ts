/** Checks signatures of many authors; turning a raw key into a `KeyObject` costs time, so recent ones are kept. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { PeerId } from '../core/record/record.ts';
import { GenerationCache } from '../wire/generation-cache.ts';
import { publicKeyOf } from '../wire/peer-id.ts';
import type { SignatureVerifier } from './agent-key.ts';

/** SubjectPublicKeyInfo of an Ed25519 key up to the key itself: RFC 8410. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** Each is about 1 KiB, most of it outside the JavaScript heap. */
const keysMaxCount = 1_024;

export class SignatureChecker implements SignatureVerifier {
  readonly #keys = new GenerationCache<PeerId, KeyObject>(keysMaxCount);

  /** False also when `author` is no Ed25519 peer id or its bytes are no point of the curve. */
  verify(author: PeerId, data: Uint8Array, signature: Uint8Array): boolean {
    const key = this.#keys.get(author) ?? this.#load(author);
    return key !== undefined && verify(null, data, key, signature);
  }

  #load(author: PeerId): KeyObject | undefined {
    const raw = publicKeyOf(author);
    if (raw === undefined) return undefined;
    const der = Buffer.concat([spkiPrefix, raw]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    this.#keys.set(author, key);
    return key;
  }
}
