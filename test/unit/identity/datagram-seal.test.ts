import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { datagramMaxBytes, datagramSealBytes } from '../../../src/core/swim/message.ts';
import { ClusterKey } from '../../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../../src/identity/cluster-keyring.ts';
import { DatagramSeal, sealBytes } from '../../../src/identity/datagram-seal.ts';

function keyOf(secret: string, cluster = 'blue'): ClusterKey {
  return new ClusterKey({ cluster, secret, source: 'a test' });
}

function sealOf(...keys: readonly ClusterKey[]): DatagramSeal {
  return new DatagramSeal({ cluster: 'blue' }, { keyring: new ClusterKeyring(keys.map(key => ({ key }))) });
}

const [one, two] = [keyOf('the first secret of all'), keyOf('the second secret of all')];
const plain = Buffer.from('a signed datagram');

describe('identity/datagram-seal', () => {
  it('opens what another member has sealed', () => {
    const opened = sealOf(one).open(sealOf(one).seal(plain));

    assert.deepEqual(Buffer.from(opened ?? []), plain);
  });

  it('opens what is sealed with an older secret that is still accepted, and no longer one that is not', () => {
    const sealed = sealOf(one).seal(plain);

    assert.isDefined(sealOf(two, one).open(sealed));
    assert.isUndefined(sealOf(two).open(sealed));
  });

  it('opens everything once, in whatever order it comes', () => {
    const [sender, receiver] = [sealOf(one), sealOf(one)];
    const sealed = Array.from({ length: 100 }, () => sender.seal(plain)).toReversed();

    const opened = [...sealed, ...sealed].map(bytes => receiver.open(bytes) !== undefined);

    assert.deepEqual(opened, [...sealed.map(() => true), ...sealed.map(() => false)]);
  });

  it('seals with another secret from the moment the keyring has one', () => {
    const keyring = new ClusterKeyring([{ key: one }]);
    const sender = new DatagramSeal({ cluster: 'blue' }, { keyring });
    const before = sender.seal(plain);

    keyring.replace([{ key: two }, { key: one }]);
    const after = sender.seal(plain);

    assert.isUndefined(sealOf(two).open(before));
    assert.isDefined(sealOf(two).open(after));
  });

  it('does not open what the same secret sealed for another cluster', () => {
    const red = new DatagramSeal(
      { cluster: 'red' },
      { keyring: new ClusterKeyring([{ key: keyOf('the first secret of all', 'red') }]) },
    );

    assert.isUndefined(sealOf(one).open(red.seal(plain)));
    // Nor when the derived keys were the same.
    const mixed = new DatagramSeal({ cluster: 'red' }, { keyring: new ClusterKeyring([{ key: one }]) });
    assert.isUndefined(sealOf(one).open(mixed.seal(plain)));
  });

  it('never uses a nonce twice, and no two processes a stream', () => {
    const seals = [sealOf(one), sealOf(one)];

    const heads = seals.flatMap(seal =>
      Array.from({ length: 500 }, () => Buffer.from(seal.seal(plain)).toString('hex', 0, 23)),
    );

    assert.equal(new Set(heads).size, 1_000);
    assert.equal(new Set(heads.map(head => head.slice(0, 34))).size, 2);
  });

  it('adds what it says, and takes the largest datagram', () => {
    assert.equal(sealBytes, datagramSealBytes);
    const largest = Buffer.alloc(datagramMaxBytes, 7);

    const sealed = sealOf(one).seal(largest);

    assert.lengthOf(sealed, datagramMaxBytes + sealBytes);
    assert.isDefined(sealOf(one).open(sealed));
    assert.isUndefined(sealOf(one).open(sealOf(one).seal(Buffer.alloc(datagramMaxBytes + 1))));
  });

  it('opens nothing in which a single bit was changed, and nothing made up', () => {
    const [sender, receiver] = [sealOf(one), sealOf(one)];
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (content, at) => {
        const sealed = Buffer.from(sender.seal(content));
        assert.deepEqual(Buffer.from(receiver.open(sealed) ?? []), Buffer.from(content));

        const bit = at % (sealed.length * 8);
        sealed.writeUInt8(sealed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);

        assert.isUndefined(receiver.open(sealed));
        assert.isUndefined(receiver.open(content));
        assert.isUndefined(receiver.open(sealed.subarray(0, at % sealed.length)));
      }),
    );
  });
});
