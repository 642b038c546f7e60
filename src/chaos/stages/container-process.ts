/** An agent in a container that was created before: from one start to its end, with what it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ReadyLine } from '../../agent.ts';

const readyDeadlineMs = 60_000;
/** Exit codes above say which signal it was. */
const signalledCode = 128;

export class ContainerProcess {
  readonly ready: ReadyLine;
  readonly #client: ChildProcess;
  readonly #log: readonly string[];

  private constructor(ready: ReadyLine, client: ChildProcess, log: readonly string[]) {
    this.ready = ready;
    this.#client = client;
    this.#log = log;
  }

  /** Resolves with the ready line. @throws Error with what the agent wrote, when it ends before that. */
  static async start(container: string, signal: AbortSignal): Promise<ContainerProcess> {
    // The client stays as long as the container runs, and ends with its exit code.
    const client = spawn('docker', ['start', '--attach', container], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Else it would hand a Ctrl-C at the terminal on to the agent, which would end as if it was asked to.
      detached: true,
    });
    const log: string[] = [];
    client.stderr.on('data', chunk => log.push(String(chunk)));
    const end = () => client.kill('SIGKILL');
    signal.addEventListener('abort', end, { once: true });
    client.once('close', () => signal.removeEventListener('abort', end));
    const lines = createInterface({ input: client.stdout });
    const deadline = setTimeout(end, readyDeadlineMs);
    try {
      const ended = once(client, 'close').then(() => undefined);
      const first = await Promise.race([once(lines, 'line'), ended]);
      if (first === undefined) throw new Error(`${container} ended before it was ready:\n${log.join('')}`);
      return new ContainerProcess(JSON.parse(String(first[0])) as ReadyLine, client, log);
    } finally {
      clearTimeout(deadline);
    }
  }

  /** What it wrote to standard error so far. */
  get log(): string {
    return this.#log.join('');
  }

  get isRunning(): boolean {
    return this.#client.exitCode === null && this.#client.signalCode === null;
  }

  /** Resolves with the exit code, or `null` after a signal. */
  async ended(): Promise<number | null> {
    if (this.isRunning) await once(this.#client, 'close');
    const code = this.#client.exitCode;
    return code === null || code > signalledCode ? null : code;
  }
}
