import { assert, describe, it } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { fixture, legacy, secret } from './fixture.ts';

const post = (url: string, payload: unknown, headers: Record<string, string> = {}) => ({
  method: 'POST' as const,
  url,
  headers: { 'content-type': 'application/json', ...headers },
  payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
});

/** Nothing but what the contract has in an error. */
function errorOf(response: {
  readonly statusCode: number;
  json(): Record<string, unknown>;
}): Record<string, unknown> {
  const { request_id: requestId, ...rest } = response.json();
  assert.isString(requestId);
  return { status: response.statusCode, ...rest };
}

describe('http/server: registration', () => {
  it('answers a registration with everyone but the caller, the agent included', async () => {
    const { app, agent } = fixture();
    agent.put({ id: 'agent-1', nodeType: 'proxy' });
    agent.put({ id: 'backend-2' });

    const response = await app.inject(post('/registration', { ...legacy, last_updated: 1_765_000_000 }));

    assert.equal(response.statusCode, 200);
    assert.equal(response.headers['content-type'], 'application/json; charset=utf-8');
    const { status, message, peers } = response.json();
    assert.equal(status, 'registered');
    assert.equal(message, 'backend-1 is registered');
    assert.deepEqual(
      peers.map((peer: { id: string }) => peer.id),
      ['agent-1', 'backend-2'],
    );
    assert.deepEqual(agent.listing.get('backend-1')?.lastUpdatedS, 1_765_000_000);
  });

  it('takes the alias, the envelope, and answers an update as updated', async () => {
    const { app } = fixture();
    const register = await app.inject(
      post('/service-discovery/register', { action: 'register', node: legacy }),
    );
    const update = await app.inject(
      post('/registration', { action: 'Update', node: { ...legacy, address: '10.0.0.2:80' } }),
    );

    assert.equal(register.json().status, 'registered');
    assert.equal(update.json().status, 'updated');
    assert.deepEqual(update.json().peers, []);
  });

  it('says when nothing was new', async () => {
    const { app } = fixture();
    const body = { ...legacy, last_updated: 1_765_000_000 };
    await app.inject(post('/registration', body));

    const again = await app.inject(post('/registration', body));

    assert.equal(again.statusCode, 200);
    assert.equal(again.json().message, 'nothing new about backend-1; its lease is renewed');
  });

  it('takes JSON under any media type, or none', async () => {
    const { app } = fixture();
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'nonsense',
      '',
    ]) {
      const response = await app.inject(post('/registration', legacy, { 'content-type': type }));
      assert.equal(response.statusCode, 200, type);
    }
  });

  it('lists thousands of peers in one document with the right length', async () => {
    const { app, agent } = fixture();
    for (let i = 0; i < 3_000; i++) agent.put({ id: `node-${i}` });

    const response = await app.inject(post('/registration', { ...legacy, id: 'node-1500' }));

    assert.equal(response.json().peers.length, 2_999);
    assert.equal(Number(response.headers['content-length']), response.rawPayload.length);
    assert.isString(response.headers['x-request-id']);
  });

  const rows: readonly (readonly [string, unknown, Record<string, unknown>])[] = [
    ['not JSON', '{"id":', { status: 400, error: 'Invalid JSON format', code: 'INVALID_JSON' }],
    ['no body', '', { status: 400, error: 'Invalid JSON format', code: 'INVALID_JSON' }],
    [
      'none of the three forms',
      { hello: 'world' },
      {
        status: 400,
        error: 'Invalid registration data format: id must be a string',
        code: 'INVALID_FORMAT',
        field: 'id',
      },
    ],
    [
      'a bad id',
      { ...legacy, id: 'a/b' },
      {
        status: 400,
        error: 'Input validation failed: id must be 1 to 128 of A-Z a-z 0-9 . _ -',
        code: 'INVALID_ID',
        field: 'id',
      },
    ],
    [
      'a bad type',
      { ...legacy, node_type: 'cache' },
      {
        status: 400,
        error: 'Input validation failed: node_type must be one of proxy, backend, governator',
        code: 'INVALID_NODE_TYPE',
        field: 'node_type',
      },
    ],
    [
      'a bad action',
      { ...legacy, action: 'remove' },
      {
        status: 400,
        error: 'Input validation failed: action must be register or update',
        code: 'INVALID_ACTION',
        field: 'action',
      },
    ],
    [
      'a time from tomorrow',
      { ...legacy, last_updated: Math.floor(Date.now() / 1_000) + 86_400 },
      {
        status: 400,
        error: "Input validation failed: last_updated is more than 60 s ahead of this agent's clock",
        code: 'INVALID_TIMESTAMP',
        field: 'last_updated',
      },
    ],
    [
      'an update of an unknown id',
      { ...legacy, action: 'update' },
      { status: 404, error: 'nobody registered that id', code: 'UNKNOWN_NODE' },
    ],
  ];
  for (const [name, body, expected] of rows) {
    it(`answers ${name} with ${expected.code}`, async () => {
      const { app, agent } = fixture();

      const response = await app.inject(post('/registration', body));

      assert.deepEqual(errorOf(response), expected);
      assert.deepEqual(agent.listing.nodes(), [], 'a refused registration changes nothing');
    });
  }

  it('answers what is older than known with 409 and the known time', async () => {
    const { app } = fixture();
    await app.inject(post('/registration', { ...legacy, last_updated: 100 }));

    const response = await app.inject(post('/registration', { ...legacy, last_updated: 99 }));

    assert.deepEqual(errorOf(response), {
      status: 409,
      error: 'older than what is known',
      code: 'STALE_UPDATE',
      last_updated: 100,
    });
  });

  it('answers a full table with 507', async () => {
    const { app } = fixture({}, { hostedMax: 1 });
    await app.inject(post('/registration', legacy));

    const response = await app.inject(post('/registration', { ...legacy, id: 'backend-2' }));

    assert.equal(errorOf(response).status, 507);
    assert.equal(response.json().code, 'REGISTRY_FULL');
  });

  it('refuses registrations with 503 and Retry-After while starting and while stopping', async () => {
    const { app, agent } = fixture();
    for (const phase of ['starting', 'stopping'] as const) {
      agent.phase = phase;
      const response = await app.inject(post('/registration', legacy));
      assert.deepEqual(errorOf(response), { status: 503, error: `the agent is ${phase}`, code: 'NOT_READY' });
      assert.equal(response.headers['retry-after'], '1');
    }
    assert.deepEqual(agent.listing.nodes(), []);
  });

  it('answers a declared body above 32 KiB with 413 and both sizes', async () => {
    const { app } = fixture();

    const response = await app.inject(post('/registration', ' '.repeat(32_769)));

    assert.deepEqual(errorOf(response), {
      status: 413,
      error: 'the body is larger than 32768 bytes',
      code: 'PAYLOAD_TOO_LARGE',
      max_size_bytes: 32_768,
      received_size_bytes: 32_769,
    });
  });

  it('takes a body of exactly 32 KiB', async () => {
    const { app } = fixture();

    const response = await app.inject(post('/registration', JSON.stringify(legacy).padEnd(32_768)));

    assert.equal(response.statusCode, 200);
  });

  it('answers what the agent does not allow with 403', async () => {
    const { app, agent } = fixture();
    agent.put({ id: 'theirs', authors: ['12D3KooWOther'] });

    const response = await app.inject({ method: 'DELETE', url: '/registration/theirs' });

    assert.deepEqual(errorOf(response), {
      status: 403,
      error: 'only the node itself may change its entry',
      code: 'NOT_OWNER',
    });
  });

  it('tells nothing about a bug, and logs it once', async () => {
    const { app, agent, logged } = fixture();
    agent.failure = new TypeError('secret detail');

    const response = await app.inject(post('/registration', legacy));

    assert.deepEqual(errorOf(response), {
      status: 500,
      error: 'a bug in Firsthand; the log has the details',
      code: 'INTERNAL',
    });
    assert.equal(logged.length, 1);
    assert.equal(logged[0]?.event, 'http_request_failed');
    assert.strictEqual(logged[0]?.fields.error, agent.failure);
    assert.equal(logged[0]?.fields.request_id, response.json().request_id);
  });

  it('hides errors that are no business of a caller', async () => {
    const { app, agent } = fixture();
    agent.failure = new FirsthandError('KEY_UNUSABLE', { text: '/home/me/.key is a folder' });

    const response = await app.inject(post('/registration', legacy));

    assert.equal(response.json().code, 'INTERNAL');
    assert.notInclude(response.body, '/home');
  });

  it('refuses web pages in open mode, which any browser on this machine could open', async () => {
    const { app, agent } = fixture();

    const response = await app.inject(post('/registration', legacy, { origin: 'https://example.org' }));

    assert.equal(errorOf(response).status, 403);
    assert.deepEqual(agent.listing.nodes(), []);
  });

  it('takes an entry out, once', async () => {
    const { app, agent } = fixture();
    await app.inject(post('/registration', legacy));

    const first = await app.inject({ method: 'DELETE', url: '/registration/backend-1' });
    const second = await app.inject({ method: 'DELETE', url: '/registration/backend-1' });

    assert.deepEqual(first.json(), { status: 'deregistered', message: 'backend-1 is no longer registered' });
    assert.equal(second.json().code, 'UNKNOWN_NODE');
    assert.deepEqual(agent.listing.nodes(), []);
  });

  it('refuses ids that cannot be, however long', async () => {
    const { app } = fixture();
    for (const id of ['a%20b', 'x'.repeat(129), 'x'.repeat(5_000)]) {
      const response = await app.inject({ method: 'DELETE', url: `/registration/${id}` });
      assert.deepEqual([response.statusCode, response.json().code], [400, 'INVALID_ID'], id.slice(0, 9));
    }
  });
});

const outsiders = [
  ['another machine', { remoteAddress: '10.0.0.7' }],
  ['another machine over IPv6', { remoteAddress: '::ffff:10.0.0.7' }],
  ['a proxy', { remoteAddress: '127.0.0.1', headers: { 'x-forwarded-for': '10.0.0.7' } }],
  ['a web page', { remoteAddress: '127.0.0.1', headers: { origin: 'http://localhost:7980' } }],
] as const;

describe('http/server: leaving', () => {
  it('lets a caller on the same machine end the agent in open mode', async () => {
    const { app, agent } = fixture();

    const response = await app.inject({
      method: 'POST',
      url: '/admin/leave',
      remoteAddress: '::ffff:127.0.0.1',
    });

    assert.equal(response.statusCode, 200);
    assert.isTrue(agent.left);
  });

  for (const [who, caller] of outsiders) {
    it(`refuses ${who} in open mode`, async () => {
      const { app, agent } = fixture();

      const response = await app.inject({ method: 'POST', url: '/admin/leave', ...caller });

      assert.deepEqual([response.statusCode, response.json().code], [403, 'FORBIDDEN']);
      assert.isFalse(agent.left);
    });
  }

  it('lets whoever has the secret end the agent, from anywhere', async () => {
    const { app, agent } = fixture({ auth: { mode: 'shared_secret', secret } });

    const response = await app.inject({
      method: 'POST',
      url: '/admin/leave',
      remoteAddress: '10.0.0.7',
      headers: { authorization: `Bearer ${secret}` },
    });

    assert.equal(response.statusCode, 200);
    assert.isTrue(agent.left);
  });
});

describe('http/server: removing', () => {
  const remove = (id: string) => ({ method: 'POST', url: `/admin/remove/${id}` }) as const;

  it('takes an agent that is gone out of the cluster', async () => {
    const { app, agent } = fixture();

    const response = await app.inject(remove('agent-3'));

    assert.equal(response.statusCode, 200);
    assert.deepEqual(response.json(), { status: 'removed', message: 'agent-3 is out of the cluster' });
    assert.deepEqual(agent.removed, ['agent-3']);
  });

  for (const [id, status, code] of [
    ['agent-2', 409, 'STILL_ALIVE'],
    ['nobody', 404, 'UNKNOWN_NODE'],
    ['a%20b', 400, 'INVALID_ID'],
  ] as const) {
    it(`answers the removal of ${id} with ${status}`, async () => {
      const { app, agent } = fixture();

      const response = await app.inject(remove(id));

      assert.deepEqual([response.statusCode, response.json().code], [status, code]);
      assert.deepEqual(agent.removed, []);
    });
  }

  it('waits until the agent is ready', async () => {
    const { app, agent } = fixture();
    agent.phase = 'starting';

    const response = await app.inject(remove('agent-3'));

    assert.deepEqual([response.statusCode, response.json().code], [503, 'NOT_READY']);
    assert.deepEqual(agent.removed, []);
  });

  for (const [who, caller] of outsiders) {
    it(`refuses ${who} in open mode`, async () => {
      const { app, agent } = fixture();

      const response = await app.inject({ ...remove('agent-3'), ...caller });

      assert.deepEqual([response.statusCode, response.json().code], [403, 'FORBIDDEN']);
      assert.deepEqual(agent.removed, []);
    });
  }

  it('lets whoever has the secret do it, from anywhere', async () => {
    const { app, agent } = fixture({ auth: { mode: 'shared_secret', secret } });
    const from = { remoteAddress: '10.0.0.7' };
    const without = await app.inject({ ...remove('agent-3'), ...from });
    assert.equal(without.statusCode, 401);

    await app.inject({ ...remove('agent-3'), ...from, headers: { authorization: `Bearer ${secret}` } });

    assert.deepEqual(agent.removed, ['agent-3']);
  });
});

describe('http/server: access', () => {
  const shared = { auth: { mode: 'shared_secret', secret } } as const;

  it('answers no and wrong credentials alike, before it looks at the body', async () => {
    const { app } = fixture(shared);
    const headers = [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: secret },
      { authorization: `Basic ${secret}` },
    ];
    for (const given of headers) {
      const response = await app.inject(post('/registration', ' '.repeat(40_000), given));
      assert.deepEqual(errorOf(response), {
        status: 401,
        error: 'Authentication required',
        code: 'AUTHENTICATION_REQUIRED',
        auth_mode: 'shared_secret',
      });
      assert.equal(response.headers['www-authenticate'], 'Bearer');
    }
  });

  it('lets the secret in, whatever the case of the scheme', async () => {
    const { app } = fixture(shared);
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const response = await app.inject({ url: '/peers', headers: { authorization: `${scheme} ${secret}` } });
      assert.equal(response.statusCode, 200);
    }
  });

  it('asks for the secret on every path but the vital signs', async () => {
    const { app } = fixture(shared);
    const status = async (url: string) => (await app.inject({ url })).statusCode;

    for (const url of [
      '/health',
      '/health/live',
      '/health/ready',
      '/metrics',
      '/telemetry',
      '/metrics?x=1',
    ]) {
      assert.equal(await status(url), 200, url);
    }
    for (const url of [
      '/peers',
      '/backends',
      '/events',
      '/records',
      '/records/x',
      '/clock',
      '/mesh',
      '/status',
      '/detector',
      '/outbox',
      '/doctor',
      '/sd/prometheus',
      '/openapi.json',
      '/service-discovery/health',
      '/service-discovery/status',
      '/service-discovery/peers',
      '/nowhere',
      '/healthy',
    ]) {
      assert.equal(await status(url), 401, url);
    }
  });

  it('closes the vital signs too when told so', async () => {
    const { app } = fixture({ ...shared, protectVitals: true });

    assert.equal((await app.inject({ url: '/metrics' })).statusCode, 401);
    assert.equal((await app.inject({ url: '/health' })).statusCode, 401);
  });

  it('refuses a secret of 15 bytes at construction', () => {
    assert.throws(
      () => fixture({ auth: { mode: 'shared_secret', secret: 'x'.repeat(15) } }),
      /at least 16 bytes/,
    );
  });

  it('slows down a caller that keeps guessing, and nobody else', async () => {
    const { app } = fixture({ ...shared, authFailuresPerSecond: 0.1 });
    const guess = { url: '/peers', headers: { authorization: 'Bearer wrong' }, remoteAddress: '10.0.0.7' };
    assert.equal((await app.inject(guess)).statusCode, 401);

    const limited = await app.inject(guess);

    assert.deepEqual([limited.statusCode, limited.json().code], [429, 'RATE_LIMITED']);
    assert.equal((await app.inject({ ...guess, remoteAddress: '10.0.0.8' })).statusCode, 401);
    const honest = { ...guess, headers: { authorization: `Bearer ${secret}` } };
    assert.equal((await app.inject(honest)).statusCode, 200);
  });

  it('limits the requests of one caller where a limit is set, but never vital signs', async () => {
    const { app } = fixture({ callerRequestsPerSecond: 0.5 });
    const ask = (url: string, remoteAddress: string) => app.inject({ url, remoteAddress });
    assert.equal((await ask('/peers', '10.0.0.7')).statusCode, 200);

    const limited = await ask('/peers', '10.0.0.7');

    assert.deepEqual(errorOf(limited), { status: 429, error: 'too many requests', code: 'RATE_LIMITED' });
    assert.equal(limited.headers['retry-after'], '2');
    assert.equal((await ask('/peers', '10.0.0.8')).statusCode, 200);
    assert.equal((await ask('/metrics', '10.0.0.7')).statusCode, 200);
  });

  it('limits all callers together where a limit is set', async () => {
    const { app } = fixture({ totalRequestsPerSecond: 0.5 });
    assert.equal((await app.inject({ url: '/peers', remoteAddress: '10.0.0.7' })).statusCode, 200);

    assert.equal((await app.inject({ url: '/peers', remoteAddress: '10.0.0.8' })).statusCode, 429);
  });
});

describe('http/server: paths', () => {
  it('answers an unknown path with 404 in the shape of every error', async () => {
    const { app } = fixture();
    for (const url of ['/nowhere', '/peers/', '/PEERS', '/sync/', '/outbox/', '/registration']) {
      const response = await app.inject({ url });
      const expected = url === '/registration' ? 405 : 404;
      assert.equal(errorOf(response).status, expected, url);
    }
  });

  it('answers a known path with the wrong method with 405 and Allow', async () => {
    const { app } = fixture();

    const response = await app.inject({ method: 'PUT', url: '/peers?x=1', payload: 'not json' });

    assert.deepEqual(errorOf(response), {
      status: 405,
      error: 'this path takes GET, HEAD, not PUT',
      code: 'METHOD_NOT_ALLOWED',
    });
    assert.equal(response.headers.allow, 'GET, HEAD');
  });

  it('answers a badly escaped path with 400', async () => {
    const { app } = fixture();

    const response = await app.inject({ url: '/records/%E0%A4%A' });

    assert.deepEqual(errorOf(response), {
      status: 400,
      error: 'the path is not well escaped',
      code: 'INVALID_REQUEST',
    });
    assert.equal(response.headers['x-request-id'], response.json().request_id);
  });

  it("takes the caller's request id where it is sane, and makes one up where not", async () => {
    const { app } = fixture();
    const idOf = async (given: string) => {
      const response = await app.inject({ url: '/nowhere', headers: { 'x-request-id': given } });
      assert.equal(response.headers['x-request-id'], response.json().request_id);
      return response.json().request_id;
    };

    assert.equal(await idOf('abc-1.2:3'), 'abc-1.2:3');
    for (const given of ['', 'a b', '<script>', 'x'.repeat(129)]) assert.notEqual(await idOf(given), given);
    assert.notEqual(await idOf(''), await idOf(''));
  });
});

describe('http/server: sync', () => {
  it('answers with the own root and that of every peer', async () => {
    const { app } = fixture();

    const body = (await app.inject({ url: '/sync' })).json();

    assert.equal(body.agreement.agree, 2);
    assert.deepInclude(body.peers[0], { id: 'agent-2', state: 'agrees', heard_ms: 400, lies: 0 });
  });

  it('answers with the parts of the table, and with the records of one', async () => {
    const { app } = fixture();

    const parts = (await app.inject({ url: '/sync/tree' })).json();
    const part = (await app.inject({ url: '/sync/tree?since=7&prefix=ab' })).json();

    assert.deepEqual(parts, { since: 2_938_000, parts: [{ prefix: 'ab', hash: 'cd'.repeat(16) }] });
    assert.deepInclude(part.records[0], { subject: 'backend-1', digest: 'ab'.repeat(32) });
    assert.equal(part.since, 7);
  });

  for (const query of ['prefix=a', 'prefix=AB', 'prefix=abc', 'since=0', 'since=x']) {
    it(`refuses /sync/tree?${query}`, async () => {
      const { app } = fixture();

      assert.equal((await app.inject({ url: `/sync/tree?${query}` })).statusCode, 400);
    });
  }
});
