import { assert, describe, it } from 'vitest';
import type { Pieces } from '../../../src/http/fragment-list.ts';
import { PeerList } from '../../../src/http/peer-list.ts';
import { FakeAgent } from './fake-agent.ts';

const parse = ({ parts }: Pieces) => JSON.parse(`[${Buffer.concat(parts).toString('utf8')}]`);

describe('http/peer-list', () => {
  it('lists everyone but the one left out, as the contract writes them', () => {
    const agent = new FakeAgent();
    agent.put({ id: 'a', nodeType: 'proxy', isLoadBalancer: true, capabilities: [] });
    agent.put({ id: 'b', status: 'suspect' });

    const peers = parse(new PeerList(agent.listing).peers('a'));

    assert.deepEqual(peers, [
      {
        id: 'b',
        address: '10.0.0.1:8080',
        metrics_port: 9_090,
        node_type: 'backend',
        is_load_balancer: false,
        capabilities: ['inference', 'model_serving', 'metrics_reporting'],
        last_updated: 1_765_000_000,
        status: 'suspect',
      },
    ]);
  });

  it('follows additions, changes and departures after the first question', () => {
    const agent = new FakeAgent();
    const list = new PeerList(agent.listing);
    agent.put({ id: 'a' });
    const ids = () =>
      parse(list.peers()).map((peer: { id: string; status: string }) => `${peer.id} ${peer.status}`);
    assert.deepEqual(ids(), ['a alive']);

    agent.put({ id: 'b' });
    agent.put({ id: 'a', status: 'unhealthy' });
    assert.deepEqual(ids(), ['a unhealthy', 'b alive']);

    agent.listing.put('a', undefined);
    assert.deepEqual(ids(), ['b alive']);
  });

  it('keeps as backends only those that are alive', () => {
    const agent = new FakeAgent();
    const list = new PeerList(agent.listing);
    agent.put({ id: 'a', address: 'a:1' });
    agent.put({ id: 'p', address: 'p:1', nodeType: 'proxy' });
    agent.put({ id: 'b', address: 'b:1' });
    assert.deepEqual(parse(list.backends()), ['a:1', 'b:1']);

    agent.put({ id: 'a', address: 'a:1', status: 'suspect' });
    assert.deepEqual(parse(list.backends()), ['b:1']);

    agent.put({ id: 'a', address: 'a:2', status: 'alive' });
    assert.deepEqual(parse(list.backends()), ['b:1', 'a:2']);
  });
});
