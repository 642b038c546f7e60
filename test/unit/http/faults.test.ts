import { assert, describe, it } from 'vitest';
import { FakeFaults } from './fake-agent.ts';
import { fixture, secret } from './fixture.ts';

const url = '/admin/faults';
const cut = { rules: [{ from: ['12D3KooWOther'], cut: true }] };

describe('http/fault-routes', () => {
  function drilled(options: Parameters<typeof fixture>[0] = {}) {
    const parts = fixture(options);
    const faults = new FakeFaults();
    parts.agent.faults = faults;
    return { ...parts, faults };
  }

  it.each(['GET', 'POST'] as const)(
    'answers %s with 403 and a code of its own where the agent was not started for a drill',
    async method => {
      const { app } = fixture();

      const response = await app.inject(method === 'GET' ? { url } : { method, url, payload: cut });

      assert.equal(response.statusCode, 403);
      assert.equal(response.json().code, 'FAULTS_OFF');
      assert.match(response.json().error, /--fault-injection/);
    },
  );

  it('puts the rules in place, fills in what they do not say, logs it, and shows them', async () => {
    const { app, faults, logged } = drilled();

    const response = await app.inject({
      method: 'POST',
      url,
      payload: { rules: [...cut.rules, { loss: 0.25 }] },
    });

    assert.equal(response.statusCode, 200);
    assert.deepEqual(faults.rules, [
      { from: ['12D3KooWOther'], cut: true, loss: 0, latencyMs: 0, jitterMs: 0 },
      { cut: false, loss: 0.25, latencyMs: 0, jitterMs: 0 },
    ]);
    assert.deepInclude(logged, { event: 'faults_set', fields: { rules: 2 } });
    assert.deepEqual((await app.inject({ url })).json(), response.json());
  });

  it.each([
    ['{', 'INVALID_JSON', /JSON/],
    ['[]', 'INVALID_FAULTS', /rules/],
    ['{"rules":[3]}', 'INVALID_FAULTS', /rules\[0\] must be an object/],
    [
      '{"rules":[{},{"los":0.1}]}',
      'INVALID_FAULTS',
      /rules\[1\] has no field "los"; there are from, cut, loss/,
    ],
    ['{"rules":[{"loss":1.1}]}', 'INVALID_FAULTS', /rules\[0\]\.loss must be a number from 0 to 1/],
    ['{"rules":[{"latency_ms":-1}]}', 'INVALID_FAULTS', /latency_ms must be a number from 0 to 60000/],
    ['{"rules":[{"jitter_ms":"5"}]}', 'INVALID_FAULTS', /jitter_ms must be/],
    ['{"rules":[{"cut":1}]}', 'INVALID_FAULTS', /cut must be true or false/],
    ['{"rules":[{"from":"x"}]}', 'INVALID_FAULTS', /from must be a list/],
    [`{"rules":[${Array(1_001).fill('{}').join()}]}`, 'INVALID_FAULTS', /at most 1000 rules/],
  ])('refuses %s as %s and changes nothing', async (payload, code, text) => {
    const { app, faults } = drilled();

    const response = await app.inject({ method: 'POST', url, payload });

    assert.equal(response.statusCode, 400);
    assert.equal(response.json().code, code);
    assert.match(response.json().error, text);
    assert.deepEqual(faults.rules, []);
  });

  it('lets nobody on another machine, and no web page, set faults in open mode', async () => {
    const { app, faults } = drilled();
    const call = { method: 'POST', url, payload: cut } as const;

    const outsider = await app.inject({ ...call, remoteAddress: '10.0.0.9' });
    const page = await app.inject({ ...call, headers: { origin: 'http://evil.example' } });

    assert.deepEqual([outsider.statusCode, page.statusCode], [403, 403]);
    assert.deepEqual([outsider.json().code, page.json().code], ['FORBIDDEN', 'FORBIDDEN']);
    assert.deepEqual(faults.rules, []);
  });

  it('wants the secret where there is one', async () => {
    const { app, faults } = drilled({ auth: { mode: 'shared_secret', secret } });

    const without = await app.inject({ method: 'POST', url, payload: cut });
    const withIt = await app.inject({
      method: 'POST',
      url,
      payload: cut,
      headers: { authorization: `Bearer ${secret}` },
    });

    assert.deepEqual([without.statusCode, withIt.statusCode], [401, 200]);
    assert.lengthOf(faults.rules, 1);
  });
});
