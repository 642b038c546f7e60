/** `firsthand store`: the database of an agent that does not run: is it well, out of it, back into one. */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadSettings } from '../../config/load.ts';
import { FirsthandError } from '../../errors.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { count, safe } from '../display.ts';
import { exitCodes } from '../exit-codes.ts';
import { paint } from '../table.ts';

interface Options {
  readonly dataDir?: string;
  readonly cluster?: string;
  readonly storeKey?: string;
  readonly output?: string;
}

/** Shown one by one; who has more has the same thing over and over. */
const problemsShownMaxCount = 50;

export function define(command: Command, context: Context): void {
  const withDirectory = (name: string, description: string) =>
    command
      .command(name)
      .description(description)
      .option('--data-dir <path>', 'the data directory (FIRSTHAND_DATA_DIR; default: as for start)')
      .option('--cluster <name>', 'what it has to be of (default: whatever it says)')
      .option('--store-key <source>', 'what the database is sealed with (FIRSTHAND_STORE_KEY)');
  withDirectory('check', 'sums, signatures, and what must hold between rows; changes nothing').action(
    (options: Options) => check(options, context),
  );
  withDirectory('export', 'everything but the identity key and what waits in the outbox, as JSON lines')
    .option('--output <file>', 'a new file (default: standard output)')
    .action((options: Options) => exportLines(options, context));
  withDirectory('import', 'makes a new data directory out of an export, after checking all of it')
    .argument('<file>', 'what export wrote')
    .action((file: string, options: Options) => importLines(file, options, context));
}

async function check(options: Options, context: Context): Promise<void> {
  const { io } = context;
  const { checkStore } = await import('../../archive/check.ts');
  const { directory, secrets } = await placeOf(options, context);
  const { cluster, counts, problems } = await checkStore({ directory, cluster: options.cluster, secrets });
  if (problems.length > 0) context.setExitCode(exitCodes.checksFailed);
  if (context.globals().json) {
    await printJson(io, { directory, cluster, ok: problems.length === 0, counts, problems });
    return;
  }
  const shown = problems
    .slice(0, problemsShownMaxCount)
    .map(text => `${paint('WRONG', 'red', io.colour)}  ${safe(text)}`);
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
  const verdict =
    problems.length === 0
      ? paint('all well', 'green', io.colour)
      : paint(count(problems.length, 'thing is wrong', 'things are wrong'), 'red', io.colour);
  await io.out(
    `${[...shown, `${directory}, cluster ${safe(cluster)}: ${listed(counts)}`, verdict].join('\n')}\n`,
  );
}

async function exportLines(options: Options, context: Context): Promise<void> {
  const { io } = context;
  const { exportStore } = await import('../../archive/archive.ts');
  const { directory, secrets } = await placeOf(options, context);
  const what = { directory, cluster: options.cluster, wallMs: io.wallMs(), secrets };
  const file = options.output === undefined ? undefined : await newFile(options.output);
  try {
    const { cluster, counts, leftOut } = await exportStore(what, line => file?.write(line) ?? io.out(line));
    if (leftOut > 0) context.setExitCode(exitCodes.checksFailed);
    // Standard output may be the export itself.
    io.err(`${directory}, cluster ${safe(cluster)}: exported ${rowsIn(counts)}\n`);
    if (leftOut > 0)
      io.err(`left out: ${count(leftOut, 'damaged row')}; 'firsthand store check' names them\n`);
  } finally {
    await file?.close();
  }
}

async function importLines(file: string, options: Options, context: Context): Promise<void> {
  const { io } = context;
  const { importStore } = await import('../../archive/archive.ts');
  const { directory, secrets } = await placeOf(options, context);
  const { cluster } = options;
  const done = await importStore({ file: resolve(file), directory, cluster, wallMs: io.wallMs(), secrets });
  if (context.globals().json) await printJson(io, { directory, ...done });
  else await io.out(`${directory}, cluster ${safe(done.cluster)}: imported ${rowsIn(done.counts)}\n`);
}

/** Where the database is, and what opens it. */
async function placeOf({ dataDir, cluster, storeKey }: Options, context: Context) {
  const { settings } = await loadSettings({
    flags: { dataDir, cluster, storeKey },
    file: undefined,
    env: context.io.env,
  });
  const secrets = settings.store.keys.map(key => ({ text: key.reveal(), source: key.source }));
  return { directory: settings.identity.dataDir, secrets };
}

/** Readable by its owner only, like the directory it comes from; never one that is there. */
async function newFile(path: string) {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw usageError(`--output: ${path} is there already and is not overwritten`);
    throw new FirsthandError(
      'DATA_DIR_UNUSABLE',
      { text: `--output: ${path} cannot be written: ${(error as Error).message}` },
      error,
    );
  }
}

function listed(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).filter(([, amount]) => amount > 0);
  return parts.length === 0 ? 'nothing' : parts.map(([kind, amount]) => `${amount} ${kind}`).join(', ');
}

/** Kinds as they stand in the lines of an export. */
function rowsIn(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([kind, amount]) => count(amount, `${kind} row`));
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}
