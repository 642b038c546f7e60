/** `firsthand simulate`: how a cluster like yours would fare, on a virtual clock and network. */
import type { Command } from 'commander';
import { FirsthandError } from '../../errors.ts';
import type { Plan } from '../../sim/plan.ts';
import type { Durations, ScenarioResult } from '../../sim/scenario.ts';
import { type Context, printJson } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { ScenarioFile } from '../scenario-file.ts';
import { renderTable } from '../table.ts';

export function define(command: Command, context: Context): void {
  command
    .argument('<file>', 'scenario, YAML or JSON: agents, network, faults, settings (docs/SIMULATION.md)')
    .addHelpText(
      'after',
      `
Runs the real protocol of that many agents in this process; opens no socket and needs no agent.
The same file and seed give the same figures on every machine.`,
    )
    .action(async (file: string) => run(file, context));
}

async function run(file: string, context: Context): Promise<void> {
  const scenario = await read(file);
  const { runScenario } = await import('../../sim/scenario.ts');
  const plans = await plansOf(scenario);
  const results: ScenarioResult[] = [];
  for (const plan of plans) results.push(await runScenario(plan));
  if (context.globals().json) await printJson(context.io, documentOf(file, scenario, results));
  else await context.io.out(screen(scenario, results, context.io.colour));
  if (results.some(({ agreedAfterMs }) => agreedAfterMs === undefined))
    context.setExitCode(exitCodes.checksFailed);
}

async function read(file: string): Promise<ScenarioFile> {
  const { readConfigFile } = await import('../../config/file.ts');
  const { parseScenario } = await import('../scenario-file.ts');
  const { entries, problems: unreadable } = await readConfigFile(file);
  const place = (line: number | undefined) => (line === undefined ? file : `${file}:${line}`);
  const parsed = parseScenario(Object.fromEntries(entries.map(({ key, value }) => [key, value])));
  const lineOf = (problem: string) =>
    entries.find(({ key }) => problem.startsWith(key) && !/^\w/.test(problem.slice(key.length)))?.line;
  const problems = [
    ...unreadable.map(({ line, text }) => `${place(line)}: ${text}`),
    ...('seed' in parsed ? [] : parsed.map(problem => `${place(lineOf(problem))}: ${problem}`)),
  ];
  if ('seed' in parsed && problems.length === 0) return parsed;
  throw new FirsthandError('CONFIG_INVALID', { text: problems.join('\n'), problems });
}

/** One for each repetition, from seed to seed. */
async function plansOf(scenario: ScenarioFile): Promise<readonly Plan[]> {
  const { loadSettings } = await import('../../config/load.ts');
  const { protocolSettings } = await import('../../config/protocol-settings.ts');
  const { scenarioStartMs } = await import('../../sim/scenario.ts');
  const { settings } = await loadSettings({ options: scenario.settings, env: {} });
  return Array.from({ length: scenario.repeat }, (_, index) => ({
    seed: scenario.seed + index,
    agentsCount: scenario.agentsCount,
    attackers: [],
    predecessorsCount: 0,
    realSignatures: false,
    syncs: false,
    settings: protocolSettings(settings),
    conditions: scenario.conditions,
    nodeTypes: scenario.nodeTypes,
    endMs: scenarioStartMs + scenario.minutes * 60_000,
    // Times in the file count from when everybody has joined.
    happenings: scenario.faults.map(fault => ({ ...fault, atMs: fault.atMs + scenarioStartMs })),
  }));
}

const measured = ['updates', 'crashes', 'heals'] as const;
const titles: Readonly<Record<(typeof measured)[number], string>> = {
  updates: 'update listed by all',
  crashes: 'crash known to all',
  heals: 'all agree after a partition',
};

function documentOf(file: string, scenario: ScenarioFile, results: readonly ScenarioResult[]) {
  return {
    file,
    seed: scenario.seed,
    repeat: scenario.repeat,
    agents: scenario.agentsCount,
    minutes: scenario.minutes,
    ...Object.fromEntries(measured.map(name => [name, summary(results.map(each => each[name]))])),
    false_deaths: sum(results, each => each.falseDeathsCount),
    false_deaths_cut_off: sum(results, each => each.cutOffDeathsCount),
    false_deaths_without_a_fault: sum(results, each => each.baselessDeathsCount),
    bytes_per_agent_second: mean(results, each => each.bytesPerSecond),
    datagrams_per_agent_second: mean(results, each => each.datagramsPerSecond),
    datagrams: sum(results, each => each.datagrams),
    runs: results.map(({ seed, agreedAfterMs }) => ({ seed, agreed_after_ms: agreedAfterMs ?? null })),
  };
}

function screen(scenario: ScenarioFile, results: readonly ScenarioResult[], colour: boolean): string {
  const { agentsCount, minutes, repeat, seed } = scenario;
  const rows = measured.map(name => {
    const { count, p50_ms, p99_ms, max_ms, unfinished } = summary(results.map(each => each[name]));
    return [titles[name], `${count}`, time(p50_ms), time(p99_ms), time(max_ms), `${unfinished}`];
  });
  const right = { align: 'right' } as const;
  const columns = ['COUNT', 'P50', 'P99', 'MAX', 'UNFINISHED'].map(title => ({ title, ...right }));
  const apart = results.filter(({ agreedAfterMs }) => agreedAfterMs === undefined).map(each => each.seed);
  const virtualHours = sum(results, each => each.virtualMs) / 3_600_000;
  return [
    `${agentsCount} agents, ${minutes} minutes, ${repeat === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + repeat - 1}`}: ` +
      `${virtualHours.toFixed(2)} virtual hours\n\n`,
    renderTable([{ title: 'TIME UNTIL' }, ...columns], rows, colour),
    `\ndeclared dead while running  ${sum(results, each => each.falseDeathsCount)}, ` +
      `of which ${sum(results, each => each.cutOffDeathsCount)} over a cut and ` +
      `${sum(results, each => each.baselessDeathsCount)} without any fault\n`,
    `sent by an agent             ${mean(results, each => each.bytesPerSecond).toFixed(0)} bytes and ` +
      `${mean(results, each => each.datagramsPerSecond).toFixed(1)} datagrams a second\n`,
    `in the end                   ${
      apart.length === 0 ? 'everybody agrees' : `no agreement after a minute: seed ${apart.join(', ')}`
    }\n`,
  ].join('');
}

function summary(all: readonly Durations[]) {
  const ms = all.flatMap(each => each.ms).sort((a, b) => a - b);
  const at = (share: number) => ms[Math.min(ms.length - 1, Math.ceil(share * ms.length) - 1)];
  return {
    count: ms.length,
    p50_ms: rounded(at(0.5)),
    p99_ms: rounded(at(0.99)),
    max_ms: rounded(ms.at(-1)),
    unfinished: all.reduce((total, each) => total + each.unfinishedCount, 0),
  };
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms);
}

function time(ms: number | null): string {
  if (ms === null) return '-';
  return ms < 10_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function sum(results: readonly ScenarioResult[], of: (result: ScenarioResult) => number): number {
  return results.reduce((total, result) => total + of(result), 0);
}

function mean(results: readonly ScenarioResult[], of: (result: ScenarioResult) => number): number {
  return sum(results, of) / results.length;
}
