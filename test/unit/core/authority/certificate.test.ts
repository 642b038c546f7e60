import { assert, describe, it } from 'vitest';
import {
  allowsType,
  clockToleranceMs,
  isIdPattern,
  matchesPattern,
  renewalDueMs,
  timeFault,
} from '../../../../src/core/authority/certificate.ts';

describe('core/authority/certificate', () => {
  it.each([
    ['backend-1', 'backend-1', true],
    ['backend-1', 'backend-10', false],
    ['backend-*', 'backend-10', true],
    ['backend-*', 'backend-', true],
    ['backend-*', 'proxy-1', false],
    ['backend-*', 'my-backend-1', false],
    ['*', 'anything', true],
  ])('%s allows %s: %s', (pattern, id, allowed) => {
    assert.equal(matchesPattern(pattern, id), allowed);
  });

  it.each([
    ['*', true],
    ['a', true],
    ['a*', true],
    [`${'x'.repeat(127)}*`, true],
    [`${'x'.repeat(128)}*`, false],
    ['x'.repeat(128), true],
    ['x'.repeat(129), false],
    ['', false],
    ['a*b', false],
    ['**', false],
    ['~authority*', false],
    ['a b', false],
  ])('%s is a pattern: %s', (pattern, expected) => {
    assert.equal(isIdPattern(pattern), expected);
  });

  it.each([
    [1_000_000 - clockToleranceMs - 1, 'not-yet-valid'],
    [1_000_000 - clockToleranceMs, undefined],
    [2_000_000 + clockToleranceMs, undefined],
    [2_000_000 + clockToleranceMs + 1, 'expired'],
  ])('from 1,000,000 to 2,000,000 it is at %i: %s', (wallMs, fault) => {
    assert.equal(timeFault({ notBeforeMs: 1_000_000, expiresMs: 2_000_000 }, wallMs), fault);
  });

  it('is renewed at half of the life of the newest certificate, however long its bearer is a member', () => {
    assert.equal(renewalDueMs({ issuedMs: 1_000, expiresMs: 3_000 }), 2_000);
  });

  it('allows the node types that it names, and every one where it names none', () => {
    assert.isTrue(allowsType(['backend', 'read'], 'backend'));
    assert.isFalse(allowsType(['backend', 'read'], 'proxy'));
    assert.isTrue(allowsType(['read'], 'proxy'));
  });
});
