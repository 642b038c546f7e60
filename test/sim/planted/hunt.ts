/** Runs the simulator with a planted bug in a process of its own, and reads what came of it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { DrawOptions } from '../../../src/sim/plan-draw.ts';
import type { PlantedBug } from './bug.ts';
import type { RunLine, RunOrder } from './run.ts';

type Run = Extract<RunLine, { readonly type: 'run' }>;

export interface Hunt {
  readonly runs: readonly Run[];
  /** The first seed that noticed, and how. */
  readonly caught: { readonly seed: number; readonly invariant: string; readonly text: string } | undefined;
  /** It was ended because it took too long. */
  readonly isOverdue: boolean;
}

/**
 * @param bug - Absent: the source as it is.
 * @throws Error when the changed source cannot even be loaded: then the bug is none.
 */
export function hunt(
  bug: PlantedBug | undefined,
  draws: readonly DrawOptions[],
  options: { readonly isOneEnough: boolean; readonly timeoutMs: number },
): Promise<Hunt> {
  const patch = bug && { file: bug.file, find: bug.find, replace: bug.replace };
  const order: RunOrder = { draws, isOneEnough: options.isOneEnough, ...(patch && { patch }) };
  const script = new URL('run.ts', import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', script, JSON.stringify(order)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const lines: RunLine[] = [];
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4_000);
  });
  createInterface({ input: child.stdout }).on('line', line => lines.push(JSON.parse(line) as RunLine));
  let isOverdue = false;
  const timer = setTimeout(() => {
    isOverdue = true;
    child.kill('SIGKILL');
  }, options.timeoutMs);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => {
      clearTimeout(timer);
      const runs = lines.filter(({ type }) => type === 'run') as Run[];
      if (lines.length === 0) return reject(new Error(`${bug?.name ?? 'the source'}: ${complaint}`));
      // A rejection that nobody handles, or an error outside of any agent's turn, ends the process.
      const fallen = code !== 0 && !isOverdue ? draws[runs.length] : undefined;
      const all = fallen ? [...runs, { ...noRun, seed: fallen.seed, violations: [`X3 ${complaint}`] }] : runs;
      resolve({ runs: all, caught: firstOf(all), isOverdue });
    });
  });
}

const noRun = { type: 'run', tookMs: 0 } as const;

function firstOf(runs: readonly Run[]): Hunt['caught'] {
  const found = runs.find(({ violations }) => violations.length > 0);
  const [text = ''] = found?.violations ?? [];
  return found && { seed: found.seed, invariant: text.split(' ', 1)[0] ?? '', text };
}

/** Runs all of these, so many at once. */
export async function inTurns<T, R>(
  items: readonly T[],
  atOnceCount: number,
  run: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const left = items.map((item, index) => ({ item, index }));
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift())
      results[next.index] = await run(next.item);
  };
  await Promise.all(Array.from({ length: atOnceCount }, work));
  return results;
}
