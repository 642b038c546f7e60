import { assert, describe, it } from 'vitest';
import { keyFor, parseKeySet } from '../../../../src/http/token/key-set.ts';
import { Issuer, keySet } from './issuer.ts';

async function keys() {
  const issuers = await Promise.all([
    Issuer.make('a', 'EdDSA'),
    Issuer.make('a', 'ES256'),
    Issuer.make('b', 'ES256'),
    Issuer.make('c', 'RS256'),
    Issuer.make('twice', 'RS256'),
    Issuer.make('twice', 'RS256'),
  ]);
  return parseKeySet(keySet(...issuers));
}

describe('http/token/key-set', () => {
  it.each([
    ['a', 'EdDSA', 'EdDSA'],
    ['a', 'ES256', 'ES256'],
    ['b', 'EdDSA', undefined],
    ['c', 'ES256', undefined],
    ['c', 'HS256', undefined],
    ['c', 'none', undefined],
    ['d', 'RS256', undefined],
    ['twice', 'RS256', undefined],
    [undefined, 'EdDSA', 'EdDSA'],
    [undefined, 'ES256', undefined],
  ] as const)('finds for id %s and %s a key for %s', async (kid, algorithm, expected) => {
    assert.equal(keyFor(await keys(), kid, algorithm)?.algorithm, expected);
  });

  it('leaves out a key that says it is for another algorithm than its kind', async () => {
    const { publicJwk } = await Issuer.make('a', 'EdDSA');
    const good = (await Issuer.make('b', 'ES256')).publicJwk;
    const text = JSON.stringify({ keys: [{ ...publicJwk, alg: 'HS256' }, good] });

    assert.deepEqual(
      (await parseKeySet(text)).map(({ kid }) => kid),
      ['b'],
    );
  });

  it('takes no private part along', async () => {
    const { publicJwk } = await Issuer.make('a', 'EdDSA');
    const [key] = await parseKeySet(JSON.stringify({ keys: [{ ...publicJwk, d: publicJwk.x }] }));

    assert.equal((key?.key as { readonly type?: string } | undefined)?.type, 'public');
  });

  it('refuses a set of more keys than anybody has', async () => {
    const { publicJwk } = await Issuer.make('a', 'EdDSA');

    const error = await parseKeySet(JSON.stringify({ keys: Array(101).fill(publicJwk) })).catch(
      (e: Error) => e,
    );

    assert.equal(error instanceof Error ? error.message : '', 'has more than 100 keys');
  });
});
