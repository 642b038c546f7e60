import { assert, describe, it } from 'vitest';
import { fixture, secret } from './fixture.ts';

describe('http/key-routes', () => {
  it('shows the public half of the key, and nothing of the private one', async () => {
    const { app, agent } = fixture();

    const response = await app.inject({ url: '/admin/keys' });

    assert.deepEqual(response.json(), { id: 'agent-1', peer_id: agent.identity.peerId });
  });

  it('changes the key, and shows until when the former one counts', async () => {
    const { app, agent } = fixture();

    const response = await app.inject({ method: 'POST', url: '/admin/keys/rotate' });

    assert.equal(response.statusCode, 200);
    const former = { peer_id: agent.identity.peerId, ends_in_ms: 60_000 };
    assert.deepEqual(response.json(), { id: 'agent-1', peer_id: 'next-key', former });
  });

  it('ends the key and the agent', async () => {
    const { app, agent } = fixture();

    const response = await app.inject({ method: 'POST', url: '/admin/keys/revoke' });

    assert.equal(response.json().status, 'revoked');
    assert.isTrue(agent.left);
  });

  it.each(['rotate', 'revoke'])(
    'refuses to %s for callers from elsewhere in open mode, and for web pages',
    async what => {
      const { app, agent } = fixture();
      const request = { method: 'POST', url: `/admin/keys/${what}` } as const;

      const outside = await app.inject({ ...request, remoteAddress: '10.0.0.7' });
      const page = await app.inject({ ...request, headers: { origin: 'https://example.org' } });

      assert.deepEqual([outside.statusCode, page.statusCode], [403, 403]);
      assert.isFalse(agent.left);
      assert.equal(agent.keysView.former, undefined);
    },
  );

  it('asks for the secret where there is one', async () => {
    const { app } = fixture({ auth: { mode: 'shared_secret', secret } });

    const response = await app.inject({ url: '/admin/keys' });

    assert.equal(response.statusCode, 401);
  });
});
