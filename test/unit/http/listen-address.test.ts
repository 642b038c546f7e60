import { assert, describe, it } from 'vitest';
import { formatAddress, parseListenAddress } from '../../../src/http/listen-address.ts';

describe('http/listen-address', () => {
  for (const [text, host, port] of [
    ['127.0.0.1:7980', '127.0.0.1', 7_980],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['localhost:65535', 'localhost', 65_535],
    ['[::1]:80', '::1', 80],
    ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80],
  ] as const) {
    it(`reads ${text}, and writes it back`, () => {
      assert.deepEqual(parseListenAddress(text), { host, port });
      assert.equal(formatAddress(host, port), text);
    });
  }

  for (const text of [
    '',
    'host',
    ':80',
    'host:',
    '::1:80',
    '[::1]',
    '[]:80',
    'host:65536',
    'host:-1',
    'a b:80',
  ]) {
    it(`refuses "${text}" and names it`, () => {
      assert.throws(() => parseListenAddress(text), `the HTTP address "${text}" is not host:port`);
    });
  }
});
