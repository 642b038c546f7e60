/** Looks at `/metrics` of others: how they end, how long they take, and the connections they use. */
import type { MetricRegistry } from '../registry.ts';

export type HealthMetrics = ReturnType<typeof registerHealthMetrics>;

/** Connections by what they do, over all targets. */
export interface PoolStats {
  /** Looks that have not ended. */
  readonly inFlight: number;
  readonly connected: number;
  /** Connected and idle. */
  readonly free: number;
  /** Requests that no connection has taken up. */
  readonly pending: number;
  /** Requests that wait because their target has as many connections as it may. */
  readonly queued: number;
  readonly running: number;
  /** Requests in all. */
  readonly size: number;
}

const poolStates = ['connected', 'free', 'pending', 'queued', 'running', 'size'] as const;

export function registerHealthMetrics(registry: MetricRegistry) {
  return {
    checks: registry.counter('firsthand_health_checks_total', 'Health checks, by what came of them', [
      'outcome',
    ]),
    seconds: registry.histogram(
      'firsthand_health_check_seconds',
      'How long health checks took, answered or not',
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    ),
    turns: registry.counter(
      'firsthand_backend_turns_total',
      'Hosted backends that were taken out or back in',
      ['to'],
    ),
  };
}

/** @param read - Asked at each scrape. */
export function registerPoolMetrics(registry: MetricRegistry, read: () => PoolStats): void {
  registry.gauge('firsthand_health_checks_in_flight', 'Health checks under way', [], gauge =>
    gauge.set(read().inFlight),
  );
  registry.gauge(
    'firsthand_health_pool',
    'The connection pool of health checks: connections (connected, free) and requests (pending, queued, running, size)',
    ['state'],
    gauge => {
      const stats = read();
      for (const state of poolStates) gauge.set(stats[state], { state });
    },
  );
}
