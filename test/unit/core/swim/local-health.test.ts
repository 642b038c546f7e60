import { assert, describe, it } from 'vitest';
import { LocalHealth } from '../../../../src/core/swim/local-health.ts';

describe('core/swim/local-health', () => {
  it.each([
    [[], 0],
    [[1, 1, -1], 1],
    [[-1, -5], 0],
    [[3, 3, 3], 8],
    [[99, -1], 7],
    [[-3, 2], 2],
  ] as const)('is after %j at %i', (changes, expected) => {
    const health = new LocalHealth(8);

    for (const by of changes) health.change(by);

    assert.equal(health.score, expected);
    assert.equal(health.multiplier, expected + 1);
  });

  it('can be switched off', () => {
    const health = new LocalHealth(0);

    health.change(5);

    assert.equal(health.multiplier, 1);
  });
});
