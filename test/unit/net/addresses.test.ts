import type { NetworkInterfaceInfo } from 'node:os';
import { assert, describe, it } from 'vitest';
import { contactMultiaddrs, type Interfaces, multiaddrsAt } from '../../../src/net/addresses.ts';

function at(address: string, prefix: number): NetworkInterfaceInfo {
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  const shared = {
    address,
    netmask: '',
    mac: '',
    internal: address === '::1' || address.startsWith('127.'),
    cidr: `${address}/${prefix}`,
  };
  return family === 'IPv6' ? { ...shared, family, scopeid: 0 } : { ...shared, family };
}

const lo = [at('127.0.0.1', 8), at('::1', 128)];
const laptop: Interfaces = { lo };
const server: Interfaces = {
  lo,
  docker0: [at('172.17.0.1', 16)],
  eth0: [at('fe80::1', 64), at('fd00::2', 64), at('192.0.2.2', 24)],
};
const many: Interfaces = Object.fromEntries(
  Array.from({ length: 20 }, (_, index) => [`eth${index}`, [at(`10.0.${index}.1`, 24)]]),
);

describe('net/addresses', () => {
  for (const { title, hosts, interfaces, expected } of [
    {
      title: 'puts real interfaces before container bridges, and leaves loopback out',
      hosts: ['0.0.0.0'],
      interfaces: server,
      expected: ['/ip4/192.0.2.2/tcp/7/p2p/P', '/ip4/172.17.0.1/tcp/7/p2p/P'],
    },
    {
      title: 'leaves out link-local IPv6, which needs a zone',
      hosts: ['::'],
      interfaces: server,
      expected: ['/ip6/fd00::2/tcp/7/p2p/P'],
    },
    {
      title: 'keeps loopback when there is nothing else',
      hosts: ['0.0.0.0'],
      interfaces: laptop,
      expected: ['/ip4/127.0.0.1/tcp/7/p2p/P'],
    },
    {
      title: 'keeps loopback that was listened on by name',
      hosts: ['127.0.0.1', '192.0.2.2'],
      interfaces: server,
      expected: ['/ip4/192.0.2.2/tcp/7/p2p/P', '/ip4/127.0.0.1/tcp/7/p2p/P'],
    },
    {
      title: 'says an address once when two endpoints cover it',
      hosts: ['0.0.0.0', '192.0.2.2'],
      interfaces: { eth0: [at('192.0.2.2', 24)] },
      expected: ['/ip4/192.0.2.2/tcp/7/p2p/P'],
    },
  ]) {
    it(title, () => {
      const endpoints = hosts.map(host => ({ host, port: 7 }));

      assert.deepEqual(contactMultiaddrs(endpoints, interfaces, 'P'), expected);
    });
  }

  it('tells at most eight', () => {
    assert.lengthOf(contactMultiaddrs([{ host: '0.0.0.0', port: 7 }], many, 'P'), 8);
  });

  it('finds what is reachable at one interface', () => {
    const endpoints = [
      { host: '0.0.0.0', port: 7 },
      { host: '127.0.0.1', port: 8 },
    ];

    assert.deepEqual(multiaddrsAt(endpoints, ['10.0.0.1', 'fd00::1'], 'P'), ['/ip4/10.0.0.1/tcp/7/p2p/P']);
    assert.deepEqual(multiaddrsAt(endpoints, ['127.0.0.1'], 'P'), [
      '/ip4/127.0.0.1/tcp/7/p2p/P',
      '/ip4/127.0.0.1/tcp/8/p2p/P',
    ]);
  });
});
