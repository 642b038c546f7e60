import { assert, describe, it } from 'vitest';
import { parseCommandLine } from '../../../src/sim/command-line.ts';

const problems = (...args: readonly string[]) => parseCommandLine(args) as readonly string[];

describe('sim/command-line', () => {
  it('runs seed 1 as it is drawn when nothing is asked for', () => {
    assert.deepEqual(parseCommandLine([]), {
      seed: 1,
      agents: undefined,
      minutes: undefined,
      seeds: undefined,
      untilFailure: false,
      workers: 2,
      budgetS: undefined,
      twice: false,
      plan: undefined,
      save: undefined,
      shrinkRuns: 300,
      story: false,
    });
  });

  it('takes every flag in both forms', () => {
    const line = parseCommandLine(['--seed=7', '--agents', '12', '--minutes', '0.5', '--twice', '--save=x']);

    assert.deepInclude(line, { seed: 7, agents: 12, minutes: 0.5, twice: true, save: 'x' });
  });

  it.each([
    [['--sed', '7'], '--sed: no such flag'],
    [['seven'], 'seven: not understood; flags begin with --'],
    [['--agents', 'many'], '--agents many: expected a whole number from 1 to 5000'],
    [['--agents', '0'], '--agents 0: expected a whole number from 1 to 5000'],
    [['--agents', '1e3'], '--agents 1e3: expected a whole number from 1 to 5000'],
    [['--seeds', '1.5'], '--seeds 1.5: expected a whole number from 1 to 1000000000'],
    [['--budget'], '--budget: a value is missing'],
    [['--twice=yes'], '--twice: takes no value'],
    [['--plan', 'x.json', '--seed', '3'], '--seed: means nothing with --plan, which says it all'],
  ])('says what is wrong with %j', (args, expected) => {
    assert.equal(problems(...args)[0], expected);
  });

  it('names each problem', () => {
    assert.lengthOf(problems('--seed', 'x', '--minutes', 'y', '--loud'), 3);
  });

  it('explains itself whatever else is wrong', () => {
    assert.equal(parseCommandLine(['--help', '--loud']), 'help');
  });
});
