import type { LookupAddress } from 'node:dns';
import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, assert, describe, it } from 'vitest';
import type { CheckOutcome } from '../../src/core/backends/outcome.ts';
import { HttpChecker, type HttpCheckerOptions } from '../../src/health/http-checker.ts';
import { NameLookup } from '../../src/outbound/name-lookup.ts';
import { MisbehavingServer } from './misbehaving-server.ts';
import { until } from './network-libp2p.ts';

const checkers: HttpChecker[] = [];
const servers: MisbehavingServer[] = [];

afterEach(async () => {
  for (const checker of checkers.splice(0)) await checker.stop();
  for (const server of servers.splice(0)) await server.close();
});

/** Names stand for what the table says. */
function checkerWith(
  options: Partial<HttpCheckerOptions> = {},
  names: Readonly<Record<string, readonly string[]>> = {},
): HttpChecker {
  const resolve = (
    name: string,
    _options: unknown,
    callback: (error: Error | null, found: LookupAddress[]) => void,
  ) => {
    const found = (names[name] ?? []).map(address => ({ address, family: address.includes(':') ? 6 : 4 }));
    callback(
      found.length > 0 ? null : Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }),
      found,
    );
  };
  const checker = new HttpChecker({ timeoutMs: 5_000, ...options }, { names: new NameLookup({ resolve }) });
  checkers.push(checker);
  return checker;
}

function look(checker: HttpChecker, port: number, host = '127.0.0.1'): Promise<CheckOutcome> {
  return new Promise(resolve => checker.check({ host, port }, resolve));
}

function said(outcome: CheckOutcome): string {
  return outcome.ok ? 'ok' : outcome.reason;
}

async function serve(listener: RequestListener, host?: string): Promise<MisbehavingServer> {
  const server = await MisbehavingServer.http(listener, host);
  servers.push(server);
  return server;
}

async function serveRaw(
  onConnection: Parameters<typeof MisbehavingServer.raw>[0],
): Promise<MisbehavingServer> {
  const server = await MisbehavingServer.raw(onConnection);
  servers.push(server);
  return server;
}

const well: RequestListener = (_, response) => response.end('{"ready":true}');

describe('health/http-checker', () => {
  const answers: readonly (readonly [string, string, RequestListener])[] = [
    ['ok', 'a JSON object', well],
    ['ok', 'Prometheus text', (_, response) => response.end('# HELP a b\nrequests_total{code="200"} 7\n')],
    ['ok', 'chunks', (_, response) => void (response.write('{"ready"') && response.end(':true}'))],
    ['not-ready', '"ready": false', (_, response) => response.end('{"ready":false,"cpu_usage":3}')],
    ['not-ready', 'node_ready 0', (_, response) => response.end('node_ready 0\n')],
    ['garbage', 'nothing', (_, response) => response.end()],
    ['garbage', 'a web page', (_, response) => response.end('<html><body>It works!</body></html>')],
    ['garbage', 'JSON cut short', (_, response) => response.end('{"ready":tr')],
    ['status', 'an error', (_, response) => response.writeHead(500).end('{"ready":true}')],
    ['status', 'a refusal', (_, response) => response.writeHead(401).end()],
    ['too-large', 'headers without end', (_, response) => response.setHeader('x', 'a'.repeat(32_000)).end()],
    [
      'garbage',
      'what it calls gzip, and never unpacks it',
      (_, response) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000))),
    ],
  ];
  it.each(answers)('says %s of a target that answers with %s', async (expected, _, listener) => {
    const server = await serve(listener);

    assert.equal(said(await look(checkerWith(), server.port)), expected);
  });

  it('asks for /metrics, uncompressed', async () => {
    const asked: unknown[] = [];
    const server = await serve((request, response) => {
      asked.push(request.method, request.url, request.headers.host, request.headers['accept-encoding']);
      response.end('{}');
    });

    await look(checkerWith(), server.port);

    assert.deepEqual(asked, ['GET', '/metrics', `127.0.0.1:${server.port}`, 'identity']);
  });

  it('follows no redirect', async () => {
    const paths: (string | undefined)[] = [];
    const server = await serve((request, response) => {
      paths.push(request.url);
      response.writeHead(302, { location: '/elsewhere' }).end();
    });

    assert.equal(said(await look(checkerWith(), server.port)), 'redirect');
    assert.deepEqual(paths, ['/metrics']);
  });

  const endless: readonly (readonly [string, () => Promise<MisbehavingServer>])[] = [
    ['takes the connection and says nothing', () => serveRaw(() => {})],
    ['takes the request and does not answer', () => serve(() => {})],
    [
      'answers and never ends',
      () => serve((_, response) => void setInterval(() => response.write('a'), 5).unref()),
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
      'says over and over that it goes on',
      () =>
        serveRaw(
          socket => void setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 5).unref(),
        ),
    ],
  ];
  it.each(endless)('gives up in time on a target that %s, and hangs up', async (_, start) => {
    const server = await start();

    const outcome = await look(checkerWith({ timeoutMs: 200 }), server.port);

    assert.equal(said(outcome), 'timeout');
    assert.isAtLeast(outcome.latencyMs, 190);
    assert.isBelow(outcome.latencyMs, 2_000);
    await until(() => server.openCount === 0, 'the connection ends');
  });

  it('reads no more than the limit of an answer of 10 MB', async () => {
    let sentBytes = 0;
    const server = await serve((_, response) => {
      const chunk = Buffer.alloc(64 * 1_024, 'a');
      const send = () => {
        while (sentBytes < 10_000_000 && !response.destroyed) {
          sentBytes += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', send);
        }
        response.end();
      };
      send();
    });

    assert.equal(said(await look(checkerWith({ bodyMaxBytes: 256 * 1_024 }), server.port)), 'too-large');
    await until(() => server.openCount === 0, 'the connection ends');
    assert.isBelow(sentBytes, 10_000_000);
  });

  it('says refused where nobody listens', async () => {
    const server = await MisbehavingServer.http(well);
    await server.close();

    assert.equal(said(await look(checkerWith(), server.port)), 'refused');
  });

  it('says garbage of what is not HTTP, and unreachable of who hangs up', async () => {
    const other = await serveRaw(socket => socket.write('SSH-2.0-OpenSSH_9.6\r\n'));
    const rude = await serveRaw(socket => socket.destroy());
    const checker = checkerWith();

    assert.equal(said(await look(checker, other.port)), 'garbage');
    assert.equal(said(await look(checker, rude.port)), 'unreachable');
  });

  it('reaches IPv6 and names', async () => {
    const server = await serve(well, '::1');
    const checker = checkerWith({}, { 'backend.example': ['::1'] });

    assert.equal(said(await look(checker, server.port, '::1')), 'ok');
    assert.equal(said(await look(checker, server.port, 'backend.example')), 'ok');
    assert.equal(said(await look(checker, server.port, 'unknown.example')), 'unreachable');
  });

  it.each([
    ['169.254.169.254', {}],
    ['0.0.0.0', {}],
    ['::', {}],
    ['fe80::1', {}],
    ['::ffff:169.254.169.254', {}],
    // Hexadecimal for 169.254.169.254: a name by its letters, a number to every URL parser.
    ['0xa9fea9fe', {}],
    ['metadata.example', { 'metadata.example': ['169.254.169.254'] }],
    ['metadata.example', { 'metadata.example': ['fe80::1', '::ffff:a9fe:a9fe'] }],
  ])('does not call %s (%o)', async (host, names) => {
    const outcome = await look(checkerWith({}, names), 9_100, host);

    assert.equal(said(outcome), 'forbidden-address');
  });

  it('calls what is allowed of the addresses that a name has', async () => {
    const server = await serve(well);
    const checker = checkerWith({}, { 'both.example': ['169.254.169.254', '127.0.0.1'] });

    assert.equal(said(await look(checker, server.port, 'both.example')), 'ok');
  });

  it('keeps its connection for the next check', async () => {
    const server = await serve(well);
    const checker = checkerWith();

    for (let i = 0; i < 5; i++) {
      assert.equal(said(await look(checker, server.port)), 'ok');
      await until(() => checker.stats().free === 1, 'the connection is idle again');
    }

    assert.equal(server.connectionsCount, 1);
    assert.deepInclude(checker.stats(), { connected: 1, free: 1, inFlight: 0 });
  });

  it('does not blame the backend for a kept connection that ends as it is used', async () => {
    let requestsCount = 0;
    const server = await serve((request, response) => {
      requestsCount += 1;
      if (requestsCount === 2) request.socket.destroy();
      else response.end('{"ready":true}');
    });
    const checker = checkerWith();

    const outcomes = [await look(checker, server.port), await look(checker, server.port)];

    assert.deepEqual(outcomes.map(said), ['ok', 'ok']);
    assert.equal(server.connectionsCount, 2);
  });

  it('keeps no connection beyond its number', async () => {
    const [first, second] = [await serve(well), await serve(well)];
    const checker = checkerWith({ keptConnectionsMaxCount: 1 });

    for (const { port } of [first, second]) await look(checker, port);

    await until(() => first.openCount + second.openCount === 1, 'one connection is left');
  });

  it('has two connections to a target at most, and all of many checks are answered', async () => {
    const server = await serve(well);
    const checker = checkerWith();

    const outcomes = await Promise.all(Array.from({ length: 20 }, () => look(checker, server.port)));

    assert.deepEqual(new Set(outcomes.map(said)), new Set(['ok']));
    assert.isAtMost(server.connectionsCount, 2);
  });

  it('counts the time in the queue of a target that hangs', async () => {
    const server = await serve(() => {});
    const checker = checkerWith({ timeoutMs: 200 });

    const outcomes = await Promise.all(Array.from({ length: 6 }, () => look(checker, server.port)));

    assert.deepEqual(new Set(outcomes.map(said)), new Set(['timeout']));
    assert.isBelow(Math.max(...outcomes.map(({ latencyMs }) => latencyMs)), 2_000);
  });

  it('ends everything at once when it is stopped, twice if need be, and answers no more', async () => {
    const server = await serve(() => {});
    const checker = checkerWith();
    const answered: CheckOutcome[] = [];
    checker.check({ host: '127.0.0.1', port: server.port }, outcome => answered.push(outcome));
    await until(() => server.openCount === 1, 'the request is under way');

    await Promise.all([checker.stop(), checker.stop()]);
    checker.check({ host: '127.0.0.1', port: server.port }, outcome => answered.push(outcome));

    await until(() => server.openCount === 0, 'the connection ends');
    assert.deepEqual(answered, []);
    assert.equal(server.connectionsCount, 1);
  });
});
