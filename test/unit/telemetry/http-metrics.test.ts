import { assert, describe, it } from 'vitest';
import { HttpMetrics } from '../../../src/telemetry/metrics/http.ts';
import { MetricRegistry } from '../../../src/telemetry/registry.ts';

function counted(...answers: readonly (readonly [status: number, durationMs: number, nowMs: number])[]) {
  const metrics = new HttpMetrics(new MetricRegistry());
  for (const [status, durationMs, nowMs] of answers) {
    metrics.requestStarted();
    metrics.requestEnded('peers', status, durationMs, nowMs);
  }
  return metrics;
}

describe('telemetry/metrics/http', () => {
  it('averages the last minute and forgets what is older', () => {
    const metrics = counted([200, 10, 0], [500, 30, 59_000]);
    assert.deepEqual(metrics.lastMinute(59_999), { meanMs: 20, errorRate: 0.5 });

    metrics.requestStarted();
    metrics.requestEnded('peers', 200, 50, 60_000);

    assert.deepEqual(metrics.lastMinute(60_000), { meanMs: 40, errorRate: 0.5 });
    assert.deepEqual(metrics.lastMinute(119_500), { meanMs: 50, errorRate: 0 });
    assert.deepEqual(metrics.lastMinute(500_000), { meanMs: 0, errorRate: 0 });
  });

  it('counts as failed from 400 on, and as backoff what says "later"', () => {
    const metrics = counted([200, 1, 0], [404, 1, 0], [429, 1, 0], [503, 1, 0], [507, 1, 0], [500, 1, 0]);

    assert.equal(metrics.failedResponses, 5);
    assert.equal(metrics.backoffRequests, 3);
  });

  it('leaves streams out of requests in progress and out of durations', () => {
    const metrics = new HttpMetrics(new MetricRegistry());
    metrics.requestStarted();
    metrics.requestStarted();
    metrics.streamOpened();
    assert.deepEqual([metrics.requestsInProgress, metrics.eventStreams], [1, 1]);

    metrics.streamClosed();
    metrics.requestEnded('events', 200, undefined, 0);

    assert.deepEqual([metrics.requestsInProgress, metrics.eventStreams], [1, 0]);
    assert.deepEqual(metrics.lastMinute(0), { meanMs: 0, errorRate: 0 });
  });
});
