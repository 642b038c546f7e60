import { assert, describe, it } from 'vitest';
import { clusterOf, protocolNames } from '../../../src/net/protocols.ts';

describe('net/protocols', () => {
  it('shares no name between two clusters', () => {
    const [blue, green] = [protocolNames('blue'), protocolNames('green')];

    const all = [...Object.values(blue), ...Object.values(green)];

    assert.equal(new Set(all).size, all.length);
  });

  for (const [title, protocols, expected] of [
    ['reads the cluster of an agent', ['/ipfs/id/1.0.0', '/firsthand/green/sync/1'], 'green'],
    ['knows no cluster of a stranger', ['/ipfs/id/1.0.0', '/meshsub/1.2.0'], undefined],
    ['does not repeat what no cluster may be called', ['/firsthand/a\nb/sync/1'], undefined],
  ] as const) {
    it(title, () => {
      assert.equal(clusterOf(protocols), expected);
    });
  }
});
