/** What `npm run simulate` is asked for. */
import { parseArgs } from 'node:util';

export const usage = `Usage: npm run simulate -- [flags]

  --seed N           the first seed (default 1)
  --agents N         as many agents in every run (default: drawn from the seed, 3 to 50)
  --minutes N        virtual minutes of faults in every run (default: drawn, half a minute to two)
  --seeds N          that many seeds from --seed on, on several processes
  --until-failure    go on from seed to seed until one fails
  --workers N        processes for --seeds and --until-failure (default 2)
  --budget SECONDS   begin no further seed after so long
  --twice            run every seed twice and compare; without it every 20th of a swarm
  --plan FILE        replay a plan that was saved, instead of drawing one
  --save DIR         where the plan of a failure goes (default: a new directory in the temporary one)
  --shrink-runs N    runs that making a failing plan shorter may take (default 300; 0: leave it as it is)
  --story            print what happened, for runs that pass as well

Exit codes: 0 all passed, 2 bad usage, 7 an invariant was violated or a swarm did not reach what it must.
`;

export interface CommandLine {
  readonly seed: number;
  readonly agents: number | undefined;
  readonly minutes: number | undefined;
  readonly seeds: number | undefined;
  readonly untilFailure: boolean;
  readonly workers: number;
  readonly budgetS: number | undefined;
  readonly twice: boolean;
  readonly plan: string | undefined;
  readonly save: string | undefined;
  readonly shrinkRuns: number;
  readonly story: boolean;
}

interface Range {
  readonly min: number;
  readonly max: number;
  readonly isWhole: boolean;
}

const ranges = {
  seed: { min: 0, max: 2 ** 48, isWhole: true },
  agents: { min: 1, max: 5_000, isWhole: true },
  minutes: { min: 0.01, max: 10_000, isWhole: false },
  seeds: { min: 1, max: 1e9, isWhole: true },
  workers: { min: 1, max: 64, isWhole: true },
  budget: { min: 1, max: 1e6, isWhole: false },
  'shrink-runs': { min: 0, max: 100_000, isWhole: true },
} as const satisfies Record<string, Range>;

const texts = ['plan', 'save'] as const;
const switches = ['until-failure', 'twice', 'story', 'help'] as const;

/** @returns What is wrong, one line each, or `'help'`. */
export function parseCommandLine(args: readonly string[]): CommandLine | readonly string[] | 'help' {
  const names = [...Object.keys(ranges), ...texts];
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: {
      ...Object.fromEntries(names.map(name => [name, { type: 'string' as const }])),
      ...Object.fromEntries(switches.map(name => [name, { type: 'boolean' as const }])),
    },
  });
  const problems: string[] = [];
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') problems.push(`${token.value}: not understood; flags begin with --`);
    if (token.kind !== 'option') continue;
    const isSwitch = (switches as readonly string[]).includes(token.name);
    if (!isSwitch && !names.includes(token.name)) problems.push(`${token.rawName}: no such flag`);
    else if (isSwitch && token.value !== undefined) problems.push(`${token.rawName}: takes no value`);
    else if (!isSwitch && token.value === undefined) problems.push(`${token.rawName}: a value is missing`);
    else given.set(token.name, token.value ?? '');
  }
  if (given.has('help')) return 'help';
  const number = (name: keyof typeof ranges): number | undefined => {
    const text = given.get(name);
    if (text === undefined) return undefined;
    const { min, max, isWhole }: Range = ranges[name];
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max && (!isWhole || Number.isInteger(value))) return value;
    problems.push(`--${name} ${text}: expected a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}`);
    return undefined;
  };
  const line: CommandLine = {
    seed: number('seed') ?? 1,
    agents: number('agents'),
    minutes: number('minutes'),
    seeds: number('seeds'),
    untilFailure: given.has('until-failure'),
    workers: number('workers') ?? 2,
    budgetS: number('budget'),
    twice: given.has('twice'),
    plan: given.get('plan'),
    save: given.get('save'),
    shrinkRuns: number('shrink-runs') ?? 300,
    story: given.has('story'),
  };
  if (line.plan !== undefined) {
    for (const name of ['seed', 'agents', 'minutes', 'seeds', 'until-failure'])
      if (given.has(name)) problems.push(`--${name}: means nothing with --plan, which says it all`);
  }
  return problems.length > 0 ? problems : line;
}
