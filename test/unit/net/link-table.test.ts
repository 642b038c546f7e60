import type { Connection } from '@libp2p/interface';
import { assert, describe, it } from 'vitest';
import { LinkTable } from '../../../src/net/link-table.ts';

/** The little of a libp2p connection that the table looks at. */
class FakeConnection extends EventTarget {
  status = 'open';
  readonly remotePeer: { toString(): string };

  constructor(peer: string) {
    super();
    this.remotePeer = { toString: () => peer };
  }

  abort(): void {
    if (this.status !== 'open') return;
    this.status = 'aborted';
    this.dispatchEvent(new Event('close'));
  }
}

function setUp(protocols: readonly string[] = ['/firsthand/blue/sync/1']) {
  const calls: string[] = [];
  const links = new LinkTable(
    { syncProtocol: '/firsthand/blue/sync/1' },
    {
      identify: {
        identify: async connection => ({
          peerId: connection.remotePeer,
          connection,
          listenAddrs: [],
          protocols: [...protocols],
        }),
      },
      events: {
        up: ({ remotePeer }) => calls.push(`up ${remotePeer}`),
        down: peer => calls.push(`down ${peer}`),
        moved: ({ remotePeer }) => calls.push(`moved ${remotePeer}`),
        foreign: ({ remotePeer }, cluster) => calls.push(`foreign ${remotePeer} ${cluster}`),
      },
    },
  );
  const admit = (connection: FakeConnection) => links.admit(connection as unknown as Connection);
  return { links, calls, admit };
}

describe('net/link-table', () => {
  it('keeps a link up from the first connection to the last', async () => {
    const { calls, admit } = setUp();
    const connections = [new FakeConnection('p'), new FakeConnection('p')];

    for (const connection of connections) await admit(connection);
    for (const connection of connections) connection.abort();

    assert.deepEqual(calls, ['up p', 'moved p', 'down p']);
  });

  it('closes the fifth connection of one peer and keeps the link', async () => {
    const { links, calls, admit } = setUp();
    const connections = Array.from({ length: 5 }, () => new FakeConnection('p'));

    for (const connection of connections) await admit(connection);

    assert.deepEqual(
      connections.map(({ status }) => status),
      ['open', 'open', 'open', 'open', 'aborted'],
    );
    assert.deepEqual(calls, ['up p']);
    assert.isTrue(links.isLinked('p'));
  });

  it('does not link a connection that closed while it was identified', async () => {
    const { calls, admit } = setUp();
    const connection = new FakeConnection('p');

    const admitted = admit(connection);
    connection.abort();

    assert.equal((await admitted).kind, 'lost');
    assert.deepEqual(calls, []);
  });

  it('tells the cluster of a foreign agent and never links it', async () => {
    const { links, calls, admit } = setUp(['/firsthand/green/sync/1']);

    const admitted = await admit(new FakeConnection('p'));
    links.stop();

    assert.deepEqual(admitted, { kind: 'foreign', cluster: 'green' });
    assert.deepEqual(calls, ['foreign p green']);
    assert.isFalse(links.isLinked('p'));
  });
});
