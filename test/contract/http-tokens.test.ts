/** What callers with tokens may do, and what does not pass for one. */
import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CompactEncrypt } from 'jose';
import { assert, describe, it, onTestFinished } from 'vitest';
import type { AuditEntry } from '../../src/runtime/ports.ts';
import { temporaryFile } from '../unit/config/temporary-file.ts';
import { fixture, legacy } from '../unit/http/fixture.ts';
import {
  audience,
  encoded,
  goodClaims,
  hmacToken,
  Issuer,
  issuerName,
  keySet,
  signedToken,
} from '../unit/http/token/issuer.ts';
import { until } from './http-client.ts';

type Auth = Extract<
  NonNullable<NonNullable<Parameters<typeof fixture>[0]>['auth']>,
  { readonly mode: 'jwt' }
>;

function tokenAuth(
  location: string,
  changes: Partial<Auth['token']> = {},
  keys: Partial<Auth['keys']> = {},
): Auth {
  return {
    mode: 'jwt',
    token: {
      issuer: issuerName,
      audience,
      algorithms: ['EdDSA', 'ES256'],
      clockToleranceMs: 30_000,
      ageMaxMs: 3_600_000,
      rolesClaim: 'roles',
      grants: [],
      namePrefix: undefined,
      ...changes,
    },
    keys: { location, ...keys },
  };
}

async function guarded(
  options: { readonly issuers?: readonly Issuer[]; readonly token?: Partial<Auth['token']> } = {},
) {
  const issuer = options.issuers?.[0] ?? (await Issuer.make());
  const file = temporaryFile('keys.json', keySet(...(options.issuers ?? [issuer])));
  const audited: AuditEntry[] = [];
  const context = fixture(
    { auth: tokenAuth(file, options.token), auditLevel: 'all' },
    {},
    { record: entry => audited.push(entry) },
  );
  await context.server.start();
  const { app } = context;
  const get = (token: string | undefined, url = '/peers', method: 'GET' | 'POST' | 'DELETE' = 'GET') =>
    app.inject({ method, url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
  const register = (token: string, body: object = legacy) =>
    app.inject({
      method: 'POST',
      url: '/registration',
      headers: { authorization: `Bearer ${token}` },
      payload: JSON.stringify(body),
    });
  return { ...context, issuer, file, audited, get, register };
}

const nowS = () => Math.floor(Date.now() / 1_000);

describe('http tokens', () => {
  it('lets a node register itself with a token whose subject it is, again and again', async () => {
    const { issuer, register, agent } = await guarded();
    const token = await issuer.token();

    assert.equal((await register(token)).statusCode, 200);
    assert.equal((await register(token)).statusCode, 200);
    assert.isDefined(agent.listing.get('backend-1'));
  });

  it('lets nobody change the entry of another', async () => {
    const { issuer, register, get, agent } = await guarded();
    const token = await issuer.token({ sub: 'backend-2', roles: ['admin'] });
    agent.put({ id: 'backend-1' });

    const registered = await register(token);
    const deregistered = await get(token, '/registration/backend-1', 'DELETE');

    for (const response of [registered, deregistered]) {
      assert.deepEqual([response.statusCode, response.json().code], [403, 'NOT_OWNER']);
      assert.include(response.json().error, 'only backend-1 itself may change its entry');
    }
    assert.isDefined(agent.listing.get('backend-1'));
  });

  it.each([
    [{ roles: ['read'] }, [200, 403, 403]],
    [{ roles: ['register'] }, [200, 200, 403]],
    [{ roles: 'email firsthand:operate' }, [200, 403, 200]],
    [{ roles: ['admin', 7, null] }, [200, 200, 200]],
    [{ roles: ['root', 'Admin', 'firsthand:'] }, [403, 403, 403]],
    [{ roles: { admin: true } }, [403, 403, 403]],
    [{ roles: undefined }, [403, 403, 403]],
  ] as const)('gives with %j just what its roles may do', async (claims, expected) => {
    const { issuer, get, register, agent } = await guarded();
    agent.put({ id: 'agent-3' });
    const token = await issuer.token(claims);

    const read = await get(token);
    const registered = await register(token);
    const removed = await get(token, '/admin/remove/agent-3', 'POST');

    assert.deepEqual([read.statusCode, registered.statusCode, removed.statusCode], [...expected]);
    for (const response of [read, registered, removed]) {
      if (response.statusCode === 403) assert.equal(response.json().code, 'FORBIDDEN');
    }
  });

  it('asks the same of HEAD as of GET, and of aliases as of the path', async () => {
    const { issuer, app } = await guarded();
    const none = { authorization: `Bearer ${await issuer.token({ roles: [] })}` };
    const reader = { authorization: `Bearer ${await issuer.token({ roles: ['read'] })}` };
    const head = (headers: Record<string, string>) =>
      app.inject({ method: 'HEAD', url: '/service-discovery/peers', headers });
    const alias = (headers: Record<string, string>) =>
      app.inject({
        method: 'POST',
        url: '/service-discovery/register',
        headers,
        payload: JSON.stringify(legacy),
      });

    assert.deepEqual(
      [(await head({})).statusCode, (await head(none)).statusCode, (await head(reader)).statusCode],
      [401, 403, 200],
    );
    assert.deepEqual([(await alias({})).statusCode, (await alias(reader)).statusCode], [401, 403]);
  });

  it.each([
    '/health/../peers',
    '/%70eers',
    '//peers',
    '/peers/',
    '/health;/peers',
    '/PEERS',
    '/nowhere',
    '/health/live/x',
  ])('answers %s without credentials with nothing but a refusal', async url => {
    const { app } = await guarded();

    const { statusCode } = await app.inject({ url });

    assert.equal(statusCode, 401);
  });

  it('names the role that is missing and those that are there', async () => {
    const { issuer, get } = await guarded();

    const response = await get(await issuer.token({ roles: ['register'] }), '/admin/leave', 'POST');

    assert.equal(response.json().error, 'that needs the role operate; jwt:backend-1 has read, register');
  });

  it('gives roles to subjects that are granted them, and finds roles in a claim within claims', async () => {
    const { issuer, get } = await guarded({
      token: { grants: [{ role: 'operate', name: 'ops-*' }], rolesClaim: 'realm_access.roles' },
    });

    const granted = await get(await issuer.token({ sub: 'ops-ada' }), '/admin/remove/nobody', 'POST');
    const inside = await get(await issuer.token({ sub: 'x', realm_access: { roles: ['read'] } }));
    const neither = await get(await issuer.token({ sub: 'x' }));

    assert.deepEqual([granted.statusCode, inside.statusCode, neither.statusCode], [404, 200, 403]);
  });

  it('takes SPIFFE ids for nodes by their last part, or by what follows the prefix that is set', async () => {
    const sub = 'spiffe://prod.example/node/backend-1';
    const plain = await guarded();
    const prefixed = await guarded({ token: { namePrefix: 'spiffe://prod.example/node/' } });
    const elsewhere = 'spiffe://prod.example/other/backend-1';

    assert.equal((await plain.register(await plain.issuer.token({ sub }))).statusCode, 200);
    assert.equal((await prefixed.register(await prefixed.issuer.token({ sub }))).statusCode, 200);
    assert.equal((await prefixed.register(await prefixed.issuer.token({ sub: elsewhere }))).statusCode, 403);
  });

  it('takes each of the algorithms that are allowed, and no other although its key is there', async () => {
    const issuers = await Promise.all([
      Issuer.make('a', 'EdDSA'),
      Issuer.make('b', 'ES256'),
      Issuer.make('c', 'RS256'),
    ]);
    const { get } = await guarded({ issuers });
    const wider = await guarded({ issuers, token: { algorithms: ['RS256'] } });

    const codes = await Promise.all(
      issuers.map(async issuer => (await get(await issuer.token())).statusCode),
    );
    const codesOfWider = await Promise.all(
      issuers.map(async issuer => (await wider.get(await issuer.token())).statusCode),
    );

    assert.deepEqual(codes, [200, 200, 401]);
    assert.deepEqual(codesOfWider, [401, 401, 200]);
  });

  it('leaves vital signs open, or closes all but liveness', async () => {
    const { get } = await guarded();
    const closed = fixture({
      auth: tokenAuth(temporaryFile('k.json', keySet(await Issuer.make()))),
      protectVitals: true,
    });
    await closed.server.start();

    for (const url of ['/health', '/health/live', '/health/ready', '/metrics', '/telemetry']) {
      assert.equal((await get(undefined, url)).statusCode, 200, url);
      assert.equal((await closed.app.inject({ url })).statusCode, url === '/health/live' ? 200 : 401, url);
    }
  });
});

describe('http tokens that are none', () => {
  /** Each is given a good issuer of the configured keys. */
  const attacks: readonly (readonly [string, string, (issuer: Issuer) => string | Promise<string>])[] = [
    ['no credentials', 'there are no credentials', () => ''],
    [
      'an unsigned token',
      'it is no signed token',
      () => `${encoded({ alg: 'none', typ: 'JWT' })}.${encoded(goodClaims())}.`,
    ],
    [
      'an unsigned token with something in the place of the signature',
      'signed in a way that is not allowed',
      () => `${encoded({ alg: 'none', typ: 'JWT', kid: 'k1' })}.${encoded(goodClaims())}.AAAA`,
    ],
    [
      'alg none in other letters',
      'signed in a way that is not allowed',
      () => `${encoded({ alg: 'nOnE', typ: 'JWT' })}.${encoded(goodClaims())}.AAAA`,
    ],
    [
      'an HMAC with the public key as its key',
      'signed in a way that is not allowed',
      ({ publicJwk }) => {
        const pem = createPublicKey({ key: publicJwk as JsonWebKey, format: 'jwk' }).export({
          type: 'spki',
          format: 'pem',
        });
        return hmacToken({ alg: 'HS256', typ: 'JWT', kid: 'k1' }, goodClaims(), pem.toString());
      },
    ],
    [
      'an HMAC that says it is EdDSA',
      'the signature of the token is wrong',
      ({ publicJwk }) =>
        hmacToken({ alg: 'EdDSA', typ: 'JWT', kid: 'k1' }, goodClaims(), String(publicJwk.x)),
    ],
    [
      'a key of its own in the header',
      'the signature of the token is wrong',
      async () => {
        const { publicKey, privateKey } = generateKeyPairSync('ed25519');
        const jwk = publicKey.export({ format: 'jwk' });
        return signedToken({ alg: 'EdDSA', typ: 'JWT', kid: 'k1', jwk }, goodClaims(), privateKey);
      },
    ],
    [
      'another key under the same id',
      'the signature of the token is wrong',
      async () => (await Issuer.make()).token(),
    ],
    ['a key id that is not known', 'no key is known', issuer => issuer.token({}, { kid: 'other' })],
    [
      'a key id that leads to a file',
      'no key is known',
      issuer => issuer.token({}, { kid: '../../../dev/null' }),
    ],
    ['a key id that is a query', 'no key is known', issuer => issuer.token({}, { kid: "k1' OR '1'='1" })],
    [
      'a key id that is no text',
      'no key is known',
      () =>
        signedToken(
          { alg: 'EdDSA', typ: 'JWT', kid: ['k1'] },
          goodClaims(),
          generateKeyPairSync('ed25519').privateKey,
        ),
    ],
    [
      'a token that has expired',
      'has expired',
      issuer => issuer.token({ iat: nowS() - 600, exp: nowS() - 31 }),
    ],
    [
      'a token that is too old, however long it lasts',
      'too long ago',
      issuer => issuer.token({ iat: nowS() - 3_700, exp: nowS() + 9_999 }),
    ],
    [
      'a token from the future',
      'not valid yet',
      issuer => issuer.token({ iat: nowS() + 120, exp: nowS() + 300 }),
    ],
    ['a token that is not valid yet', 'not valid yet', issuer => issuer.token({ nbf: nowS() + 60 })],
    ['a token without an end', 'lacks a claim', issuer => issuer.token({ exp: undefined })],
    ['a token without a beginning', 'not valid yet', issuer => issuer.token({ iat: undefined })],
    ['a token without a subject', 'lacks a claim', issuer => issuer.token({ sub: undefined })],
    [
      'a token of another issuer',
      'another issuer',
      issuer => issuer.token({ iss: 'https://id.example.evil' }),
    ],
    ['a token for somebody else', 'somebody else', issuer => issuer.token({ aud: ['other', 'cluster'] })],
    ['a token without an audience', 'somebody else', issuer => issuer.token({ aud: undefined })],
    ['a token of another kind', 'of a kind', issuer => issuer.token({}, { typ: 'secevent+jwt' })],
    ['a token that does not say its kind', 'of a kind', issuer => issuer.token({}, { typ: undefined })],
    ['a token within a token', 'of a kind', issuer => issuer.token({}, { cty: 'JWT' })],
    [
      'an encrypted token',
      'it is no signed token',
      () =>
        new CompactEncrypt(Buffer.from(JSON.stringify(goodClaims())))
          .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
          .encrypt(new Uint8Array(32)),
    ],
    [
      'a header that must be understood',
      'of a kind',
      () =>
        signedToken(
          { alg: 'EdDSA', typ: 'JWT', kid: 'k1', crit: ['b64'], b64: false },
          goodClaims(),
          generateKeyPairSync('ed25519').privateKey,
        ),
    ],
    ['a token above 4 KiB', 'the token is too large', issuer => issuer.token({ long: 'x'.repeat(4_096) })],
    [
      'a token with other claims put in',
      'the signature of the token is wrong',
      async issuer => {
        const [header, , signature] = (await issuer.token()).split('.');
        return `${header}.${encoded({ ...goodClaims(), roles: ['admin'] })}.${signature}`;
      },
    ],
  ];

  for (const [name, why, make] of attacks) {
    it(`refuses ${name}, and tells why to the audit log`, async () => {
      const { issuer, get, audited } = await guarded();
      const token = await make(issuer);

      const response = await get(token === '' ? undefined : token);

      assert.equal(response.statusCode, 401);
      const { request_id: id, ...body } = response.json();
      assert.deepEqual(body, {
        error: 'Authentication required',
        code: 'AUTHENTICATION_REQUIRED',
        auth_mode: 'jwt',
      });
      assert.match(String(response.headers['www-authenticate']), /^Bearer/);
      assert.lengthOf(audited, 1);
      const [entry] = audited;
      assert.deepInclude(entry, {
        kind: 'authentication',
        who: 'anonymous',
        what: 'peers',
        outcome: 'refused',
        requestId: id,
      });
      assert.include(entry?.why, why);
    });
  }

  it('takes a clock that is half a minute off', async () => {
    const { issuer, get } = await guarded();
    const late = await issuer.token({ iat: nowS() - 600, exp: nowS() - 20 });
    const early = await issuer.token({ iat: nowS() + 20, nbf: nowS() + 20 });

    assert.equal((await get(late)).statusCode, 200);
    assert.equal((await get(early)).statusCode, 200);
  });

  it('takes down nothing of what is free for who proves nothing, however much is taken down', async () => {
    const { get, audited } = await guarded();

    const { statusCode } = await get(undefined, '/health/live');

    assert.equal(statusCode, 200);
    assert.deepEqual(audited, []);
  });

  it('never repeats a token, in no answer and not in the audit log', async () => {
    const { issuer, get, register, audited } = await guarded();
    const tokens = [
      await issuer.token(),
      await (await Issuer.make()).token(),
      await issuer.token({ roles: [] }),
    ];

    const answers: string[] = [];
    for (const token of tokens) {
      const { body, headers } = await get(token);
      answers.push(body, JSON.stringify(headers), (await register(token)).body);
    }

    const all = [...answers, JSON.stringify(audited)].join('\n');
    for (const token of tokens) {
      for (const part of token.split('.').slice(1)) assert.notInclude(all, part);
    }
  });

  it('slows down a caller that keeps guessing', async () => {
    const issuer = await Issuer.make();
    const { app, server } = fixture({
      auth: tokenAuth(temporaryFile('keys.json', keySet(issuer))),
      authFailuresPerSecond: 0.1,
    });
    await server.start();
    const guess = { url: '/peers', headers: { authorization: 'Bearer a.b.c' } };
    await app.inject(guess);

    const second = await app.inject(guess);

    assert.equal(second.statusCode, 429);
    assert.match(String(second.headers['retry-after']), /^\d+$/);
    const honest = { ...guess, headers: { authorization: `Bearer ${await issuer.token()}` } };
    assert.equal((await app.inject(honest)).statusCode, 200);
  });
});

describe('http tokens: where their keys come from', () => {
  /** A provider whose answer can be changed; counts how often it is asked. */
  async function provider(text: string) {
    const state = { text, status: 200, asked: 0 };
    const server = createServer((_request, response) => {
      state.asked += 1;
      response.writeHead(state.status, { 'content-type': 'application/json', location: '/elsewhere' });
      response.end(state.text);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys` };
  }

  it('lets made-up key ids reach the provider once, however many come', async () => {
    const issuer = await Issuer.make();
    const { state, url } = await provider(keySet(issuer));
    const { app, server } = fixture({
      auth: tokenAuth(url, {}, { refreshMinMs: 60_000 }),
      authFailuresPerSecond: 100_000,
    });
    await server.start();
    const ask = async (token: string) =>
      (await app.inject({ url: '/peers', headers: { authorization: `Bearer ${token}` } })).statusCode;

    const flood = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => ask(await issuer.token({}, { kid: `made-up-${i}` }))),
    );

    assert.deepEqual(new Set(flood), new Set([401]));
    assert.equal(state.asked, 1, 'at the start');
    assert.equal(await ask(await issuer.token()), 200);
  });

  it('goes nowhere that the header of a token points to', async () => {
    const [issuer, forger] = await Promise.all([Issuer.make(), Issuer.make()]);
    const { state, url } = await provider(keySet(forger));
    const { app, server } = fixture({
      auth: tokenAuth(temporaryFile('keys.json', keySet(issuer)), {}, { refreshMinMs: 0 }),
    });
    await server.start();
    for (const header of [
      { jku: url },
      { x5u: url },
      { jku: url, kid: 'other' },
      { x5c: [forger.publicJwk.x] },
    ]) {
      const authorization = `Bearer ${await forger.token({}, header)}`;

      assert.equal(
        (await app.inject({ url: '/peers', headers: { authorization } })).statusCode,
        401,
        JSON.stringify(header),
      );
    }

    assert.equal(state.asked, 0);
  });

  it('fetches keys anew for a token of a new key, once for all who wait, and drops those that are gone', async () => {
    const [old, next] = await Promise.all([Issuer.make('old'), Issuer.make('new')]);
    const { state, url } = await provider(keySet(old));
    const { app, server } = fixture({ auth: tokenAuth(url, {}, { refreshMinMs: 0 }) });
    await server.start();
    const ask = async (token: string) =>
      (await app.inject({ url: '/peers', headers: { authorization: `Bearer ${token}` } })).statusCode;
    const [oldToken, newToken] = await Promise.all([old.token(), next.token()]);
    assert.equal(await ask(oldToken), 200);
    const before = state.asked;
    state.text = keySet(next);

    const codes = await Promise.all([1, 2, 3, 4].map(() => ask(newToken)));

    assert.deepEqual(codes, [200, 200, 200, 200]);
    assert.isAtMost(state.asked - before, 2);
    assert.equal(await ask(oldToken), 401, 'also for a token that was found good before');
  });

  it('goes on with the keys it has while the provider fails, and says once that it does', async () => {
    const issuer = await Issuer.make();
    const { state, url } = await provider(keySet(issuer));
    const { app, server, logged } = fixture({ auth: tokenAuth(url, {}, { refreshMinMs: 0 }) });
    await server.start();
    const ask = async (token: string) =>
      (await app.inject({ url: '/peers', headers: { authorization: `Bearer ${token}` } })).statusCode;
    for (const [status, text] of [
      [500, 'no'],
      [302, ''],
      [200, '{"keys":[]}'],
      [200, 'x'.repeat(300_000)],
      [200, 'not JSON'],
    ] as const) {
      Object.assign(state, { status, text });
      assert.equal(await ask(await issuer.token({}, { kid: 'other' })), 401);
      assert.equal(await ask(await issuer.token({ jti: String(status) })), 200, text.slice(0, 20));
    }

    assert.lengthOf(
      logged.filter(({ event }) => event === 'token_keys_failed'),
      1,
    );
  });

  it('trusts them no longer than it should', async () => {
    const issuer = await Issuer.make();
    const { state, url } = await provider(keySet(issuer));
    const { app, server } = fixture({ auth: tokenAuth(url, {}, { refreshMinMs: 0, staleMaxMs: 1 }) });
    await server.start();
    Object.assign(state, { status: 500 });
    const token = await issuer.token();

    await until(async () => {
      const { statusCode } = await app.inject({
        url: '/peers',
        headers: { authorization: `Bearer ${token}` },
      });
      return statusCode === 503;
    }, 'refused');
  });

  it('answers 503, not 401, while the keys were never there, and well once they come', async () => {
    const issuer = await Issuer.make();
    const { state, url } = await provider('');
    const { app, server } = fixture({ auth: tokenAuth(url, {}, { refreshMinMs: 20 }) });
    await server.start();
    const request = { url: '/peers', headers: { authorization: `Bearer ${await issuer.token()}` } };
    const early = await app.inject(request);
    assert.deepEqual([early.statusCode, early.json().code], [503, 'NOT_READY']);
    assert.equal(early.headers['retry-after'], '5');

    state.text = keySet(issuer);

    await until(async () => (await app.inject(request)).statusCode === 200, 'well');
  });

  it('reads a file anew when a token names a key that is not known', async () => {
    const [old, next] = await Promise.all([Issuer.make('old'), Issuer.make('new')]);
    const file = temporaryFile('keys.json', keySet(old));
    const { app, server } = fixture({ auth: tokenAuth(file, {}, { refreshMinMs: 0 }) });
    await server.start();
    writeFileSync(file, keySet(old, next));

    const { statusCode } = await app.inject({
      url: '/peers',
      headers: { authorization: `Bearer ${await next.token()}` },
    });

    assert.equal(statusCode, 200);
  });

  it.each([
    ['nothing', '', 'is not JSON'],
    ['no list', '{}', 'has no list of keys'],
    ['no keys', '{"keys":[]}', 'has no public key'],
    [
      'only a shared key',
      '{"keys":[{"kty":"oct","k":"AAAA","kid":"k1","alg":"HS256"}]}',
      'has no public key',
    ],
    [
      'a point that is on no curve',
      '{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}',
      'has no public key',
    ],
    [
      'a key for encryption',
      '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA","use":"enc"}]}',
      'has no public key',
    ],
  ])('does not start with %s in its file', async (_name, text, problem) => {
    const file = temporaryFile('keys.json', text);
    const { server } = fixture({ auth: tokenAuth(file) });

    const error = await server.start().then(
      () => undefined,
      (reason: Error) => reason,
    );

    assert.include(error?.message, `${file} ${problem}`);
  });
});
