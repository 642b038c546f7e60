/** Who gets in at all, asked for every request before its body is looked at; and who may do what, route by route. */
import type { FastifyRequest } from 'fastify';
import { FirsthandError } from '../errors.ts';
import type { HttpMetrics } from '../telemetry/metrics/http.ts';
import { accessTable } from './access-table.ts';
import { type AuthFailure, authFailures } from './auth-failure.ts';
import type { Authentication, AuthVerdict } from './authentication.ts';
import type { HttpOptions } from './options.ts';
import { refuseBrowser, refuseOutsider } from './outsiders.ts';
import { requireRole } from './principal.ts';
import { RateLimit } from './rate-limit.ts';
import type { Route } from './route.ts';

/** Callers remembered by each limit: some 1.5 MB at most. */
const callersMaxCount = 10_000;

/** Whether a process is to be restarted must be seen without credentials. */
const neverClosed = 'live';

export interface GateComponents {
  readonly authentication: Authentication;
  readonly metrics: HttpMetrics;
}

type Refusal = FirsthandError | undefined;

/** Throws what speaks against a request. */
type Guard = (request: FastifyRequest) => void;

export class Gate {
  readonly #authentication: Authentication;
  readonly #metrics: HttpMetrics;
  readonly #vitalsAreOpen: boolean;
  /** Paths of vital signs, which are never rate limited. */
  readonly #vital: ReadonlySet<string>;
  /** Paths for which nothing has to be proved. */
  readonly #free: ReadonlySet<string>;
  readonly #total: RateLimit | undefined;
  readonly #callers: RateLimit | undefined;
  readonly #failures: RateLimit;
  #closed = false;
  /** Nothing to check: the usual case of open mode without limits. */
  #wideOpen: boolean;

  constructor(options: HttpOptions, routes: readonly Route[], { authentication, metrics }: GateComponents) {
    this.#authentication = authentication;
    this.#metrics = metrics;
    this.#vitalsAreOpen = !options.protectVitals;
    this.#vital = new Set(routes.filter(route => route.vital === true).flatMap(route => route.paths));
    this.#free = new Set(routes.filter(route => this.#isFree(route)).flatMap(route => route.paths));
    this.#total = limitOf(options.totalRequestsPerSecond, 2);
    this.#callers = limitOf(options.callerRequestsPerSecond, 2);
    this.#failures = new RateLimit({
      perSecond: options.authFailuresPerSecond,
      burst: options.authFailuresPerSecond * 10,
      keysMaxCount: callersMaxCount,
    });
    this.#wideOpen = !authentication.required && this.#total === undefined && this.#callers === undefined;
  }

  /** From now on everything but vital signs is refused. */
  close(): void {
    this.#closed = true;
    this.#wideOpen = false;
  }

  /** Why this request may not go on, or `undefined`; at once where nothing has to be waited for. Never rejects. */
  refusal(request: FastifyRequest): Refusal | Promise<Refusal> {
    if (this.#wideOpen) return undefined;
    const path = pathOf(request.url);
    if (this.#free.has(path)) return undefined;
    const vital = this.#vital.has(path);
    if (this.#closed && !vital) return new FirsthandError('NOT_READY', { text: 'the agent is stopping' });
    const limited = vital ? undefined : this.#limited(request.ip, performance.now());
    if (limited !== undefined) return limited;
    const verdict = this.#authentication.verify(request);
    return verdict instanceof Promise
      ? verdict.then(judged => this.#judge(request, judged))
      : this.#judge(request, verdict);
  }

  /** What this route asks of callers who got in; `undefined`: nothing. */
  guardOf(route: Route): Guard | undefined {
    const { role, open } = accessTable[route.operation];
    if (this.#authentication.required) {
      return this.#isFree(route) ? undefined : request => requireRole(request.principal, role);
    }
    if (open === 'no-web-page') return refuseBrowser;
    return open === 'this-machine' ? refuseOutsider : undefined;
  }

  #isFree({ vital, operation }: Route): boolean {
    return operation === neverClosed || (vital === true && this.#vitalsAreOpen);
  }

  #limited(caller: string, nowMs: number): Refusal {
    const callerWait = this.#callers?.take(caller, nowMs) ?? 0;
    const wait = callerWait || (this.#total?.take('', nowMs) ?? 0);
    if (wait <= 0) return undefined;
    this.#metrics.limitHit(callerWait > 0 ? 'caller_rate' : 'total_rate');
    return rateLimited('too many requests', wait);
  }

  #judge(request: FastifyRequest, verdict: AuthVerdict): Refusal {
    this.#metrics.credentialsJudged(verdict.ok ? 'accepted' : verdict.reason);
    if (!verdict.ok) return this.#unauthenticated(request, verdict.reason);
    request.principal = verdict.principal;
    return undefined;
  }

  #unauthenticated(request: FastifyRequest, reason: AuthFailure): FirsthandError {
    // No fault of the caller's.
    if (reason === 'keys_unavailable') {
      return new FirsthandError('NOT_READY', { text: authFailures[reason], reason, retry_after_s: 5 });
    }
    const wait = this.#failures.take(request.ip, performance.now());
    if (wait > 0) {
      this.#metrics.limitHit('auth_failures');
      return rateLimited('too many requests with wrong credentials', wait, reason);
    }
    return new FirsthandError('AUTHENTICATION_REQUIRED', { auth_mode: this.#authentication.mode, reason });
  }
}

function limitOf(perSecond: number, burstS: number): RateLimit | undefined {
  if (perSecond <= 0) return undefined;
  return new RateLimit({ perSecond, burst: Math.max(1, perSecond * burstS), keysMaxCount: callersMaxCount });
}

function rateLimited(text: string, waitS: number, reason?: AuthFailure): FirsthandError {
  return new FirsthandError('RATE_LIMITED', {
    text,
    retry_after_s: waitS,
    ...(reason === undefined ? {} : { reason }),
  });
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
