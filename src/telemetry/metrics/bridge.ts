/** Registrations with peers that speak only HTTP, the connections they use, and what came of them. */
import type { BridgeCounts } from '../../core/bridge/settings.ts';
import type { CounterMetric, HistogramMetric, MetricRegistry } from '../registry.ts';

export interface HttpPeerMetrics {
  /** `outcome`: ok, or why there is no answer to use. */
  readonly requests: CounterMetric;
  readonly seconds: HistogramMetric;
  /** `outcome`: ok, or why there is no answer to use. */
  readonly tokens: CounterMetric;
}

export interface HttpPoolStats {
  /** Registrations that have not ended. */
  readonly inFlight: number;
  readonly connected: number;
  readonly inUse: number;
  /** Registrations that wait for a connection. */
  readonly waiting: number;
  /** Registrations that had to wait, so far. */
  readonly waits: number;
}

const poolStates = ['connected', 'inUse', 'waiting'] as const;

export function registerHttpPeerMetrics(registry: MetricRegistry): HttpPeerMetrics {
  return {
    requests: registry.counter(
      'firsthand_http_peer_requests_total',
      'Registrations with HTTP peers, by what came of them',
      ['outcome'],
    ),
    tokens: registry.counter(
      'firsthand_http_peer_tokens_total',
      'Tokens for HTTP peers that were asked for, by what came of it',
      ['outcome'],
    ),
    seconds: registry.histogram(
      'firsthand_http_peer_request_seconds',
      'How long registrations with HTTP peers took, answered or not',
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    ),
  };
}

/** @param read - Asked at each scrape. */
export function registerHttpPoolMetrics(registry: MetricRegistry, read: () => HttpPoolStats): void {
  registry.gauge(
    'firsthand_http_peer_requests_in_flight',
    'Registrations with HTTP peers under way',
    [],
    gauge => gauge.set(read().inFlight),
  );
  registry.gauge(
    'firsthand_http_peer_pool',
    'The connections to HTTP peers (connected, in_use), and registrations that wait for one (waiting)',
    ['state'],
    gauge => {
      const stats = read();
      for (const state of poolStates)
        gauge.set(stats[state], { state: state === 'inUse' ? 'in_use' : state });
    },
  );
  registry.totals(
    'firsthand_http_peer_waits_total',
    'Registrations that had to wait for a connection',
    [],
    report => report(read().waits),
  );
}

/** @param read - Asked at each scrape. */
export function registerBridgeMetrics(registry: MetricRegistry, read: () => BridgeCounts): void {
  registry.gauge('firsthand_hints', 'Nodes that this agent lists because HTTP peers do', [], gauge =>
    gauge.set(read().hints),
  );
  registry.totals(
    'firsthand_http_peers_refused_total',
    'Times that an HTTP peer was learnt of and there were as many as may be',
    [],
    report => report(read().refusedPeers),
  );
  registry.totals(
    'firsthand_http_peer_left_out_total',
    'Nodes that HTTP peers listed and that were out of bounds, repeated or too many',
    [],
    report => report(read().leftOut),
  );
}
