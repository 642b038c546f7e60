import { Check } from 'typebox/schema';
import { assert, describe, it } from 'vitest';
import { eventSchemas } from '../../src/http/schemas.ts';
import { nodeView, partialView } from '../unit/http/fake-agent.ts';
import { fixture, legacy } from '../unit/http/fixture.ts';
import { RawClient, until } from './http-client.ts';

interface ServerSentEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Comments and `retry` left out; an event still on its way left out, too. */
function parseEvents(text: string): ServerSentEvent[] {
  // Without the framing of chunks: a line with a hexadecimal number alone.
  const body = text.slice(text.indexOf('\r\n\r\n') + 4).replace(/(?:^|\r\n)[0-9a-f]+\r\n/g, '');
  return body
    .split('\n\n')
    .slice(0, -1)
    .filter(block => block.includes('event: '))
    .map(block => {
      const fields = Object.fromEntries(block.split('\n').map(line => line.split(/: (.*)/s, 2)));
      const { id, event, data } = fields as Record<'id' | 'event' | 'data', string>;
      return { ...(id === undefined ? {} : { id }), event, data: JSON.parse(data) };
    });
}

async function reader(url: string, query = '', headers: Record<string, string> = {}) {
  const client = await RawClient.connect(url);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  client.send(`GET /events${query} HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`);
  await client.until('retry: ');
  return {
    client,
    events: () => parseEvents(client.received),
    async atLeast(count: number): Promise<ServerSentEvent[]> {
      await until(
        () => parseEvents(client.received).length >= count,
        `${count} events`,
        () => client.received,
      );
      return parseEvents(client.received);
    },
  };
}

async function serving(...options: Parameters<typeof fixture>) {
  const context = fixture(...options);
  return { ...context, url: (await context.server.start()).url };
}

const liveness = (id: string) =>
  ({
    event: 'liveness',
    data: { at: new Date().toISOString(), id, from: 'alive', to: 'suspect', by: ['agent-2'] },
  }) as const;

const health = (id: string) =>
  ({
    event: 'health',
    data: { at: new Date().toISOString(), id, from: 'healthy', to: 'unhealthy', reason: 'no answer' },
  }) as const;

const partition = (state: 'suspected' | 'healed' | 'isolated') =>
  ({
    event: 'partition',
    data: { at: new Date().toISOString(), state, reachable: 7, known: 12 },
  }) as const;

describe('http/events', () => {
  it('reports a registration as the contract writes it', async () => {
    const { url } = await serving();
    const stream = await reader(url);
    assert.include(stream.client.received, 'content-type: text/event-stream; charset=utf-8');

    await fetch(`${url}/registration`, { method: 'POST', body: JSON.stringify(legacy) });

    const [event] = await stream.atLeast(1);
    assert.equal(event?.id, '1-1');
    assert.equal(event?.event, 'record');
    assert.isTrue(Check(eventSchemas.record, event?.data), JSON.stringify(event));
    assert.match(String(event?.data.at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepInclude(event?.data, { id: 'backend-1', change: 'added', epoch: 1, sequence: 1 });
  });

  it('reports every kind with data that fits its schema', async () => {
    const { agent, url } = await serving();
    const stream = await reader(url);
    agent.emit(liveness('b1'));
    agent.emit({
      event: 'conflict',
      data: { at: new Date().toISOString(), id: 'b1', kind: 'concurrent', authors: ['12D3KooWSelf'] },
    });
    agent.emit(health('b1'));
    agent.emit(partition('suspected'));

    const events = await stream.atLeast(4);

    assert.deepEqual(
      events.map(({ event }) => event),
      ['liveness', 'conflict', 'health', 'partition'],
    );
    for (const { event, data } of events) {
      assert.isTrue(Check(eventSchemas[event as keyof typeof eventSchemas], data), JSON.stringify(data));
    }
  });

  it('goes on after the last event that the reader has seen', async () => {
    const { agent, url } = await serving();
    for (const id of ['b1', 'b2', 'b3']) agent.put({ id });
    const stream = await reader(url, '', { 'Last-Event-ID': '1-1' });
    agent.put({ id: 'b4' });

    const events = await stream.atLeast(3);

    assert.deepEqual(
      events.map(event => [event.id, event.data.id]),
      [
        ['1-2', 'b2'],
        ['1-3', 'b3'],
        ['1-4', 'b4'],
      ],
    );
  });

  it('starts with reset when that event is no longer known, and can be resumed from there', async () => {
    const { agent, url } = await serving({}, { keptEvents: 2 });
    for (const id of ['b1', 'b2', 'b3', 'b4']) agent.put({ id });
    for (const lastId of ['1-1', '7-7', 'nonsense']) {
      const stream = await reader(url, '', { 'Last-Event-ID': lastId });
      const [first] = await stream.atLeast(1);
      assert.deepEqual([first?.event, first?.id], ['reset', '1-4'], lastId);
      assert.isTrue(Check(eventSchemas.reset, first?.data));
      assert.equal(first?.data.reason, 'too-old');
    }
    const resumed = await reader(url, '', { 'Last-Event-ID': '1-4' });
    agent.put({ id: 'b5' });
    assert.equal((await resumed.atLeast(1))[0]?.data.id, 'b5');
  });

  it('follows the kinds and the node asked for', async () => {
    const { agent, url } = await serving();
    const byKind = await reader(url, '?kind=liveness,conflict');
    const byId = await reader(url, '?id=b2');
    const byBoth = await reader(url, '?kind=record&kind=health&id=b2');
    agent.put({ id: 'b1' });
    agent.emit(liveness('b1'));
    agent.emit(liveness('b2'));
    agent.put({ id: 'b2' });
    await byBoth.atLeast(1);
    await byId.atLeast(2);
    await byKind.atLeast(2);

    const seen = (stream: { events(): ServerSentEvent[] }) =>
      stream.events().map(event => `${event.event} ${event.data.id}`);
    assert.deepEqual(seen(byKind), ['liveness b1', 'liveness b2']);
    assert.deepEqual(seen(byId), ['liveness b2', 'record b2']);
    assert.deepEqual(seen(byBoth), ['record b2']);
  });

  it('sends what concerns the whole cluster to all but those who follow one node', async () => {
    const { agent, url } = await serving();
    const byKind = await reader(url, '?kind=partition,health');
    const byId = await reader(url, '?id=b2');
    agent.put({ id: 'b1' });
    agent.emit(partition('suspected'));
    agent.emit(health('b1'));
    agent.emit(partition('healed'));
    agent.emit(health('b2'));
    await byId.atLeast(1);

    assert.deepEqual(
      (await byKind.atLeast(4)).map(({ event, data }) => `${event} ${data.state ?? data.id}`),
      ['partition suspected', 'health b1', 'partition healed', 'health b2'],
    );
    assert.deepEqual(
      byId.events().map(({ event, data }) => `${event} ${data.id}`),
      ['health b2'],
    );
  });

  it('refuses kinds that do not exist and ids that cannot', async () => {
    const { app } = fixture();
    for (const [query, field] of [
      ['kind=weather', 'kind'],
      ['id=a%20b', 'id'],
      ['snapshot=perhaps', 'snapshot'],
    ]) {
      const response = await app.inject({ url: `/events?${query}` });
      assert.equal(response.statusCode, 400);
      assert.deepInclude(response.json<object>(), { code: 'INVALID_QUERY', field });
    }
  });

  it('sends what is known first with snapshot=1, without ids, then what happens', async () => {
    const { agent, url } = await serving();
    agent.put({ id: 'b1' });
    agent.put({ id: 'b2' });
    const stream = await reader(url, '?snapshot=1');
    agent.put({ id: 'b3' });

    const events = await stream.atLeast(5);

    assert.deepEqual(
      events.map(({ id, event, data }) => [id, event, data.id]),
      [
        [undefined, 'record', 'b1'],
        [undefined, 'record', 'b2'],
        [undefined, 'liveness', 'agent-1'],
        [undefined, 'liveness', 'agent-2'],
        ['1-3', 'record', 'b3'],
      ],
    );
    for (const { event, data } of events) {
      assert.isTrue(Check(eventSchemas[event as 'record' | 'liveness'], data));
    }
  });

  for (const [reachable, state] of [
    [7, 'suspected'],
    [1, 'isolated'],
  ] as const) {
    it(`ends a snapshot with the partition while it is ${state}`, async () => {
      const { agent, url } = await serving();
      agent.partitionView = partialView(reachable);
      const stream = await reader(url, '?snapshot=1&kind=partition');

      const [event] = await stream.atLeast(1);

      assert.isUndefined(event?.id);
      assert.isTrue(Check(eventSchemas.partition, event?.data));
      assert.deepInclude(event?.data, { state, reachable, known: 12 });
    });
  }

  it('sends a snapshot to a reader that comes back only when it cannot be resumed', async () => {
    const { agent, url } = await serving({}, { keptEvents: 2 });
    for (const id of ['b1', 'b2', 'b3']) agent.put({ id });
    const resumable = await reader(url, '?snapshot=1&kind=record', { 'Last-Event-ID': '1-2' });
    const lost = await reader(url, '?snapshot=1&kind=record', { 'Last-Event-ID': '1-1' });
    await resumable.atLeast(1);
    await lost.atLeast(4);

    const seen = (stream: { events(): ServerSentEvent[] }) =>
      stream.events().map(event => `${event.event} ${event.data.id ?? ''}`);
    assert.deepEqual(seen(resumable), ['record b3']);
    assert.deepEqual(seen(lost), ['reset ', 'record b1', 'record b2', 'record b3']);
  });

  it('sends a snapshot of thousands to a reader that takes its time, in full', async () => {
    const { agent, url } = await serving();
    for (let i = 0; i < 5_000; i++) agent.put({ id: `b${i}` });
    const stream = await reader(url, '?snapshot=1&kind=record');
    stream.client.socket.pause();
    agent.put({ id: 'last' });
    stream.client.socket.resume();

    await stream.client.until('"id":"last"');

    assert.equal(stream.client.received.split('event: record').length - 1, 5_001);
    assert.notInclude(stream.client.received, 'event: reset');
  });

  it('resets a reader too slow for 1,000 events, keeps the others, and goes on', async () => {
    const { agent, url, app } = await serving();
    const slow = await reader(url);
    const quick = await reader(url, '?id=marker');
    slow.client.socket.pause();
    const node = { ...nodeView('b1'), capabilities: Array.from({ length: 32 }, (_, i) => `capability-${i}`) };
    for (let i = 0; i < 40_000; i++) agent.emitRecord(node, 'updated'); // Some 40 MB: more than sockets hold.
    agent.put({ id: 'marker' });
    await quick.atLeast(1);
    slow.client.socket.resume();
    await slow.client.until('event: reset');
    agent.put({ id: 'after' });

    await slow.client.until('"id":"after"');

    assert.include(slow.client.received, '"reason":"too-slow"');
    assert.isBelow(slow.client.received.split('event: record').length, 40_000);
    assert.include((await app.inject({ url: '/telemetry' })).body, 'firsthand_http_event_resets_total 1');
  });

  it('counts streams apart from requests, and refuses more than the limit with 429', async () => {
    const { app, url } = await serving({ eventStreamsMaxCount: 1 });
    const stream = await reader(url);
    const vitals = (await app.inject({ url: '/metrics' })).json<object>();

    const refused = await app.inject({ url: '/events' });

    assert.deepInclude(vitals, { requests_in_progress: 0, active_requests: 1 });
    assert.deepEqual([refused.statusCode, refused.json().code], [429, 'RATE_LIMITED']);
    assert.equal(refused.headers['retry-after'], '10');
    stream.client.socket.destroy();
    await until(
      async () => (await app.inject({ url: '/metrics' })).json().active_requests === 0,
      'the stream is forgotten',
    );
  });

  it('beats on idle streams', async () => {
    const { url } = await serving({ eventHeartbeatMs: 20 });
    const stream = await reader(url);

    await stream.client.until(':\n\n\r\n3\r\n:\n\n');
  });

  it('ends all streams when it stops', async () => {
    const { server, url } = await serving({ keepAliveTimeoutMs: 60_000 });
    const stream = await reader(url);

    await server.stop();

    await until(() => stream.client.closed, 'closed');
    assert.isTrue(stream.client.received.endsWith('0\r\n\r\n'), 'ended in good order');
  });
});
