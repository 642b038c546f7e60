import { assert, describe, it } from 'vitest';
import type { RotationRequest, RotationView, SecretPort } from '../../../src/runtime/cluster-secret.ts';
import { fixture, secret } from './fixture.ts';

const rotate = '/admin/keys/rotate-secret';
const list = '/admin/keys/secrets';
const done: RotationView = { status: 'done', step: 'use', keyId: '0123abcd', confirmed: 3, missing: [] };

class FakeSecret implements SecretPort {
  readonly asked: RotationRequest[] = [];
  answer = done;

  secrets() {
    return [
      { id: '0123abcd', source: '/etc/secret', use: 'in-use' as const },
      { id: 'abcd0123', source: '/old', use: 'accepted' as const, acceptedUntilMs: 5 },
    ];
  }

  findings() {
    return [];
  }

  async rotate(request: RotationRequest): Promise<RotationView> {
    this.asked.push(request);
    return this.answer;
  }
}

function withSecret(options: Parameters<typeof fixture>[0] = {}) {
  const parts = fixture(options);
  const port = new FakeSecret();
  return { ...parts, app: parts.app, port: Object.assign(parts.agent, { secret: port }).secret };
}

describe('http/secret-routes', () => {
  it.each(['GET', 'POST'] as const)('answers %s with 403 where the agent goes by no secret', async method => {
    const { app } = fixture();

    const response = await app.inject({ method, url: method === 'GET' ? list : rotate });

    assert.equal(response.statusCode, 403);
    assert.equal(response.json().code, 'SECRET_OFF');
    assert.match(response.json().error, /--auth shared_secret/);
  });

  it('lists ids and places, the one in use first', async () => {
    const { app } = withSecret();

    assert.deepEqual((await app.inject({ url: list })).json(), {
      secrets: [
        { id: '0123abcd', source: '/etc/secret', use: 'in-use' },
        { id: 'abcd0123', source: '/old', use: 'accepted', accepted_until_ms: 5 },
      ],
    });
  });

  it.each([
    ['', { dropOld: false }],
    ['{}', { dropOld: false }],
    ['{"drop_old":true}', { dropOld: true }],
    ['{"secret":"the new secret of all"}', { secret: 'the new secret of all', dropOld: false }],
  ])('takes %j', async (payload, expected) => {
    const { app, port } = withSecret();

    const response = await app.inject({ method: 'POST', url: rotate, payload });

    assert.equal(response.statusCode, 200);
    assert.deepEqual(response.json(), {
      status: 'done',
      step: 'use',
      key_id: '0123abcd',
      confirmed: 3,
      missing: [],
    });
    assert.deepEqual(port.asked, [expected]);
  });

  it.each([
    ['{"secret":"very sec', 'INVALID_JSON'],
    ['[]', 'INVALID_FORMAT'],
    ['{"secret":"very sec"}', 'INVALID_FORMAT'],
    ['{"secret":" very secret and with a space"}', 'INVALID_FORMAT'],
    ['{"secret":5}', 'INVALID_FORMAT'],
    ['{"drop_old":"very sec"}', 'INVALID_FORMAT'],
    ['{"very sec":1}', 'INVALID_FORMAT'],
  ])('refuses %j, and repeats nothing of it', async (payload, code) => {
    const { app, port, logged } = withSecret();

    const response = await app.inject({ method: 'POST', url: rotate, payload });

    assert.equal(response.statusCode, 400);
    assert.equal(response.json().code, code);
    assert.notInclude(response.body + JSON.stringify(logged), 'very sec');
    assert.lengthOf(port.asked, 0);
  });

  it('answers 202 when somebody has not confirmed', async () => {
    const { app, port } = withSecret();
    port.answer = {
      ...done,
      status: 'waiting',
      missing: [{ id: 'b', peerId: '12D3KooWB', why: 'no answer' }],
    };

    const response = await app.inject({ method: 'POST', url: rotate });

    assert.equal(response.statusCode, 202);
    assert.deepEqual(response.json().missing, [{ id: 'b', peer_id: '12D3KooWB', why: 'no answer' }]);
  });

  it('wants the secret, and goes by the one that counts at the moment', async () => {
    let current = secret;
    const secretsNow = () => [current];
    const { app } = withSecret({ auth: { mode: 'shared_secret', secret, secretsNow } });
    const status = async (bearer: string) => {
      const response = await app.inject({ url: list, headers: { authorization: `Bearer ${bearer}` } });
      return response.statusCode;
    };

    assert.deepEqual([await status(secret), await status('another one')], [200, 401]);
    current = 'another one';
    assert.deepEqual([await status(secret), await status('another one')], [401, 200]);
  });
});
