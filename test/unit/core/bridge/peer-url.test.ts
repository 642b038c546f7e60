import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import {
  isPeerUrl,
  isUrlOfAddress,
  peerUrlOf,
  peerUrlOfAddress,
} from '../../../../src/core/bridge/peer-url.ts';

describe('core/bridge/peer-url', () => {
  it.each([
    ['http://10.0.0.1:8080', 'http://10.0.0.1:8080'],
    ['http://10.0.0.1:8080/', 'http://10.0.0.1:8080'],
    ['HTTP://Node.Example:80/', 'http://node.example'],
    ['https://node.example:443', 'https://node.example'],
    ['http://[::1]:9000', 'http://[::1]:9000'],
    ['http://a/base//', 'http://a/base'],
    // One number, two ways to write it: one peer.
    ['http://0x7f000001:1', 'http://127.0.0.1:1'],
    ['ftp://a', undefined],
    ['a:80', undefined],
    ['http://', undefined],
    ['http://user@a', undefined],
    ['http://user:secret@a', undefined],
    ['http://@a', undefined],
    ['http://a?b', undefined],
    ['http://a?', undefined],
    ['http://a#b', undefined],
    ['http://a b', undefined],
    ['http:\\\\a', undefined],
    ['http://a:99999', undefined],
    [`http://a/${'b'.repeat(247)}`, `http://a/${'b'.repeat(247)}`],
    [`http://a/${'b'.repeat(248)}`, undefined],
  ])('spells %s as %s', (text, expected) => {
    assert.equal(peerUrlOf(text), expected);
  });

  it.each([
    ['10.0.0.1:80', 'http://10.0.0.1'],
    ['[::1]:8080', 'http://[::1]:8080'],
    ['node.example:8080', 'http://node.example:8080'],
  ])('finds the node that serves at %s under %s', (address, expected) => {
    assert.equal(peerUrlOfAddress(address), expected);
  });

  it.each([
    ['http://a:81', 'a:81', true],
    ['http://a', 'a:80', true],
    ['http://a', 'A:80', true],
    ['http://a:81', 'A:81', true],
    ['http://[::1]', '[::1]:80', true],
    ['http://a:8', 'a:80', false],
    ['http://a:81', 'b:81', false],
    ['https://a:81', 'a:81', false],
  ])('says of %s and %s that they are one: %s', (url, address, expected) => {
    assert.equal(isUrlOfAddress(url, address), expected);
    assert.equal(peerUrlOfAddress(address) === url, expected);
  });

  it('has one spelling for whatever it takes, at most 256 characters long', () => {
    const pieces = fc.constantFrom(
      'http://',
      'https://',
      'A',
      'b',
      '.',
      ':',
      '80',
      '/',
      '@',
      '?',
      '%41',
      'ä',
      '[',
      ']',
    );
    const texts = fc.oneof(
      fc.webUrl({ withQueryParameters: false }),
      fc.array(pieces, { maxLength: 12 }).map(list => list.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(texts, text => {
        const url = peerUrlOf(text);

        if (url !== undefined) assert.isTrue(isPeerUrl(url) && url.length <= 256, url);
      }),
    );
  });
});
