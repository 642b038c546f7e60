import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { ForbiddenAddressError } from '../../../src/health/forbidden-addresses.ts';
import { bodyComplaint, failureOf, isCutConnection, statusComplaint } from '../../../src/health/judgement.ts';

const ok = 'ok';

function withCode(code: string): Error {
  return Object.assign(new Error('made up'), { code });
}

describe('health/judgement', () => {
  it.each([
    ['{}', ok],
    [' \n{"ready":true}\n', ok],
    ['{"ready":false}', 'not-ready'],
    ['{"ready":"false"}', ok],
    ['{"ready":0}', ok],
    ['{"nested":{"ready":false}}', ok],
    ['{"ready":false', 'garbage'],
    ['[]', 'garbage'],
    ['null', 'garbage'],
    ['"ready"', 'garbage'],
    ['true', 'garbage'],
    ['7', 'garbage'],
    ['', 'garbage'],
    ['\n \n', 'garbage'],
    ['OK', 'garbage'],
    ['<!doctype html>', 'garbage'],
    ['up 1', ok],
    ['up{job="a b",x="}"} 1.5e-3 1700000000000', ok],
    ['up\t+Inf', ok],
    ['up NaN', ok],
    ['up .5', ok],
    ['# HELP up x\r\n# TYPE up gauge\r\n\r\nup 1\r\n', ok],
    ['# only comments', 'garbage'],
    ['{"up.dotted",job="a"} 1', ok],
    ['up', 'garbage'],
    ['up one', 'garbage'],
    ['up 1x', 'garbage'],
    ['Not found 404', 'garbage'],
    ['requests 3\nnode_ready 0\n', 'not-ready'],
    ['node_ready{host="a"} 0.0', 'not-ready'],
    ['node_ready 0 1700000000000', 'not-ready'],
    ['node_ready 1', ok],
    ['node_ready 0.5', ok],
    ['my_node_ready 0', ok],
  ])('of %j is %s', (body, expected) => {
    assert.equal(bodyComplaint(body)?.reason ?? ok, expected);
  });

  it.each([
    [200, ok],
    [204, ok],
    [299, ok],
    [301, 'redirect'],
    [304, 'redirect'],
    [400, 'status'],
    [503, 'status'],
  ])('of status %i is %s', (status, expected) => {
    assert.equal(statusComplaint(status)?.reason ?? ok, expected);
  });

  it.each([
    ['ECONNREFUSED', 'refused'],
    ['UND_ERR_CONNECT_TIMEOUT', 'timeout'],
    ['ETIMEDOUT', 'timeout'],
    ['UND_ERR_HEADERS_OVERFLOW', 'too-large'],
    ['HPE_INVALID_CONSTANT', 'garbage'],
    ['ENOTFOUND', 'unreachable'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ESOMETHINGNEW', 'unreachable'],
  ])('of an error with code %s is %s', (code, expected) => {
    assert.equal(failureOf(withCode(code)).reason, expected);
  });

  it('tells a forbidden address from one that cannot be reached, and judges whatever is thrown', () => {
    assert.equal(failureOf(new ForbiddenAddressError('x is 169.254.0.1')).reason, 'forbidden-address');
    assert.equal(failureOf('text').reason, 'unreachable');
    assert.equal(failureOf(new Error('no code')).reason, 'unreachable');
  });

  it('knows a connection that was cut', () => {
    assert.deepEqual(
      ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ECONNREFUSED'].map(code => isCutConnection(withCode(code))),
      [true, true, true, false],
    );
  });

  it('answers any text within 50 ms and without a throw', () => {
    const pieces = fc.constantFrom('a', '{', '}', ' ', '"', '0', '\n', 'node_ready', '#', '\t');
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 200 }).map(list => list.join('')),
      fc.tuple(pieces, pieces).map(pair => pair.join('').repeat(50_000)),
    );
    fc.assert(
      fc.property(texts, text => {
        const startedMs = performance.now();

        bodyComplaint(text);

        assert.isBelow(performance.now() - startedMs, 50);
      }),
    );
  });
});
