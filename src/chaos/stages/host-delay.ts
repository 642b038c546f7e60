/**
 * Latency for what a host receives: its packets wait in a netfilter queue, which a small program lets go later.
 *
 * The kernel's own `netem` is missing in many small kernels, and it delays what an interface sends: packets
 * held there count against the sender's socket, and streams become slow instead of late.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../package-root.ts';
import { run, trouble } from './command.ts';
import type { NamespaceHost } from './namespaces.ts';

const program = fileURLToPath(new URL('scripts/chaos/delay.py', packageRoot));
const queueNumber = 1;

/** Why there can be none here; tried in the namespace `name`. */
export function delayProblem(name: string): string | undefined {
  if (trouble('python3', ['--version']) !== undefined)
    return 'latency needs python3 (apt-get install python3)';
  const problem = trouble('ip', ['netns', 'exec', name, 'iptables-restore'], tableText('198.18.0.254'));
  return problem === undefined
    ? undefined
    : 'latency needs the netfilter target NFQUEUE, which this kernel does not have';
}

export class HostDelay {
  readonly #host: NamespaceHost;
  readonly #outsideAddress: string;
  #program: ChildProcess | undefined;

  /** @param outsideAddress - From where the drill asks: its questions are not delayed. */
  constructor(host: NamespaceHost, outsideAddress: string) {
    this.#host = host;
    this.#outsideAddress = outsideAddress;
  }

  /** In place of a delay that was there. */
  async set({ ms, jitterMs }: { readonly ms: number; readonly jitterMs: number }): Promise<void> {
    await this.end();
    const [command = '', ...args] = this.#host.wrapper;
    const child = spawn(command, [...args, 'python3', program, `${queueNumber}`, `${ms}`, `${jitterMs}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#program = child;
    let errors = '';
    child.stderr.on('data', chunk => {
      errors += String(chunk);
    });
    const lines = createInterface({ input: child.stdout });
    const isReady = await Promise.race([
      once(lines, 'line').then(() => true),
      once(child, 'exit').then(() => false),
    ]);
    if (!isReady) throw new Error(`${this.#host.name} cannot be delayed: ${errors.trim()}`);
    await this.#restore(tableText(this.#outsideAddress));
  }

  /** What is held is let go. Safe to call twice. */
  async end(): Promise<void> {
    const child = this.#program;
    if (child === undefined) return;
    this.#program = undefined;
    await this.#restore(['*mangle', 'COMMIT']);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  #restore(lines: readonly string[]): Promise<void> {
    return run('ip', ['netns', 'exec', this.#host.name, 'iptables-restore'], lines);
  }
}

/** Packets pass when nobody holds them. */
function tableText(outsideAddress: string): readonly string[] {
  return [
    '*mangle',
    `-A PREROUTING -i eth0 ! -s ${outsideAddress} -j NFQUEUE --queue-num ${queueNumber} --queue-bypass`,
    'COMMIT',
  ];
}
