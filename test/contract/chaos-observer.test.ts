/** The observer of a drill, with an agent that says what it is told to. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { Observer } from '../../src/chaos/observer.ts';
import { Recorder } from '../../src/chaos/recorder.ts';
import { until } from './network-libp2p.ts';

let server: Server;
let streams: ServerResponse[];
let root: string;
let recorder: Recorder;
let observer: Observer;

beforeEach(async () => {
  streams = [];
  root = 'aa';
  server = createServer((request, response) => {
    if (request.url?.startsWith('/events') === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      streams.push(response);
    } else response.end(JSON.stringify({ root }));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  recorder = new Recorder({ agents: ['a', 'b'], onStep: () => {} });
  observer = new Observer(
    [
      { id: 'a', url, peerId: 'x', multiaddr: '' },
      { id: 'b', url, peerId: 'y', multiaddr: '' },
    ],
    {
      recorder,
      isRunning: () => true,
    },
  );
  await observer.start();
  await until(() => streams.length === 2, 'both streams');
});
afterEach(() => {
  observer.close();
  server.closeAllConnections();
  server.close();
});

/** On the stream of one of the two, which came in any order: both say it. */
function say(event: string, data: object): void {
  for (const stream of streams) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
const liveness = () =>
  recorder
    .timeline()
    .entries.flatMap(entry =>
      entry.type === 'liveness' ? [`${entry.observer} of ${entry.subject}: ${entry.to}`] : [],
    );

describe('chaos/observer', () => {
  it('writes down what an agent says of others, not of itself nor of services', async () => {
    say('liveness', { id: 'b', from: null, to: 'alive' });
    say('liveness', { id: 'b', from: 'alive', to: 'suspect' });
    say('liveness', { id: 'service-1', from: 'alive', to: 'suspect' });
    say('liveness', { id: 'a', from: null, to: 'alive' });
    await until(() => liveness().length === 3, 'all of it');

    assert.sameMembers(liveness(), ['a of b: alive', 'a of b: suspect', 'b of a: alive']);
    assert.equal(observer.stateOf('a', 'b'), 'suspect');
  });

  it('holds a newcomer for alive, and one whose record departed for gone', async () => {
    say('record', { id: 'b', change: 'added' });
    say('record', { id: 'b', change: 'departed' });
    await until(() => liveness().length === 2, 'both');

    assert.deepEqual(liveness(), ['a of b: alive', 'a of b: left']);
  });

  it('calls resurrected what one process lists again after it saw it depart', async () => {
    say('record', { id: 'service-1', change: 'added' });
    say('record', { id: 'service-1', change: 'departed' });
    say('record', { id: 'service-1', change: 'added' });
    await until(() => observer.resurrected.length === 2, 'both to be found');

    assert.sameMembers([...observer.resurrected], ['service-1 at a', 'service-1 at b']);
    assert.equal(observer.forgottenCount, 0);
  });

  it('counts apart what a process lists that was killed after it had seen it depart', async () => {
    say('record', { id: 'service-1', change: 'departed' });
    say('liveness', { id: 'b', from: null, to: 'alive' });
    await until(() => liveness().length === 1, 'all to be read');
    recorder.process('a', false);
    recorder.process('b', false);
    say('record', { id: 'service-1', change: 'added' });
    await until(() => observer.forgottenCount === 2, 'both to be counted');

    assert.deepEqual(observer.resurrected, []);
  });

  it('writes a root down when it changes, and asks again by itself', async () => {
    const roots = () =>
      recorder
        .timeline()
        .entries.flatMap(entry => (entry.type === 'root' && entry.observer === 'a' ? [entry.root] : []));

    await until(() => roots().length === 1, 'the first');
    root = 'bb';
    await until(() => roots().length === 2, 'the second');
    await observer.look();

    assert.deepEqual(roots(), ['aa', 'bb']);
  });

  it('opens a stream again that broke, and asks anew after a reset', async () => {
    streams[0]?.destroy();
    await until(() => streams.length === 3, 'a new stream');
    streams[2]?.write('event: reset\ndata: {}\n\n');
    await until(() => streams.length === 4, 'another one');

    observer.close();
    assert.lengthOf(streams, 4);
  });
});
