import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { Registrations, shown } from '../../src/chaos/registrations.ts';

/** Answers with what it is told to next; 200 if nothing. `null`: hangs up. */
let answers: (number | null)[];
let server: Server;
let registrations: Registrations;

beforeEach(async () => {
  answers = [];
  server = createServer((request, response) => {
    const status = answers.shift();
    request.resume();
    if (status === null) return void request.socket.destroy();
    response.writeHead(status ?? 200).end('{}');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  registrations = new Registrations([{ id: 'a', url, peerId: 'x', multiaddr: '' }]);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const listed = (id: string, address: string) => [{ id, address }];

describe('chaos/registrations', () => {
  it('wants listed what was acknowledged, where it was registered last', async () => {
    const { id, outcome } = await registrations.register('a');
    const missing = registrations.wrongIn([]);
    await registrations.change(id);

    assert.equal(outcome, 'acknowledged');
    assert.deepEqual(missing, [`${id} is missing`]);
    assert.deepEqual(registrations.wrongIn(listed(id, '10.1.0.1:1025')), [`${id} has 10.1.0.1:1025`]);
    assert.deepEqual(registrations.wrongIn(listed(id, '10.2.2.1:1026')), []);
  });

  it('wants gone what was taken out', async () => {
    const { id } = await registrations.register('a');
    await registrations.deregister(id);

    assert.deepEqual(registrations.wrongIn([]), []);
    assert.deepEqual(registrations.wrongIn(listed(id, '10.1.0.1:1025')), [`${id} is still there`]);
    assert.deepEqual(registrations.of('a'), []);
  });

  it('holds a refusal for something that did not happen', async () => {
    answers = [403];
    const { id, outcome } = await registrations.register('a');

    assert.equal(outcome, 'refused');
    assert.deepEqual(registrations.wrongIn([]), []);
    assert.deepEqual(registrations.wrongIn(listed(id, '10.1.0.1:1025')), [`${id} is still there`]);
  });

  it.each([[null], [507]])('takes either for right after %s, until the next answer', async status => {
    answers = [status];
    const { id, outcome } = await registrations.register('a');
    const either = [registrations.wrongIn([]), registrations.wrongIn(listed(id, '10.1.0.1:1025'))];
    await registrations.change(id);

    assert.equal(outcome, 'unanswered');
    assert.deepEqual(either, [[], []]);
    assert.deepEqual(registrations.wrongIn([]), [`${id} is missing`]);
  });

  it('counts calls by how they ended, and a host that does not listen as a refusal', async () => {
    answers = [200, 429, null];
    await registrations.register('a');
    await registrations.register('a');
    await registrations.register('a');
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
    await registrations.register('a');

    assert.deepEqual(registrations.counts, { acknowledged: 1, refused: 2, unanswered: 1 });
  });

  it('shows some of many, and how many there are', () => {
    assert.equal(shown(['1', '2']), '1, 2');
    assert.equal(shown(['1', '2', '3', '4', '5', '6', '7']), '1, 2, 3, 4, 5 and 2 more');
  });
});
