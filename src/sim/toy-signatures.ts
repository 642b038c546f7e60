/**
 * Signatures that cost next to nothing: two thirds of a simulation are Ed25519 otherwise.
 *
 * A signature is a keyed checksum that only the authority can compute, who knows the secrets of all. So a
 * simulated attacker can replay, mix up and invent, and still cannot sign for a key that it does not hold.
 */
import type { PeerId } from '../core/record/record.ts';
import type { SignatureVerifier, SigningKey } from '../identity/agent-key.ts';
import { peerIdOf } from '../wire/peer-id.ts';

const signatureBytes = 64;

export class ToySignatures implements SignatureVerifier {
  readonly #secrets = new Map<PeerId, number>();

  /** @param publicKey - 32 bytes, different for each key. */
  key(publicKey: Uint8Array, secret: number): SigningKey {
    const peerId = peerIdOf(publicKey);
    this.#secrets.set(peerId, secret);
    return { peerId, sign: data => signature(data, secret) };
  }

  verify(author: PeerId, data: Uint8Array, given: Uint8Array): boolean {
    const secret = this.#secrets.get(author);
    if (secret === undefined) return false;
    const expected = signature(data, secret);
    return given.length === expected.length && given.every((byte, i) => byte === expected[i]);
  }
}

/** FNV-1a twice, from different beginnings. */
function signature(data: Uint8Array, secret: number): Uint8Array {
  let high = 0x811c9dc5 ^ secret;
  let low = 0x9dc5811c + secret;
  for (let i = 0; i < data.length; i++) {
    high = Math.imul(high ^ (data[i] as number), 0x01000193);
    low = Math.imul(low ^ (data[i] as number), 0x01000197);
  }
  const bytes = new Uint8Array(signatureBytes);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, high);
  view.setInt32(4, low);
  return bytes;
}
