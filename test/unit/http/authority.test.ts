import { assert, describe, it } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { FakeAuthority } from './fake-authority.ts';
import { fixture, secret } from './fixture.ts';

type Options = Parameters<typeof fixture>[0];

function certified(options?: Options) {
  const parts = fixture(options);
  const authority = new FakeAuthority();
  parts.agent.authority = authority;
  return { ...parts, authority };
}

const post = (payload: unknown) => ({
  method: 'POST' as const,
  url: '/admin/revocations',
  payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
});

describe('http/authority-routes', () => {
  it('shows the certificate of the agent, whom it trusts, and whether it issues', async () => {
    const { app } = certified();

    const { statusCode, json } = await app.inject({ url: '/admin/membership' });

    assert.equal(statusCode, 200);
    const body = json();
    assert.deepInclude(body, { issues: true });
    assert.deepInclude(body.certificate, {
      id: 'agent-*',
      roles: ['proxy'],
      expires_at: '2025-11-25T00:00:00.000Z',
    });
    assert.deepInclude(body.revocations[0], { number: 2, serials: ['0123456789abcdef'] });
  });

  it.each([
    ['/admin/membership', { url: '/admin/membership' }],
    ['/admin/revocations', post({ record: 'AAAA' })],
  ])('answers %s with 404 where there is no authority', async (_, call) => {
    const { app } = fixture();

    const { statusCode, json } = await app.inject(call);

    assert.equal(statusCode, 404);
    assert.equal(json().code, 'NO_AUTHORITY');
  });

  it('hands the list over as it came', async () => {
    const { app, authority } = certified();

    const { statusCode } = await app.inject(post({ record: Buffer.from('a list').toString('base64') }));

    assert.equal(statusCode, 200);
    assert.equal(Buffer.from(authority.taken[0] ?? []).toString(), 'a list');
  });

  it.each([
    ['no JSON', '{', 'INVALID_JSON'],
    ['no record', {}, 'INVALID_REVOCATIONS'],
    ['null', null, 'INVALID_REVOCATIONS'],
    ['a number', { record: 7 }, 'INVALID_REVOCATIONS'],
    ['no base64', { record: 'a b' }, 'INVALID_REVOCATIONS'],
    ['far too much', { record: 'A'.repeat(8_193) }, 'INVALID_REVOCATIONS'],
  ])('refuses %s', async (_, payload, code) => {
    const { app, authority } = certified();

    const { statusCode, json } = await app.inject(post(payload));

    assert.equal(statusCode, 400);
    assert.equal(json().code, code);
    assert.deepEqual(authority.taken, []);
  });

  it('answers with what the agent has against the list', async () => {
    const { app, authority } = certified();
    authority.refusal = new FirsthandError('STALE_UPDATE', { text: 'list 1 is older than list 2' });

    const { statusCode, json } = await app.inject(post({ record: 'AAAA' }));

    assert.equal(statusCode, 409);
    assert.include(json().error, 'list 2');
  });

  it('wants the secret where there is one', async () => {
    const { app, authority } = certified({ auth: { mode: 'shared_secret', secret } });

    const { statusCode } = await app.inject(post({ record: 'AAAA' }));

    assert.equal(statusCode, 401);
    assert.deepEqual(authority.taken, []);
  });
});
