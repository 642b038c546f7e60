import { generateKeyPair, privateKeyFromRaw } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { assert, describe, it } from 'vitest';
import { AgentKey } from '../../../src/identity/agent-key.ts';
import { peerIdOf, publicKeyOf } from '../../../src/wire/peer-id.ts';

describe('wire/peer-id', () => {
  it('gives the same id as libp2p for a key that libp2p made', async () => {
    const key = await generateKeyPair('Ed25519');

    assert.equal(peerIdOf(key.publicKey.raw), peerIdFromPrivateKey(key).toString());
  });

  it('gives back the key inside the id', () => {
    for (let seed = 0; seed < 50; seed++) {
      const { publicKey, peerId } = AgentKey.fromSeed(Buffer.alloc(32, seed));
      assert.deepEqual(publicKeyOf(peerId), publicKey);
    }
  });

  it('hands libp2p a raw private key that has the same peer id', () => {
    const key = AgentKey.fromSeed(Buffer.alloc(32, 9));

    assert.equal(peerIdFromPrivateKey(privateKeyFromRaw(key.rawPrivateKey())).toString(), key.peerId);
  });

  it('answers undefined for what is no Ed25519 peer id', () => {
    const { peerId } = AgentKey.fromSeed(Buffer.alloc(32, 3));
    const others = [
      '',
      'x',
      peerId.slice(1),
      `${peerId}1`,
      `0${peerId.slice(1)}`, // Not a base58 digit.
      `2${peerId.slice(1)}`, // Another prefix.
      'z'.repeat(52),
      'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
      'é'.repeat(52),
    ];

    assert.deepEqual(
      others.map(publicKeyOf),
      others.map(() => undefined),
    );
  });

  it('keeps giving right answers when more ids were seen than it remembers', () => {
    const keyOf = (n: number) => {
      const bytes = new Uint8Array(32);
      new DataView(bytes.buffer).setUint32(0, n);
      return bytes;
    };
    const ids = Array.from({ length: 10_000 }, (_, n) => peerIdOf(keyOf(n)));

    assert.equal(new Set(ids).size, ids.length);
    for (const n of [0, 4_999, 9_999]) assert.deepEqual(publicKeyOf(ids[n] as string), keyOf(n));
  });
});
