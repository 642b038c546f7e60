/** A large cluster in a process of its own, with more memory than this one has: a thousand agents take 5.6 GB. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LargeClusterOptions, LargeClusterResult } from './large-cluster.ts';

const heapMaxMiB = 8_500;

export interface LargeClusterApart extends LargeClusterResult {
  /** Of each recorded agent, alone in another process: several times, ms of processor a minute. */
  readonly aloneCpuMs: readonly number[];
}

export async function runLargeClusterApart(options: LargeClusterOptions): Promise<LargeClusterApart> {
  const folder = await mkdtemp(join(tmpdir(), 'firsthand-recordings-'));
  const file = join(folder, 'recordings');
  try {
    const result = await run('large-cluster-process.ts', JSON.stringify(options), file);
    const hasRecordings = (options.recordedCount ?? 0) > 0;
    const aloneCpuMs = hasRecordings ? await run('alone-process.ts', file) : [];
    return { ...(result as LargeClusterResult), aloneCpuMs: aloneCpuMs as readonly number[] };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function run(script: string, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    `--max-old-space-size=${heapMaxMiB}`,
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, script),
    ...args,
  ]);
  return JSON.parse(stdout);
}
