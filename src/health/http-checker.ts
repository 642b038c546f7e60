/**
 * Asks `/metrics` of whoever it is told to, and says what came of it.
 *
 * The target is not trusted: see `outbound`, and it may be a place that must not be called.
 *
 * All connections are in one pool, kept open between checks up to a number; beyond that each ends
 * with its check. The HTTP library takes 50 ms to load, so it is loaded by the first check.
 */
import { isIP } from 'node:net';
import type { Agent } from 'undici';
import { metricsUrl } from '../core/backends/checks.ts';
import type { CheckOutcome } from '../core/backends/outcome.ts';
import { Answer } from '../outbound/answer.ts';
import { Connections } from '../outbound/connections.ts';
import { isCutConnection } from '../outbound/failure.ts';
import { isForbiddenAddress } from '../outbound/forbidden-addresses.ts';
import { NameLookup } from '../outbound/name-lookup.ts';
import type { HealthChecker } from '../runtime/ports.ts';
import type { PoolStats } from '../telemetry/metrics/health.ts';
import { bodyComplaint, type Complaint } from './judgement.ts';

export interface HttpCheckerOptions {
  /** For one check in all, ms. */
  readonly timeoutMs: number;
  /** How long an idle connection is kept, ms; longer than the pause between two checks, or it is no use. */
  readonly keepAliveMs: number;
  readonly bodyMaxBytes: number;
  readonly connectionsPerTarget: number;
  /** Idle connections kept, over all targets. */
  readonly keptConnectionsMaxCount: number;
}

export const defaultHttpCheckerOptions: HttpCheckerOptions = {
  timeoutMs: 2_000, // Contract.
  keepAliveMs: 10_000, // Derived: twice the interval of the contract.
  bodyMaxBytes: 256 * 1_024, // Guess: a Prometheus client with some 2,000 series.
  connectionsPerTarget: 2, // One for each of two services on one metrics port.
  keptConnectionsMaxCount: 256, // Guess: a quarter of the file descriptors that a small limit allows.
};

const headers = {
  accept: 'application/json, text/plain;q=0.9',
  'accept-encoding': 'identity',
  'user-agent': 'firsthand-health',
};

export class HttpChecker implements HealthChecker {
  readonly #options: HttpCheckerOptions;
  readonly #names: NameLookup;
  readonly #stopped = new AbortController();
  #pool: Promise<Agent> | undefined;
  #agent: Agent | undefined;
  #connectedCount = 0;
  #inFlightCount = 0;

  constructor(
    options: Partial<HttpCheckerOptions> = {},
    components: { readonly names: NameLookup } = { names: new NameLookup() },
  ) {
    this.#options = { ...defaultHttpCheckerOptions, ...options };
    this.#names = components.names;
  }

  check(
    target: { readonly host: string; readonly port: number },
    onChecked: (outcome: CheckOutcome) => void,
  ): void {
    if (this.#stopped.signal.aborted) return;
    this.#inFlightCount += 1;
    this.#look(target).then(outcome => {
      this.#inFlightCount -= 1;
      if (!this.#stopped.signal.aborted) onChecked(outcome);
    });
  }

  stats(): PoolStats {
    const sum = { connected: 0, free: 0, pending: 0, queued: 0, running: 0, size: 0 };
    for (const stats of Object.values(this.#agent?.stats ?? {})) {
      for (const [name, value] of Object.entries(stats)) sum[name as keyof typeof sum] += Number(value);
    }
    return { inFlight: this.#inFlightCount, ...sum };
  }

  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    const agent = await this.#pool;
    await agent?.destroy();
  }

  /** Whatever the target does becomes an outcome, never a rejection. */
  async #look(target: { readonly host: string; readonly port: number }): Promise<CheckOutcome> {
    const agent = await this.#open();
    const startedMs = performance.now();
    const complaint = await this.#complaintAbout(target, agent);
    const latencyMs = performance.now() - startedMs;
    return complaint === undefined ? { ok: true, latencyMs } : { ok: false, ...complaint, latencyMs };
  }

  async #complaintAbout(
    target: { readonly host: string; readonly port: number },
    agent: Agent,
  ): Promise<Complaint | undefined> {
    const url = URL.parse(metricsUrl(target));
    if (url === null) return { reason: 'unreachable', detail: 'its address is none' };
    // As the URL has it: 0xa9fea9fe is a name to whoever reads the text, and a forbidden number here.
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host) !== 0 && isForbiddenAddress(host)) {
      return { reason: 'forbidden-address', detail: `${host} is never called` };
    }
    const { timeoutMs, bodyMaxBytes } = this.#options;
    const until = performance.now() + timeoutMs;
    for (let isFirst = true; ; isFirst = false) {
      const reset = this.#connectedCount >= this.#options.keptConnectionsMaxCount;
      const request = { origin: url.origin, path: url.pathname, method: 'GET', headers, reset } as const;
      const answer = new Answer({ timeoutMs: until - performance.now(), bodyMaxBytes });
      agent.dispatch(request, answer);
      const judged = await answer.judged;
      if (judged.ok) return bodyComplaint(judged.body);
      // A kept connection may be closed just as it is used, which says nothing about the backend.
      if (isFirst && isCutConnection(judged.error) && !answer.hasBegun) continue;
      return judged.failure;
    }
  }

  #open(): Promise<Agent> {
    const { timeoutMs, keepAliveMs, connectionsPerTarget } = this.#options;
    // The default export: in a bundle a CommonJS module has no other.
    this.#pool ??= import('undici').then(({ default: undici }) => {
      const { lookup } = this.#names;
      const connections = new Connections(undici.buildConnector({ lookup, timeout: timeoutMs }));
      this.#stopped.signal.addEventListener('abort', () => connections.stop());
      const agent = new undici.Agent({
        connections: connectionsPerTarget,
        pipelining: 1,
        keepAliveTimeout: keepAliveMs,
        keepAliveMaxTimeout: keepAliveMs,
        headersTimeout: 0, // Ours holds for everything.
        bodyTimeout: 0,
        connect: connections.connect,
      });
      agent.on('connect', () => {
        this.#connectedCount += 1;
      });
      agent.on('disconnect', () => {
        this.#connectedCount -= 1;
      });
      this.#agent = agent;
      return agent;
    });
    return this.#pool;
  }
}
