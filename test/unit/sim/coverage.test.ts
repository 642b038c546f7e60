import { assert, describe, it } from 'vitest';
import { Coverage, missing, mustBeReached } from '../../../src/sim/coverage.ts';
import { attackKinds } from '../../../src/sim/plan.ts';
import { faultTypes } from '../../../src/sim/plan-draw.ts';

const everything = Object.fromEntries(mustBeReached.map(name => [name, 1]));

describe('sim/coverage', () => {
  it('counts, in the order of names', () => {
    const coverage = new Coverage();

    for (const name of ['b', 'a', 'b']) coverage.note(name);

    assert.deepEqual(Object.entries(coverage.counts), [
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('misses nothing where everything was reached', () => {
    assert.deepEqual(missing(everything), []);
  });

  it.each(['crash', 'attack: forge', 'rejected: bad-signature'])('misses %s where it is absent', name => {
    const { [name]: _, ...rest } = everything;

    assert.deepEqual(missing(rest), [name]);
  });

  it('asks for every kind of fault and of attack that can be drawn', () => {
    const wanted = [
      ...faultTypes.filter(type => type !== 'attack'),
      ...attackKinds.map(kind => `attack: ${kind}`),
    ];

    assert.includeMembers([...mustBeReached], wanted);
  });

  it('asks for nothing twice', () => {
    assert.lengthOf([...new Set(mustBeReached)], mustBeReached.length);
  });
});
