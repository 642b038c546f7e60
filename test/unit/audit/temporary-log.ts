/** An audit log in a directory of its own, removed when the test is over. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ChainedAuditLog } from '../../../src/audit/audit-log.ts';
import { auditFiles } from '../../../src/audit/files.ts';
import { type AuditReport, verifyAudit } from '../../../src/audit/verification.ts';
import type { AuditEntry, Clock } from '../../../src/runtime/ports.ts';
import { systemClock } from '../../../src/runtime/system.ts';
import type { LogEvent } from '../../../src/telemetry/log-events.ts';

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'firsthand-audit-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'audit');
}

export function auditLog(
  directory: string,
  options: { readonly fileMaxBytes?: number; readonly filesMaxCount?: number; readonly clock?: Clock } = {},
) {
  const logged: LogEvent[] = [];
  const { clock = systemClock, ...sizes } = options;
  const log = new ChainedAuditLog(
    { directory, fileMaxBytes: 1_048_576, filesMaxCount: 10, ...sizes },
    { clock, log: event => logged.push(event) },
  );
  onTestFinished(() => log.stop());
  return { log, logged };
}

export const refusal: AuditEntry = {
  kind: 'authentication',
  who: 'anonymous',
  from: '10.0.0.7',
  what: 'register',
  outcome: 'refused',
  why: 'no credentials',
  requestId: 'r-1',
};

/** What callers cause who may. */
export const read: AuditEntry = {
  kind: 'authorisation',
  who: 'secret',
  from: '10.0.0.7',
  what: 'list',
  outcome: 'allowed',
};

export const ban: AuditEntry = { kind: 'ban', who: 'jwt:ada', what: 'ban 12D3KooWx', outcome: 'allowed' };

/** A log with so many lines, stopped; the paths of its files. */
export async function writtenLog(
  directory: string,
  count: number,
  options: { readonly fileMaxBytes?: number; readonly filesMaxCount?: number } = {},
): Promise<readonly string[]> {
  const { log } = auditLog(directory, options);
  for (let i = 0; i < count; i++) log.record({ ...ban, what: `ban ${i}` });
  await log.stop();
  return (await auditFiles(directory)).map(({ path }) => path);
}

export async function verified(directory: string): Promise<AuditReport> {
  return verifyAudit(await auditFiles(directory));
}

export function linesOf(path: string): readonly string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}
