/**
 * Keeps the keys for tokens fresh.
 *
 * They are read again at an interval, and at once when a token names a key that is not known, which is how a
 * provider changes its keys. That second way is open to anybody with a made-up name, so it is taken at most every
 * `refreshMinMs`, by all callers together. What was read last goes on counting while the source does not answer,
 * up to `staleMaxMs`. Where nothing was ever read the pause begins at a second and doubles.
 */
import { readFile, stat } from 'node:fs/promises';
import { FirsthandError } from '../../errors.ts';
import type { Clock } from '../../runtime/ports.ts';
import type { Log } from '../../telemetry/log.ts';
import { KeySetProblem, keyFor, keySetMaxBytes, parseKeySet, type TokenKey } from './key-set.ts';

export interface KeySourceOptions {
  /** `https://…`, `http://` on this machine, or a path. */
  readonly location: string;
  readonly refreshMs: number;
  readonly refreshMinMs: number;
  readonly staleMaxMs: number;
  /** For one answer in all, ms. */
  readonly timeoutMs: number;
}

export const defaultKeySourceOptions = {
  refreshMs: 600_000, // Guess: providers announce new keys hours before they use them.
  refreshMinMs: 30_000, // RFC 8725 practice: a made-up key id must not reach the provider more often.
  staleMaxMs: 86_400_000, // Guess: a provider that is down for a day is noticed before.
  timeoutMs: 5_000, // Guess.
} as const;

export interface KeySourceComponents {
  readonly clock: Clock;
  readonly log: Log;
}

export type FoundKey =
  | { readonly ok: true; readonly key: TokenKey; readonly version: number }
  | { readonly ok: false; readonly reason: 'unknown_key' | 'keys_unavailable' };

const firstRetryMs = 1_000;

export class KeySource {
  readonly #options: KeySourceOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  #keys: readonly TokenKey[] = [];
  #version = 0;
  /** What the keys were read from. */
  #text: string | undefined;
  #loadedAtMs: number | undefined;
  #triedAtMs = 0;
  #failuresCount = 0;
  #lastProblem = 'was not read';
  #loading: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #isStopped = false;

  constructor(options: KeySourceOptions, { clock, log }: KeySourceComponents) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
  }

  get keysCount(): number {
    return this.#keys.length;
  }

  /** Goes up when the keys have changed: what was found good before has to be looked at again. */
  get version(): number {
    return this.#version;
  }

  /** @throws FirsthandError CONFIG_INVALID for a file that has no keys; a server may come later. */
  async start(): Promise<void> {
    await this.#refresh();
    if (this.#loadedAtMs === undefined && !isUrl(this.#options.location)) {
      const problem = this.#lastProblem;
      throw new FirsthandError('CONFIG_INVALID', {
        text: `the key set ${this.#options.location} ${problem}`,
      });
    }
  }

  async find(kid: string | undefined, algorithm: string): Promise<FoundKey> {
    const known = this.#find(kid, algorithm);
    if (known !== undefined) return known;
    if (
      this.#loadedAtMs !== undefined &&
      this.#clock.now().monoMs - this.#triedAtMs >= this.#options.refreshMinMs
    ) {
      await this.#refresh();
    } else if (this.#loading !== undefined) await this.#loading;
    return (
      this.#find(kid, algorithm) ?? { ok: false, reason: this.#isUsable ? 'unknown_key' : 'keys_unavailable' }
    );
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  get #isUsable(): boolean {
    const loadedAtMs = this.#loadedAtMs;
    return loadedAtMs !== undefined && this.#clock.now().monoMs - loadedAtMs <= this.#options.staleMaxMs;
  }

  #find(kid: string | undefined, algorithm: string): FoundKey | undefined {
    const key = this.#isUsable ? keyFor(this.#keys, kid, algorithm) : undefined;
    return key === undefined ? undefined : { ok: true, key, version: this.#version };
  }

  #refresh(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
      this.#schedule();
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    this.#triedAtMs = this.#clock.now().monoMs;
    const { location, timeoutMs } = this.#options;
    try {
      const text = isUrl(location) ? await fetchText(location, timeoutMs) : await fileText(location);
      if (text !== this.#text) {
        this.#keys = await parseKeySet(text);
        this.#text = text;
        this.#version += 1;
        this.#log('token_keys_read', { location, keys: this.#keys.length });
      }
      this.#loadedAtMs = this.#clock.now().monoMs;
      this.#failuresCount = 0;
    } catch (error) {
      this.#lastProblem = problemOf(error);
      this.#failuresCount += 1;
      // Once, not at each try.
      if (this.#failuresCount === 1) {
        this.#log('token_keys_failed', { location, problem: this.#lastProblem, keys: this.#keys.length });
      }
    }
  }

  #schedule(): void {
    this.#cancelTimer?.();
    if (this.#isStopped) return;
    const { refreshMs, refreshMinMs } = this.#options;
    const firstPauseMs = firstRetryMs * 2 ** Math.min(10, this.#failuresCount - 1);
    const retryMs = this.#loadedAtMs === undefined ? Math.min(refreshMinMs, firstPauseMs) : refreshMinMs;
    const pauseMs = this.#failuresCount === 0 ? refreshMs : retryMs;
    this.#cancelTimer = this.#clock.after(pauseMs, () => void this.#refresh());
  }
}

export function isUrl(location: string): boolean {
  return /^https?:\/\//i.test(location);
}

/** Redirects are not followed: the keys come from where the operator said, or not at all. */
async function fetchText(url: string, timeoutMs: number): Promise<string> {
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
    headers: { accept: 'application/json, application/jwk-set+json' },
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new KeySetProblem(`was answered with ${response.status}`);
  }
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > keySetMaxBytes) throw new KeySetProblem(`is larger than ${keySetMaxBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

async function fileText(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > keySetMaxBytes) throw new KeySetProblem(`is larger than ${keySetMaxBytes} bytes`);
  return readFile(path, 'utf8');
}

function problemOf(error: unknown): string {
  if (error instanceof KeySetProblem) return error.message;
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'did not arrive in time';
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ENOENT') return 'is not there';
  return `cannot be read (${code || (cause instanceof Error ? cause.message : String(cause))})`;
}
