/** `firsthand audit`: is the audit log whole, and what is in it. Needs no agent. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { AuditFile } from '../../audit/files.ts';
import type { AuditLine, ChainHead } from '../../audit/line.ts';
import { loadSettings } from '../../config/load.ts';
import { FirsthandError } from '../../errors.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { count, safe } from '../display.ts';
import { exitCodes } from '../exit-codes.ts';
import { oneOf } from '../option-values.ts';
import { paint, renderTable } from '../table.ts';

interface Where {
  readonly dataDir?: string;
  readonly cluster?: string;
}

interface ShowOptions extends Where {
  readonly last: string;
  readonly kind?: string;
  readonly who?: string;
  readonly outcome?: string;
}

const kinds = [
  'authentication',
  'authorisation',
  'admission',
  'certificate',
  'ban',
  'key',
  'setting',
  'audit',
] as const;
const outcomes = ['allowed', 'refused', 'failed'] as const;

const lastMaxCount = 100_000;

export function define(command: Command, context: Context): void {
  const subcommand = (name: string, description: string) =>
    command
      .command(name)
      .description(description)
      .argument('[path]', 'a file of the log, its directory, or a data directory (default: as for start)')
      .option('--data-dir <path>', 'the data directory (FIRSTHAND_DATA_DIR; default: as for start)')
      .option('--cluster <name>', 'the cluster whose default data directory it is');
  subcommand('verify', 'whether a line is missing, was changed or put in; changes nothing')
    .option('--head <n:hash>', 'a line and its hash, noted elsewhere: shows whether the end was cut off')
    .action((path: string | undefined, options: Where & { readonly head?: string }) =>
      verify(path, options, context),
    );
  subcommand('show', 'the latest lines')
    .option('--last <number>', 'how many', '50')
    .option('--kind <kind>', `only ${kinds.join(', ')}`, oneOf('--kind', kinds))
    .option('--who <text>', 'of whom: what the name contains')
    .option('--outcome <outcome>', `only ${outcomes.join(', ')}`, oneOf('--outcome', outcomes))
    .action((path: string | undefined, options: ShowOptions) => show(path, options, context));
}

async function verify(
  path: string | undefined,
  options: Where & { readonly head?: string },
  context: Context,
): Promise<void> {
  const { io } = context;
  const { verifyAudit } = await import('../../audit/verification.ts');
  const expected = options.head === undefined ? undefined : headIn(options.head);
  const { where, files } = await filesAt(path, options, context);
  const report = await verifyAudit(files, expected);
  const { problems, problemsCount, head, first } = report;
  if (problemsCount > 0) context.setExitCode(exitCodes.checksFailed);
  if (context.globals().json) {
    await printJson(io, {
      path: where,
      ok: problemsCount === 0,
      files: report.files,
      lines: report.lines,
      first,
      head,
      left_out: report.leftOut,
      problems,
      problems_count: problemsCount,
    });
    return;
  }
  const shown = problems.map(({ file, line, text }) => {
    const place = line === undefined ? file : `${file}:${line}`;
    return `${paint('WRONG', 'red', io.colour)}  ${safe(place)}: ${text}`;
  });
  if (problemsCount > problems.length) shown.push(`and ${problemsCount - problems.length} more`);
  const facts = [`${where}: ${count(report.lines, 'line')} in ${count(report.files, 'file')}`];
  if (first > 1) facts.push(`lines before ${first} are not there (older files are removed)`);
  if (report.leftOut > 0) facts.push(`${count(report.leftOut, 'decision')} left out: too many at once`);
  facts.push(`head ${head.n}:${head.hash}`);
  const verdict =
    problemsCount === 0
      ? paint('all well', 'green', io.colour)
      : paint(count(problemsCount, 'thing is wrong', 'things are wrong'), 'red', io.colour);
  await io.out(`${[...shown, ...facts.map(safe), verdict].join('\n')}\n`);
}

async function show(path: string | undefined, options: ShowOptions, context: Context): Promise<void> {
  const { io } = context;
  const { linesIn } = await import('../../audit/files.ts');
  const { lineMaxBytes, parseLine } = await import('../../audit/line.ts');
  const last = lastIn(options.last);
  const { files } = await filesAt(path, options, context);
  let lines: AuditLine[] = [];
  for (const file of files) {
    for await (const { bytes } of linesIn(file.path, lineMaxBytes)) {
      const line = parseLine(bytes);
      if (line === undefined || !isWanted(line, options)) continue;
      lines.push(line);
      if (lines.length >= 2 * last) lines = lines.slice(-last);
    }
  }
  const shown = lines.slice(-last);
  if (context.globals().json) {
    await printJson(io, shown);
    return;
  }
  const rows = shown.map(line => [
    String(line.n),
    line.at,
    line.kind,
    line.outcome,
    line.who,
    line.from ?? '',
    line.what,
    whyOf(line),
  ]);
  const columns = ['N', 'AT', 'KIND', 'OUTCOME', 'WHO', 'FROM', 'WHAT', 'WHY'].map(title => ({ title }));
  await io.out(renderTable(columns, rows, io.colour));
}

/** With how many refusals a line stands for, if it stands for more than itself. */
function whyOf({
  why = '',
  count: refusals,
  first_at: first = '',
  last_at: last = '',
  addresses,
}: AuditLine): string {
  if (refusals === undefined) return why;
  const where = addresses === undefined ? '' : ` from ${count(addresses, 'address', 'addresses')}`;
  return `${why === '' ? '' : `${why}; `}${count(refusals, 'time')}${where}, ${first} to ${last}`;
}

function isWanted(line: AuditLine, { kind, who, outcome }: ShowOptions): boolean {
  return (
    (kind === undefined || line.kind === kind) &&
    (who === undefined || line.who.includes(who)) &&
    (outcome === undefined || line.outcome === outcome)
  );
}

/** @throws FirsthandError NOT_FOUND */
async function filesAt(
  path: string | undefined,
  { dataDir, cluster }: Where,
  { io }: Context,
): Promise<{ readonly where: string; readonly files: readonly AuditFile[] }> {
  const { auditFiles } = await import('../../audit/files.ts');
  const { auditDirectoryName } = await import('../../audit/open.ts');
  const given = path === undefined ? await defaultDirectory(dataDir, cluster, io.env) : resolve(path);
  const found = await stat(given).catch(() => undefined);
  if (found?.isFile() === true) return { where: given, files: [{ number: 1, path: given }] };
  for (const where of [given, join(given, auditDirectoryName)]) {
    const files = await auditFiles(where);
    if (files.length > 0) return { where, files };
  }
  throw new FirsthandError('NOT_FOUND', {
    text: `there is no audit log at ${given}; an agent begins one with its first decision`,
  });
}

async function defaultDirectory(
  dataDir: string | undefined,
  cluster: string | undefined,
  env: Context['io']['env'],
): Promise<string> {
  const { settings } = await loadSettings({ flags: { dataDir, cluster }, file: undefined, env });
  return settings.identity.dataDir;
}

function headIn(text: string): ChainHead {
  const [, n, hash] = /^([1-9][0-9]{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (n === undefined || hash === undefined) {
    throw usageError(
      `--head: ${JSON.stringify(text)} is not a number, a colon and a hash, as verify prints it`,
    );
  }
  return { n: Number(n), hash };
}

function lastIn(text: string): number {
  const last = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (last < 1 || last > lastMaxCount) {
    throw usageError(`--last: ${JSON.stringify(text)} is not a whole number from 1 to ${lastMaxCount}`);
  }
  return last;
}
