import { assert, describe, it } from 'vitest';
import { isListenAddress, isSeedAddress } from '../../../src/config/multiaddr.ts';

const peer = '12D3KooWGRUu1jBvGWPGkMB4HSbhKrtfjBrCJuN4ZFQn6zKCh2Pm';

describe('config/multiaddr', () => {
  it.each([
    ['/ip4/0.0.0.0/tcp/7946', true],
    ['/ip4/127.0.0.1/tcp/0', true],
    ['/ip6/::/tcp/7946', true],
    ['/ip4/0.0.0.0/tcp/65536', false],
    ['/ip4/0.0.0.0/tcp/07946', false],
    ['/ip4/0.0.0.256/tcp/7946', false],
    ['/ip4/::1/tcp/7946', false],
    ['/ip4/0.0.0.0/udp/7946', false],
    ['/ip4/0.0.0.0/tcp/7946/ws', false],
    ['/ip4/0.0.0.0/tcp/7946/', false],
    ['/dns4/a/tcp/7946', false],
    ['ip4/0.0.0.0/tcp/7946', false],
    ['/ip4/0.0.0.0', false],
    ['', false],
  ])('as a listen address, %j is %s', (address, expected) => {
    assert.equal(isListenAddress(address), expected);
  });

  it.each([
    ['/ip4/10.0.0.1/tcp/7946', true],
    [`/ip4/10.0.0.1/tcp/7946/p2p/${peer}`, true],
    ['/ip6/fe80::1/tcp/7946', true],
    ['/dns/agent-1.example/tcp/7946', true],
    ['/dns4/agent-1/tcp/7946', true],
    [`/dns6/agent-1.example/tcp/7946/p2p/${peer}`, true],
    ['/dnsaddr/bootstrap.example', true],
    [`/dnsaddr/bootstrap.example/p2p/${peer}`, true],
    ['/ip4/10.0.0.1/tcp/0', false],
    ['/ip4/10.0.0.1/tcp/7946/p2p/', false],
    ['/ip4/10.0.0.1/tcp/7946/p2p/12D3KooWshort', false],
    [`/ip4/10.0.0.1/tcp/7946/p2p/${peer}/p2p-circuit`, false],
    [`/p2p/${peer}`, false],
    ['/dns4/-a b/tcp/7946', false],
    ['/dns4//tcp/7946', false],
    ['/constructor/a/tcp/7946', false],
    ['/dnsaddr/bootstrap.example/tcp/7946', false],
  ])('as a seed, %j is %s', (address, expected) => {
    assert.equal(isSeedAddress(address), expected);
  });
});
