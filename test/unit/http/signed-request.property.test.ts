import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { isServiceKey } from '../../../src/core/record/node.ts';
import { FirsthandError } from '../../../src/errors.ts';
import { bytesOf, proofIn } from '../../../src/http/signed-request.ts';

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(array => Buffer.from(array));
const strip = (text: string) => text.replace(/=+$/, '');
const spellingsOf = (value: Buffer) => {
  const [plain, url] = [value.toString('base64'), value.toString('base64url')];
  return [plain, strip(plain), url, url + plain.slice(strip(plain).length)];
};

describe('http/signed-request', () => {
  it('reads a key and a signature in each of their spellings', () => {
    const pair = fc.tuple(bytes(32), bytes(64), fc.nat(3), fc.nat(3), fc.constantFrom('', ' ', '\n'));
    fc.assert(
      fc.property(pair, ([key, signature, a, b, space]) => {
        const proof = proofIn({
          public_key: space + spellingsOf(key)[a],
          signature: spellingsOf(signature)[b] + space,
        });
        assert.equal(proof?.publicKey, key.toString('base64'));
        assert.deepEqual(proof?.signature, signature);
      }),
    );
  });

  it('reads bytes from nothing that is not one of their spellings', () => {
    const odd = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.base64String({ maxLength: 60 }),
      bytes(32).map(value => `${value.toString('base64')}=`),
      // The last digit with a bit that stands for nothing.
      bytes(32).map(value => value.toString('base64').replace(/.=$/, 'B=')),
      fc.tuple(bytes(32), fc.nat(43)).map(([value, place]) => {
        const text = value.toString('base64');
        return `${text.slice(0, place)} ${text.slice(place)}`;
      }),
      bytes(32).map(value => `-${value.toString('base64').slice(1, 42)}+w=`),
    );
    fc.assert(
      fc.property(odd, text => {
        const read = bytesOf(text, 32);
        if (read !== undefined) assert.include(spellingsOf(read), text);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has keys in the one spelling that records take', () => {
    fc.assert(fc.property(bytes(32), key => isServiceKey(key.toString('base64'))));
    fc.assert(
      fc.property(fc.base64String({ minLength: 40, maxLength: 48 }), text => {
        const key = Buffer.from(text, 'base64');
        assert.equal(isServiceKey(text), key.length === 32 && key.toString('base64') === text);
      }),
    );
  });

  it('answers whatever else is there with a code of the contract', () => {
    const field = fc.option(fc.string({ maxLength: 100 }), { nil: undefined });
    fc.assert(
      fc.property(field, field, (public_key, signature) => {
        try {
          const proof = proofIn({ public_key, signature });
          assert.equal(proof === undefined, public_key === undefined && signature === undefined);
        } catch (error) {
          assert.instanceOf(error, FirsthandError);
          assert.match((error as FirsthandError).code, /^INVALID_(PUBLIC_KEY|SIGNATURE)$/);
        }
      }),
    );
  });
});
