import { assert, describe, it } from 'vitest';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';

function draws(seed: number, stream = '', count = 8): readonly number[] {
  const random = seededRandom(seed, stream);
  return Array.from({ length: count }, () => random.next());
}

describe('runtime/seeded-random', () => {
  it('repeats itself for one seed and stream', () => {
    assert.deepEqual(draws(7, 'agent-1'), draws(7, 'agent-1'));
  });

  for (const [what, other] of [
    ['another seed', draws(8, 'a')],
    ['a seed that differs above 32 bits', draws(7 + 2 ** 32, 'a')],
    ['another stream', draws(7, 'b')],
  ] as const) {
    it(`draws other numbers for ${what}`, () => {
      const own = draws(7, 'a');

      assert.isEmpty(own.filter(number => other.includes(number)));
    });
  }

  it('fills [0, 1) evenly', () => {
    const tenths = Array<number>(10).fill(0);

    for (const number of draws(1, '', 10_000)) {
      assert.isTrue(number >= 0 && number < 1);
      const tenth = Math.floor(number * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }

    // 1,000 each; eleven standard deviations of 30 leave room for no accident, as the seed is fixed.
    for (const count of tenths) assert.isTrue(count > 670 && count < 1_330, `${tenths}`);
  });
});
