/** Looks again and again at where secrets are kept, and tells when others are there: whoever renews them need not restart anything. */
import type { Secret, SecretsResult } from './secret.ts';

export interface SecretWatchOptions {
  readonly intervalMs: number;
}

export interface SecretWatchComponents {
  readonly read: () => Promise<SecretsResult>;
  /** Until it resolves with true it is told again; never rejects. */
  readonly onChange: (secrets: readonly Secret[]) => Promise<boolean>;
  readonly onProblem: (problem: string) => void;
}

export class SecretWatch {
  readonly #parts: SecretWatchComponents;
  readonly #timer: NodeJS.Timeout;
  /** What counts now. */
  #known: string;
  #problem: string | undefined;
  #looking: Promise<void> | undefined;

  /** @param secrets - What was read at the start. */
  constructor(
    { intervalMs }: SecretWatchOptions,
    secrets: readonly Secret[],
    components: SecretWatchComponents,
  ) {
    this.#parts = components;
    this.#known = textOf(secrets);
    this.#timer = setInterval(() => void this.look(), intervalMs);
    this.#timer.unref();
  }

  /** Safe to call twice. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    const result = await this.#parts.read();
    if (!result.ok) {
      // Once for each reason: a mount that is being replaced is away for a moment.
      if (result.problem !== this.#problem) this.#parts.onProblem(result.problem);
      this.#problem = result.problem;
      return;
    }
    this.#problem = undefined;
    const text = textOf(result.secrets);
    if (text !== this.#known && (await this.#parts.onChange(result.secrets))) this.#known = text;
  }
}

function textOf(secrets: readonly Secret[]): string {
  return secrets.map(secret => secret.reveal()).join('\n');
}
