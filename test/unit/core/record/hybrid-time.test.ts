import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import {
  compareHybrid,
  type HybridTime,
  hybridCounterMax,
  mergeHybrid,
  nextHybrid,
} from '../../../../src/core/record/hybrid-time.ts';

const t = (wallMs: number, counter = 0): HybridTime => ({ wallMs, counter });

describe('core/record/hybrid-time', () => {
  it.each([
    [t(5), 6, t(6)],
    [t(5, 9), 6, t(6)],
    [t(5), 5, t(5, 1)],
    [t(5, 3), 4, t(5, 4)],
    [t(5, hybridCounterMax), 5, t(6)],
    [t(5, hybridCounterMax), 6, t(6)],
    [t(0), 0, t(0, 1)],
  ] as const)('after %o at wall clock %s comes %o', (last, wallMs, expected) => {
    assert.deepEqual(nextHybrid(last, wallMs), expected);
  });

  it.each([
    [t(1), t(2), -1],
    [t(2), t(1), 1],
    [t(1, 1), t(1, 2), -1],
    [t(1, 1), t(1, 1), 0],
    [t(1, 9), t(2, 0), -1],
  ] as const)('orders %o and %o as %s', (a, b, sign) => {
    assert.equal(Math.sign(compareHybrid(a, b)), sign);
  });

  const arbitrary = fc.record({ wallMs: fc.nat(10), counter: fc.nat(hybridCounterMax) });

  it('goes strictly up, whatever the wall clock does', () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(12), (last, wallMs) => {
        const next = nextHybrid(last, wallMs);
        assert.isAbove(compareHybrid(next, last), 0);
        assert.isAtLeast(next.wallMs, wallMs);
        assert.isAtMost(next.counter, hybridCounterMax);
      }),
    );
  });

  it('merges to the later of two, in either order', () => {
    fc.assert(
      fc.property(arbitrary, arbitrary, (a, b) => {
        const merged = mergeHybrid(a, b);
        assert.deepEqual(merged, mergeHybrid(b, a));
        assert.isAtLeast(compareHybrid(merged, a), 0);
        assert.isAtLeast(compareHybrid(merged, b), 0);
      }),
    );
  });
});
