import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { ReplayWindow } from '../../../../src/core/swim/replay-window.ts';

const width = 1_024;

/** The same, as dumb as can be. */
class NaiveWindow {
  #epoch = 0;
  #taken: number[] = [];

  take(epoch: number, counter: number): boolean {
    if (epoch < this.#epoch) return false;
    if (epoch > this.#epoch) this.#taken = [];
    this.#epoch = epoch;
    if (this.#taken.includes(counter) || counter <= Math.max(-1, ...this.#taken) - width) return false;
    this.#taken.push(counter);
    return true;
  }
}

describe('core/swim/replay-window', () => {
  it('takes each number once, in any order', () => {
    const window = new ReplayWindow();

    const taken = [5, 3, 4, 5, 3, 1_000, 4, 6].map(counter => window.take(1, counter));

    assert.deepEqual(taken, [true, true, true, false, false, true, false, true]);
  });

  it('takes for seen what is 1,024 behind the highest', () => {
    const window = new ReplayWindow();
    window.take(1, 5_000);

    assert.isFalse(window.take(1, 5_000 - width));
    assert.isTrue(window.take(1, 5_000 - width + 1));
  });

  it('does not take a number for seen because one of the turn before was', () => {
    const window = new ReplayWindow();
    for (const counter of [1, 2, 3]) window.take(1, counter);

    window.take(1, 2 + width);

    assert.isTrue(window.take(1, 1 + width));
    assert.isFalse(window.take(1, 3));
  });

  it('begins anew in a later epoch, and takes nothing of an earlier one', () => {
    const window = new ReplayWindow();
    window.take(1, 7);

    assert.isTrue(window.take(2, 7));
    assert.isFalse(window.take(1, 8));
  });

  it('does not change by a look', () => {
    const window = new ReplayWindow();

    assert.isTrue(window.isFresh(1, 7));
    assert.isTrue(window.isFresh(1, 7));
    assert.isTrue(window.take(1, 7));
    assert.isFalse(window.isFresh(1, 7));
  });

  it('agrees with a set of everything that was ever taken', () => {
    const counter = fc.oneof(
      fc.nat(40),
      fc.nat(3_000),
      // Half a window apart, so that new numbers fall on the bits of old ones.
      fc.tuple(fc.nat(8), fc.nat(3)).map(([turns, near]) => (turns * width) / 2 + near),
      fc.nat(100).map(near => 2 ** 40 + near),
      fc.maxSafeNat(),
    );

    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), counter), { maxLength: 80, size: 'max' }), datagrams => {
        const [window, naive] = [new ReplayWindow(), new NaiveWindow()];
        for (const [epoch, number] of datagrams) {
          const expected = naive.take(epoch, number);
          assert.equal(window.isFresh(epoch, number), expected, `${epoch}.${number}`);
          assert.equal(window.take(epoch, number), expected, `${epoch}.${number}`);
        }
      }),
      { numRuns: 500 },
    );
  });
});
