/** The cluster secret: read where an operator keeps it, and never shown. */
import { inspect } from 'node:util';
import { readSource } from './secret-source.ts';
import type { Environment } from './sources.ts';

export const secretMinBytes = 16;
export const secretMaxBytes = 1_024;
/** More old ones than that nobody needs. */
const secretsMaxCount = 8;

/** Shows as `[redacted]` however it is printed, logged or serialised; only `reveal` gives it away. */
export class Secret {
  /** Where it was found, for messages: a path, or the name of a variable. */
  readonly source: string;
  readonly #value: string;

  constructor(value: string, source = 'the configuration') {
    this.#value = value;
    this.source = source;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}

export type SecretResult =
  | { readonly ok: true; readonly secret: Secret }
  /** Without subject and full stop, and without the secret. */
  | { readonly ok: false; readonly problem: string };

export function secretFromText(text: string, source?: string): SecretResult {
  const value = text.replace(/\r?\n$/, '');
  const bytes = Buffer.byteLength(value);
  if (bytes < secretMinBytes || bytes > secretMaxBytes) {
    return {
      ok: false,
      problem: `the secret has ${bytes} bytes; it must have ${secretMinBytes} to ${secretMaxBytes}`,
    };
  }
  // It travels in an HTTP header, which would trim or refuse anything else.
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
    return {
      ok: false,
      problem: 'the secret must be one line of printable ASCII, with no space at its ends',
    };
  }
  return { ok: true, secret: new Secret(value, source) };
}

/** @param source - As in secret-source.ts. */
export async function secretFrom(source: string, env: Environment): Promise<SecretResult> {
  const read = await readSource(source, env);
  return read.ok ? secretFromText(read.text, source) : read;
}

export type SecretsResult =
  | { readonly ok: true; readonly secrets: readonly Secret[] }
  | { readonly ok: false; readonly problem: string };

/** One a line, the present one first: what was sealed with the others can still be opened. */
export async function secretsFrom(source: string, env: Environment): Promise<SecretsResult> {
  const read = await readSource(source, env);
  if (!read.ok) return read;
  const lines = read.text.split(/\r?\n/).filter(line => line !== '');
  if (lines.length === 0) return { ok: false, problem: 'there is no secret in it' };
  const secrets: Secret[] = [];
  for (const line of lines.slice(0, secretsMaxCount)) {
    const result = secretFromText(line, source);
    if (!result.ok) return result;
    secrets.push(result.secret);
  }
  return { ok: true, secrets };
}
