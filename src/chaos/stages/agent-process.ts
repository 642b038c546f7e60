/** A real agent in a process of its own, on loopback and free ports, for tests, benchmarks and the demo. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ReadyLine } from '../../agent.ts';
import { packageRoot } from '../../package-root.ts';

/** In a checkout the script that finds the right Node.js; an installed package has only what was built. */
const program = programOf(fileURLToPath(packageRoot));
const readyDeadlineMs = 60_000;

/** Every agent that was launched and has not ended, ready or not. None outlives this process. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface AgentProcessOptions {
  readonly id: string;
  readonly dataDir: string;
  /** Further flags of `firsthand start`; they come last, so they win. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Put before the command, for instance to enter a network namespace. */
  readonly wrapper?: readonly string[];
  /** Ends the process, ready or not. */
  readonly signal?: AbortSignal;
}

export interface Peer {
  readonly id: string;
  readonly address: string;
  readonly status: string;
  readonly last_updated: number;
}

export class AgentProcess {
  readonly ready: ReadyLine;
  /** From spawning to the ready line, ms. */
  readonly readyMs: number;
  readonly #child: ChildProcess;
  readonly #log: readonly string[];

  private constructor(ready: ReadyLine, readyMs: number, child: ChildProcess, log: readonly string[]) {
    this.ready = ready;
    this.readyMs = readyMs;
    this.#child = child;
    this.#log = log;
  }

  /** Resolves with the ready line. @throws Error with what the process wrote, when it ends before that. */
  static async start(options: AgentProcessOptions): Promise<AgentProcess> {
    const startedMs = performance.now();
    const { child, log } = launch(options);
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const deadline = setTimeout(() => child.kill('SIGKILL'), readyDeadlineMs);
    try {
      const first = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => undefined)]);
      if (first === undefined) throw new Error(`${options.id} ended before it was ready:\n${log.join('')}`);
      const ready = JSON.parse(String(first[0])) as ReadyLine;
      return new AgentProcess(ready, performance.now() - startedMs, child, log);
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Runs until the process ends by itself, which it is expected to do. */
  static async fail(
    options: AgentProcessOptions,
  ): Promise<{ readonly code: number | null; readonly errors: string }> {
    const { child, log } = launch(options);
    const deadline = setTimeout(() => child.kill('SIGKILL'), readyDeadlineMs);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(deadline);
    return { code, errors: log.join('') };
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it wrote to standard error so far. */
  get log(): string {
    return this.#log.join('');
  }

  get seed(): string {
    const [first] = this.ready.multiaddrs;
    if (first === undefined) throw new Error(`${this.ready.id} has no address`);
    return first;
  }

  async get<Body>(path: string): Promise<Body> {
    const answer = await fetch(this.ready.http + path);
    return (await answer.json()) as Body;
  }

  peers(): Promise<readonly Peer[]> {
    return this.get('/peers');
  }

  async register(id: string, address: string, metricsPort = 9_100): Promise<Response> {
    return fetch(`${this.ready.http}/registration`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, address, metrics_port: metricsPort }),
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** How it ended, in words; `undefined` while it runs. */
  get end(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    if (signalCode !== null) return `ended by ${signalCode}`;
    return exitCode === null ? undefined : `exit code ${exitCode}`;
  }

  /** Resolves with the exit code, or `null` after a signal. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const [code] = (await once(this.#child, 'exit')) as [number | null];
    return code;
  }

  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.signal('SIGTERM');
    return this.ended();
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }
}

/** Most tests register services that are not there. */
const quietHealth = { FIRSTHAND_HEALTH_CHECK_INTERVAL_MS: '3600000' };

/** A folder for agents of one test, and everything that was started in it: one call ends it all. */
export class Playground {
  readonly directory: string;
  readonly #agents: AgentProcess[] = [];
  readonly #onExit = () => rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });

  private constructor(directory: string) {
    this.directory = directory;
    process.once('exit', this.#onExit);
  }

  static async open(): Promise<Playground> {
    return new Playground(await mkdtemp(join(tmpdir(), 'firsthand-')));
  }

  options(id: string, flags: readonly string[] = []): AgentProcessOptions {
    return { id, dataDir: join(this.directory, id), flags };
  }

  async start(
    id: string,
    flags: readonly string[] = [],
    extra: Partial<AgentProcessOptions> = {},
  ): Promise<AgentProcess> {
    const env = { ...quietHealth, ...extra.env };
    const agent = await AgentProcess.start({ ...this.options(id, flags), ...extra, env });
    this.#agents.push(agent);
    return agent;
  }

  /** One agent, and then the others at once through it. */
  async cluster(ids: readonly string[], flags: readonly string[] = []): Promise<readonly AgentProcess[]> {
    const [first, ...others] = ids;
    if (first === undefined) return [];
    const seed = await this.start(first, flags);
    return [seed, ...(await Promise.all(others.map(id => this.start(id, ['--seed', seed.seed, ...flags]))))];
  }

  async close(): Promise<void> {
    process.off('exit', this.#onExit);
    await Promise.all(this.#agents.map(agent => agent.kill()));
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Asks again until it holds. @throws Error with the last answer when it does not within the deadline. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T> | T,
  holds: (answer: T) => boolean,
  deadlineMs = 60_000,
): Promise<T> {
  const untilMs = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (performance.now() > untilMs)
      throw new Error(`not within ${deadlineMs} ms: ${what}; last: ${JSON.stringify(answer)}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

export function aliveIds(peers: readonly Peer[]): readonly string[] {
  return peers
    .filter(({ status }) => status === 'alive')
    .map(({ id }) => id)
    .sort();
}

function programOf(root: string): readonly string[] {
  const script = `${root}scripts/firsthand`;
  return existsSync(script) ? [script] : [process.execPath, `${root}dist/cli/main.js`];
}

function launch({ id, dataDir, flags = [], env = {}, wrapper = [], signal }: AgentProcessOptions) {
  const command = [
    ...wrapper,
    ...program,
    'start',
    ...['--id', id],
    ...['--data-dir', dataDir],
    // May be given several times, so a further one would not win but add an address.
    ...(flags.includes('--listen') ? [] : ['--listen', '/ip4/127.0.0.1/tcp/0']),
    ...['--http', '127.0.0.1:0'],
    '--no-mdns',
    ...flags,
  ];
  const child = spawn(command[0] as string, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, FIRSTHAND_LOG_FORMAT: 'json', ...env },
  });
  running.add(child);
  const end = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', end, { once: true });
  child.once('exit', () => signal?.removeEventListener('abort', end));
  child.once('exit', () => running.delete(child));
  const log: string[] = [];
  child.stderr?.on('data', chunk => log.push(String(chunk)));
  return { child, log };
}
