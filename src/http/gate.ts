/** Who gets in at all: asked for every request, before its body is looked at. */
import type { FastifyRequest } from 'fastify';
import { FirsthandError } from '../errors.ts';
import { Authentication } from './authentication.ts';
import type { HttpOptions } from './options.ts';
import { RateLimit } from './rate-limit.ts';

/** Callers remembered by each limit: some 1.5 MB at most. */
const callersMaxCount = 10_000;

export class Gate {
  readonly #authentication: Authentication;
  /** Paths of vital signs. */
  readonly #vital: ReadonlySet<string>;
  readonly #vitalsNeedSecret: boolean;
  readonly #total: RateLimit | undefined;
  readonly #callers: RateLimit | undefined;
  readonly #failures: RateLimit;
  #closed = false;
  /** Nothing to check: the usual case of open mode without limits. */
  #wideOpen: boolean;

  /** @throws FirsthandError CONFIG_INVALID when the secret is too short. */
  constructor(options: HttpOptions, vitalPaths: Iterable<string>) {
    this.#authentication = new Authentication(options.auth);
    this.#vital = new Set(vitalPaths);
    this.#vitalsNeedSecret = options.protectVitals;
    this.#total = limitOf(options.totalRequestsPerSecond, 2);
    this.#callers = limitOf(options.callerRequestsPerSecond, 2);
    this.#failures = new RateLimit({
      perSecond: options.authFailuresPerSecond,
      burst: options.authFailuresPerSecond * 10,
      keysMaxCount: callersMaxCount,
    });
    this.#wideOpen =
      !this.#authentication.required && this.#total === undefined && this.#callers === undefined;
  }

  /** From now on everything but vital signs is refused. */
  close(): void {
    this.#closed = true;
    this.#wideOpen = false;
  }

  /** Why this request may not go on, or `undefined`. */
  refusal(request: FastifyRequest): FirsthandError | undefined {
    if (this.#wideOpen) return undefined;
    const vital = this.#vital.has(pathOf(request.url));
    if (vital && !this.#vitalsNeedSecret) return undefined;
    if (this.#closed && !vital) return new FirsthandError('NOT_READY', { text: 'the agent is stopping' });
    const nowMs = performance.now();
    return (vital ? undefined : this.#limited(request.ip, nowMs)) ?? this.#unauthenticated(request, nowMs);
  }

  #limited(caller: string, nowMs: number): FirsthandError | undefined {
    const wait = this.#callers?.take(caller, nowMs) || this.#total?.take('', nowMs) || 0;
    return wait > 0 ? rateLimited('too many requests', wait) : undefined;
  }

  #unauthenticated(request: FastifyRequest, nowMs: number): FirsthandError | undefined {
    if (this.#authentication.accepts(request.headers.authorization)) return undefined;
    const wait = this.#failures.take(request.ip, nowMs);
    if (wait > 0) return rateLimited('too many requests with wrong credentials', wait);
    return new FirsthandError('AUTHENTICATION_REQUIRED', { auth_mode: this.#authentication.mode });
  }
}

function limitOf(perSecond: number, burstS: number): RateLimit | undefined {
  if (perSecond <= 0) return undefined;
  return new RateLimit({ perSecond, burst: Math.max(1, perSecond * burstS), keysMaxCount: callersMaxCount });
}

function rateLimited(text: string, waitS: number): FirsthandError {
  return new FirsthandError('RATE_LIMITED', { text, retry_after_s: waitS });
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
