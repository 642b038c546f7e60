/**
 * Many seeds on several processes.
 *
 * Processes and not threads: one that hangs can be killed, one that crashes takes no other with it, and each has
 * a heap of its own. A seed whose process ends or hangs has failed like one that breaks an invariant.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { missing } from './coverage.ts';
import type { DrawOptions } from './plan-draw.ts';
import type { SeedReport, SeedTask } from './seed-report.ts';

export interface SwarmOptions {
  readonly firstSeed: number;
  /** Absent: until the budget is used up or, with `untilFailure`, until one fails. */
  readonly seedsCount?: number;
  readonly workersCount: number;
  /** No further seed is begun after so long, ms; absent: no limit. */
  readonly budgetMs?: number;
  readonly untilFailure?: boolean;
  /** Every how many seeds one is run twice; 1: all of them. */
  readonly twiceEvery: number;
  /** What is wanted of the plan of a seed. */
  readonly draw: (seed: number) => Omit<DrawOptions, 'seed'>;
  /** Hears of each seed when it is done, in no order. */
  readonly onReport?: (report: SeedReport) => void;
}

export interface SwarmResult {
  /** In the order of seeds. */
  readonly reports: readonly SeedReport[];
  readonly failures: readonly SeedReport[];
  /** What must be reached by a swarm and was not; looked at only from `coverageSeedsCount` seeds on. */
  readonly unreached: readonly string[];
  readonly happened: Readonly<Record<string, number>>;
  readonly virtualMs: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Seeds that were run twice. */
  readonly twiceCount: number;
}

/** A small swarm cannot be expected to reach everything. */
export const coverageSeedsCount = 500;
/** The longest seeds take half a minute of processor, which may be all there is for it on a busy machine. */
const seedMaxMs = 600_000;
const workerFile = fileURLToPath(new URL('./swarm-worker.ts', import.meta.url));

export async function runSwarm(options: SwarmOptions): Promise<SwarmResult> {
  return new Swarm(options).run();
}

class Swarm {
  readonly #options: SwarmOptions;
  readonly #reports: SeedReport[] = [];
  readonly #startedAtMs = performance.now();
  #begunCount = 0;
  #twiceCount = 0;
  #hasFailed = false;

  constructor(options: SwarmOptions) {
    this.#options = options;
  }

  async run(): Promise<SwarmResult> {
    await Promise.all(Array.from({ length: this.#options.workersCount }, () => this.#work()));
    const reports = this.#reports.sort((a, b) => a.seed - b.seed);
    const happened = sum(reports.map(each => each.happened));
    return {
      reports,
      failures: reports.filter(({ violations }) => violations.length > 0),
      unreached: reports.length < coverageSeedsCount ? [] : missing(happened),
      happened,
      virtualMs: reports.reduce((total, { virtualMs }) => total + virtualMs, 0),
      cpuMs: reports.reduce((total, { cpuMs }) => total + cpuMs, 0),
      wallMs: performance.now() - this.#startedAtMs,
      twiceCount: this.#twiceCount,
    };
  }

  async #work(): Promise<void> {
    let worker: ChildProcess | undefined;
    try {
      for (let task = this.#next(); task !== undefined; task = this.#next()) {
        worker ??= fork(workerFile, { serialization: 'advanced' });
        const answer = await ask(worker, task);
        if (typeof answer === 'string') {
          worker.kill('SIGKILL');
          worker = undefined;
        }
        this.#take(typeof answer === 'string' ? lost(task, answer) : answer);
      }
    } finally {
      worker?.disconnect();
    }
  }

  #next(): SeedTask | undefined {
    const { firstSeed, seedsCount, budgetMs, untilFailure, twiceEvery, draw } = this.#options;
    const isOver =
      (seedsCount !== undefined && this.#begunCount >= seedsCount) ||
      (budgetMs !== undefined && performance.now() - this.#startedAtMs >= budgetMs) ||
      (untilFailure === true && this.#hasFailed);
    if (isOver) return undefined;
    const twice = this.#begunCount % twiceEvery === 0;
    if (twice) this.#twiceCount += 1;
    this.#begunCount += 1;
    const seed = firstSeed + this.#begunCount - 1;
    return { ...draw(seed), seed, twice };
  }

  #take(report: SeedReport): void {
    this.#reports.push(report);
    if (report.violations.length > 0) this.#hasFailed = true;
    this.#options.onReport?.(report);
  }
}

/** @returns The report, or why there is none. */
function ask(worker: ChildProcess, task: SeedTask): Promise<SeedReport | string> {
  return new Promise(resolve => {
    const end = (answer: SeedReport | string) => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('exit', onExit);
      resolve(answer);
    };
    const onMessage = (report: unknown) => end(report as SeedReport);
    const onExit = (code: number | null, signal: string | null) =>
      end(`X3 the process ended with ${signal ?? `code ${code}`}`);
    const timer = setTimeout(() => end(`X2 no end after ${seedMaxMs / 1_000} s`), seedMaxMs);
    worker.on('message', onMessage).on('exit', onExit);
    worker.send(task);
  });
}

function lost({ seed, agentsCount = 0 }: SeedTask, violation: string): SeedReport {
  return {
    seed,
    agentsCount,
    violations: [violation],
    traceHash: '',
    virtualMs: 0,
    cpuMs: 0,
    inputsCount: 0,
    settledAfterMs: undefined,
    happened: {},
  };
}

function sum(counts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const total = new Map<string, number>();
  for (const each of counts)
    for (const [name, count] of Object.entries(each)) total.set(name, (total.get(name) ?? 0) + count);
  return Object.fromEntries([...total].sort(([a], [b]) => (a < b ? -1 : 1)));
}
