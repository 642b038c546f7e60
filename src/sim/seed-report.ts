/** One seed, run and measured: what a swarm wants to know of it. */
import { type DrawOptions, drawPlan } from './plan-draw.ts';
import { runPlan, type SimulationResult } from './simulation.ts';

export interface SeedTask extends DrawOptions {
  /** Run it a second time, and compare. */
  readonly twice: boolean;
}

export interface SeedReport {
  readonly seed: number;
  readonly agentsCount: number;
  /** `R5 …`; empty when the run passed. */
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly virtualMs: number;
  readonly cpuMs: number;
  readonly inputsCount: number;
  readonly settledAfterMs: number | undefined;
  readonly happened: Readonly<Record<string, number>>;
}

export async function runSeed({ twice, ...draw }: SeedTask): Promise<SeedReport> {
  const plan = drawPlan(draw);
  const before = process.cpuUsage();
  const result = await runPlan(plan);
  const { user, system } = process.cpuUsage(before);
  const again = twice ? await runPlan(plan) : undefined;
  return {
    seed: draw.seed,
    agentsCount: plan.agentsCount,
    violations: [...result.violations, ...differences(result, again)],
    traceHash: result.traceHash,
    virtualMs: result.virtualMs,
    cpuMs: (user + system) / 1_000,
    inputsCount: result.inputsCount,
    settledAfterMs: result.settledAfterMs,
    happened: result.happened,
  };
}

/** X5: the same plan gives the same run. */
export function differences(
  first: Pick<SimulationResult, 'traceHash' | 'inputsCount'>,
  again: Pick<SimulationResult, 'traceHash' | 'inputsCount'> | undefined,
): readonly string[] {
  if (again === undefined || again.traceHash === first.traceHash) return [];
  return [
    `X5 the second run of the same plan went another way: ${first.inputsCount} inputs and ${again.inputsCount}`,
  ];
}

/** `R5` of `R5 the entry of …`. */
export function invariantOf(violation: string): string {
  return violation.slice(0, violation.indexOf(' '));
}
