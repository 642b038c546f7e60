import { multiaddr } from '@multiformats/multiaddr';
import { assert, describe, it } from 'vitest';
import { type PendingConnection, PendingConnections } from '../../../src/net/pending-connections.ts';

class FakeConnection extends EventTarget {
  readonly remoteAddr;

  constructor(address: string) {
    super();
    this.remoteAddr = multiaddr(address);
  }
}

function from(host: string, port: number) {
  const connection = new FakeConnection(`/ip4/${host}/tcp/${port}`);
  return { pending: connection as unknown as PendingConnection, connection };
}

describe('net/pending-connections', () => {
  it('lets a host have so many at once, whatever others have', () => {
    const pending = new PendingConnections({ perHostMaxCount: 2 });

    const begun = [1, 2, 3].map(port => pending.begin(from('10.0.0.1', port).pending));

    assert.deepEqual(begun, [true, true, false]);
    assert.isTrue(pending.begin(from('10.0.0.2', 1).pending));
  });

  it('makes room when one is ready, and when one is gone, once each', () => {
    const pending = new PendingConnections({ perHostMaxCount: 2 });
    const [one, other] = [from('10.0.0.1', 1), from('10.0.0.1', 2)];
    pending.begin(one.pending);
    pending.begin(other.pending);

    pending.end(one.pending);
    one.connection.dispatchEvent(new Event('close'));
    const begun = [3, 4].map(port => pending.begin(from('10.0.0.1', port).pending));
    other.connection.dispatchEvent(new Event('close'));

    assert.deepEqual(begun, [true, false]);
    assert.isTrue(pending.begin(from('10.0.0.1', 5).pending));
  });
});
