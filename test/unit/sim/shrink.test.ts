import { assert, describe, it } from 'vitest';
import type { Happening, Plan } from '../../../src/sim/plan.ts';
import { shrink } from '../../../src/sim/shrink.ts';

const crash = (atMs: number, agent: number, forMs = 8_000): Happening => ({
  type: 'crash',
  atMs,
  agent,
  forMs,
});

function planOf(happenings: readonly Happening[], changes: Partial<Plan> = {}): Plan {
  return {
    seed: 1,
    agentsCount: 10,
    attackers: [],
    predecessorsCount: 0,
    realSignatures: false,
    syncs: false,
    settings: {},
    endMs: 600_000,
    happenings,
    ...changes,
  };
}

const many = Array.from({ length: 64 }, (_, i) => crash(10_000 + i * 1_000, 1 + (i % 3)));

/** A cluster that breaks where this says so, and counts how often it was asked. */
function cluster(breaks: (plan: Plan) => readonly string[]) {
  const runs: Plan[] = [];
  const tryPlan = async (plan: Plan) => {
    runs.push(plan);
    return breaks(plan);
  };
  return { runs, tryPlan };
}

const patient = { invariant: 'R5', runsMaxCount: 10_000, isLate: () => false };

describe('sim/shrink', () => {
  it('leaves only the two of sixty-four that break the invariant together', async () => {
    const [early, late] = [many[7], many[50]] as [Happening, Happening];
    const has = ({ happenings }: Plan, atMs: number) => happenings.some(each => each.atMs === atMs);
    const { tryPlan, runs } = cluster(plan =>
      has(plan, early.atMs) && has(plan, late.atMs) ? ['R5', 'R7'] : [],
    );

    const { plan, isMinimal, runsCount } = await shrink({ ...patient, plan: planOf(many) }, tryPlan);

    assert.deepEqual(
      plan.happenings.map(({ atMs }) => atMs),
      [early.atMs, late.atMs],
    );
    assert.isTrue(isMinimal);
    assert.equal(runsCount, runs.length);
    assert.isBelow(runsCount, 100);
  });

  it('leaves nothing of what happened when the invariant breaks without it', async () => {
    const { tryPlan } = cluster(() => ['R5']);

    const { plan } = await shrink({ ...patient, plan: planOf(many) }, tryPlan);

    assert.deepEqual(plan.happenings, []);
    assert.equal(plan.agentsCount, 2);
    assert.equal(plan.endMs, 1_000);
  });

  it('does not go on with a plan that breaks something else', async () => {
    const { tryPlan, runs } = cluster(() => ['F2']);

    const { plan } = await shrink({ ...patient, plan: planOf(many) }, tryPlan);

    assert.deepEqual(plan, planOf(many));
    assert.isNotEmpty(runs);
  });

  it('makes faults as short as they may be, and no shorter', async () => {
    const { tryPlan } = cluster(({ happenings: [first] }) =>
      first !== undefined && 'forMs' in first && first.forMs >= 1_700 ? ['R5'] : [],
    );

    const { plan } = await shrink({ ...patient, plan: planOf([crash(5_000, 1, 32_000)]) }, tryPlan);

    assert.deepEqual(plan.happenings, [crash(5_000, 1, 2_000)]);
    assert.equal(plan.endMs, 8_000);
  });

  it('keeps as many agents as it takes, and all that something befalls', async () => {
    const plan = planOf([crash(5_000, 3)], { agentsCount: 40, attackers: [4, 20, 39] });
    const { tryPlan, runs } = cluster(({ agentsCount, happenings }) =>
      agentsCount >= 22 && happenings.length > 0 ? ['R5'] : [],
    );

    const shrunk = await shrink({ ...patient, plan }, tryPlan);

    assert.equal(shrunk.plan.agentsCount, 22);
    assert.deepEqual(shrunk.plan.attackers, [4, 20]);
    assert.isTrue(runs.every(({ agentsCount }) => agentsCount >= 3));
  });

  it('gives back the shortest it has when runs or time are used up', async () => {
    const { tryPlan, runs } = cluster(({ happenings }) =>
      happenings.includes(many[0] as Happening) ? ['R5'] : [],
    );

    const few = await shrink({ ...patient, plan: planOf(many), runsMaxCount: 3 }, tryPlan);
    const late = await shrink({ ...patient, plan: planOf(many), isLate: () => true }, tryPlan);

    assert.lengthOf(runs, 3);
    assert.isFalse(few.isMinimal);
    assert.isBelow(few.plan.happenings.length, many.length);
    assert.include(few.plan.happenings, many[0]);
    assert.deepEqual(late, { plan: planOf(many), runsCount: 0, isMinimal: false });
  });
});
