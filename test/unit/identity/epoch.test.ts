import { assert, describe, it } from 'vitest';
import { nextEpoch } from '../../../src/identity/epoch.ts';

describe('identity/epoch', () => {
  const rows: readonly (readonly [string, number | undefined, number, number])[] = [
    ['nothing is stored', undefined, 1_000, 1_000],
    ['the clock went on', 1_000, 5_000, 5_000],
    ['the clock stands still', 1_000, 1_000, 1_001],
    ['the clock went back', 5_000, 1_000, 5_001],
    ['an old backup was restored', 10, 9_000, 9_000],
  ];

  for (const [when, stored, wallMs, expected] of rows) {
    it(`is ${expected} after ${stored} at ${wallMs}: ${when}`, () => {
      assert.equal(nextEpoch(stored, wallMs), expected);
    });
  }
});
