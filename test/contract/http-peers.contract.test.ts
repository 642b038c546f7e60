import type { LookupAddress } from 'node:dns';
import type { RequestListener, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, assert, describe, it } from 'vitest';
import { HttpPeerClient, type HttpPeerClientOptions } from '../../src/bridge/http-peers.ts';
import type { PeerOutcome } from '../../src/core/bridge/outcome.ts';
import { registrationBody } from '../../src/core/bridge/registration.ts';
import { NameLookup } from '../../src/outbound/name-lookup.ts';
import { registerHttpPeerMetrics, registerHttpPoolMetrics } from '../../src/telemetry/metrics/bridge.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { nodeFields } from '../record-builder.ts';
import { MisbehavingServer } from './misbehaving-server.ts';
import { until } from './network-libp2p.ts';

const clients: HttpPeerClient[] = [];
const servers: MisbehavingServer[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.stop();
  for (const server of servers.splice(0)) await server.close();
});

/** Names stand for what the table says. */
function clientWith(
  options: Partial<HttpPeerClientOptions> = {},
  names: Readonly<Record<string, string>> = {},
  registry = new MetricRegistry(),
): HttpPeerClient {
  const resolve = (
    name: string,
    _options: unknown,
    callback: (error: Error | null, found: LookupAddress[]) => void,
  ) => {
    const address = names[name];
    if (address === undefined) callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    else callback(null, [{ address, family: address.includes(':') ? 6 : 4 }]);
  };
  const client = new HttpPeerClient(options, {
    metrics: registerHttpPeerMetrics(registry),
    names: new NameLookup({ resolve }),
  });
  registerHttpPoolMetrics(registry, () => client.stats());
  clients.push(client);
  return client;
}

const update = registrationBody('update', 'me', nodeFields());

function ask(client: HttpPeerClient, url: string, body = update): Promise<PeerOutcome> {
  return new Promise(resolve => client.register({ url, body }, resolve));
}

function said(outcome: PeerOutcome): string {
  return outcome.ok ? `lists ${outcome.peers.map(({ id }) => id).join()}` : outcome.reason;
}

async function serve(listener: RequestListener, host?: string): Promise<string> {
  const server = await MisbehavingServer.http(listener, host);
  servers.push(server);
  return `http://${host === undefined ? '127.0.0.1' : `[${host}]`}:${server.port}`;
}

async function serveRaw(onConnection: Parameters<typeof MisbehavingServer.raw>[0]): Promise<string> {
  const server = await MisbehavingServer.raw(onConnection);
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

const node = { id: 'old-1', address: '10.0.0.1:8080', metrics_port: 9_090 };
const good = JSON.stringify({ status: 'registered', message: 'welcome', peers: [node] });

function welcome(response: ServerResponse): void {
  response.setHeader('content-type', 'application/json').end(good);
}

describe('bridge/http-peers', () => {
  it('posts the body as JSON to /registration below the base URL, and takes the list', async () => {
    const asked: unknown[] = [];
    const url = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', chunk => chunks.push(chunk));
      request.on('end', () => {
        const { method, headers } = request;
        asked.push(method, request.url, headers['content-type'], headers['accept-encoding']);
        asked.push(Buffer.concat(chunks).toString());
        welcome(response);
      });
    });

    const outcome = await ask(clientWith(), `${url}/base`);

    assert.equal(said(outcome), 'lists old-1');
    assert.deepEqual(asked, ['POST', '/base/registration', 'application/json', 'identity', update]);
  });

  const answers: readonly (readonly [string, string, RequestListener])[] = [
    [
      'lists old-1',
      'chunks',
      (_, response) => void (response.write(good.slice(0, 9)) && response.end(good.slice(9))),
    ],
    ['lists old-1', '201', (_, response) => response.writeHead(201).end(good)],
    ['garbage', 'nothing', (_, response) => response.end()],
    ['garbage', 'a web page', (_, response) => response.end('<html><body>It works!</body></html>')],
    ['garbage', 'JSON cut short', (_, response) => response.end(good.slice(0, -5))],
    ['garbage', 'the metrics of some service', (_, response) => response.end('{"ready":true}')],
    [
      'garbage',
      'noise',
      (_, response) => response.end(Buffer.from(Array.from({ length: 5_000 }, (_, i) => i % 256))),
    ],
    ['garbage', 'brackets without end', (_, response) => response.end('['.repeat(500_000))],
    [
      'garbage',
      'what it calls gzip, and never unpacks it',
      (_, response) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000))),
    ],
    ['status', 'an error', (_, response) => response.writeHead(500).end(good)],
    ['status', 'a refusal', (_, response) => response.writeHead(401).end(good)],
    [
      'redirect',
      'a redirect',
      (_, response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    [
      'too-large',
      'headers without end',
      (_, response) => response.setHeader('x', 'a'.repeat(32_000)).end(good),
    ],
    [
      'foreign',
      'the view of an agent',
      (_, response) => response.setHeader('Firsthand-View', '1/1').end(good),
    ],
    [
      'unreachable',
      'half of what it promised',
      (_, response) => {
        response.setHeader('content-length', 1_000).write(good);
        setTimeout(() => response.destroy(), 20);
      },
    ],
  ];
  it.each(answers)('says %s of a peer that answers with %s', async (expected, _, listener) => {
    const url = await serve(listener);

    assert.equal(said(await ask(clientWith(), url)), expected);
  });

  const endless: readonly (readonly [string, () => Promise<string>])[] = [
    ['takes the connection and says nothing', () => serveRaw(() => {})],
    ['takes the request and does not answer', () => serve(() => {})],
    [
      'answers a byte at a time',
      () => serve((_, response) => void setInterval(() => response.write(' '), 5).unref()),
    ],
    [
      'sends one header after the other',
      () =>
        serveRaw(socket => {
          socket.write('HTTP/1.1 200 OK\r\n');
          setInterval(() => socket.write('x: y\r\n'), 5).unref();
        }),
    ],
    [
      'stops half-way',
      () =>
        serve(
          (_, response) => void response.setHeader('content-length', good.length).write(good.slice(0, 20)),
        ),
    ],
  ];
  it.each(endless)('gives up in time on a peer that %s, and hangs up', async (_, start) => {
    const url = await start();

    const outcome = await ask(clientWith({ timeoutMs: 200 }), url);

    assert.equal(said(outcome), 'timeout');
    assert.isAtLeast(outcome.latencyMs, 190);
    assert.isBelow(outcome.latencyMs, 2_000);
    await until(() => servers[0]?.openCount === 0, 'the connection ends');
  });

  it('reads no more than 1 MiB of an answer of 50 MB', async () => {
    let sentBytes = 0;
    const url = await serve((_, response) => {
      const chunk = Buffer.alloc(64 * 1_024, ' ');
      const send = () => {
        while (sentBytes < 50_000_000 && !response.destroyed) {
          sentBytes += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', send);
        }
        response.end();
      };
      send();
    });

    assert.equal(said(await ask(clientWith(), url)), 'too-large');
    await until(() => servers[0]?.openCount === 0, 'the connection ends');
    assert.isBelow(sentBytes, 50_000_000);
  });

  it('says refused where nobody listens, garbage of what is not HTTP, and unreachable of who hangs up', async () => {
    const closed = await serve((_, response) => welcome(response));
    await servers[0]?.close();
    const other = await serveRaw(socket => socket.write('SSH-2.0-OpenSSH_9.6\r\n'));
    const rude = await serveRaw(socket => socket.destroy());
    const client = clientWith();

    const outcomes = [await ask(client, closed), await ask(client, other), await ask(client, rude)];

    assert.deepEqual(outcomes.map(said), ['refused', 'garbage', 'unreachable']);
  });

  it('sends an update as a registration to a peer that does not know the node', async () => {
    const actions: string[] = [];
    const url = await serve((request, response) => {
      request.on('data', chunk => {
        const { action } = JSON.parse(String(chunk)) as { readonly action: string };
        actions.push(action);
        if (action === 'update') response.writeHead(404).end();
        else welcome(response);
      });
    });
    const client = clientWith();

    assert.equal(said(await ask(client, url)), 'lists old-1');
    assert.deepEqual(actions, ['update', 'register']);
  });

  it('says which status an answer had', async () => {
    const url = await serve((_, response) => response.writeHead(409).end());

    const outcome = await ask(clientWith(), url);

    assert.deepInclude(outcome, { ok: false, reason: 'status', status: 409, detail: 'it answered 409' });
  });

  it('counts what it leaves out of a list', async () => {
    const peers = [node, { ...node, id: 'a b' }, { id: 'x' }];
    const url = await serve((_, response) => response.end(JSON.stringify({ status: 'registered', peers })));

    assert.deepInclude(await ask(clientWith(), url), { ok: true, leftOutCount: 2 });
  });

  it('reaches IPv6 and names', async () => {
    const url = await serve((_, response) => welcome(response), '::1');
    const port = url.slice(url.lastIndexOf(':'));
    const client = clientWith({}, { 'old.example': '::1' });

    assert.equal(said(await ask(client, url)), 'lists old-1');
    assert.equal(said(await ask(client, `http://old.example${port}`)), 'lists old-1');
    assert.equal(said(await ask(client, `http://unknown.example${port}`)), 'unreachable');
  });

  it.each([
    'http://169.254.169.254',
    'http://0.0.0.0:80',
    'http://[fe80::1]:80',
    'http://[::ffff:169.254.169.254]:80',
    'http://0xa9fea9fe',
    'http://metadata.example',
  ])('does not call %s', async url => {
    const outcome = await ask(clientWith({}, { 'metadata.example': '169.254.169.254' }), url);

    assert.equal(said(outcome), 'forbidden-address');
  });

  it('keeps its connection for the next registration', async () => {
    const url = await serve((_, response) => welcome(response));
    const client = clientWith();

    for (let i = 0; i < 10; i++) assert.equal(said(await ask(client, url)), 'lists old-1');

    // The second where the next one comes before the first connection has been put back.
    assert.isAtMost(servers[0]?.connectionsCount ?? 0, 2);
    assert.deepInclude(client.stats(), { inUse: 0, inFlight: 0, waiting: 0 });
  });

  it('does not blame the peer for a kept connection that ends as it is used', async () => {
    let requestsCount = 0;
    const url = await serve((request, response) => {
      requestsCount += 1;
      if (requestsCount === 2) request.socket.destroy();
      else welcome(response);
    });
    const client = clientWith();

    const outcomes = [await ask(client, url), await ask(client, url)];

    assert.deepEqual(outcomes.map(said), ['lists old-1', 'lists old-1']);
  });

  it('has no more connections than it may, to all and to each, and all of many are answered', async () => {
    const urls = await Promise.all(
      Array.from({ length: 6 }, () => serve((_, response) => void setTimeout(() => welcome(response), 5))),
    );
    const client = clientWith({ connectionsMaxCount: 4 });
    let mostCount = 0;
    const watch = setInterval(() => {
      mostCount = Math.max(mostCount, client.stats().connected);
    }, 1);

    const outcomes = await Promise.all(
      urls.flatMap(url => Array.from({ length: 10 }, () => ask(client, url))),
    );
    clearInterval(watch);

    assert.deepEqual(new Set(outcomes.map(said)), new Set(['lists old-1']));
    assert.isAtMost(mostCount, 4);
    assert.isAbove(client.stats().waits, 0);
  });

  it('counts the wait for a connection that hangs', async () => {
    const url = await serve(() => {});
    const client = clientWith({ timeoutMs: 200 });

    const outcomes = await Promise.all(Array.from({ length: 6 }, () => ask(client, url)));

    assert.deepEqual(new Set(outcomes.map(said)), new Set(['timeout']));
    assert.isBelow(Math.max(...outcomes.map(({ latencyMs }) => latencyMs)), 2_000);
  });

  it('shows use, waits and failures', async () => {
    const registry = new MetricRegistry();
    const url = await serve((_, response) => welcome(response));
    const client = clientWith({}, {}, registry);
    await ask(client, url);
    await ask(client, 'http://169.254.169.254');

    const text = await registry.text();

    for (const line of [
      'firsthand_http_peer_requests_total{outcome="ok"} 1',
      'firsthand_http_peer_requests_total{outcome="forbidden_address"} 1',
      'firsthand_http_peer_pool{state="connected"} 1',
      'firsthand_http_peer_pool{state="in_use"} 0',
      'firsthand_http_peer_waits_total 0',
      'firsthand_http_peer_request_seconds_count 2',
    ]) {
      assert.include(text, line);
    }
  });

  it('ends everything at once when it is stopped, twice if need be, and answers no more', async () => {
    const url = await serve(() => {});
    const client = clientWith();
    const answered: PeerOutcome[] = [];
    client.register({ url, body: update }, outcome => answered.push(outcome));
    await until(() => servers[0]?.openCount === 1, 'the request is under way');

    await Promise.all([client.stop(), client.stop()]);
    client.register({ url, body: update }, outcome => answered.push(outcome));

    await until(() => servers[0]?.openCount === 0, 'the connection ends');
    assert.deepEqual(answered, []);
  });
});
