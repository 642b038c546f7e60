import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { assert, describe, it } from 'vitest';
import { AgentKey } from '../../../src/identity/agent-key.ts';

const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');

describe('identity/agent-key', () => {
  it('makes the key and the signature of RFC 8032, test 1, from its seed', () => {
    const key = AgentKey.fromSeed(seed);

    assert.equal(
      Buffer.from(key.publicKey).toString('hex'),
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
    assert.equal(
      Buffer.from(key.sign(Buffer.alloc(0))).toString('hex'),
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    );
  });

  it('gives seed and public key as its raw form', () => {
    const key = AgentKey.fromSeed(seed);

    assert.deepEqual(key.rawPrivateKey(), new Uint8Array([...seed, ...key.publicKey]));
  });

  it('signs what the public key verifies', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const data = Buffer.from('data');

    const signature = new AgentKey(privateKey).sign(data);

    assert.isTrue(verify(null, data, createPublicKey(privateKey), signature));
  });

  it('refuses keys of other kinds and seeds of other lengths', () => {
    const { privateKey } = generateKeyPairSync('x25519');
    const { publicKey } = generateKeyPairSync('ed25519');

    assert.throws(() => new AgentKey(privateKey), TypeError);
    assert.throws(() => new AgentKey(publicKey), TypeError);
    assert.throws(() => AgentKey.fromSeed(seed.subarray(1)), RangeError);
  });
});
