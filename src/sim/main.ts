/** `npm run simulate`: one seed, many, or a saved plan; says what broke and how to see it again. */
import { readFileSync } from 'node:fs';
import { type CommandLine, parseCommandLine, usage } from './command-line.ts';
import { explainFailure } from './failure.ts';
import type { Plan } from './plan.ts';
import { drawPlan } from './plan-draw.ts';
import { parsePlan } from './plan-file.ts';
import { differences, type SeedReport } from './seed-report.ts';
import { runPlan } from './simulation.ts';
import { coverageSeedsCount, runSwarm, type SwarmResult } from './swarm.ts';

const exitCodes = { well: 0, usage: 2, checksFailed: 7 } as const;
const twiceEvery = 20;
const shrinkMaxMs = 120_000;
/** Of a swarm: so many are made shorter, each of another invariant. */
const explainedMaxCount = 3;

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(); // Who reads has seen enough, as with `| head`.
});
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(args);
  if (line === 'help') {
    process.stdout.write(usage);
    return exitCodes.well;
  }
  if (!('seed' in line)) return refuse(line);
  if (line.seeds !== undefined || line.untilFailure) return swarm(line);
  if (line.plan === undefined) return single(drawPlan({ seed: line.seed, ...drawing(line) }), line);
  const plan = readPlan(line.plan);
  return 'seed' in plan ? single(plan, line) : refuse(plan);
}

function refuse(problems: readonly string[]): number {
  for (const problem of problems) process.stderr.write(`simulate: ${problem}\n`);
  process.stderr.write(`\n${usage}`);
  return exitCodes.usage;
}

function readPlan(file: string): Plan | readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return [`--plan ${file}: cannot be read: ${error instanceof Error ? error.message : error}`];
  }
  const plan = parsePlan(text);
  return 'seed' in plan ? plan : plan.map(problem => `--plan ${file}: ${problem}`);
}

function drawing({ agents, minutes }: CommandLine) {
  return {
    ...(agents === undefined ? {} : { agentsCount: agents }),
    ...(minutes === undefined ? {} : { minutes }),
  };
}

async function single(plan: Plan, line: CommandLine): Promise<number> {
  const startedAtMs = performance.now();
  const result = await runPlan(plan);
  const wallMs = performance.now() - startedAtMs;
  const violations = [
    ...result.violations,
    ...differences(result, line.twice ? await runPlan(plan) : undefined),
  ];
  if (line.story) print(result.story);
  print([
    `seed ${plan.seed}: ${plan.agentsCount} agents, ${plan.happenings.length} happenings, ` +
      `${seconds(result.virtualMs)} virtual in ${seconds(wallMs)}, ${result.inputsCount} inputs`,
    `  agreed ${result.settledAfterMs === undefined ? 'never' : `${seconds(result.settledAfterMs)} after the last fault`}, ` +
      `trace ${result.traceHash.slice(0, 16)}${line.twice ? ', twice' : ''}`,
  ]);
  if (violations.length === 0) return exitCodes.well;
  await explain(plan, violations, line);
  return exitCodes.checksFailed;
}

async function swarm(line: CommandLine): Promise<number> {
  print([`seeds from ${line.seed} on, ${line.workers} processes`]);
  const result = await runSwarm({
    firstSeed: line.seed,
    workersCount: line.workers,
    untilFailure: line.untilFailure,
    twiceEvery: line.twice ? 1 : twiceEvery,
    draw: () => drawing(line),
    onReport: report => tell(report, line),
    ...(line.seeds === undefined ? {} : { seedsCount: line.seeds }),
    ...(line.budgetS === undefined ? {} : { budgetMs: line.budgetS * 1_000 }),
  });
  const seen = new Set<string>();
  for (const { seed, violations } of result.failures) {
    const [name = ''] = violations[0]?.split(' ') ?? [];
    if (seen.has(name) || seen.size >= explainedMaxCount) continue;
    seen.add(name);
    await explain(drawPlan({ seed, ...drawing(line) }), violations, line);
  }
  print(figures(result, line));
  return result.failures.length + result.unreached.length > 0 ? exitCodes.checksFailed : exitCodes.well;
}

function tell(report: SeedReport, { agents, minutes }: CommandLine): void {
  if (report.violations.length === 0) return;
  const again = [
    ...(agents === undefined ? [] : [`--agents ${agents}`]),
    ...(minutes === undefined ? [] : [`--minutes ${minutes}`]),
  ].join(' ');
  print([`seed ${report.seed} failed: ${report.violations[0]}  (--seed ${report.seed} ${again})`]);
}

async function explain(plan: Plan, violations: readonly string[], line: CommandLine): Promise<void> {
  const shrinkRunsMaxCount = line.shrinkRuns;
  print(await explainFailure(plan, { violations, shrinkRunsMaxCount, shrinkMaxMs, directory: line.save }));
}

function figures(result: SwarmResult, line: CommandLine): readonly string[] {
  const { reports, failures, unreached, virtualMs, cpuMs, wallMs, twiceCount } = result;
  const wanted = line.seeds === undefined ? '' : ` of ${line.seeds}`;
  return [
    `${reports.length}${wanted} seeds, ${failures.length} failed, ${twiceCount} run twice; ` +
      `${(virtualMs / 3_600_000).toFixed(1)} cluster hours in ${seconds(wallMs)} (${seconds(cpuMs)} of processor)`,
    ...(reports.length < coverageSeedsCount
      ? [`what a swarm has to reach was not looked at: that takes ${coverageSeedsCount} seeds`]
      : unreached.map(name => `never reached: ${name}`)),
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function print(lines: readonly string[]): void {
  for (const text of lines) process.stdout.write(`${text}\n`);
}
