/** A large cluster in a process of its own, with more memory than this one has: a thousand agents take 5.6 GB. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LargeClusterOptions, LargeClusterResult } from './large-cluster.ts';

const heapMaxMiB = 8_500;

export async function runLargeClusterApart(options: LargeClusterOptions): Promise<LargeClusterResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    `--max-old-space-size=${heapMaxMiB}`,
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'large-cluster-process.ts'),
    JSON.stringify(options),
  ]);
  return JSON.parse(stdout);
}
