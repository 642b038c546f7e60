import { assert, describe, it } from 'vitest';
import { fast, lan, wan } from '../../../../src/core/swim/settings.ts';
import {
  ackTimeoutMs,
  checkSpreadMs,
  retransmitLimit,
  suspicionLeftMs,
  suspicionRange,
} from '../../../../src/core/swim/timing.ts';

describe('core/swim/timing', () => {
  // The rows of memberlist's own test: k = 3, from 2 s to 30 s.
  it.each([
    [0, 0, 30_000],
    [1, 2_000, 14_000],
    [2, 3_000, 4_810],
    [3, 4_000, -2_000],
    [4, 5_000, -3_000],
    [5, 10_000, -8_000],
  ])('leaves a suspect with %i confirmations after %i ms another %i ms', (confirmed, elapsedMs, leftMs) => {
    const range = { minMs: 2_000, maxMs: 30_000, confirmationsCount: 3 };

    assert.approximately(suspicionLeftMs(range, confirmed, elapsedMs), leftMs, 1);
  });

  it('waits no longer than the minimum where nobody can confirm', () => {
    const range = { minMs: 3_000, maxMs: 18_000, confirmationsCount: 0 };

    assert.equal(suspicionLeftMs(range, 0, 1_000), 2_000);
  });

  it('takes a negative number of confirmations for a bug', () => {
    const range = { minMs: 1, maxMs: 2, confirmationsCount: 2 };

    assert.throws(() => suspicionLeftMs(range, -1, 0), RangeError);
  });

  it.each([
    [1, 3_000, 0],
    [3, 3_000, 0],
    [4, 3_000, 2],
    [10, 3_000, 2],
    [50, 5_097, 2],
    [100, 6_000, 2],
    [1_000, 9_000, 2],
  ])(
    'gives a suspect among %i members at least %i ms, by %i confirmations',
    (membersCount, minMs, confirmationsCount) => {
      const range = suspicionRange(lan, membersCount);

      assert.approximately(range.minMs, minMs, 1);
      assert.approximately(range.maxMs, 6 * minMs, 6);
      assert.equal(range.confirmationsCount, confirmationsCount);
    },
  );

  it.each([
    [4, 0, 0],
    [4, 1, 4],
    [4, 9, 4],
    [4, 10, 8],
    [4, 99, 8],
    [4, 100, 12],
    [3, 99, 6],
    [4, 1_000, 16],
  ])('sends a claim %i times the logarithm among %i members: %i times', (mult, membersCount, limit) => {
    assert.equal(retransmitLimit(mult, membersCount), limit);
  });

  it.each([
    [undefined, 500],
    [0, 200],
    [66, 200],
    [100, 300],
    [166, 498],
    [167, 500],
    [9_999, 500],
  ])('waits for an ack, the slowest of late having taken %s ms, for %i ms', (slowestRttMs, expectedMs) => {
    assert.equal(ackTimeoutMs(lan, slowestRttMs), expectedMs);
  });

  it.each([
    [50, 0],
    [51, 102],
    [100, 200],
    [500, 1_000],
  ])('spreads the checks of %i members over %i ms', (membersCount, expectedMs) => {
    assert.equal(checkSpreadMs(1_000, membersCount), expectedMs);
  });
});

describe('core/swim/settings', () => {
  it.each(Object.entries({ lan, fast, wan }))(
    'of %s wait for both stages of a probe within an interval or two',
    (_, settings) => {
      assert.isAtMost(settings.ackTimeoutMinMs, settings.ackTimeoutMaxMs);
      assert.isAtMost(2 * settings.ackTimeoutMaxMs, 2 * settings.probeIntervalMs);
      assert.isAtMost(settings.strikeBackoffMinMs, settings.strikeBackoffMaxMs);
    },
  );
});
