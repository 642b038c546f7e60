/** The audit log of an agent, as its settings want it. */
import { join } from 'node:path';
import { type AuditLog, noAuditLog } from '../runtime/ports.ts';
import { systemClock } from '../runtime/system.ts';
import type { Log } from '../telemetry/log.ts';
import { registerAuditMetrics } from '../telemetry/metrics/audit.ts';
import type { MetricRegistry } from '../telemetry/registry.ts';
import { ChainedAuditLog } from './audit-log.ts';

/** In the data directory. */
export const auditDirectoryName = 'audit';

export interface OpenAuditLogOptions {
  readonly dataDir: string;
  readonly auditLevel: 'off' | 'operator' | 'changes' | 'all';
  readonly auditFileMaxBytes: number;
  readonly auditFilesMaxCount: number;
}

export interface StoppableAuditLog extends AuditLog {
  /** Writes what waits. Safe to call twice. */
  stop(): Promise<void>;
}

export function openAuditLog(
  options: OpenAuditLogOptions,
  { log, metrics }: { readonly log: Log; readonly metrics: MetricRegistry },
): StoppableAuditLog {
  if (options.auditLevel === 'off') return { ...noAuditLog, stop: async () => {} };
  const audit = new ChainedAuditLog(
    {
      directory: join(options.dataDir, auditDirectoryName),
      fileMaxBytes: options.auditFileMaxBytes,
      filesMaxCount: options.auditFilesMaxCount,
    },
    { log, clock: systemClock },
  );
  registerAuditMetrics(metrics, () => audit.counts);
  return audit;
}
