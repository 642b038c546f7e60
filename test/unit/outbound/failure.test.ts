import { assert, describe, it } from 'vitest';
import { failureOf, isCutConnection, statusFailure } from '../../../src/outbound/failure.ts';
import { ForbiddenAddressError } from '../../../src/outbound/forbidden-addresses.ts';

const ok = 'ok';

function withCode(code: string): Error {
  return Object.assign(new Error('made up'), { code });
}

describe('outbound/failure', () => {
  it.each([
    [200, ok],
    [204, ok],
    [299, ok],
    [301, 'redirect'],
    [304, 'redirect'],
    [400, 'status'],
    [503, 'status'],
  ])('of status %i is %s', (status, expected) => {
    assert.equal(statusFailure(status)?.reason ?? ok, expected);
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
});
