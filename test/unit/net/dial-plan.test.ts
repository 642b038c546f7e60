import { assert, describe, it } from 'vitest';
import { dialOrder, planDial } from '../../../src/net/dial-plan.ts';

const [self, b, c] = [
  '12D3KooWAXLLYHH4gjUvQ6r8JMZ9VzDnLkVShUkuVUVAYDkVtqEo',
  '12D3KooWN8k6MmFMK7GkhkAvv6cYAUM4XLN4uW4r7zT39qUzd6mX',
  '12D3KooWERcxPvwT7c5gFRHnvutm1BDQmqcjF1LsypNf2Wu1mu6w',
];

describe('net/dial-plan', () => {
  for (const { title, peer, multiaddrs, expected } of [
    {
      title: 'takes the peer from the address',
      multiaddrs: [`/ip4/10.0.0.1/tcp/1/p2p/${b}`],
      expected: { kind: 'dial', peer: b, addresses: ['/ip4/10.0.0.1/tcp/1'] },
    },
    {
      title: 'leaves the peer open when nobody names it',
      multiaddrs: ['/dns4/seed.example/tcp/1', '/dnsaddr/seed.example'],
      expected: { kind: 'dial', addresses: ['/dns4/seed.example/tcp/1', '/dnsaddr/seed.example'] },
    },
    {
      title: 'drops addresses of another peer, doubles and nonsense',
      peer: b,
      multiaddrs: [
        `/ip4/10.0.0.1/tcp/1/p2p/${c}`,
        '/ip4/10.0.0.2/tcp/1',
        `/ip4/10.0.0.2/tcp/1/p2p/${b}`,
        'x',
        '',
      ],
      expected: { kind: 'dial', peer: b, addresses: ['/ip4/10.0.0.2/tcp/1'] },
    },
  ]) {
    it(title, () => {
      const plan = planDial({ key: 'k', ...(peer === undefined ? {} : { peer }), multiaddrs }, self);

      assert.deepEqual<unknown>(plan, expected);
    });
  }

  for (const { title, peer, multiaddrs, reason } of [
    { title: 'itself', multiaddrs: [`/ip4/10.0.0.1/tcp/1/p2p/${self}`], reason: 'self' },
    { title: 'nothing', multiaddrs: [], reason: 'unreachable' },
    {
      title: 'only another peer',
      peer: b,
      multiaddrs: [`/ip4/10.0.0.1/tcp/1/p2p/${c}`],
      reason: 'unreachable',
    },
  ]) {
    it(`ends at once as ${reason} for a target that names ${title}`, () => {
      const plan = planDial({ key: 'k', ...(peer === undefined ? {} : { peer }), multiaddrs }, self);

      assert.equal(plan.kind, 'ended');
      assert.nestedPropertyVal(plan, 'outcome.reason', reason);
    });
  }

  it('reads at most 16 addresses', () => {
    const multiaddrs = Array.from({ length: 40 }, (_, index) => `/ip4/10.0.0.${index}/tcp/1`);

    const plan = planDial({ key: 'k', multiaddrs }, self);

    assert.lengthOf(plan.kind === 'dial' ? plan.addresses : [], 16);
  });

  it('tries own networks first and loopback last', () => {
    const eth0 = [
      {
        address: '10.0.0.9',
        netmask: '255.255.255.0',
        family: 'IPv4' as const,
        mac: '',
        internal: false,
        cidr: '10.0.0.9/24',
      },
    ];
    const addresses = ['/ip4/127.0.0.1/tcp/1', '/ip4/198.51.100.1/tcp/1', '/ip4/10.0.0.3/tcp/1'];

    assert.deepEqual(dialOrder(addresses, { eth0 }), addresses.toReversed());
  });
});
