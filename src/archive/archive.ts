/** A data directory to a file and back. */
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StoreOperation } from '../core/effects.ts';
import { FirsthandError } from '../errors.ts';
import { Verifier } from '../identity/verifier.ts';
import { LevelStore } from '../store/level-store.ts';
import { readOffline } from '../store/offline.ts';
import type { StoreSecret } from '../store/store-keys.ts';
import { silentLog } from '../telemetry/log.ts';
import { decodeEnvelope } from '../wire/record.ts';
import { exportFormat, headerOf, LineProblem, lineMaxBytes, linesOf, operationOf, rowName } from './line.ts';

/** Lines by kind. */
export type Counts = Readonly<Record<string, number>>;

export interface Exported {
  readonly cluster: string;
  readonly counts: Counts;
  /** Rows that are left out because they are damaged or their signature is wrong. */
  readonly leftOut: number;
}

/**
 * Hands over line after line, each with its end; a promise it returns is waited for.
 *
 * @param cluster - Absent: that of the records; there have to be some then.
 * @throws FirsthandError DATA_DIR_UNUSABLE, STORE_LOCKED, STORE_CORRUPT, STORE_TOO_NEW
 */
export async function exportStore(
  options: {
    readonly directory: string;
    readonly cluster: string | undefined;
    readonly wallMs: number;
    readonly secrets?: readonly StoreSecret[];
  },
  write: (line: string) => Promise<unknown> | unknown,
): Promise<Exported> {
  const { state, damaged } = await readOffline(options.directory, options.secrets);
  const cluster = options.cluster ?? clusterOf(state.records);
  const counts: Record<string, number> = {};
  let lines = 1;
  const exportedAt = new Date(options.wallMs).toISOString();
  await write(
    `${JSON.stringify({ kind: 'firsthand-export', format: exportFormat, cluster, exported_at: exportedAt })}\n`,
  );
  for (const line of linesOf(state, new Verifier({ cluster }))) {
    const kind = String(line.kind);
    counts[kind] = (counts[kind] ?? 0) + 1;
    lines += 1;
    await write(`${JSON.stringify(line)}\n`);
  }
  await write(`${JSON.stringify({ kind: 'end', lines: lines + 1 })}\n`);
  const unread = state.records.length - (counts.record ?? 0);
  return { cluster, counts, leftOut: damaged.length + unread };
}

/** The cluster most records name; `default` where there is none. */
export function clusterOf(records: readonly Uint8Array[]): string {
  const counts = new Map<string, number>();
  for (const wire of records) {
    const cluster = decodeEnvelope(wire)?.cluster;
    if (cluster !== undefined) counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? 'default';
}

/** Rows in one write. */
const batchCount = 1_000;

/**
 * Makes a data directory out of an export. It is made beside and renamed when all of it was found to be well,
 * so nothing is half there, and nothing that is there is overwritten.
 *
 * @throws FirsthandError IMPORT_REFUSED with the number of the line, DATA_DIR_UNUSABLE, STORE_FAILED
 */
export async function importStore(options: {
  readonly file: string;
  readonly directory: string;
  /** What the export has to be of; absent: whatever it says. */
  readonly cluster: string | undefined;
  readonly wallMs: number;
  readonly secrets?: readonly StoreSecret[];
}): Promise<{ readonly cluster: string; readonly counts: Counts }> {
  const { directory, file, secrets = [] } = options;
  await requireEmpty(directory);
  const draft = `${directory}.import-${process.pid}`;
  try {
    await mkdir(dirname(directory), { recursive: true, mode: 0o700 });
    const store = await LevelStore.open({ directory: draft, secrets }, { log: silentLog });
    try {
      await store.sealAll();
      const outcome = await fill(store, file, options);
      await store.close();
      await rename(draft, directory);
      return outcome;
    } finally {
      await store.close();
    }
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (error instanceof FirsthandError) throw error;
    const text = `${file} cannot be imported into ${directory}: ${(error as Error).message}`;
    throw new FirsthandError('DATA_DIR_UNUSABLE', { text, directory }, error);
  }
}

async function fill(
  store: LevelStore,
  file: string,
  { cluster: wanted, wallMs }: { readonly cluster: string | undefined; readonly wallMs: number },
): Promise<{ readonly cluster: string; readonly counts: Counts }> {
  let verifier: Verifier | undefined;
  let cluster = '';
  let isEnded = false;
  let number = 0;
  let batch: StoreOperation[] = [];
  const names = new Set<string>();
  const counts: Record<string, number> = {};
  const refuse = (text: string) =>
    new FirsthandError('IMPORT_REFUSED', {
      text: `${file}: line ${Math.max(1, number)} ${text}; nothing was imported`,
    });
  try {
    for await (const line of boundedLines(file)) {
      number += 1;
      if (line === undefined) throw new LineProblem(`is longer than ${lineMaxBytes / 1_024} KiB`);
      if (isEnded) throw new LineProblem('comes after the end');
      const value = parse(line);
      if (verifier === undefined) {
        ({ cluster } = headerOf(value));
        if (wanted !== undefined && cluster !== wanted)
          throw new LineProblem(`is of cluster ${cluster}, not ${wanted}`);
        verifier = new Verifier({ cluster });
        continue;
      }
      const { kind, lines } = value as { readonly kind?: unknown; readonly lines?: unknown };
      if (kind === 'end') {
        if (lines !== number) throw new LineProblem(`counts ${String(lines)} lines, and there are ${number}`);
        isEnded = true;
        continue;
      }
      const operation = operationOf(value, verifier, wallMs);
      const name = rowName(operation);
      if (names.has(name)) throw new LineProblem('says again what an earlier line says');
      names.add(name);
      counts[String(kind)] = (counts[String(kind)] ?? 0) + 1;
      batch.push(operation);
      if (batch.length < batchCount) continue;
      await store.write(batch);
      batch = [];
    }
  } catch (error) {
    if (error instanceof LineProblem) throw refuse(error.message);
    throw error;
  }
  if (!isEnded) {
    number += 1;
    throw refuse('is missing: the export was cut off');
  }
  await store.write(batch);
  return { cluster, counts };
}

function parse(line: string): object {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new LineProblem('is no JSON');
  }
  if (typeof value !== 'object' || value === null) throw new LineProblem('is no JSON object');
  return value;
}

/** Lines without their ends; `undefined` for one that is too long, which is not read to its end. */
async function* boundedLines(file: string): AsyncIterable<string | undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield end > lineMaxBytes ? undefined : rest.toString('utf8', 0, end);
      rest = rest.subarray(end + 1);
    }
    if (rest.length > lineMaxBytes) yield undefined;
  }
  if (rest.length > 0) yield rest.toString('utf8');
}

/** Nothing is ever overwritten. */
async function requireEmpty(directory: string): Promise<void> {
  const files = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (files.length === 0) return;
  const text = `${directory} is not empty; import into a directory that is new, then move what you need there`;
  throw new FirsthandError('DATA_DIR_UNUSABLE', { text, directory });
}
