/**
 * What an agent costs among a hundred, and among many: simulated, one process each, one per cent restarted a minute.
 * Its processor is measured with the agent alone in the process, as it is on a machine of its own.
 */
import { type LargeClusterApart, runLargeClusterApart } from '../../src/sim/large-cluster-apart.ts';
import { type Figure, median } from './figures.ts';
import type { BenchOptions } from './options.ts';

const fewCount = 100;
const growthMax = 1.5;
const recordedCount = 12;

/** A thousand take five minutes of processor and 5.6 GB: `--agents 400` is done in a minute. */
export async function simulate({ agents = 1_000, seconds = 60 }: BenchOptions): Promise<readonly Figure[]> {
  const few = await measured(fewCount, seconds);
  const many = await measured(agents, seconds);
  const growth = (name: string, of: (result: LargeClusterApart) => number): Figure => ({
    name: `${name} among ${agents}, in those among ${fewCount}`,
    value: of(many) / of(few),
    unit: '×',
    goal: { atMost: growthMax },
  });
  return [
    ...figures(fewCount, few),
    ...figures(agents, many),
    growth('simulated: processor an agent', each => median(each.aloneCpuMs)),
    growth('simulated: bytes an agent', each => each.bytesPerSecond),
  ];
}

function measured(agentsCount: number, seconds: number): Promise<LargeClusterApart> {
  return runLargeClusterApart({
    seed: 1,
    agentsCount,
    minutes: seconds / 60,
    churnShare: 0.01,
    recordedCount,
  });
}

function figures(count: number, result: LargeClusterApart): readonly Figure[] {
  const { joinedAfterMs, agreedAfterMs, joinCpuMs, cpuMsPerAgentMinute, bytesPerSecond } = result;
  const aloneMs = median(result.aloneCpuMs);
  const name = `simulated, ${count} agents:`;
  return [
    { name: `${name} all joined, virtual`, value: (joinedAfterMs ?? Number.NaN) / 1_000, unit: 's' },
    { name: `${name} processor to join`, value: joinCpuMs / 1_000, unit: 's' },
    { name: `${name} processor an agent and minute, alone`, value: aloneMs, unit: 'ms' },
    { name: `${name} the same, all in one process`, value: cpuMsPerAgentMinute, unit: 'ms' },
    { name: `${name} sent per agent`, value: bytesPerSecond, unit: 'bytes/s' },
    {
      name: `${name} agree after the restarts, virtual`,
      value: (agreedAfterMs ?? Number.NaN) / 1_000,
      unit: 's',
    },
  ];
}
