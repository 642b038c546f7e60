import { timingSafeEqual } from 'node:crypto';
import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { SecretCheck } from '../../../src/http/secret-check.ts';
import { fixture, secret } from './fixture.ts';

const older = 'an older secret of many bytes';

function watched(secrets: readonly string[]) {
  const compared: (readonly [number, number])[] = [];
  const check = new SecretCheck(() => secrets, {
    isEqual: (a, b) => {
      compared.push([a.length, b.length]);
      return timingSafeEqual(a, b);
    },
  });
  return { check, compared };
}

describe('http/secret-check', () => {
  it('compares buffers of one length with every secret, whatever was sent', () => {
    const { check, compared } = watched([secret, older]);
    const token = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 5_000 }),
      fc.constantFrom('', secret, older, secret.slice(0, -1), `${secret} `),
    );

    fc.assert(
      fc.property(token, sent => {
        compared.length = 0;

        const isAccepted = check.accepts(sent);

        assert.equal(isAccepted, sent === secret || sent === older);
        assert.deepEqual(compared, [
          [32, 32],
          [32, 32],
        ]);
      }),
    );
  });

  it('accepts an older secret just as long as it is said to be accepted', async () => {
    let accepted: readonly string[] = [secret, older];
    const { app } = fixture({ auth: { mode: 'shared_secret', secret, secretsNow: () => accepted } });
    const ask = async (token: string) =>
      (await app.inject({ url: '/peers', headers: { authorization: `Bearer ${token}` } })).statusCode;
    assert.deepEqual([await ask(secret), await ask(older)], [200, 200]);

    accepted = [secret];

    assert.deepEqual([await ask(secret), await ask(older)], [200, 401]);
  });
});
