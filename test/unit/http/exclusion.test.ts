import { assert, describe, it } from 'vitest';
import { fixture, secret } from './fixture.ts';

const url = '/admin/bans';
const peer = '12D3KooWOther';

describe('http/exclusion-routes', () => {
  it('shows what peers have done wrong, in snake_case', async () => {
    const { app, agent } = fixture();
    agent.conduct = [
      {
        id: 'web-1',
        peer,
        standing: 'quarantined',
        points: 120,
        quarantinedForMs: 5_000,
        faults: [{ fault: 'bad-signature', count: 4, lastMs: 10 }],
      },
    ];

    const response = await app.inject({ url: '/reputation' });

    assert.deepEqual(response.json(), [
      {
        id: 'web-1',
        peer,
        standing: 'quarantined',
        points: 120,
        quarantined_for_ms: 5_000,
        faults: [{ fault: 'bad-signature', count: 4, last_ms: 10 }],
      },
    ]);
  });

  it('hands out evidence as it was signed', async () => {
    const { app, agent } = fixture();
    const proof = { id: 'ab', author: peer, subject: 'x', epoch: 1, sequence: 2, cluster: 'default' };
    agent.proofs = [{ ...proof, first: Uint8Array.of(1, 2), second: Uint8Array.of(3) }];

    const response = await app.inject({ url: '/evidence' });

    assert.deepEqual(response.json(), [{ ...proof, first: 'AQI=', second: 'Aw==' }]);
  });

  it('shuts out, lists and pardons', async () => {
    const { app } = fixture();

    const banned = await app.inject({ method: 'POST', url, payload: { who: peer, reason: 'floods' } });
    const listed = await app.inject({ url });
    const pardoned = await app.inject({ method: 'DELETE', url: `${url}/${peer}` });

    assert.deepEqual(banned.json(), { status: 'banned', peer });
    assert.equal(listed.json()[0].reason, 'floods');
    assert.deepEqual(pardoned.json(), { status: 'pardoned', peer });
    assert.deepEqual((await app.inject({ url })).json(), []);
  });

  it.each([
    ['{', 'INVALID_JSON'],
    ['[]', 'INVALID_BAN'],
    ['{}', 'INVALID_BAN'],
    ['{"who":7}', 'INVALID_BAN'],
    ['{"who":"a","for_ms":"1h"}', 'INVALID_BAN'],
    ['{"who":"a","reason":1}', 'INVALID_BAN'],
    ['{"who":"a","until":1}', 'INVALID_BAN'],
  ])('answers the body %s with 400 and %s, and bans nobody', async (payload, code) => {
    const { app, agent } = fixture();

    const response = await app.inject({ method: 'POST', url, payload });

    assert.deepEqual([response.statusCode, response.json().code], [400, code]);
    assert.deepEqual(agent.bansInForce, []);
  });

  it('lets nobody else ban in open mode: no caller from elsewhere, no web page', async () => {
    const { app, agent } = fixture();
    const request = { method: 'POST', url, payload: { who: peer } } as const;

    const outside = await app.inject({ ...request, remoteAddress: '10.0.0.7' });
    const page = await app.inject({ ...request, headers: { origin: 'https://example.org' } });
    const pardon = await app.inject({ method: 'DELETE', url: `${url}/${peer}`, remoteAddress: '10.0.0.7' });

    assert.deepEqual(
      [outside, page, pardon].map(({ statusCode }) => statusCode),
      [403, 403, 403],
    );
    assert.deepEqual(agent.bansInForce, []);
  });

  it.each([url, '/reputation', '/evidence'])('asks for the secret at %s where there is one', async path => {
    const { app } = fixture({ auth: { mode: 'shared_secret', secret } });

    assert.equal((await app.inject({ url: path })).statusCode, 401);
  });

  it('counts them for Prometheus', async () => {
    const { app, agent } = fixture();
    agent.conduct = [
      { peer, standing: 'no-mesh', points: 60, faults: [{ fault: 'sync-lie', count: 2, lastMs: 1 }] },
    ];
    agent.bansInForce = [{ peer, issuer: 'me', issuedAtMs: 1, reason: '', state: 'advised' }];
    agent.newcomersRefused = 7;

    const { body } = await app.inject({ url: '/telemetry' });

    assert.include(body, 'firsthand_peers_by_standing{standing="no_mesh"} 1');
    assert.include(body, 'firsthand_peer_faults{fault="sync_lie"} 2');
    assert.include(body, 'firsthand_bans{state="advised"} 1');
    assert.include(body, 'firsthand_newcomers_refused_total 7');
  });
});
