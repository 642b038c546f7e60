import type { IncomingMessage, ServerResponse } from 'node:http';
import { assert, describe, it, vi } from 'vitest';
import { FakeIo, run } from '../unit/cli/fake-io.ts';
import { type Answer, cliAgent } from './cli-agent.ts';
import { alice, bob, peers } from './cli-documents.ts';

const deadline = { timeout: 15_000 };
const at = '2026-11-23T12:00:00.123Z';

const events: readonly (readonly [event: string, data: object])[] = [
  ['record', { at, id: 'backend-1', change: 'added', node: peers[1], author: alice, epoch: 4, sequence: 2 }],
  [
    'record',
    { at, id: 'backend-1', change: 'departed', node: peers[1], author: alice, epoch: 4, sequence: 3 },
  ],
  ['liveness', { at, id: 'web-2', from: 'alive', to: 'suspect', by: ['web-1'] }],
  ['health', { at, id: 'backend-1', from: 'healthy', to: 'unhealthy', reason: 'no answer' }],
  ['health', { at, id: 'backend-1', from: 'unhealthy', to: 'healthy', reason: 'answers' }],
  ['partition', { at, state: 'suspected', reachable: 7, known: 12 }],
  ['partition', { at, state: 'isolated', reachable: 1, known: 12 }],
  ['partition', { at, state: 'healed', reachable: 12, known: 12 }],
  ['conflict', { at, id: 'backend-1', kind: 'concurrent', authors: [alice, bob] }],
  ['reset', { at }],
  ['weather', { at, sky: 'blue\u001b[2J' }],
];

function write(response: ServerResponse, index: number): void {
  const [event, data] = events[index] ?? [];
  response.write(`id: 4-${index + 1}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function stream(
  respond: (request: IncomingMessage, response: ServerResponse) => void,
): Record<string, Answer> {
  return {
    'GET /events': (request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      respond(request, response);
    },
  };
}

const all = stream((_request, response) => {
  for (const index of events.keys()) write(response, index);
});

describe('cli watch', () => {
  it('prints a line for a person for each event, and ends well on Ctrl-C', async () => {
    const agent = await cliAgent(all);
    const io = new FakeIo();

    const ended = run(`watch --agent ${agent.url}`, io);
    await vi.waitUntil(() => io.stdout.includes('weather'), deadline);
    io.signal();
    const { code, stdout, stderr } = await ended;

    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.deepEqual(
      stdout.split('\n').map(line => line.replace(/^\d\d:\d\d:00\.123 {2}/, '')),
      [
        'record     backend-1 added  10.0.0.2:8080 backend metrics 9100 [inference,model_serving]  by 12D3…Alice1 4/2',
        'record     backend-1 departed  by 12D3…Alice1 4/3',
        'liveness   web-2 alive -> suspect  (accused by web-1)',
        'health     backend-1 healthy -> unhealthy  (no answer)',
        'health     backend-1 unhealthy -> healthy  (answers)',
        'partition  suspected: 7 of 12 known agents reachable',
        'partition  isolated: 1 of 12 known agents reachable',
        'partition  healed: 12 of 12 known agents reachable',
        'conflict   backend-1: concurrent between 12D3…Alice1, 12D3…Bobby2',
        'reset      some events are gone: what is shown from here on may not follow from what came before',
        `weather    {"at":"${at}","sky":"blue\\u001b[2J"}`,
        '',
      ],
    );
    assert.isFalse(io.listensToSignals);
  });

  it('colours states like a traffic light', async () => {
    const agent = await cliAgent(all);
    const io = new FakeIo({ colour: true });

    const ended = run(`watch --agent ${agent.url}`, io);
    await vi.waitUntil(() => io.stdout.includes('weather'), deadline);
    io.signal();
    await ended;

    for (const text of [
      '\u001b[33msuspect\u001b[0m',
      '\u001b[31munhealthy\u001b[0m',
      '\u001b[32mhealthy\u001b[0m',
      '\u001b[33msuspected\u001b[0m: 7 of 12',
      '\u001b[31misolated\u001b[0m: 1 of 12',
      '\u001b[32mhealed\u001b[0m: 12 of 12',
    ]) {
      assert.include(io.stdout, text);
    }
  });

  it('prints a JSON document a line for programs', async () => {
    const agent = await cliAgent(all);
    const io = new FakeIo();

    const ended = run(`watch --json --agent ${agent.url}`, io);
    await vi.waitUntil(() => io.stdout.includes('weather'), deadline);
    io.signal();
    await ended;

    const lines = io.stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    assert.deepEqual(
      lines,
      events.map(([event, data], index) => ({ id: `4-${index + 1}`, event, data })),
    );
  });

  it('resumes after the last event when the connection breaks', async () => {
    const agent = await cliAgent(
      stream((request, response) => {
        const seen = request.headers['last-event-id'];
        write(response, seen === undefined ? 0 : 1);
        if (seen === undefined) setImmediate(() => response.destroy());
      }),
    );
    const io = new FakeIo();

    const ended = run(`watch --json --agent ${agent.url}`, io);
    await vi.waitUntil(() => io.stdout.includes('4-2'), deadline);
    io.signal();
    const { code, stdout, stderr } = await ended;

    assert.equal(code, 0);
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line).id),
      ['4-1', '4-2'],
    );
    assert.deepEqual(
      agent.asked.map(({ headers }) => headers['last-event-id']),
      [undefined, '4-1'],
    );
    assert.match(stderr, /^firsthand: .*; trying again until it is back\n$/);
  });

  it('asks for the kinds that were named', async () => {
    const agent = await cliAgent(all);
    const io = new FakeIo();

    const ended = run(`watch --kind record,Health --kind liveness --agent ${agent.url}`, io);
    await vi.waitUntil(() => io.stdout !== '', deadline);
    io.signal();
    await ended;

    assert.equal(agent.asked[0]?.what, 'GET /events?kind=record,health,liveness');
  });

  it('ends well when nobody reads any more', async () => {
    const agent = await cliAgent(all);
    const io = new FakeIo();
    io.readableCount = 2;

    const { code, stdout } = await run(`watch --agent ${agent.url}`, io);

    assert.equal(code, 0);
    assert.equal(stdout.trimEnd().split('\n').length, 2);
  });

  it('does not wait for an agent that was never there, or that refuses', async () => {
    const gone = await cliAgent({});
    gone.close();
    const refusing = await cliAgent({
      'GET /events': {
        status: 401,
        json: { error: 'Authentication required', code: 'AUTHENTICATION_REQUIRED' },
      },
    });

    assert.equal((await run(`watch --agent ${gone.url}`)).code, 3);
    assert.equal((await run(`watch --agent ${refusing.url}`)).code, 6);
  });
});
