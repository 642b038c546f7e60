/** What every command gets, and the errors that all of them may raise. */
import { FirsthandError } from '../errors.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Io } from './io.ts';

/** Options that may stand before or after the command's name. */
export interface GlobalOptions {
  readonly agent?: string;
  readonly secretFile?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

export interface Context {
  readonly io: Io;
  /** Only known once a command runs. */
  globals(): GlobalOptions;
  /** For a command that did its work, and still has bad news. */
  setExitCode(code: ExitCode): void;
}

/** Bad usage: exit code 2. `text` is a sentence without its full stop. */
export function usageError(text: string, cause?: unknown): FirsthandError {
  return new FirsthandError('CONFIG_INVALID', { text }, cause);
}

/** One document on standard output. */
export function printJson(io: Io, document: unknown): Promise<boolean> {
  return io.out(`${jsonText(document, 2)}\n`);
}

/** JSON leaves DEL and the C1 controls as they are, which some terminals obey. */
export function jsonText(document: unknown, indent?: number): string {
  return JSON.stringify(document, undefined, indent).replace(
    /[\u007f-\u009f]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
