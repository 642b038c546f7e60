import { assert, describe, it } from 'vitest';
import {
  answersFor,
  type DnsRecord,
  readAnnouncement,
  serviceName,
} from '../../../src/discovery/mdns-packet.ts';

const peer = '12D3KooWAXLLYHH4gjUvQ6r8JMZ9VzDnLkVShUkuVUVAYDkVtqEo';
const other = '12D3KooWN8k6MmFMK7GkhkAvv6cYAUM4XLN4uW4r7zT39qUzd6mX';
const service = serviceName('blue');
const address = `/ip4/10.0.0.1/tcp/7946/p2p/${peer}`;
const near = (host: string) => host.startsWith('10.0.0.') || host === 'fd00::1';

function records(...texts: readonly string[]): DnsRecord[] {
  const name = `i.${service}`;
  return [
    { name: service, type: 'PTR', data: name },
    { name, type: 'TXT', data: [...texts] },
  ];
}

describe('discovery/mdns-packet', () => {
  it('names the service after the cluster, in one valid label', () => {
    assert.notEqual(serviceName('green'), service);
    assert.match(serviceName('x'.repeat(200)), /^_firsthand-[0-9a-f]{16}\._udp\.local$/);
  });

  it('reads what it has written', () => {
    const addresses = [address, `/ip6/fd00::1/tcp/7946/p2p/${peer}`];

    const read = readAnnouncement(answersFor(service, peer, addresses), service, near);

    assert.deepEqual(read, { peer, multiaddrs: addresses });
  });

  it('writes nothing when there is nothing to announce', () => {
    assert.deepEqual(answersFor(service, peer, []), []);
  });

  it('leaves out addresses from elsewhere', () => {
    const far = `/ip4/198.51.100.1/tcp/7946/p2p/${peer}`;

    assert.deepEqual(readAnnouncement(records(`dnsaddr=${far}`, `dnsaddr=${address}`), service, near), {
      peer,
      multiaddrs: [address],
    });
  });

  for (const { title, answers } of [
    { title: 'another cluster', answers: answersFor(serviceName('green'), peer, [address]) },
    { title: 'two peers', answers: records(`dnsaddr=${address}`, `dnsaddr=${address.replace(peer, other)}`) },
    { title: 'no peer', answers: records('dnsaddr=/ip4/10.0.0.1/tcp/7946') },
    { title: 'no address', answers: records('hello') },
    { title: 'an address that is none', answers: records('dnsaddr=/ip4/300.0.0.1/tcp/1') },
    { title: 'a name to resolve', answers: records(`dnsaddr=/dns4/10.0.0.1/tcp/7946/p2p/${peer}`) },
    { title: 'a relay', answers: records(`dnsaddr=${address}/p2p-circuit/p2p/${other}`) },
    { title: 'a text that is too long', answers: records(`dnsaddr=${address}${'/'.repeat(255)}`) },
    { title: 'a text without a pointer', answers: records(`dnsaddr=${address}`).slice(1) },
    {
      title: 'more records than an agent sends',
      answers: Array(20)
        .fill(records(`dnsaddr=${address}`))
        .flat(),
    },
  ]) {
    it(`ignores an answer with ${title}`, () => {
      assert.isUndefined(readAnnouncement(answers, service, near));
    });
  }

  it('takes at most eight addresses', () => {
    const many = Array.from({ length: 30 }, (_, index) => `dnsaddr=/ip4/10.0.0.${index}/tcp/1/p2p/${peer}`);

    assert.lengthOf(readAnnouncement(records(...many), service, near)?.multiaddrs ?? [], 8);
  });
});
