/** Registrations with HTTP peers that want a token. */
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { assert, describe, it, onTestFinished } from 'vitest';
import { HttpPeerClient, type HttpPeerClientOptions } from '../../src/bridge/http-peers.ts';
import { tokenAnswer } from '../../src/bridge/token-source.ts';
import { clientSecretIn } from '../../src/config/client-secret.ts';
import type { PeerOutcome } from '../../src/core/bridge/outcome.ts';
import { registrationBody } from '../../src/core/bridge/registration.ts';
import { registerHttpPeerMetrics } from '../../src/telemetry/metrics/bridge.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { nodeFields } from '../record-builder.ts';
import { temporaryFile } from '../unit/config/temporary-file.ts';

const clientSecret = 's:cret of +the client';
const update = registrationBody('register', 'me', nodeFields());
const answer = JSON.stringify({ status: 'registered', message: '', peers: [] });

async function serve(
  handle: (request: IncomingMessage, body: string) => { readonly status?: number; readonly text: string },
) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { status = 200, text } = handle(request, body);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(text);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that gives tokens, and a peer that takes the one that counts. */
async function world(options: Partial<HttpPeerClientOptions> = {}) {
  const state = {
    asked: [] as { readonly authorization: string; readonly body: string }[],
    given: { status: 200, text: '' },
    lifetimeS: 3_600,
    /** What the peer takes; absent: the token that was given last. */
    wanted: undefined as string | undefined,
    shown: [] as (string | undefined)[],
  };
  const tokenUrl = await serve(({ headers }, body) => {
    state.asked.push({ authorization: headers.authorization ?? '', body });
    if (state.given.text !== '') return state.given;
    const token = `token-${state.asked.length}`;
    return {
      text: JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: state.lifetimeS }),
    };
  });
  const peer = await serve(({ headers }) => {
    state.shown.push(headers.authorization);
    const wanted = state.wanted ?? `token-${state.asked.length}`;
    return headers.authorization === `Bearer ${wanted}` ? { text: answer } : { status: 401, text: '{}' };
  });
  const file = temporaryFile('client-secret', `${clientSecret}\n`);
  const client = new HttpPeerClient(
    {
      oauth: {
        tokenUrl: `${tokenUrl}/token`,
        clientId: 'agent 1',
        scope: 'a b',
        audience: 'peers',
        peers: [peer],
      },
      ...options,
    },
    { metrics: registerHttpPeerMetrics(new MetricRegistry()), clientSecret: () => clientSecretIn(file) },
  );
  onTestFinished(() => client.stop());
  const register = (url = peer) =>
    new Promise<PeerOutcome>(resolve => client.register({ url, body: update }, resolve));
  return { state, register, file };
}

describe('bridge/token-source', () => {
  it('asks for one token as the standard says, and shows it with each registration', async () => {
    const { state, register } = await world();

    const outcomes = [await register(), await register(), await register()];

    assert.deepEqual(
      outcomes.map(({ ok }) => ok),
      [true, true, true],
    );
    assert.lengthOf(state.asked, 1);
    const [{ authorization, body } = { authorization: '', body: '' }] = state.asked;
    assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), {
      grant_type: 'client_credentials',
      scope: 'a b',
      audience: 'peers',
    });
    const basic = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString();
    assert.equal(basic, 'agent+1:s%3Acret+of+%2Bthe+client');
  });

  it('asks once for all who wait, also where there is room for one connection', async () => {
    const { state, register } = await world({ connectionsMaxCount: 1, connectionsPerHost: 1 });

    const outcomes = await Promise.all([1, 2, 3, 4, 5].map(() => register()));

    assert.deepEqual(new Set(outcomes.map(({ ok }) => ok)), new Set([true]));
    assert.lengthOf(state.asked, 1);
  });

  it('replaces a token that is refused, once, and tries again', async () => {
    const { state, register } = await world();
    await register();
    state.wanted = 'token-2';

    assert.isTrue((await register()).ok);

    assert.lengthOf(state.asked, 2);
    state.wanted = 'none';
    const refused = await register();
    assert.deepInclude(refused, { ok: false, status: 401 });
    assert.lengthOf(state.asked, 3);
    assert.lengthOf(state.shown, 5);
  });

  it('replaces a token before it ends', async () => {
    const { state, register } = await world();
    state.lifetimeS = 0.001;
    await register();

    await register();

    assert.lengthOf(state.asked, 2);
    assert.deepEqual(state.shown, ['Bearer token-1', 'Bearer token-2']);
  });

  it('shows it to nobody who was not configured, whoever lists them', async () => {
    const { state, register } = await world();
    const shown: (string | undefined)[] = [];
    const learnt = await serve(({ headers }) => {
      shown.push(headers.authorization);
      return { text: answer };
    });

    assert.isTrue((await register(learnt)).ok);

    assert.deepEqual(shown, [undefined]);
    assert.lengthOf(state.asked, 0);
  });

  it.each([
    ['refuses', { status: 401, text: '{"error":"invalid_client"}' }, 'no token: it answered 401'],
    [
      'redirects',
      { status: 302, text: 'elsewhere' },
      'no token: it answered 302; redirects are not followed',
    ],
    [
      'answers something else',
      { status: 200, text: '<html>' },
      'no token: the answer has none that can be used',
    ],
    [
      'answers a token that would break the header',
      { status: 200, text: JSON.stringify({ access_token: 'a\r\nb: c', token_type: 'bearer' }) },
      'no token: the answer has none that can be used',
    ],
  ])('says so when the server %s, and does not ask again at once', async (_what, given, detail) => {
    const { state, register } = await world();
    state.given = given;

    const outcomes = [await register(), await register()];

    for (const outcome of outcomes) assert.deepInclude(outcome, { ok: false, reason: 'unreachable', detail });
    assert.lengthOf(state.asked, 1);
    assert.lengthOf(state.shown, 0);
  });

  it('says what is wrong with the file of the secret, and reads it anew', async () => {
    const { state, register, file } = await world();
    writeFileSync(file, '');

    const outcome = await register();

    assert.include(
      outcome.ok ? '' : outcome.detail,
      `the secret of the client in ${file} must have 1 to 4096 bytes`,
    );
    assert.lengthOf(state.asked, 0);
  });

  it('tells neither secret nor token to whoever looks', async () => {
    const { state, register } = await world();
    state.wanted = 'none';
    const refused = JSON.stringify(await register());
    state.given = { status: 400, text: clientSecret };
    const failed = JSON.stringify(await register());

    for (const text of [refused, failed]) {
      assert.notInclude(text, 'token-');
      assert.notInclude(text, clientSecret);
    }
  });

  it('takes for an answer only what has a bearer token that fits into a header', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc
        .record({
          access_token: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
          token_type: fc.oneof(fc.constant('bearer'), fc.jsonValue()),
          expires_in: fc.oneof(fc.double(), fc.jsonValue()),
        })
        .map(fields => JSON.stringify(fields)),
    );

    fc.assert(
      fc.property(value, text => {
        const found = tokenAnswer(text);
        if (found === undefined) return;
        assert.match(found.token, /^[\x21-\x7e]{1,8192}$/);
        assert.isAbove(found.lifetimeMs, 0);
        assert.isAtMost(found.lifetimeMs, 86_400_000);
      }),
      { numRuns: 1_000 },
    );
  });
});
