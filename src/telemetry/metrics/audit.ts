/** What the audit log took down, and what it could not. */
import type { MetricRegistry } from '../registry.ts';

export interface AuditCounts {
  readonly written: number;
  /** Too many at once, or the disk refused for too long. */
  readonly leftOut: number;
  /** Refusals that were counted together, and are no lines of their own. */
  readonly counted: number;
  readonly failures: number;
  /** Wait to be written. */
  readonly waiting: number;
}

/** @param read - Asked at each scrape. */
export function registerAuditMetrics(registry: MetricRegistry, read: () => AuditCounts): void {
  registry.totals(
    'firsthand_audit_lines_total',
    'Lines of the audit log by what became of them',
    ['outcome'],
    report => {
      const { written, leftOut, counted } = read();
      report(written, { outcome: 'written' });
      report(leftOut, { outcome: 'left_out' });
      report(counted, { outcome: 'counted' });
    },
  );
  registry.totals('firsthand_audit_failures_total', 'Writes of the audit log that failed', [], report =>
    report(read().failures),
  );
  registry.gauge('firsthand_audit_waiting', 'Lines of the audit log that wait for the disk', [], gauge =>
    gauge.set(read().waiting),
  );
}
