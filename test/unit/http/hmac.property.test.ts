import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { Hmac } from '../../../src/http/hmac.ts';

describe('http/hmac', () => {
  it('is what Node makes of the same key and bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 300 }), (key, bytes) => {
        assert.deepEqual(new Hmac(key).mac(bytes), createHmac('sha256', key).update(bytes).digest());
      }),
    );
  });

  it('refuses a key that does not fit a block', () => {
    assert.throws(() => new Hmac(new Uint8Array(65)), RangeError);
  });
});
