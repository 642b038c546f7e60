/** `firsthand chaos`: drills on a cluster of this machine's own, with a report. */
import { isAbsolute, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Drill } from '../../chaos/drill.ts';
import type { Outcome } from '../../chaos/run.ts';
import type { StageKind } from '../../chaos/stage.ts';
import { hint } from '../../config/suggestion.ts';
import { FirsthandError } from '../../errors.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { drillList, outcomeScreen, stepLine, summaryScreen } from '../drill-screen.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { wholeNumber } from '../option-values.ts';

interface Options {
  readonly agents: number;
  readonly stage: string;
  readonly seed?: number;
  readonly out?: string;
  readonly keep?: boolean;
  readonly times: number;
  readonly skipRefused?: boolean;
}

const agentsUsualCount = 5;

export function define(command: Command, context: Context): void {
  command
    .command('list')
    .description('every drill, what it does, and where it can be run on this machine')
    .action(() => list(context));
  command
    .command('run')
    .description('start agents of its own on this machine, break something, and judge what they make of it')
    .argument('<name>', 'of a drill, or all')
    .option('--agents <n>', 'how many agents', wholeNumber('--agents', 2, 50), agentsUsualCount)
    .option('--stage <name>', 'where the agents run: see chaos list', 'process')
    .option(
      '--seed <n>',
      'of what is left to chance (default: another one each time)',
      wholeNumber('--seed', 0, 2 ** 48),
    )
    .option('--out <dir>', 'folder of the report (default: ./chaos-reports/<name>-<time>)')
    .option('--times <n>', 'run it so many times in a row', wholeNumber('--times', 1, 100), 1)
    .option('--keep', 'leave the data directories and logs of the agents')
    .option('--skip-refused', 'with all: leave out drills that this machine cannot run')
    .action((name: string, options: Options) => run(name, options, context));
}

async function list(context: Context): Promise<void> {
  const { drills, stageKinds } = await import('../../chaos/catalogue.ts');
  const { refusals } = await import('../../chaos/run.ts');
  const rows = [];
  for (const drill of drills) {
    const stages = [];
    for (const kind of stageKinds) stages.push({ stage: kind.name, refusals: await refusals(drill, kind) });
    rows.push({ name: drill.name, summary: drill.summary, agents_min: drill.agentsMinCount, stages });
  }
  const kinds = stageKinds.map(({ name, summary }) => ({ name, summary }));
  if (context.globals().json) await printJson(context.io, { drills: rows, stages: kinds });
  else await context.io.out(drillList(rows, kinds, context.io.colour));
}

async function run(name: string, options: Options, context: Context): Promise<void> {
  const { io } = context;
  const { drills, stageKinds } = await import('../../chaos/catalogue.ts');
  const kind = chosen('--stage', options.stage, stageKinds);
  const wanted = name === 'all' ? drills : [chosen('drill', name, drills)];
  const { possible, refused } = await sorted(wanted, kind, options);
  for (const line of refused) io.err(`left out: ${line}\n`);

  const ended = new AbortController();
  const cancel = stopOnSignal(io, ended);
  const series = new Series(kind, options, context, ended.signal);
  try {
    for (let round = 0; round < options.times; round++)
      for (const drill of possible) await series.play(drill, round, possible.length * options.times > 1);
  } finally {
    cancel();
  }
  await series.conclude(refused);
}

/** @throws FirsthandError CONFIG_INVALID when one is asked for that cannot be run: before any is. */
async function sorted(wanted: readonly Drill[], kind: StageKind, options: Options) {
  const { refusals } = await import('../../chaos/run.ts');
  const possible: Drill[] = [];
  const refused: string[] = [];
  for (const drill of wanted) {
    const reasons = await refusals(drill, kind, options.agents);
    if (reasons.length === 0) possible.push(drill);
    else refused.push(`${drill.name} cannot be run on stage ${kind.name}: ${reasons.join('; ')}`);
  }
  if (refused.length > 0 && options.skipRefused !== true)
    throw usageError(refused.join('\n') + (wanted.length > 1 ? '\n--skip-refused runs the others' : ''));
  if (possible.length === 0) throw usageError(`${refused.join('\n')}\nno drill is left to run`);
  return { possible, refused };
}

/** Drills one after the other, and what came of them. */
class Series {
  readonly #kind: StageKind;
  readonly #options: Options;
  readonly #context: Context;
  readonly #signal: AbortSignal;
  readonly #seed: number;
  readonly #outcomes: (Outcome & { readonly reports: object })[] = [];
  readonly #brokenOff: FirsthandError[] = [];

  constructor(kind: StageKind, options: Options, context: Context, signal: AbortSignal) {
    this.#kind = kind;
    this.#options = options;
    this.#context = context;
    this.#signal = signal;
    this.#seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  }

  async play(drill: Drill, round: number, isOneOfMany: boolean): Promise<void> {
    const { runDrill } = await import('../../chaos/run.ts');
    const { writeReport } = await import('../../chaos/report/files.ts');
    const { io } = this.#context;
    const seed = this.#seed + round;
    this.#tell(`${drill.name}, seed ${seed}: ${drill.summary}\n`);
    try {
      const outcome = await runDrill(drill, this.#kind, {
        agentsCount: this.#options.agents,
        seed,
        keep: this.#options.keep === true,
        signal: this.#signal,
        onStep: (atMs, text) => this.#tell(stepLine(atMs, text)),
      });
      const reports = await writeReport(outcome, folderOf(outcome, this.#options, isOneOfMany));
      this.#outcomes.push({ ...outcome, reports });
      if (!this.#isJson) await io.out(outcomeScreen(outcome, reports, io.colour));
    } catch (error) {
      if (this.#signal.aborted || !(error instanceof FirsthandError)) throw error;
      // The others can still be run; the exit code tells that this one was not.
      this.#brokenOff.push(error);
      io.err(`firsthand: ${error.message}\n`);
    }
  }

  async conclude(refused: readonly string[]): Promise<void> {
    const { io, setExitCode } = this.#context;
    const outcomes = this.#outcomes;
    if (this.#isJson) await printJson(io, outcomes.length === 1 ? outcomes[0] : outcomes);
    else if (outcomes.length > 1) {
      await io.out(
        summaryScreen(outcomes, { refused: refused.length, brokenOff: this.#brokenOff.length }, io.colour),
      );
    }
    if (outcomes.some(({ passed }) => !passed)) setExitCode(exitCodes.checksFailed);
    else if (this.#brokenOff.length > 0) setExitCode(exitCodes.failure);
  }

  get #isJson(): boolean {
    return this.#context.globals().json === true;
  }

  /** Where only the document goes to standard output, a person may still look on. */
  #tell(text: string): void {
    if (this.#isJson) this.#context.io.err(text);
    else void this.#context.io.out(text);
  }
}

function chosen<T extends { readonly name: string }>(what: string, name: string, from: readonly T[]): T {
  const found = from.find(each => each.name === name);
  if (found !== undefined) return found;
  const names = from.map(each => each.name);
  throw usageError(`${what}: ${JSON.stringify(name)} is not one of ${names.join(', ')}${hint(name, names)}`);
}

/** The first signal ends the drill and takes everything away; a second one does not wait for that. */
function stopOnSignal(io: Io, ended: AbortController): () => void {
  return io.onSignal(() => {
    if (ended.signal.aborted) io.exit(exitCodes.failure);
    io.err('ending the drill and what it started\n');
    ended.abort(
      new FirsthandError('DRILL_BROKEN_OFF', { text: 'ended by a signal; nothing is left running' }),
    );
  });
}

function folderOf({ drill, startedWallMs }: Outcome, { out }: Options, isOneOfMany: boolean): string {
  const time = new Date(startedWallMs).toISOString().replace(/[:.]/g, '-').slice(0, 19);
  if (out === undefined) return resolve('chaos-reports', `${drill}-${time}`);
  const folder = isAbsolute(out) ? out : resolve(out);
  return isOneOfMany ? join(folder, `${drill}-${time}`) : folder;
}
