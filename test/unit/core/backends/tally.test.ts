import { assert, describe, it } from 'vitest';
import { counted, type Tally } from '../../../../src/core/backends/tally.ts';
import { answers } from './answers.ts';

const thresholds = { failureThreshold: 3, recoveryThreshold: 2 };
const fresh: Tally = { state: 'healthy', failuresInRow: 0, passesInRow: 0 };

/** States after each answer: `+` good, `-` failed, `n` not ready; upper-case H for healthy, U for not. */
function course(story: string, given: Partial<typeof thresholds> = {}): string {
  let tally = fresh;
  return [...story]
    .map(letter => {
      tally = counted(tally, answers[letter as keyof typeof answers], { ...thresholds, ...given });
      return tally.state === 'healthy' ? 'H' : 'U';
    })
    .join('');
}

describe('core/backends/tally', () => {
  it.each([
    ['+++', 'HHH'],
    ['--', 'HH'],
    ['---', 'HHU'],
    ['--+--', 'HHHHH'],
    ['--+---', 'HHHHHU'],
    ['n', 'U'],
    ['+n', 'HU'],
    ['n+', 'UU'],
    ['n++', 'UUH'],
    ['n+-+', 'UUUU'],
    ['n+-++', 'UUUUH'],
    ['---++-', 'HHUUHH'],
    ['n++n', 'UUHU'],
  ])('turns after three failures, one "not ready" and two good answers: %s is %s', (story, expected) => {
    assert.equal(course(story), expected);
  });

  it.each([
    ['-+', { failureThreshold: 1, recoveryThreshold: 1 }, 'UH'],
    ['----', { failureThreshold: 5 }, 'HHHH'],
    ['n++++', { recoveryThreshold: 4 }, 'UUUUH'],
  ])('of %s with %o makes %s', (story, given, expected) => {
    assert.equal(course(story, given), expected);
  });
});
