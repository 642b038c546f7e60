/** An agent's Ed25519 key: what it signs with, and what its peer id is made of. */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { PeerId } from '../core/record/record.ts';
import { peerIdOf } from '../wire/peer-id.ts';

export const seedBytes = 32;

/** What records and datagrams are signed with. */
export interface SigningKey {
  readonly peerId: PeerId;
  /** The 64 bytes of a signature; the same for the same data. */
  sign(data: Uint8Array): Uint8Array;
}

export interface SignatureVerifier {
  verify(author: PeerId, data: Uint8Array, signature: Uint8Array): boolean;
}

/** PKCS#8 of an Ed25519 key up to its seed: RFC 8410. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

export class AgentKey implements SigningKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly peerId: PeerId;
  readonly #privateKey: KeyObject;

  /** @throws TypeError unless this is a private Ed25519 key. */
  constructor(privateKey: KeyObject) {
    if (privateKey.type !== 'private' || privateKey.asymmetricKeyType !== 'ed25519') {
      throw new TypeError('not a private Ed25519 key');
    }
    this.#privateKey = privateKey;
    const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
    this.publicKey = new Uint8Array(Buffer.from(x as string, 'base64url'));
    this.peerId = peerIdOf(this.publicKey);
  }

  /**
   * The same key for the same seed: for simulations and tests.
   *
   * @throws RangeError unless the seed has 32 bytes.
   */
  static fromSeed(seed: Uint8Array): AgentKey {
    if (seed.length !== seedBytes) throw new RangeError(`a seed of ${seed.length} bytes`);
    const der = Buffer.concat([pkcs8Prefix, seed]);
    return new AgentKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  }

  sign(data: Uint8Array): Uint8Array {
    return sign(null, data, this.#privateKey);
  }

  /** Seed and public key, 64 bytes: the form that libp2p takes. To be handed to the network and nowhere else. */
  rawPrivateKey(): Uint8Array {
    const { d } = this.#privateKey.export({ format: 'jwk' });
    return new Uint8Array(Buffer.concat([Buffer.from(d as string, 'base64url'), this.publicKey]));
  }
}
