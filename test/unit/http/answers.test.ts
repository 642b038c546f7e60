import { assert, describe, it } from 'vitest';
import { partialView } from './fake-agent.ts';
import { fixture, legacy } from './fixture.ts';

describe('http/server: peers', () => {
  function cluster() {
    const context = fixture();
    context.agent.put({ id: 'agent-1', nodeType: 'proxy', isLoadBalancer: true, capabilities: ['a', 'b'] });
    context.agent.put({ id: 'b1', address: '10.0.0.1:80', capabilities: ['a'] });
    context.agent.put({ id: 'b2', address: '[::1]:80', status: 'suspect', capabilities: ['a', 'b'] });
    context.agent.put({ id: 'b3', address: 'b3.local:80', status: 'unhealthy' });
    context.agent.put({ id: 'g1', nodeType: 'governator' });
    const ids = async (url: string) =>
      (await context.app.inject({ url })).json().map((peer: { readonly id: string }) => peer.id);
    return { ...context, ids };
  }

  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['', ['agent-1', 'b1', 'b2', 'b3', 'g1']],
    ['?', ['agent-1', 'b1', 'b2', 'b3', 'g1']],
    ['?other=1', ['agent-1', 'b1', 'b2', 'b3', 'g1']],
    ['?type=backend', ['b1', 'b2', 'b3']],
    ['?type=PROXY', ['agent-1']],
    ['?status=suspect', ['b2']],
    ['?capability=a', ['agent-1', 'b1', 'b2']],
    ['?capability=a&capability=b', ['agent-1', 'b2']],
    ['?capability=a,b&type=backend', ['b2']],
    ['?load_balancer=true', ['agent-1']],
    ['?load_balancer=0&status=alive', ['b1', 'g1']],
    ['?capability=nobody', []],
  ];
  for (const [query, expected] of rows) {
    it(`answers /peers${query} with ${expected.length} of 5`, async () => {
      const { ids } = cluster();

      assert.deepEqual(await ids(`/peers${query}`), [...expected]);
      assert.deepEqual(await ids(`/service-discovery/peers${query}`), [...expected]);
    });
  }

  for (const [query, field] of [
    ['type=cache', 'type'],
    ['type=proxy&type=backend', 'type'],
    ['status=dead', 'status'],
    ['load_balancer=maybe', 'load_balancer'],
    ['capability=a%20b', 'capability'],
  ] as const) {
    it(`refuses /peers?${query}`, async () => {
      const { app } = cluster();

      const response = await app.inject({ url: `/peers?${query}` });

      assert.equal(response.statusCode, 400);
      assert.deepInclude(response.json<object>(), { code: 'INVALID_QUERY', field });
    });
  }

  it('lists as backends the addresses of those that are alive', async () => {
    const { app } = cluster();

    assert.deepEqual((await app.inject({ url: '/backends' })).json(), ['10.0.0.1:80']);
  });

  it('lists backends as objects with format=detail', async () => {
    const { app } = cluster();
    const [backend, ...others] = (await app.inject({ url: '/backends?format=detail' })).json();

    assert.deepInclude(backend, { id: 'b1', address: '10.0.0.1:80', status: 'alive' });
    assert.deepEqual(others, []);
    assert.equal((await app.inject({ url: '/backends?format=xml' })).json().code, 'INVALID_QUERY');
  });

  it('answers empty lists while nobody is known', async () => {
    const { app } = fixture();
    for (const url of ['/peers', '/backends', '/sd/prometheus', '/backends?format=detail']) {
      assert.equal((await app.inject({ url })).body, '[]', url);
    }
  });

  it('gives Prometheus a target for each node, on its metrics port', async () => {
    const { app } = cluster();
    const groups = (await app.inject({ url: '/sd/prometheus?type=backend' })).json();

    assert.deepEqual(
      groups.map((group: { readonly targets: unknown }) => group.targets),
      [['10.0.0.1:9090'], ['[::1]:9090'], ['b3.local:9090']],
    );
    assert.deepEqual(groups[1].labels, {
      __meta_firsthand_id: 'b2',
      __meta_firsthand_cluster: 'default',
      __meta_firsthand_address: '[::1]:80',
      __meta_firsthand_node_type: 'backend',
      __meta_firsthand_status: 'suspect',
      __meta_firsthand_load_balancer: 'false',
      __meta_firsthand_capabilities: ',a,b,',
    });
  });

  it('answers HEAD without a body', async () => {
    const { app } = cluster();

    const response = await app.inject({ method: 'HEAD', url: '/health' });

    assert.deepEqual([response.statusCode, response.body], [200, '']);
  });
});

describe('http/server: which part of the cluster speaks', () => {
  const lists = ['/peers', '/service-discovery/peers', '/backends', '/sd/prometheus'];

  it('says it with every list, whatever the query', async () => {
    const { app, agent } = fixture();
    agent.partitionView = partialView(7);
    for (const list of lists) {
      for (const query of ['', '?', '?type=proxy', '?format=detail', '?require=majority']) {
        const { statusCode, headers } = await app.inject({ url: `${list}${query}` });
        assert.deepEqual([statusCode, headers['firsthand-view']], [200, '7/12'], `${list}${query}`);
      }
    }
  });

  it('says it with the answer to a registration, also one that is too long to be copied together', async () => {
    const { app, agent } = fixture();
    agent.partitionView = partialView(5);
    const register = async () => app.inject({ method: 'POST', url: '/registration', payload: legacy });
    const short = await register();
    for (let i = 0; i < 3_000; i++) agent.put({ id: `node-${i}` });
    const long = await register();

    assert.deepEqual([short.headers['firsthand-view'], long.headers['firsthand-view']], ['5/12', '5/12']);
    assert.isAbove(long.rawPayload.length, 128 * 1_024);
    assert.match(String(long.headers['content-type']), /^application\/json/);
  });

  for (const list of lists) {
    it(`refuses ${list}?require=majority with 503 in a minority, and says how small it is`, async () => {
      const { app, agent } = fixture();
      agent.partitionView = partialView(5);

      const response = await app.inject({ url: `${list}?require=majority` });

      assert.equal(response.statusCode, 503);
      assert.deepInclude(response.json<object>(), {
        error: 'this agent reaches 5 of 12 known agents, no majority',
        code: 'NO_MAJORITY',
      });
      assert.equal(response.headers['retry-after'], '1');
      assert.equal(response.headers['firsthand-view'], '5/12');
      assert.equal((await app.inject({ url: list })).statusCode, 200);
    });

    it(`refuses ${list} with a requirement that it does not know`, async () => {
      const { app } = fixture();
      for (const query of ['require=all', 'require=', 'require=majority&require=majority']) {
        const response = await app.inject({ url: `${list}?${query}` });
        assert.equal(response.statusCode, 400, query);
        assert.deepInclude(response.json<object>(), { code: 'INVALID_QUERY', field: 'require' }, query);
      }
    });
  }

  it('requires a majority beside filters too', async () => {
    const { app, agent } = fixture();
    agent.put({ id: 'p', nodeType: 'proxy' });
    agent.put({ id: 'b' });
    const url = '/peers?type=proxy&require=majority';
    const ids = async () =>
      (await app.inject({ url })).json().map((peer: { readonly id: string }) => peer.id);

    assert.deepEqual(await ids(), ['p']);
    agent.partitionView = partialView(6);
    assert.equal((await app.inject({ url })).json().code, 'NO_MAJORITY');
  });
});

describe('http/server: health', () => {
  it('is healthy, ready and live while all is well', async () => {
    const { app } = fixture();
    const health = await app.inject({ url: '/health' });
    const ready = await app.inject({ url: '/health/ready' });
    const live = await app.inject({ url: '/health/live' });

    assert.deepEqual([health.statusCode, health.body], [200, 'healthy']);
    assert.match(String(health.headers['content-type']), /^text\/plain/);
    assert.deepEqual([ready.statusCode, ready.json().status], [200, 'ready']);
    assert.deepEqual([live.statusCode, live.json().status], [200, 'live']);
    assert.deepEqual(ready.json().components[0], { name: 'store', ok: true, detail: 'open' });
  });

  it('is live but not ready while it starts', async () => {
    const { app, agent } = fixture();
    agent.phase = 'starting';
    const ready = await app.inject({ url: '/health/ready' });

    assert.equal(ready.statusCode, 503);
    assert.equal(ready.headers['retry-after'], '1');
    assert.deepInclude(ready.json<object>(), {
      error: 'the agent is starting',
      code: 'NOT_READY',
      status: 'not_ready',
      phase: 'starting',
    });
    assert.equal((await app.inject({ url: '/health/live' })).statusCode, 200);
    assert.deepEqual((await app.inject({ url: '/health' })).body, 'unhealthy');
    assert.equal((await app.inject({ url: '/health' })).statusCode, 503);
  });

  it('is not ready, yet live, while a component other than the event loop is unwell', async () => {
    const { app, agent } = fixture();
    agent.health = [
      { name: 'store', ok: false, detail: 'the disk is full' },
      { name: 'event_loop', ok: true, detail: 'on time' },
    ];
    const ready = await app.inject({ url: '/health/ready' });

    assert.deepEqual([ready.statusCode, ready.json().error], [503, 'store: the disk is full']);
    assert.equal((await app.inject({ url: '/health/live' })).statusCode, 200);
  });

  it('is live, though not ready, while it is isolated', async () => {
    const { app, agent } = fixture();
    agent.health = [{ name: 'partition', ok: false, detail: 'no other known agent can be reached' }];
    const ready = await app.inject({ url: '/health/ready' });

    assert.deepEqual(
      [ready.statusCode, ready.json().error],
      [503, 'partition: no other known agent can be reached'],
    );
    assert.equal((await app.inject({ url: '/health/live' })).statusCode, 200);
  });

  it('is live, though not ready, while the event loop is late: a restart would make it later', async () => {
    const { app, agent } = fixture();
    agent.health = [{ name: 'event_loop', ok: false, detail: 'late by 4 s' }];
    const live = await app.inject({ url: '/health/live' });

    assert.deepEqual([live.statusCode, live.json().components], [200, agent.health]);
    assert.equal((await app.inject({ url: '/health/ready' })).statusCode, 503);
  });

  it("answers the predecessor's health and status alike, with the settings in seconds", async () => {
    const { app, agent } = fixture({
      healthCheck: { intervalMs: 7_500, timeoutMs: 1_500, failureThreshold: 4, recoveryThreshold: 1 },
    });
    agent.put({ id: 'p', nodeType: 'proxy' });
    agent.put({ id: 'b', status: 'unhealthy' });
    agent.put({ id: 'g', nodeType: 'governator' });
    const health = (await app.inject({ url: '/service-discovery/health' })).json();

    assert.deepEqual(health, {
      status: 'healthy',
      auth_mode: 'open',
      requires_authentication: false,
      health_check_interval_seconds: 7.5,
      health_check_timeout_seconds: 1.5,
      total_peers: 3,
      backend_peers: 1,
      proxy_peers: 1,
      failure_threshold: 4,
      recovery_threshold: 1,
    });
    assert.deepEqual((await app.inject({ url: '/service-discovery/status' })).json(), health);
  });
});

describe('http/server: metrics', () => {
  it('measures the vital signs it reports', async () => {
    const { app, agent } = fixture();
    await app.inject({ url: '/nowhere' });
    agent.phase = 'stopping';
    await app.inject({ method: 'POST', url: '/registration', payload: legacy });
    const vitals = (await app.inject({ url: '/metrics' })).json();

    assert.deepInclude(vitals, {
      ready: false,
      status_message: 'stopping',
      requests_in_progress: 0,
      active_requests: 0,
      failed_responses: 2,
      backoff_requests: 1,
      connected_peers: 1,
      error_rate: 1,
      version: '0.1.0',
    });
    assert.isAbove(vitals.memory_usage, 0);
    assert.isBelow(vitals.memory_usage, 100);
    assert.isAtLeast(vitals.cpu_usage, 0);
    assert.isAbove(vitals.avg_response_time_ms, 0);
  });

  it('counts a registration that waits for the disk as in progress', async () => {
    const { app, agent } = fixture();
    const disk = Promise.withResolvers<void>();
    agent.gate = disk.promise;
    const waiting = app.inject({ method: 'POST', url: '/registration', payload: legacy });
    await app.ready();
    const during = (await app.inject({ url: '/metrics' })).json();
    disk.resolve();
    await waiting;
    const after = (await app.inject({ url: '/metrics' })).json();

    assert.deepEqual([during.requests_in_progress, after.requests_in_progress], [1, 0]);
  });

  it('names the component that is unwell', async () => {
    const { app, agent } = fixture();
    agent.health = [{ name: 'network', ok: false, detail: 'isolated' }];

    const vitals = (await app.inject({ url: '/metrics' })).json();

    assert.deepInclude(vitals, { ready: false, status_message: 'network: isolated' });
  });

  it("exposes the predecessor's names and its own to Prometheus", async () => {
    const { app, agent } = fixture();
    agent.put({ id: 'b', status: 'suspect' });
    await app.inject({ url: '/nowhere' });
    const response = await app.inject({ url: '/telemetry' });

    assert.match(String(response.headers['content-type']), /^text\/plain; version=0\.0\.4/);
    const value = (line: string) => {
      const found = response.body.split('\n').find(text => text.startsWith(`${line} `));
      assert.isDefined(found, line);
      return Number(found?.split(' ').at(-1));
    };
    assert.equal(value('node_ready'), 1);
    assert.equal(value('requests_in_progress'), 1);
    assert.isAtLeast(value('cpu_usage_percent'), 0);
    assert.isAbove(value('memory_usage_percent'), 0);
    assert.equal(value('http_requests_total'), 1);
    assert.equal(value('failed_responses_total'), 1);
    assert.equal(value('connected_peers'), 1);
    assert.isAbove(value('uptime_seconds'), 0);
    assert.equal(value('firsthand_nodes{type="backend",status="suspect"}'), 1);
    assert.equal(value('firsthand_nodes{type="proxy",status="alive"}'), 0);
    assert.equal(value('firsthand_agents{state="alive"}'), 2);
    assert.equal(value('firsthand_http_errors_total{code="NOT_FOUND"}'), 1);
    assert.equal(value('firsthand_http_responses_total{operation="none",class="4xx"}'), 1);
    assert.equal(value('firsthand_component_ok{component="store"}'), 1);
    assert.equal(value('firsthand_mesh_peers{state="waiting"}'), 1);
    assert.equal(value('firsthand_http_request_duration_seconds_count'), 1);
    assert.equal(value('firsthand_detector_local_health'), 1);
    assert.equal(value('firsthand_detector_frozen'), 0);
    assert.equal(value('firsthand_backends_unhealthy'), 1);
  });

  for (const [reachable, expected] of [
    [7, { reachable: 7, known: 12, partition_suspected: 1, isolated: 0 }],
    [1, { reachable: 1, known: 12, partition_suspected: 0, isolated: 1 }],
  ] as const) {
    it(`tells Prometheus that ${reachable} of 12 agents can be reached`, async () => {
      const { app, agent } = fixture();
      agent.partitionView = partialView(reachable);

      const { body } = await app.inject({ url: '/telemetry' });

      assert.include(body, `\nfirsthand_agents_reachable ${expected.reachable}\n`);
      assert.include(body, `\nfirsthand_agents_known ${expected.known}\n`);
      assert.include(body, `\nfirsthand_partition_suspected ${expected.partition_suspected}\n`);
      assert.include(body, `\nfirsthand_isolated ${expected.isolated}\n`);
    });
  }

  it('never puts an id, an address or a path into a label', async () => {
    const { app, agent } = fixture();
    agent.put({ id: 'very-special-id', address: 'very.special.host:80' });
    await app.inject({ url: '/records/very-special-id' });
    await app.inject({ url: '/very/special/path' });

    assert.notInclude((await app.inject({ url: '/telemetry' })).body, 'special');
  });
});

describe('http/server: records and views', () => {
  it('shows the records behind an entry, the node as in /peers', async () => {
    const { app, agent } = fixture();
    agent.put({ id: 'b1' });
    const subject = (await app.inject({ url: '/records/b1' })).json();

    assert.deepInclude(subject, {
      id: 'b1',
      winner: 'a'.repeat(64),
      rule: 'only',
      conflict: false,
      parked: 0,
    });
    assert.deepInclude(subject.records[0], { lease_ms: 900_000, wire: 'AAEC', vouches: false });
    assert.deepEqual(subject.records[0].claimed_at, { wall_ms: 1_765_000_000_000, counter: 0 });
    assert.deepInclude(subject.records[0].node, {
      id: 'b1',
      metrics_port: 9_090,
      last_updated: 1_765_000_000,
    });
  });

  it('answers an id without records with 404, an impossible one with 400', async () => {
    const { app } = fixture();

    assert.deepInclude((await app.inject({ url: '/records/b1' })).json<object>(), { code: 'UNKNOWN_NODE' });
    assert.deepInclude((await app.inject({ url: '/records/a%20b' })).json<object>(), {
      code: 'INVALID_ID',
      field: 'id',
    });
  });

  it('pages through all records without a gap', async () => {
    const { app, agent } = fixture();
    for (let i = 0; i < 7; i++) agent.put({ id: `b${i}` });
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const url = after === undefined ? '/records?limit=3' : `/records?limit=3&after=${after}`;
      const page = (await app.inject({ url })).json();
      seen.push(...page.records.map((subject: { readonly id: string }) => subject.id));
      after = page.next ?? undefined;
    } while (after !== undefined);

    assert.deepEqual(seen, ['b0', 'b1', 'b2', 'b3', 'b4', 'b5', 'b6']);
  });

  for (const query of ['limit=0', 'limit=501', 'limit=ten', 'limit=1&limit=2', 'after=a%20b']) {
    it(`refuses /records?${query}`, async () => {
      const { app } = fixture();

      const response = await app.inject({ url: `/records?${query}` });

      assert.deepEqual([response.statusCode, response.json().code], [400, 'INVALID_QUERY']);
    });
  }

  it('writes clock, mesh and status in snake_case with their units', async () => {
    const { app, agent } = fixture();
    agent.put({ id: 'b1' });
    const clock = (await app.inject({ url: '/clock' })).json();
    const mesh = (await app.inject({ url: '/mesh' })).json();
    const status = (await app.inject({ url: '/status' })).json();

    assert.deepEqual(clock.time, { wall_ms: 1_765_000_000_000, counter: 2 });
    assert.deepInclude(mesh.peers[0], { rtt_ms: 0.4, failed_dials: 0 });
    assert.equal(mesh.peers[0].link.in_mesh, true);
    assert.equal(mesh.peers[1].next_dial_in_ms, 4_000);
    assert.equal(mesh.pending_seeds[0].last_error, 'no route');
    assert.deepInclude(status, { uptime_s: 12.5, agents_known: 2, conflicts: 0 });
    assert.deepInclude(status.agents[1], { peer_id: '12D3KooWOther', since_s: 10 });
    assert.deepInclude(status.partition, { state: 'whole', is_majority: true });
  });

  it('shows the failure detector in snake_case, without what is not known', async () => {
    const { app, agent } = fixture();
    agent.partitionView = partialView(7);
    const detector = (await app.inject({ url: '/detector' })).json();

    assert.deepInclude(detector, { profile: 'lan', local_health: 1, ack_timeout_ms: 500, is_frozen: false });
    assert.deepInclude(detector.partition, {
      state: 'suspected',
      since_ms: 12_000,
      there: ['agent-2', 'agent-3'],
    });
    assert.deepInclude(detector.members[0], { last_ack_ms: 3_200, clock_skew_ms: -12, verdict_in_ms: 2_500 });
    assert.deepEqual(detector.members[0].accusers[1], {
      by: '12D3KooWThird',
      says: 'dead',
      refused: true,
      ago_ms: 400,
    });
    assert.notProperty(detector.members[1], 'last_ack_ms');
    assert.deepInclude(detector.backends[0], { failures_in_row: 3, last_result: 'no answer within 2 s' });
  });

  it('shows the outbox with a row per receiver, and what did not arrive', async () => {
    const { app } = fixture();

    const outbox = (await app.inject({ url: '/outbox' })).json();

    assert.deepInclude(outbox, { entries: 3, entries_max: 10_000, dead_letters_count: 1 });
    assert.deepInclude(outbox.receivers[0], {
      state: 'stuck',
      failures_in_row: 7,
      next_try_in_ms: 21_000,
      breaker: 'open',
      last_error: 'connection refused',
    });
    assert.deepInclude(outbox.dead_letters[0], { subject: 'llama-70b', reason: 'expired' });
  });

  it('counts the outbox for Prometheus', async () => {
    const { app } = fixture();

    const text = (await app.inject({ url: '/telemetry' })).body;

    for (const line of [
      'firsthand_outbox_deliveries 3',
      'firsthand_outbox_oldest_seconds 95',
      'firsthand_outbox_receivers{state="stuck"} 1',
      'firsthand_outbox_breakers{state="open"} 1',
      'firsthand_outbox_events_total{event="turned_away"} 0',
      'firsthand_outbox_events_total{event="expired"} 1',
    ])
      assert.include(text, `${line}\n`);
  });

  it('answers an examination with 200 whatever it finds, and says whether all is well', async () => {
    const { app, agent } = fixture();
    const well = await app.inject({ url: '/doctor' });
    agent.checks = [
      { name: 'clock', ok: true, detail: 'right' },
      { name: 'open_files', ok: false, detail: 'at most 256', fix: 'ulimit -n 65536' },
    ];
    const ill = await app.inject({ url: '/doctor' });

    assert.deepEqual([well.statusCode, well.json().ok, well.json().checks.length], [200, true, 2]);
    assert.deepEqual([ill.statusCode, ill.json()], [200, { ok: false, checks: agent.checks }]);
  });

  it('examines once for all who ask meanwhile, and anew for those who ask later', async () => {
    const { app, agent } = fixture();
    const network = Promise.withResolvers<void>();
    agent.gate = network.promise;
    const waiting = [app.inject({ url: '/doctor' }), app.inject({ url: '/doctor' })];
    await app.inject({ url: '/health' });
    network.resolve();
    const answers = await Promise.all(waiting);
    const countMeanwhile = agent.examinationsCount;
    await app.inject({ url: '/doctor' });

    assert.deepEqual(
      answers.map(answer => answer.statusCode),
      [200, 200],
    );
    assert.deepEqual([countMeanwhile, agent.examinationsCount], [1, 2]);
  });
});
