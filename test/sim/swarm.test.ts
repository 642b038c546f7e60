/**
 * A thousand seeds that nobody has seen before, and those that everybody has.
 *
 * New with each change of the source, and the same for the same source, so that a failure can be seen again:
 * with `npm run simulate -- --seed N`, or with `SEED=N` in the environment here.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, describe, it } from 'vitest';
import { parsePlan } from '../../src/sim/plan-file.ts';
import { runSeed, type SeedReport } from '../../src/sim/seed-report.ts';
import { runPlan } from '../../src/sim/simulation.ts';
import { runSwarm } from '../../src/sim/swarm.ts';

const firstSeed = Number(process.env.SEED ?? seedOfSource());
const regressions = join(import.meta.dirname, 'regressions');

/** What takes longer to come about than most of these runs last, each with a seed of a longer one that reaches it. */
const rare: ReadonlyMap<string, number> = new Map([
  ['log: seed_unreachable', 1_024],
  ['log: outbox_receiver_recovered', 1_044],
  ['log: outbox_receiver_stuck', 1_044],
]);
/** Another source may need another seed, somewhat later. */
const rareSeedsMaxCount = 500;

/** From what is committed of the source; outside a repository from the time. */
function seedOfSource(): number {
  try {
    const tree = execFileSync('git', ['rev-parse', 'HEAD:src'], { encoding: 'utf8', stdio: 'pipe' });
    return Number.parseInt(tree.slice(0, 8), 16);
  } catch {
    return Date.now() % 2 ** 32;
  }
}

/** Shorter than those of the command line: many short days find more than few long ones. */
const minutes = (seed: number) => 0.3 + 0.1 * (seed % 4);

function told({ seed, violations }: SeedReport): string {
  return `--seed ${seed} --minutes ${minutes(seed).toFixed(1)}: ${violations[0]}`;
}

function draw(seed: number) {
  return { minutes: Number(minutes(seed).toFixed(1)) };
}

describe('sim/swarm', { timeout: 1_200_000 }, () => {
  it('breaks no invariant in a thousand new seeds, and reaches whatever can be reached', async () => {
    console.log(`SEED=${firstSeed}`);

    const { reports, failures, unreached, virtualMs, cpuMs, wallMs } = await runSwarm({
      firstSeed,
      seedsCount: 1_000,
      workersCount: 2,
      twiceEvery: 20,
      draw,
    });

    console.log(
      `${reports.length} seeds, ${(virtualMs / 3_600_000).toFixed(1)} cluster hours in ` +
        `${(wallMs / 1_000).toFixed(0)} s, ${(cpuMs / 1_000).toFixed(0)} s of processor`,
    );
    assert.deepEqual(failures.map(told), [], `SEED=${firstSeed}`);
    assert.lengthOf(reports, 1_000);
    assert.deepEqual(
      unreached.filter(name => !rare.has(name)),
      [],
      `SEED=${firstSeed}`,
    );
  });

  it.each([...rare])('reaches "%s" in a longer run', async (name, first) => {
    let seed = first;
    const isReached = async () => {
      const { happened, violations } = await runSeed({ seed, twice: false });
      assert.deepEqual(violations, [], `--seed ${seed}`);
      return (happened[name] ?? 0) > 0;
    };

    while (!(await isReached())) {
      seed += 1;
      assert.isBelow(seed, first + rareSeedsMaxCount);
    }
  });

  it('breaks none in the first forty seeds', async () => {
    const { failures } = await runSwarm({
      firstSeed: 1,
      seedsCount: 40,
      workersCount: 2,
      twiceEvery: 20,
      draw,
    });

    assert.deepEqual(failures.map(told), []);
  });

  it('fails a seed whose process ends, and goes on with the next one in another process', async () => {
    const { failures } = await runSwarm({
      firstSeed: 1,
      seedsCount: 2,
      workersCount: 1,
      twiceEvery: 1,
      // More agents than a list can hold: drawing the plan throws, and nothing is there to catch it.
      draw: () => ({ agentsCount: 2 ** 33 }),
    });

    assert.lengthOf(failures, 2);
    for (const { violations } of failures) assert.match(violations[0] ?? '', /^X3 the process ended/);
  });

  it('notices in every seed that agents no longer listen to each other', async () => {
    const { failures } = await runSwarm({
      firstSeed: 1,
      seedsCount: 6,
      workersCount: 2,
      twiceEvery: 6,
      draw: () => ({
        agentsCount: 5,
        minutes: 0.5,
        settings: {
          gossip: { authorRecordsPerSecond: 0, authorBurstCount: 0 },
          sync: { intervalMs: 1e9, wantMaxCount: 0 },
        },
      }),
    });

    assert.lengthOf(failures, 6);
  });
});

describe('sim/regressions', { timeout: 120_000 }, () => {
  const files = readdirSync(regressions).filter(file => file.endsWith('.json'));

  it.each(files)('passes: %s', async file => {
    const plan = parsePlan(readFileSync(join(regressions, file), 'utf8'));
    if (!('seed' in plan)) assert.fail(plan.join('\n'));

    const { violations } = await runPlan(plan);

    assert.deepEqual(violations, []);
  });
});
