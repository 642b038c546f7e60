import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { Fingerprint } from '../../../../src/core/record/fingerprint.ts';

const digest = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map(bytes => Buffer.from(bytes).toString('hex'));

function fingerprintOf(digests: readonly string[]): string {
  const fingerprint = new Fingerprint();
  for (const each of digests) fingerprint.toggle(each);
  return fingerprint.value;
}

describe('core/record/fingerprint', () => {
  it('is zero for nothing and the digest itself for one', () => {
    const one = 'ff'.repeat(31).concat('01');

    assert.equal(fingerprintOf([]), '0'.repeat(64));
    assert.equal(fingerprintOf([one]), one);
  });

  it('does not depend on order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(digest, { maxLength: 20 }), digests => {
        assert.equal(fingerprintOf(digests), fingerprintOf([...digests].reverse()));
      }),
    );
  });

  it('forgets what is toggled twice', () => {
    fc.assert(
      fc.property(fc.uniqueArray(digest, { maxLength: 20 }), digest, (digests, other) => {
        fc.pre(!digests.includes(other));
        assert.notEqual(fingerprintOf([...digests, other]), fingerprintOf(digests));
        assert.equal(fingerprintOf([...digests, other, other]), fingerprintOf(digests));
      }),
    );
  });
});
