import type { ExitCode } from '../../../src/cli/exit-codes.ts';
import type { Io } from '../../../src/cli/io.ts';
import { type Parts, runProgram } from '../../../src/cli/program.ts';

/** 2026-11-23T12:00:00Z. */
export const nowMs = Date.UTC(2026, 10, 23, 12);

/** A terminal in memory. */
export class FakeIo implements Io {
  readonly env: Record<string, string | undefined>;
  readonly colour: boolean;
  stdout = '';
  stderr = '';
  readonly exits: ExitCode[] = [];
  /** Writes after this many are not read by anybody. */
  readableCount = Number.POSITIVE_INFINITY;
  readonly #listeners = new Set<() => void>();

  constructor(
    options: { readonly env?: Record<string, string | undefined>; readonly colour?: boolean } = {},
  ) {
    this.env = options.env ?? {};
    this.colour = options.colour ?? false;
  }

  get listensToSignals(): boolean {
    return this.#listeners.size > 0;
  }

  signal(): void {
    for (const listener of this.#listeners) listener();
  }

  out(text: string): Promise<boolean> {
    if (this.readableCount <= 0) return Promise.resolve(false);
    this.readableCount -= 1;
    this.stdout += text;
    return Promise.resolve(true);
  }

  err(text: string): void {
    this.stderr += text;
  }

  onSignal(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  exit(code: ExitCode): void {
    this.exits.push(code);
  }

  wallMs(): number {
    return nowMs;
  }
}

export interface Outcome {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

const noAgent: Parts = { loadAgent: () => Promise.reject(new TypeError('this test starts no agent')) };

/** `line` is split at spaces. */
export async function run(
  line: string | readonly string[],
  io: FakeIo = new FakeIo(),
  parts: Parts = noAgent,
): Promise<Outcome> {
  const args = typeof line === 'string' ? line.split(' ').filter(word => word !== '') : line;
  const code = await runProgram(args, io, parts);
  return { code, stdout: io.stdout, stderr: io.stderr };
}
