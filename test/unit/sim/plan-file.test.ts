import { assert, describe, it } from 'vitest';
import { drawPlan } from '../../../src/sim/plan-draw.ts';
import { parsePlan, planText } from '../../../src/sim/plan-file.ts';

const plan = drawPlan({ seed: 5, agentsCount: 12, minutes: 2, predecessorsCount: 1 });

describe('sim/plan-file', () => {
  it.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    'reads what it wrote, whatever was drawn: seed %i',
    seed => {
      const drawn = drawPlan({ seed });

      assert.deepEqual(parsePlan(planText(drawn)), JSON.parse(JSON.stringify(drawn)));
    },
  );

  it('puts each happening on a line of its own', () => {
    const lines = planText(plan)
      .split('\n')
      .filter(line => line.includes('"atMs"'));

    assert.lengthOf(lines, plan.happenings.length);
    assert.isNotEmpty(lines);
  });

  it('names everything that is wrong with a file', () => {
    const broken = {
      ...plan,
      agentsCount: 2.5,
      syncs: 'yes',
      happenings: [
        { type: 'earthquake', atMs: 1 },
        { type: 'attack', atMs: -1, agent: 1, kind: 'shout', forMs: 1 },
        7,
      ],
    };

    const problems = parsePlan(JSON.stringify(broken));

    assert.isArray(problems);
    const text = (problems as readonly string[]).join('\n');
    for (const part of [
      'agentsCount: expected a whole number',
      'syncs: expected true or false',
      'happenings[0].type: expected one of crash, stop',
      'happenings[1].atMs: expected a number, 0 or more',
      'happenings[1].kind: expected one of forge, replay',
      'happenings[2]: expected an object',
    ])
      assert.include(text, part);
  });

  it.each([
    ['{', /^is not JSON/],
    ['[]', /^is not an object/],
    ['{}', /^seed: expected a number/],
  ])('refuses %s', (text, expected) => {
    const problems = parsePlan(text);

    assert.match((problems as readonly string[])[0] ?? '', expected);
  });

  it('refuses an agent that the plan does not have', () => {
    const happenings = [{ type: 'crash', atMs: 1, agent: 13, forMs: 1 }];

    assert.deepEqual(parsePlan(JSON.stringify({ ...plan, happenings })), [
      'happenings[0].agent: expected 1 to 12',
    ]);
  });
});
