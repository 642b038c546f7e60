import { assert, describe, it } from 'vitest';
import { retryAfterMs } from '../../../../src/core/bridge/backoff.ts';

describe('core/bridge/backoff', () => {
  it.each([
    [1, 8_000, 1_000],
    [2, 8_000, 2_000],
    [3, 8_000, 4_000],
    [4, 8_000, 8_000],
    [5, 8_000, 8_000],
    [1_000_000, 8_000, 8_000],
    [7, 60_000, 60_000],
    [1, 500, 500],
    [1_000_000, 1e300, 2 ** 30 * 1_000],
  ])('after %i failures, at most %i ms, waits %i ms', (failures, capMs, expected) => {
    assert.equal(retryAfterMs(failures, capMs), expected);
  });
});
