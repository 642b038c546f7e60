import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { rolesInClaim } from '../../../../src/http/token/claim-roles.ts';
import { KeySetProblem, parseKeySet } from '../../../../src/http/token/key-set.ts';
import { KeySource } from '../../../../src/http/token/key-source.ts';
import { TokenVerifier } from '../../../../src/http/token/token-verifier.ts';
import { systemClock } from '../../../../src/runtime/system.ts';
import { silentLog } from '../../../../src/telemetry/log.ts';
import { temporaryFile } from '../../config/temporary-file.ts';
import { audience, encoded, goodClaims, Issuer, issuerName, keySet } from './issuer.ts';

async function verifier() {
  const issuer = await Issuer.make();
  const keys = new KeySource(
    {
      location: temporaryFile('keys.json', keySet(issuer)),
      refreshMs: 600_000,
      refreshMinMs: 600_000,
      staleMaxMs: 600_000,
      timeoutMs: 1_000,
    },
    { clock: systemClock, log: silentLog },
  );
  await keys.start();
  keys.stop();
  const tokens = new TokenVerifier(
    {
      issuer: issuerName,
      audience,
      algorithms: ['EdDSA'],
      clockToleranceMs: 0,
      ageMaxMs: 600_000,
      rolesClaim: 'roles',
      grants: [],
      namePrefix: undefined,
    },
    { keys, clock: systemClock },
  );
  return { tokens, issuer };
}

const json = fc.jsonValue({ maxDepth: 3 });
/** What a forger may say about how to check the token, and whatever else. */
const header = fc.oneof(
  json,
  fc.record(
    {
      alg: fc.oneof(fc.constantFrom('EdDSA', 'none', 'HS256', 'ES256', 'Ed25519', 'eddsa'), json),
      typ: fc.oneof(fc.constant('JWT'), json),
      kid: fc.oneof(fc.constantFrom('k1', '__proto__', 'constructor'), json),
      jwk: json,
      crit: json,
      b64: fc.boolean(),
    },
    { requiredKeys: ['alg', 'typ'] },
  ),
);

describe('http/token', () => {
  it('accepts nothing that was not signed, whatever it is, and never throws', async () => {
    const { tokens, issuer } = await verifier();
    const [goodHeader, goodBody, goodSignature] = (await issuer.token()).split('.') as [
      string,
      string,
      string,
    ];
    assert.isTrue((await tokens.verify(`${goodHeader}.${goodBody}.${goodSignature}`)).ok);
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.base64String({ maxLength: 60 }),
      header.map(encoded),
      json.map(value => encoded({ ...goodClaims(), extra: value })),
      fc.constantFrom(goodHeader, goodBody, goodSignature),
    );

    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 5 }), async parts => {
        const verdict = await tokens.verify(parts.join('.'));

        const isGood = parts.join('.') === `${goodHeader}.${goodBody}.${goodSignature}`;
        assert.equal(verdict.ok, isGood);
      }),
      { numRuns: 1_000 },
    );
  });

  it('accepts no token of which one character was changed', async () => {
    const { tokens, issuer } = await verifier();
    const token = await issuer.token();
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';

    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...letters), async (at, letter) => {
        const changed = `${token.slice(0, at)}${letter}${token.slice(at + 1)}`;
        // The last letter of a signature of 64 bytes has bits that stand for nothing.
        if (changed === token || at === token.length - 1) return;

        assert.isFalse((await tokens.verify(changed)).ok);
      }),
      { numRuns: 500 },
    );
  });

  it('finds in whatever is said to be a key set either keys or a problem', async () => {
    const key = fc.record(
      {
        kty: fc.oneof(fc.constantFrom('OKP', 'EC', 'RSA', 'oct'), json),
        crv: fc.oneof(fc.constantFrom('Ed25519', 'P-256', 'X25519'), json),
        x: fc.oneof(fc.base64String({ maxLength: 60 }), json),
        y: fc.oneof(fc.base64String({ maxLength: 60 }), json),
        n: fc.oneof(fc.base64String({ maxLength: 600 }), json),
        e: fc.oneof(fc.constant('AQAB'), json),
        d: json,
        k: json,
        kid: json,
        use: fc.oneof(fc.constant('sig'), json),
        alg: json,
        key_ops: json,
      },
      { requiredKeys: ['kty'] },
    );
    const text = fc.oneof(
      fc.string({ maxLength: 200 }),
      json.map(value => JSON.stringify(value)),
      fc.array(fc.oneof(key, json), { maxLength: 6 }).map(keys => JSON.stringify({ keys })),
    );

    await fc.assert(
      fc.asyncProperty(text, async given => {
        const keys = await parseKeySet(given).catch((error: unknown) => {
          assert.instanceOf(error, KeySetProblem);
          return [];
        });

        for (const { algorithm, key: imported } of keys) {
          assert.include(['EdDSA', 'ES256', 'RS256'], algorithm);
          assert.equal((imported as { readonly type: string }).type, 'public');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('finds only roles that there are in whatever claims', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), fc.string(), (claims, claim) => {
        for (const role of rolesInClaim(claims, claim)) {
          assert.include(['read', 'register', 'operate', 'admin'], role);
        }
      }),
    );
    assert.deepEqual(rolesInClaim({}, '__proto__.constructor'), []);
  });
});
