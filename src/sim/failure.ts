/** Tells of a run that failed: which invariant, the shortest plan that breaks it, and how to replay it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type Plan } from './plan.ts';
import { planText } from './plan-file.ts';
import { invariantOf } from './seed-report.ts';
import { type Shrunk, shrink } from './shrink.ts';
import { runPlan } from './simulation.ts';

export interface FailureOptions {
  readonly violations: readonly string[];
  readonly shrinkRunsMaxCount: number;
  /** How long making it shorter may take, ms. */
  readonly shrinkMaxMs: number;
  /** Absent: a new one in the temporary directory. */
  readonly directory: string | undefined;
}

const shownMaxCount = 5;
const storyMaxCount = 40;

/** @returns Lines for a person; the first one is for programs as well. */
export async function explainFailure(plan: Plan, options: FailureOptions): Promise<readonly string[]> {
  const { violations, shrinkRunsMaxCount, shrinkMaxMs } = options;
  const invariant = invariantOf(violations[0] ?? '');
  const lines = [
    `SEED=${plan.seed} AGENTS=${plan.agentsCount} INVARIANT=${invariant} COMMIT=${commit()}`,
    ...violations.slice(0, shownMaxCount).map(violation => `  ${violation}`),
    ...(violations.length > shownMaxCount ? [`  and ${violations.length - shownMaxCount} more`] : []),
  ];
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'firsthand-simulation-'));
  mkdirSync(directory, { recursive: true });
  // What is not found by running the plan once cannot be made shorter by running it.
  const canShrink = shrinkRunsMaxCount > 0 && !/^X[235]$/.test(invariant);
  const startedAtMs = performance.now();
  const isLate = () => performance.now() - startedAtMs > shrinkMaxMs;
  const shrunk = canShrink
    ? await shrink({ plan, invariant, runsMaxCount: shrinkRunsMaxCount, isLate }, namesBroken)
    : { plan, runsCount: 0, isMinimal: false };
  const file = join(directory, `seed-${plan.seed}-${invariant}.json`);
  writeFileSync(file, planText(shrunk.plan));
  return [...lines, ...planLines(shrunk, plan), ...(await storyLines(shrunk)), replayLine(file)];
}

/** Of one seed only: what is printed for a plan that was made shorter. */
function planLines({ plan, runsCount, isMinimal }: Shrunk, from: Plan): readonly string[] {
  const before = `${from.happenings.length} happenings and ${from.agentsCount} agents`;
  const after = `${plan.happenings.length} and ${plan.agentsCount}`;
  const how =
    runsCount === 0
      ? 'Plan, as it was drawn:'
      : `Plan, from ${before} down to ${after} in ${runsCount} runs${isMinimal ? '' : '; not the shortest yet'}:`;
  const settings = JSON.stringify(plan.settings);
  return [
    how,
    `  ${plan.agentsCount} agents${plan.attackers.length > 0 ? `, of which ${plan.attackers.join(', ')} attack` : ''}, ` +
      `${plan.predecessorsCount} predecessors, until ${plan.endMs / 1_000} s, settings ${settings}`,
    ...plan.happenings.map(each => `  ${describe(each)}`),
  ];
}

async function storyLines({ plan, runsCount }: Shrunk): Promise<readonly string[]> {
  if (runsCount === 0) return [];
  const { story } = await runPlan(plan);
  return ['Story, the last of it:', ...story.slice(-storyMaxCount).map(line => `  ${line}`)];
}

function replayLine(file: string): string {
  return `Replay it with: npm run simulate -- --plan ${file}`;
}

async function namesBroken(plan: Plan): Promise<readonly string[]> {
  const { violations } = await runPlan(plan);
  return violations.map(invariantOf);
}

function commit(): string {
  try {
    const git = (...args: readonly string[]) =>
      execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' }).trim();
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? '+changes' : ''}`;
  } catch {
    return 'unknown'; // Not in a clone, or without git: the seed alone has to do.
  }
}
