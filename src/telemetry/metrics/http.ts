/**
 * What the HTTP shim did.
 *
 * Kept in plain arrays and maps, and handed to the metrics library only when it is scraped: this runs
 * for every request.
 */
import type { ErrorCode } from '../../errors.ts';
import type { HistogramMetric, MetricRegistry } from '../registry.ts';

const windowS = 60;
const classes = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
/** Answers that tell the caller to come back later. */
const backoffStatuses: ReadonlySet<number> = new Set([429, 503, 507]);

export type HttpLimit =
  | 'caller_rate'
  | 'total_rate'
  | 'auth_failures'
  | 'connections'
  | 'connections_per_address'
  | 'headers_bytes'
  | 'headers_count'
  | 'request_time'
  | 'body_bytes'
  | 'slow_reader'
  | 'event_streams';

interface Second {
  /** Which second of the process this slot holds; slots are reused round and round. */
  number: number;
  requests: number;
  failures: number;
  totalMs: number;
}

export class HttpMetrics {
  readonly #seconds: readonly Second[] = Array.from({ length: windowS }, () => ({
    number: -1,
    requests: 0,
    failures: 0,
    totalMs: 0,
  }));
  readonly #answers = new Map<string, number[]>();
  readonly #errors = new Map<ErrorCode, number>();
  readonly #limits = new Map<HttpLimit, number>();
  readonly #credentials = new Map<string, number>();
  readonly #duration: HistogramMetric;
  #requests = 0;
  #failures = 0;
  #backoffs = 0;
  #open = 0;
  #eventStreams = 0;
  #eventResets = 0;

  constructor(registry: MetricRegistry) {
    registry.gauge(
      'requests_in_progress',
      'HTTP requests being answered, event streams left out',
      [],
      gauge => gauge.set(this.requestsInProgress),
    );
    registry.totals('http_requests_total', 'HTTP requests answered', [], report => report(this.#requests));
    registry.totals('failed_responses_total', 'HTTP answers with status 400 or above', [], report =>
      report(this.#failures),
    );
    registry.totals(
      'firsthand_http_responses_total',
      'HTTP answers by operation and class of status',
      ['operation', 'class'],
      report => {
        for (const [operation, counts] of this.#answers) {
          counts.forEach((count, index) => {
            if (count > 0) report(count, { operation, class: classes[index] as string });
          });
        }
      },
    );
    registry.totals('firsthand_http_errors_total', 'HTTP error answers by code', ['code'], report => {
      for (const [code, count] of this.#errors) report(count, { code });
    });
    registry.totals(
      'firsthand_http_limits_hit_total',
      'Times that callers of the HTTP shim met one of its limits',
      ['limit'],
      report => {
        for (const [limit, count] of this.#limits) report(count, { limit });
      },
    );
    registry.totals(
      'firsthand_http_credentials_total',
      'Credentials that were looked at: accepted, or why not',
      ['outcome'],
      report => {
        for (const [outcome, count] of this.#credentials) report(count, { outcome });
      },
    );
    this.#duration = registry.histogram(
      'firsthand_http_request_duration_seconds',
      'From the last header to the last byte handed to the socket, event streams left out',
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    );
    registry.gauge('firsthand_http_event_streams', 'Open event streams', [], gauge =>
      gauge.set(this.#eventStreams),
    );
    registry.totals('firsthand_http_event_resets_total', 'Event streams told to start over', [], report =>
      report(this.#eventResets),
    );
  }

  /** Without event streams, which are never done. */
  get requestsInProgress(): number {
    return this.#open - this.#eventStreams;
  }

  get eventStreams(): number {
    return this.#eventStreams;
  }

  get failedResponses(): number {
    return this.#failures;
  }

  get backoffRequests(): number {
    return this.#backoffs;
  }

  requestStarted(): void {
    this.#open += 1;
  }

  /**
   * The answer has been handed over, or the caller went away before.
   *
   * @param durationMs - `undefined` for a stream: it lasts as long as its reader likes.
   * @param nowMs - Monotonic.
   */
  requestEnded(operation: string, status: number, durationMs: number | undefined, nowMs: number): void {
    this.#open -= 1;
    this.countAnswer(operation, status);
    if (durationMs === undefined) return;
    this.#duration.observe(durationMs / 1_000);
    const second = this.#second(nowMs);
    second.requests += 1;
    second.totalMs += durationMs;
    if (status >= 400) second.failures += 1;
  }

  /** Also for answers that never became a request, like those to bytes that are not HTTP. */
  countAnswer(operation: string, status: number): void {
    this.#requests += 1;
    if (status >= 400) this.#failures += 1;
    if (backoffStatuses.has(status)) this.#backoffs += 1;
    let counts = this.#answers.get(operation);
    if (counts === undefined) {
      counts = [0, 0, 0, 0, 0];
      this.#answers.set(operation, counts);
    }
    const index = Math.floor(status / 100) - 1;
    counts[index] = (counts[index] ?? 0) + 1;
  }

  errorAnswered(code: ErrorCode): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  limitHit(limit: HttpLimit): void {
    this.#limits.set(limit, (this.#limits.get(limit) ?? 0) + 1);
  }

  /** @param outcome - `accepted`, or one of a fixed set of reasons. */
  credentialsJudged(outcome: string): void {
    this.#credentials.set(outcome, (this.#credentials.get(outcome) ?? 0) + 1);
  }

  streamOpened(): void {
    this.#eventStreams += 1;
  }

  streamClosed(): void {
    this.#eventStreams -= 1;
  }

  streamReset(): void {
    this.#eventResets += 1;
  }

  /** The last minute: mean time to answer, and the share of answers with status 400 or above. */
  lastMinute(nowMs: number): { readonly meanMs: number; readonly errorRate: number } {
    const oldest = Math.floor(nowMs / 1_000) - windowS;
    let requests = 0;
    let failures = 0;
    let totalMs = 0;
    for (const second of this.#seconds) {
      if (second.number <= oldest) continue;
      requests += second.requests;
      failures += second.failures;
      totalMs += second.totalMs;
    }
    return requests === 0
      ? { meanMs: 0, errorRate: 0 }
      : { meanMs: totalMs / requests, errorRate: failures / requests };
  }

  #second(nowMs: number): Second {
    const number = Math.floor(nowMs / 1_000);
    const second = this.#seconds[number % windowS] as Second;
    if (second.number !== number) {
      second.number = number;
      second.requests = 0;
      second.failures = 0;
      second.totalMs = 0;
    }
    return second;
  }
}
