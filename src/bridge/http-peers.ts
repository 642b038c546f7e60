/**
 * Registers with peers that speak only HTTP, and says what came of it.
 *
 * A peer is not trusted, and neither is the list that led to it: see `outbound`. One limit of time holds for
 * everything, the wait for a free connection included. An agent of Firsthand that answers here is refused:
 * agents meet over libp2p, within their cluster, and this one may be of another. The HTTP library takes
 * 50 ms to load, so it is loaded by the first registration.
 */
import { isIP } from 'node:net';
import type { Agent } from 'undici';
import type { PeerOutcome } from '../core/bridge/outcome.ts';
import { asRegistration } from '../core/bridge/registration.ts';
import { Answer, type Judged } from '../outbound/answer.ts';
import { Connections } from '../outbound/connections.ts';
import { isCutConnection } from '../outbound/failure.ts';
import { isForbiddenAddress } from '../outbound/forbidden-addresses.ts';
import { NameLookup } from '../outbound/name-lookup.ts';
import type { HttpPeers } from '../runtime/ports.ts';
import type { HttpPeerMetrics, HttpPoolStats } from '../telemetry/metrics/bridge.ts';
import { ConnectionPools } from './connection-pools.ts';
import { parseRegistrationAnswer } from './registration-answer.ts';
import { type TokenRequest, TokenSource, type TokenSourceOptions } from './token-source.ts';

export interface HttpPeerClientOptions {
  /** For one registration in all, ms. */
  readonly timeoutMs: number;
  readonly bodyMaxBytes: number;
  /** To all peers together. */
  readonly connectionsMaxCount: number;
  readonly connectionsPerHost: number;
  /** How long an idle connection is kept, ms. */
  readonly keepAliveMs: number;
  /** A token is shown to these peers, and to no others: whoever is merely listed by one could be anybody. */
  readonly oauth?: TokenSourceOptions & { readonly peers: readonly string[] };
}

export const defaultHttpPeerClientOptions: HttpPeerClientOptions = {
  timeoutMs: 5_000, // The predecessor's limit of a registration.
  bodyMaxBytes: 1_024 * 1_024, // Guess: 4,000 nodes with their capabilities.
  connectionsMaxCount: 256, // The predecessor has 200 to 500.
  connectionsPerHost: 2, // One for joining and one for deliveries.
  keepAliveMs: 65_000, // Derived: the refresh interval, and a little.
};

const headers = {
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'identity',
  'user-agent': 'firsthand-bridge',
};

/** In every list that an agent of Firsthand answers with, and in none of the predecessor's. */
const agentHeader = 'firsthand-view';

export interface HttpPeerClientComponents {
  readonly metrics: HttpPeerMetrics;
  readonly names: NameLookup;
  /** Wall clock, ms. */
  readonly nowMs: () => number;
  readonly clientSecret: () => string;
}

interface Target {
  readonly origin: string;
  readonly path: string;
}

export class HttpPeerClient implements HttpPeers {
  readonly #options: HttpPeerClientOptions;
  readonly #components: HttpPeerClientComponents;
  readonly #stopped = new AbortController();
  readonly #tokens: TokenSource | undefined;
  #pools: Promise<ConnectionPools<Agent>> | undefined;
  #opened: ConnectionPools<Agent> | undefined;
  #inFlightCount = 0;

  constructor(
    options: Partial<HttpPeerClientOptions>,
    components: Pick<HttpPeerClientComponents, 'metrics'> & Partial<HttpPeerClientComponents>,
  ) {
    this.#options = { ...defaultHttpPeerClientOptions, ...options };
    this.#components = { names: new NameLookup(), nowMs: Date.now, clientSecret: noSecret, ...components };
    this.#tokens = this.#tokenSource();
  }

  register(
    request: { readonly url: string; readonly body: string },
    onAnswered: (outcome: PeerOutcome) => void,
  ): void {
    if (this.#stopped.signal.aborted) return;
    this.#inFlightCount += 1;
    const startedMs = performance.now();
    this.#post(request, startedMs + this.#options.timeoutMs).then(({ outcome }) => {
      this.#inFlightCount -= 1;
      if (this.#stopped.signal.aborted) return;
      const answered = { ...outcome, latencyMs: performance.now() - startedMs };
      const { requests, seconds } = this.#components.metrics;
      requests.add({ outcome: answered.ok ? 'ok' : answered.reason.replaceAll('-', '_') });
      seconds.observe(answered.latencyMs / 1_000);
      onAnswered(answered);
    });
  }

  stats(): HttpPoolStats {
    let connected = 0;
    for (const pool of this.#opened?.pools() ?? []) {
      for (const stats of Object.values(pool.stats)) connected += Number(stats.connected);
    }
    return {
      inFlight: this.#inFlightCount,
      connected,
      inUse: this.#opened?.inUseCount ?? 0,
      waiting: this.#opened?.waitingCount ?? 0,
      waits: this.#opened?.waitsCount ?? 0,
    };
  }

  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    const pools = await this.#pools;
    await pools?.stop();
  }

  /** Whatever the peer does becomes an outcome, never a rejection. */
  async #post(
    { url, body }: { readonly url: string; readonly body: string },
    until: number,
  ): Promise<{ readonly outcome: Untimed }> {
    const target = targetOf(url);
    if ('reason' in target) return { outcome: { ok: false, ...target } };
    let judged = await this.#askAs(url, target, body, until);
    const instead = asRegistration(body);
    // It does not know what it is to update: it was restarted, or had never heard of it.
    if (!judged.ok && judged.status === 404 && instead !== undefined) {
      judged = await this.#askAs(url, target, instead, until);
    }
    return { outcome: this.#outcomeOf(judged) };
  }

  /** With a token where one is to be shown; one that is refused is replaced once. */
  async #askAs(url: string, target: Target, body: string, until: number): Promise<Judged> {
    const { oauth } = this.#options;
    if (this.#tokens === undefined || oauth?.peers.includes(url) !== true) {
      return this.#ask(target, { headers, body }, until);
    }
    let refused: string | undefined;
    for (;;) {
      // Before a connection is taken: the token's server may need the last one that is free.
      const got = await this.#tokens.token(until, refused);
      if (!got.ok) return { ok: false, failure: { reason: 'unreachable', detail: got.detail } };
      const authorization = `Bearer ${got.token}`;
      const judged = await this.#ask(target, { headers: { ...headers, authorization }, body }, until);
      if (judged.ok || judged.status !== 401 || refused !== undefined) return judged;
      refused = got.token;
    }
  }

  #tokenSource(): TokenSource | undefined {
    const { oauth } = this.#options;
    if (oauth === undefined) return undefined;
    const { clientSecret, metrics } = this.#components;
    const post = async (request: TokenRequest, until: number): Promise<Judged> => {
      const judged = await this.#postForToken(request, until);
      metrics.tokens.add({ outcome: judged.ok ? 'ok' : judged.failure.reason.replaceAll('-', '_') });
      return judged;
    };
    return new TokenSource(oauth, { clientSecret, post, nowMs: () => performance.now() });
  }

  async #postForToken({ url, headers: own, body }: TokenRequest, until: number): Promise<Judged> {
    const target = targetOf(url, '');
    if ('reason' in target) return { ok: false, failure: target };
    return this.#ask(target, { headers: { ...headers, ...own }, body }, until);
  }

  async #ask(
    target: Target,
    { headers, body }: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
    until: number,
  ): Promise<Judged> {
    const pools = await this.#open();
    const pool = await pools.acquire(target.origin, until - performance.now());
    if (pool === undefined) return noConnection;
    try {
      for (let isFirst = true; ; isFirst = false) {
        const timeoutMs = until - performance.now();
        const answer = new Answer({ timeoutMs, bodyMaxBytes: this.#options.bodyMaxBytes });
        pool.dispatch({ ...target, method: 'POST', headers, body }, answer);
        const judged = await answer.judged;
        // A kept connection may be closed just as it is used; and to register twice is to register once.
        if (!judged.ok && isFirst && isCutConnection(judged.error) && !answer.hasBegun) continue;
        return judged;
      }
    } finally {
      pools.release(target.origin);
    }
  }

  #outcomeOf(judged: Judged): Untimed {
    if (!judged.ok) {
      const { failure, status } = judged;
      return { ok: false, ...failure, ...(status === undefined ? {} : { status }) };
    }
    if (agentHeader in judged.headers) {
      return { ok: false, reason: 'foreign', detail: 'it is an agent of Firsthand: give it as --seed' };
    }
    const parsed = parseRegistrationAnswer(judged.body, this.#components.nowMs() / 1_000);
    if (parsed === undefined) {
      return { ok: false, reason: 'garbage', detail: 'its answer is no answer to a registration' };
    }
    return { ok: true, ...parsed };
  }

  #open(): Promise<ConnectionPools<Agent>> {
    const { timeoutMs, keepAliveMs, connectionsPerHost } = this.#options;
    // The default export: in a bundle a CommonJS module has no other.
    this.#pools ??= import('undici').then(({ default: undici }) => {
      const { lookup } = this.#components.names;
      const connections = new Connections(undici.buildConnector({ lookup, timeout: timeoutMs }));
      this.#stopped.signal.addEventListener('abort', () => connections.stop());
      // An agent for one host, and no pool: a pool opens a connection anew after a request that was given up.
      const open = () =>
        new undici.Agent({
          connections: connectionsPerHost,
          pipelining: 1,
          keepAliveTimeout: keepAliveMs,
          keepAliveMaxTimeout: keepAliveMs,
          headersTimeout: 0, // Ours holds for everything.
          bodyTimeout: 0,
          connect: connections.connect,
        });
      this.#opened = new ConnectionPools(this.#options, { open });
      return this.#opened;
    });
    return this.#pools;
  }
}

type Untimed<O = PeerOutcome> = O extends PeerOutcome ? Omit<O, 'latencyMs'> : never;

const noConnection: Judged = {
  ok: false,
  failure: { reason: 'timeout', detail: 'no connection was free in time' },
};

/** Where there is no token there is no secret. */
function noSecret(): string {
  throw new Error('there is no secret of the client');
}

function targetOf(
  base: string,
  path = '/registration',
): Target | Extract<Judged, { readonly ok: false }>['failure'] {
  const url = URL.parse(`${base}${path}`);
  if (url === null) return { reason: 'unreachable', detail: 'its address is none' };
  // As the URL has it: 0xa9fea9fe is a name to whoever reads the text, and a forbidden number here.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && isForbiddenAddress(host)) {
    return { reason: 'forbidden-address', detail: `${host} is never called` };
  }
  return { origin: url.origin, path: url.pathname };
}
