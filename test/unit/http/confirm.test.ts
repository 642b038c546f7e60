import { assert, describe, it } from 'vitest';
import { fixture, legacy } from './fixture.ts';

const url = '/registration';

describe('http/server: confirmed registrations', () => {
  function register(query: string, confirmedBy: readonly string[]) {
    const { app, agent } = fixture();
    agent.confirmedBy = confirmedBy;
    return app.inject({ method: 'POST', url: `${url}?${query}`, payload: legacy });
  }

  it.each([
    ['confirm=majority', ['agent-2'], 200],
    ['confirm=majority', [], 202],
    ['confirm=all', ['agent-2', 'agent-3'], 200],
    ['confirm=ALL&timeout=500', ['agent-2'], 202],
    ['confirm=all&timeout=5s', [], 202],
  ] as const)('answers ?%s, held by %j of two others, with %s', async (query, confirmedBy, status) => {
    const response = await register(query, confirmedBy);

    assert.equal(response.statusCode, status);
    const body = response.json();
    assert.deepEqual(body.confirmation.confirmed, ['agent-1', ...confirmedBy]);
    assert.isArray(body.peers);
    assert.notProperty(body, 'rolled_back');
  });

  it('says nothing of confirmation to who did not ask for it', async () => {
    assert.hasAllKeys((await register('', [])).json(), ['status', 'message', 'peers']);
  });

  it('says in one sentence who is missing in number, and that it goes on', async () => {
    const { message, confirmation } = (await register('confirm=all&timeout=1500ms', [])).json();

    assert.match(message, /after 1500 ms only 1 of 3 members hold it, and 3 should; it stays valid/);
    assert.deepInclude(confirmation, {
      wanted: 'all',
      needed: 3,
      missing: ['agent-2', 'agent-3'],
      took_ms: 1_500,
    });
  });

  it('says that it was rolled back', async () => {
    const body = (await register('confirm=all&rollback=true', [])).json();

    assert.isTrue(body.rolled_back);
    assert.match(body.message, /so it was rolled back$/);
  });

  it.each([
    ['confirm=quorum', 'confirm'],
    ['confirm=', 'confirm'],
    ['confirm=all&confirm=majority', 'confirm'],
    ['confirm=all&timeout=0', 'timeout'],
    ['confirm=all&timeout=60001', 'timeout'],
    ['confirm=all&timeout=61s', 'timeout'],
    ['confirm=all&timeout=-1', 'timeout'],
    ['confirm=all&timeout=1e3', 'timeout'],
    ['confirm=all&timeout=5h', 'timeout'],
    ['confirm=all&timeout=', 'timeout'],
    ['confirm=all&rollback=perhaps', 'rollback'],
    ['timeout=5s', 'timeout'],
    ['rollback=true', 'rollback'],
  ])('refuses ?%s and registers nothing', async (query, field) => {
    const { app, agent } = fixture();

    const response = await app.inject({ method: 'POST', url: `${url}?${query}`, payload: legacy });

    assert.equal(response.statusCode, 400);
    assert.deepInclude(response.json<object>(), { code: 'INVALID_QUERY', field });
    assert.deepEqual(agent.listing.nodes(), []);
  });

  it('shows what is waited for', async () => {
    const { app, agent } = fixture();
    const tally = { wanted: 'all', confirmed: ['agent-1'], missing: ['agent-2'], needed: 2 } as const;
    agent.confirmationViews = [
      {
        id: 1,
        subject: 'svc',
        digest: 'd'.repeat(64),
        state: 'waiting',
        ...tally,
        rollback: true,
        rolledBack: false,
        resumed: false,
        leftMs: 12,
      },
    ];

    const [shown] = (await app.inject({ url: '/confirmations' })).json();

    assert.deepInclude(shown, { subject: 'svc', state: 'waiting', left_ms: 12, rolled_back: false });
  });
});
