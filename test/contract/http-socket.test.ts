import { createServer } from 'node:net';
import { assert, describe, it, onTestFinished } from 'vitest';
import { FirsthandError } from '../../src/errors.ts';
import { fixture, legacy } from '../unit/http/fixture.ts';
import { parseAnswer, RawClient, until } from './http-client.ts';

const head = 'POST /registration HTTP/1.1\r\nHost: x\r\n';
const chunk = (size: number) => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`;

async function rejection(promise: Promise<unknown>): Promise<FirsthandError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instanceOf(error, FirsthandError);
  return error as FirsthandError;
}

describe('http/server on a socket: what callers send wrong', () => {
  it('answers a streamed body as soon as it passes 32 KiB, with the bytes so far', async () => {
    const { server } = fixture();
    const client = await RawClient.connect((await server.start()).url);
    client.send(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk(20_000)}`);
    client.send(chunk(20_000)); // And no end.

    const { status, body } = parseAnswer(await client.until('request_id'));

    assert.equal(status, 413);
    assert.deepInclude(body, { code: 'PAYLOAD_TOO_LARGE', max_size_bytes: 32_768 });
    assert.isAbove(body.received_size_bytes as number, 32_768);
    assert.isAtMost(body.received_size_bytes as number, 40_000);
  });

  it('keeps the connection of a caller whose body was too large', async () => {
    const { server } = fixture();
    const client = await RawClient.connect((await server.start()).url);
    client.send(`${head}Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`);
    await client.until('PAYLOAD_TOO_LARGE');
    client.clear();

    client.send('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');

    assert.include(await client.until('healthy'), '200 OK');
  });

  it('answers a declared size above 32 KiB without waiting for the body', async () => {
    const { server } = fixture();
    const client = await RawClient.connect((await server.start()).url);

    client.send(`${head}Content-Length: 4000000000\r\n\r\n`);

    const { status, body } = parseAnswer(await client.until('request_id'));
    assert.deepEqual([status, body.received_size_bytes], [413, 4_000_000_000]);
  });

  it('puts a body together that arrives byte by byte, also inside a character', async () => {
    const { server, agent } = fixture();
    const client = await RawClient.connect((await server.start()).url);
    const body = Buffer.from(JSON.stringify({ ...legacy, note: 'é' }));
    client.send(`${head}Content-Length: ${body.length}\r\n\r\n`);
    for (const byte of body) client.socket.write(Buffer.of(byte));

    assert.include(await client.until('"peers":[]'), '200 OK');
    assert.isDefined(agent.listing.get('backend-1'));
  });

  it('answers headers above 8 KiB with 431', async () => {
    const { server } = fixture();
    const client = await RawClient.connect((await server.start()).url);

    client.send(`GET /peers HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(9_000)}\r\n\r\n`);

    const { status, body } = parseAnswer(await client.until('request_id'));
    assert.deepEqual([status, body.code], [431, 'HEADERS_TOO_LARGE']);
    await until(() => client.closed, 'closed');
  });

  it('answers what is not HTTP with 400', async () => {
    const { server } = fixture();
    const client = await RawClient.connect((await server.start()).url);

    client.send('\u0016\u0003\u0001 hello\r\n\r\n');

    const { status, body } = parseAnswer(await client.until('request_id'));
    assert.deepEqual([status, body.code], [400, 'INVALID_REQUEST']);
  });

  it('answers a request that does not arrive in time with 408', async () => {
    const { server } = fixture({ requestTimeoutMs: 50 });
    const client = await RawClient.connect((await server.start()).url);

    client.send(`${head}Content-Length: 100\r\n\r\nhalf`);

    const { status, body } = parseAnswer(await client.until('request_id'));
    assert.deepEqual([status, body.code], [408, 'REQUEST_TIMEOUT']);
  });

  it('forgets a caller that goes away in the middle of its body', async () => {
    const { server, app, logged } = fixture();
    const client = await RawClient.connect((await server.start()).url);
    const inProgress = async () => (await app.inject({ url: '/metrics' })).json().requests_in_progress;
    client.send(`${head}Content-Length: 100\r\n\r\nhalf`);
    await until(async () => (await inProgress()) === 1, 'in progress');

    client.socket.destroy();

    await until(async () => (await inProgress()) === 0, 'forgotten');
    assert.deepEqual(
      logged.filter(line => line.event === 'http_request_failed'),
      [],
    );
  });

  it('does not take the fetch of Node for a web page', async () => {
    const { server } = fixture();
    const { url } = await server.start();

    const response = await fetch(`${url}/registration`, { method: 'POST', body: JSON.stringify(legacy) });

    assert.equal(response.status, 200);
  });

  it('sends a list of megabytes whole', async () => {
    const { server, agent } = fixture();
    for (let i = 0; i < 10_000; i++)
      agent.listing.put(`n${i}`, { ...agent.put({ id: 'seed' }), id: `n${i}` });
    const { url } = await server.start();
    const answers = await Promise.all([1, 2, 3].map(async () => (await fetch(`${url}/peers`)).json()));

    for (const peers of answers) {
      assert.deepEqual(
        (peers as readonly { readonly id: string }[]).map(peer => peer.id),
        agent.listing.nodes().map(node => node.id),
      );
    }
  });
});

describe('http/server on a socket: start and stop', () => {
  it('names the address that another process has taken', async () => {
    const { url } = await fixture().server.start();
    const listen = url.slice('http://'.length);
    const second = fixture({ listen }).server;

    const error = await rejection(second.start());

    assert.equal(error.code, 'ADDRESS_IN_USE');
    assert.include(error.message, listen);
    await second.stop();
  });

  it('names the address that cannot be listened on', async () => {
    for (const listen of [
      '192.0.2.1:0',
      'no-such-host.invalid:0',
      '127.0.0.1',
      '127.0.0.1:99999',
      '::1:80',
    ]) {
      const error = await rejection(fixture({ listen }).server.start());
      assert.equal(error.code, 'ADDRESS_UNAVAILABLE', listen);
      assert.include(error.message, listen);
    }
  });

  it('listens on localhost and on [::1], and says where', async () => {
    assert.match(
      (await fixture({ listen: 'localhost:0' }).server.start()).url,
      /^http:\/\/127\.0\.0\.1:\d+$/,
    );
    const { url } = await fixture({ listen: '[::1]:0' }).server.start();
    assert.match(url, /^http:\/\/\[::1\]:\d+$/);
    assert.equal((await fetch(`${url}/health`)).status, 200);
  });

  it('serves before the agent is ready', async () => {
    const { server, agent } = fixture();
    agent.phase = 'starting';
    const { url } = await server.start();

    assert.equal((await fetch(`${url}/health/ready`)).status, 503);
    const registration = await fetch(`${url}/registration`, { method: 'POST', body: JSON.stringify(legacy) });
    assert.equal(registration.status, 503);
    agent.phase = 'ready';
    assert.equal((await fetch(`${url}/health/ready`)).status, 200);
  });

  it('finishes the request in flight, refuses the next on that connection, and closes the idle ones', async () => {
    const { server, agent } = fixture({ keepAliveTimeoutMs: 60_000 });
    const { url } = await server.start();
    const disk = Promise.withResolvers<void>();
    agent.gate = disk.promise;
    const idle = await RawClient.connect(url);
    idle.send('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.until('healthy');
    const busy = await RawClient.connect(url);
    const body = JSON.stringify(legacy);
    busy.send(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    await until(
      async () => (await server.app.inject({ url: '/metrics' })).json().requests_in_progress === 1,
      'in flight',
    );

    const stopped = server.stop();
    await until(() => idle.closed, 'idle connection closed');
    busy.send('GET /peers HTTP/1.1\r\nHost: x\r\n\r\n');
    disk.resolve();
    await stopped;

    await busy.until('"code":"NOT_READY"');
    assert.include(busy.received, '"status":"registered"');
    await rejectsConnection(url);
  });

  it('closes a connection as soon as its request in flight is done, however long it could be kept', async () => {
    const { server, agent, logged } = fixture({ keepAliveTimeoutMs: 60_000 });
    const { url } = await server.start();
    const disk = Promise.withResolvers<void>();
    agent.gate = disk.promise;
    const busy = await RawClient.connect(url);
    const body = JSON.stringify(legacy);
    busy.send(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    await until(
      async () => (await server.app.inject({ url: '/metrics' })).json().requests_in_progress === 1,
      'in flight',
    );

    const stopped = server.stop();
    await until(() => !server.app.server.listening, 'closed to others');
    disk.resolve();
    await stopped;

    await busy.until('"status":"registered"');
    assert.isFalse(logged.some(line => line.event === 'stop_forced'));
  });

  it('gives up on a request in flight after its time, and may be stopped twice', async () => {
    const { server, agent, logged } = fixture({ stopTimeoutMs: 50 });
    const { url } = await server.start();
    agent.gate = new Promise(() => {});
    const busy = await RawClient.connect(url);
    const body = JSON.stringify(legacy);
    busy.send(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    await until(
      async () => (await server.app.inject({ url: '/metrics' })).json().requests_in_progress === 1,
      'in flight',
    );

    await Promise.all([server.stop(), server.stop()]);
    await server.stop();

    await until(() => busy.closed, 'closed');
    assert.isTrue(logged.some(line => line.event === 'stop_forced'));
  });

  it('stops without having been started', async () => {
    await fixture().server.stop();
  });
});

/** Nobody listens there any more: the port can be had. */
async function rejectsConnection(url: string): Promise<void> {
  const server = createServer();
  onTestFinished(() => {
    server.close();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(new URL(url).port), '127.0.0.1', resolve);
  });
}
