import type { Connection } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
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

function setUp(protocols: readonly string[] = ['/firsthand/blue/sync/1'], endpoints: readonly string[] = []) {
  const calls: string[] = [];
  let asked = 0;
  const links = new LinkTable(
    { syncProtocol: '/firsthand/blue/sync/1' },
    {
      identify: {
        identify: async connection => ({
          peerId: connection.remotePeer,
          connection,
          listenAddrs: endpoints.slice(asked++, asked).map(text => multiaddr(text)),
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
  describe('when one peer is two processes', () => {
    const here = '/ip4/10.0.0.1/tcp/7946';
    const there = '/ip4/10.0.0.2/tcp/7946';

    async function two(...endpoints: readonly string[]) {
      const { links, admit } = setUp(undefined, endpoints);
      const connections = [new FakeConnection('p'), new FakeConnection('p')] as unknown as Connection[];
      for (const connection of connections) await admit(connection as unknown as FakeConnection);
      const [first, second] = connections as [Connection, Connection];
      return { links, first, second };
    }

    it('answers the one that spoke last', async () => {
      const { links, first, second } = await two(here, there);

      assert.equal(links.connectionTo('p'), first);
      assert.isTrue(links.heard(second));
      assert.equal(links.connectionTo('p'), second);
      assert.isFalse(links.heard(second), 'nothing has changed');
      assert.isTrue(links.heard(first));
      assert.equal(links.connectionTo('p'), first);
    });

    it('answers the other one when that has gone', async () => {
      const { links, first, second } = await two(here, there);
      links.heard(second);

      second.abort(new Error('gone'));

      assert.equal(links.connectionTo('p'), first);
    });

    it('stays with the oldest connection where both lead to the same', async () => {
      const { links, first, second } = await two(here, here);

      assert.isFalse(links.heard(second));
      assert.equal(links.connectionTo('p'), first);
    });
  });

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
