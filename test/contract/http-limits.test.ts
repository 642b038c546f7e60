/** What callers of the HTTP shim can hold on to, and the metric of each limit. */
import { assert, describe, it } from 'vitest';
import { fixture, legacy, secret } from '../unit/http/fixture.ts';
import { parseAnswer, RawClient, until } from './http-client.ts';

const get = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';

type App = ReturnType<typeof fixture>['app'];

async function hits(app: App, limit: string): Promise<number> {
  const { body } = await app.inject({ url: '/telemetry' });
  return Number(
    new RegExp(`^firsthand_http_limits_hit_total\\{limit="${limit}"\\} (\\d+)$`, 'm').exec(body)?.[1] ?? 0,
  );
}

describe('http limits', () => {
  it('let one address have so many connections, and another one when one of them ends', async () => {
    const { server, app } = fixture({ connectionsPerAddressMaxCount: 2 });
    const { url } = await server.start();
    const clients = [await RawClient.connect(url), await RawClient.connect(url)];
    for (const client of clients) {
      client.send(get);
      await client.until('healthy');
    }

    const third = await RawClient.connect(url);
    await until(() => third.closed, 'closed');

    assert.equal(await hits(app, 'connections_per_address'), 1);
    clients[0]?.socket.destroy();
    await until(async () => {
      const next = await RawClient.connect(url);
      next.send(get);
      await until(() => next.closed || next.received.includes('healthy'), 'answered or closed');
      return next.received.includes('healthy');
    }, 'let in');
  });

  it('let all together have so many connections', async () => {
    const { server, app } = fixture({ connectionsMaxCount: 1 });
    const { url } = await server.start();
    const first = await RawClient.connect(url);
    first.send(get);
    await first.until('healthy');

    const second = await RawClient.connect(url);
    await until(() => second.closed, 'closed');

    assert.equal(await hits(app, 'connections'), 1);
  });

  it('cut off a caller that does not take its answer, and not one that only waits for events', async () => {
    const { server, app, agent } = fixture({ answerTimeoutMs: 100 });
    for (let i = 0; i < 50_000; i++)
      agent.listing.put(`n${i}`, { ...agent.put({ id: 'seed' }), id: `n${i}` });
    const { url } = await server.start();
    const events = await RawClient.connect(url);
    events.send('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
    await events.until('retry:');
    const slow = await RawClient.connect(url);
    slow.socket.pause();
    slow.send('GET /peers HTTP/1.1\r\nHost: x\r\n\r\n');

    await until(async () => (await hits(app, 'slow_reader')) === 1, 'cut off');

    const connections = () =>
      new Promise<number>((resolve, reject) =>
        app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      );
    await until(async () => (await connections()) === 1, 'closed, but for the one with events', connections);
    assert.isFalse(events.closed);
  });

  it('take so many headers and no more', async () => {
    const { app } = fixture({ headersMaxCount: 10 });
    const withHeaders = (count: number) =>
      app.inject({
        url: '/peers',
        headers: Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'y'])),
      });
    const own = 2; // `host` and `user-agent`, which the test's client adds.

    assert.equal((await withHeaders(10 - own)).statusCode, 200);
    const refused = await withHeaders(11 - own);

    assert.deepEqual([refused.statusCode, refused.json().code], [431, 'HEADERS_TOO_LARGE']);
    assert.equal(await hits(app, 'headers_count'), 1);
  });

  it('refuse too many headers on a socket, whether Node counts them itself or not', async () => {
    const { server, app } = fixture();
    const client = await RawClient.connect((await server.start()).url);
    const headers = Array.from({ length: 500 }, (_, i) => `x${i}: y\r\n`).join('');

    client.send(`GET /peers HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);

    assert.equal(parseAnswer(await client.until('request_id')).status, 431);
    assert.equal((await hits(app, 'headers_count')) + (await hits(app, 'headers_bytes')), 1);
  });

  it('end a request whose headers come drop by drop', async () => {
    const { server, app } = fixture({ requestTimeoutMs: 50 });
    const client = await RawClient.connect((await server.start()).url);

    client.send('GET /peers HTTP/1.1\r\nHost: x\r\nX-Slow: ');

    assert.equal(parseAnswer(await client.until('request_id')).status, 408);
    await until(() => client.closed, 'closed');
    assert.equal(await hits(app, 'request_time'), 1);
  });

  it('are counted: large headers, large bodies, too many event streams', async () => {
    const { server, app } = fixture({ eventStreamsMaxCount: 0 });
    const { url } = await server.start();
    const client = await RawClient.connect(url);
    client.send(`GET /peers HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(9_000)}\r\n\r\n`);
    await client.until('request_id');

    const large = await app.inject({ method: 'POST', url: '/registration', payload: 'x'.repeat(40_000) });
    const stream = await app.inject({ url: '/events' });

    assert.deepEqual([large.statusCode, stream.statusCode], [413, 429]);
    assert.match(String(stream.headers['retry-after']), /^\d+$/);
    for (const limit of ['headers_bytes', 'body_bytes', 'event_streams'])
      assert.equal(await hits(app, limit), 1, limit);
  });

  it.each([
    ['caller_rate', { callerRequestsPerSecond: 0.1 }, {}],
    ['total_rate', { totalRequestsPerSecond: 0.1 }, {}],
    [
      'auth_failures',
      { auth: { mode: 'shared_secret', secret }, authFailuresPerSecond: 0.1 },
      { authorization: 'Bearer no' },
    ],
  ] as const)('answer %s with 429 and a time to wait', async (limit, options, headers) => {
    const { app } = fixture(options);
    await app.inject({ url: '/peers', headers });

    const second = await app.inject({ url: '/peers', headers });

    assert.equal(second.statusCode, 429);
    assert.match(String(second.headers['retry-after']), /^[1-9]\d*$/);
    assert.equal(await hits(app, limit), 1);
  });

  it('leave a registration alone that keeps to all of them', async () => {
    const { app } = fixture({ callerRequestsPerSecond: 100, totalRequestsPerSecond: 100 });

    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/registration',
      payload: JSON.stringify(legacy),
    });

    assert.equal(statusCode, 200);
  });
});
