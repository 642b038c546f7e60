/** The cluster secret: read from a file or a variable, and never shown. */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';

export const secretMinBytes = 16;
export const secretMaxBytes = 1_024;

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

export function secretFromFile(path: string): SecretResult {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return { ok: false, problem: `cannot read ${JSON.stringify(path)}: ${reasonOf(error)}` };
  }
  return secretFromText(text, path);
}

/** The system's reason in a word or two, without the path that is named already. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a directory';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
