/** Runs the program as a process of its own: signals, exit code, and no stack trace for a person. */
import { exitCodes } from './exit-codes.ts';
import { processIo } from './io.ts';
import { reportError, runProgram } from './program.ts';

/** How long the process may linger after its command has ended, for sockets that close by themselves. */
const lingerMs = 100;

export async function runProcess(args: readonly string[]): Promise<void> {
  const io = processIo();
  const fatal = (error: unknown) => {
    reportError(io, error);
    process.exit(exitCodes.failure);
  };
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);

  process.exitCode = await runProgram(args, io);
  // Unreferenced: it only fires when something else keeps the process alive.
  setTimeout(() => process.exit(), lingerMs).unref();
}
