/** What a command may do to the terminal and the process around it; tests bring their own. */
import type { ExitCode } from './exit-codes.ts';

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether standard output may have colour: a terminal, and nobody set `NO_COLOR`. */
  readonly colour: boolean;
  /** Writes to standard output; false when nobody reads it any more. */
  out(text: string): Promise<boolean>;
  /** Writes to standard error. */
  err(text: string): void;
  /** Calls back on each SIGINT and SIGTERM, which then no longer end the process. Returns a cancel. */
  onSignal(listener: () => void): () => void;
  /** Ends the process at once, whatever is still going on. */
  exit(code: ExitCode): void;
  /** Milliseconds since the Unix epoch. */
  wallMs(): number;
}

export function processIo(): Io {
  const { stdout, stderr, env } = process;
  // A reader that closes the pipe early (`| head`) is no error of ours; `out` tells the command.
  stdout.on('error', ignore);
  stderr.on('error', ignore);
  return {
    env,
    colour: stdout.isTTY === true && env.NO_COLOR === undefined && env.TERM !== 'dumb',
    out: text =>
      new Promise((resolve, reject) => {
        stdout.write(text, error => {
          if (!error) resolve(true);
          else if (isReaderGone(error)) resolve(false);
          else reject(error);
        });
      }),
    err: text => {
      stderr.write(text);
    },
    onSignal(listener) {
      process.on('SIGINT', listener);
      process.on('SIGTERM', listener);
      return () => {
        process.off('SIGINT', listener);
        process.off('SIGTERM', listener);
      };
    },
    exit: code => process.exit(code),
    wallMs: Date.now,
  };
}

function ignore(): void {}

function isReaderGone(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED';
}
