/** Options of `register` and `update` for callers who want to know that others hold it too. */
import type { Command } from 'commander';
import {
  confirmTimeoutDefaultMs,
  confirmTimeoutMaxMs,
  confirmTimeoutOf,
  wantedMembers,
} from '../core/confirm/confirmation.ts';
import type { RegistrationBody } from './bodies.ts';
import { type Context, usageError } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { oneOf } from './option-values.ts';

export interface ConfirmOptions {
  readonly confirm?: string;
  readonly timeout?: number;
  readonly rollback?: boolean;
}

/** What the agent needs on top, to look around and answer. */
const answerMs = 10_000;

export function addConfirmOptions(command: Command): void {
  command
    .option(
      '--confirm <members>',
      `answer only when so many hold it: ${wantedMembers.join(' or ')}`,
      oneOf('--confirm', wantedMembers),
    )
    .option(
      '--timeout <time>',
      'how long to wait for that: 500ms, 5s (the default), at most 60s',
      milliseconds,
    )
    .option('--rollback', 'when time runs out, make what was said before count again');
}

/** What the request needs for it. @throws FirsthandError */
export function confirmRequest({ confirm, timeout, rollback }: ConfirmOptions): {
  readonly path: string;
  readonly timeoutMs?: number;
} {
  const path = '/registration';
  if (confirm === undefined) {
    if (timeout !== undefined) throw usageError('--timeout: has a meaning only with --confirm');
    if (rollback) throw usageError('--rollback: has a meaning only with --confirm');
    return { path };
  }
  const waitMs = timeout ?? confirmTimeoutDefaultMs;
  const query = new URLSearchParams({
    confirm,
    timeout: String(waitMs),
    ...(rollback ? { rollback: 'true' } : {}),
  });
  return { path: `${path}?${query}`, timeoutMs: waitMs + answerMs };
}

/** One sentence, and the exit code for what was not confirmed. */
export function confirmedText({ confirmation, rolled_back }: RegistrationBody, context: Context): string {
  if (confirmation === undefined) return '';
  const { confirmed, missing, needed } = confirmation;
  const held = `${confirmed.length} of ${confirmed.length + missing.length} members hold it`;
  if (confirmed.length >= needed && rolled_back === undefined) return `; ${held}`;
  context.setExitCode(exitCodes.incomplete);
  const fate = rolled_back ? 'so it was rolled back' : 'it keeps spreading';
  return `; only ${held}, not yet ${missing.join(', ')}, ${fate}`;
}

function milliseconds(value: string): number {
  const ms = confirmTimeoutOf(value.trim());
  if (ms !== undefined) return ms;
  throw usageError(
    `--timeout: ${JSON.stringify(value)} is not a time like 5s, from 1 ms to ${confirmTimeoutMaxMs / 1_000} s`,
  );
}
