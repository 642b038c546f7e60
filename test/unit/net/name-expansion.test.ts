import { assert, describe, it } from 'vitest';
import { expandNames, type ResolveName } from '../../../src/net/name-expansion.ts';

const book: Readonly<Record<string, readonly string[]>> = {
  'several 4': ['10.0.0.1', '10.0.0.2'],
  'several 6': ['fd00::1', 'fd00::2'],
  'several 0': ['10.0.0.1', 'fd00::1'],
  'one 4': ['10.0.0.9'],
};
const resolve: ResolveName = async (host, family) => {
  const found = book[`${host} ${family}`];
  if (found === undefined) throw new Error('ENOTFOUND');
  return found;
};

describe('net/name-expansion', () => {
  for (const { address, expected } of [
    { address: '/dns4/several/tcp/7946', expected: ['/ip4/10.0.0.1/tcp/7946', '/ip4/10.0.0.2/tcp/7946'] },
    { address: '/dns6/several/tcp/7946', expected: ['/ip6/fd00::1/tcp/7946', '/ip6/fd00::2/tcp/7946'] },
    { address: '/dns/several/tcp/1', expected: ['/ip4/10.0.0.1/tcp/1', '/ip6/fd00::1/tcp/1'] },
    { address: '/dns4/one/tcp/1', expected: ['/dns4/one/tcp/1'] },
    { address: '/dns4/unknown/tcp/1', expected: ['/dns4/unknown/tcp/1'] },
    { address: '/dnsaddr/several', expected: ['/dnsaddr/several'] },
    { address: '/ip4/10.0.0.1/tcp/1', expected: ['/ip4/10.0.0.1/tcp/1'] },
  ]) {
    it(`makes ${expected.join(' and ')} of ${address}`, async () => {
      assert.deepEqual(await expandNames([address], resolve), expected);
    });
  }

  it('names each address once', async () => {
    const expanded = await expandNames(['/ip4/10.0.0.1/tcp/1', '/dns4/several/tcp/1'], resolve);

    assert.deepEqual(expanded, ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1']);
  });
});
