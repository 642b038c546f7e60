/** The HTTP shim over an agent, ready or not. */
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { FirsthandError } from '../errors.ts';
import type { AgentPort } from '../runtime/agent-port.ts';
import { type AuditLog, noAuditLog } from '../runtime/ports.ts';
import { systemClock } from '../runtime/system.ts';
import type { Log } from '../telemetry/log.ts';
import { registerAgentMetrics } from '../telemetry/metrics/agent.ts';
import { registerExclusionMetrics } from '../telemetry/metrics/exclusion.ts';
import { HttpMetrics } from '../telemetry/metrics/http.ts';
import { registerOutboxMetrics } from '../telemetry/metrics/outbox.ts';
import { registerProcessMetrics } from '../telemetry/metrics/process.ts';
import type { MetricRegistry } from '../telemetry/registry.ts';
import { Vitals } from '../telemetry/vitals.ts';
import { AllowedMethods } from './allowed-methods.ts';
import { AuditTrail } from './audit-trail.ts';
import { Authentication } from './authentication.ts';
import { authorityRoutes } from './authority-routes.ts';
import { bodyReader } from './body.ts';
import { ConnectionGuard } from './connection-guard.ts';
import { EventHub } from './event-hub.ts';
import { eventRoutes } from './event-routes.ts';
import { exclusionRoutes } from './exclusion-routes.ts';
import { faultRoutes } from './fault-routes.ts';
import { Gate } from './gate.ts';
import { keyRoutes } from './key-routes.ts';
import { formatAddress, parseListenAddress } from './listen-address.ts';
import type { Operation } from './operations.ts';
import type { HttpOptions } from './options.ts';
import { isLoopback } from './outsiders.ts';
import { PeerList } from './peer-list.ts';
import { peerRoutes } from './peer-routes.ts';
import { anonymous, nobody, type Principal } from './principal.ts';
import { Refusals } from './refusals.ts';
import { registrationRoutes } from './registration-routes.ts';
import { requestIds } from './request-id.ts';
import type { Route } from './route.ts';
import { secretRoutes } from './secret-routes.ts';
import { frameworkError, listenError } from './server-errors.ts';
import { TlsSide } from './tls-side.ts';
import { viewRoutes } from './view-routes.ts';
import { vitalRoutes } from './vital-routes.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** For metrics: the route's operation, or `none` before and without a route. */
    operation: string;
    /** Who asks, once that is known. */
    principal: Principal;
    /** The node that it is about, for the audit log; empty where it is about none. */
    target: string;
  }
  interface FastifyContextConfig {
    /** Absent where there is no route. */
    operation?: Operation;
  }
}

export interface HttpComponents {
  readonly agent: AgentPort;
  readonly log: Log;
  readonly metrics: MetricRegistry;
  readonly audit?: AuditLog;
}

type App = FastifyInstance;

/** A cut-off timer runs this often: below it, `requestTimeoutMs` is not exact. */
const timeoutCheckMs = 1_000;
/** Connections that finish their last answer during a stop are closed within this time. */
const idleSweepMs = 20;

export class HttpServer {
  readonly #options: HttpOptions;
  readonly #agent: AgentPort;
  readonly #log: Log;
  readonly #metrics: HttpMetrics;
  readonly #vitals = new Vitals();
  readonly #events: EventHub;
  readonly #peers: PeerList;
  readonly #routes: readonly Route[];
  readonly #authentication: Authentication;
  readonly #gate: Gate;
  readonly #connections: ConnectionGuard;
  readonly #trail: AuditTrail;
  readonly #refusals: Refusals;
  readonly #tls: TlsSide | undefined;
  readonly #requestId = requestIds();
  readonly #app: App;
  #document: Promise<object> | undefined;
  #stopped: Promise<void> | undefined;

  /** @throws FirsthandError CONFIG_INVALID when the secret is too short, or a file for TLS is not what it should be. */
  constructor(options: HttpOptions, { agent, log, metrics, audit = noAuditLog }: HttpComponents) {
    this.#options = options;
    this.#agent = agent;
    this.#log = log;
    this.#metrics = new HttpMetrics(metrics);
    registerProcessMetrics(metrics, this.#vitals);
    registerAgentMetrics(metrics, agent);
    registerOutboxMetrics(metrics, agent);
    registerExclusionMetrics(metrics, agent);
    this.#events = new EventHub(options, { agent, metrics: this.#metrics });
    this.#peers = new PeerList(agent.listing);
    this.#routes = [
      ...registrationRoutes({ agent, peers: this.#peers }),
      ...peerRoutes({ agent, peers: this.#peers }),
      ...vitalRoutes(options, { agent, registry: metrics, http: this.#metrics, vitals: this.#vitals }),
      ...eventRoutes(this.#events),
      ...viewRoutes(agent),
      ...secretRoutes({ agent }),
      ...exclusionRoutes({ agent }),
      ...keyRoutes({ agent }),
      ...faultRoutes({ agent, log }),
      ...authorityRoutes(agent),
      this.#documentRoute(),
    ];
    this.#authentication = new Authentication(options.auth, { clock: systemClock, log });
    this.#gate = new Gate(options, this.#routes, {
      authentication: this.#authentication,
      metrics: this.#metrics,
    });
    this.#connections = new ConnectionGuard(options, { metrics: this.#metrics });
    this.#trail = new AuditTrail({ level: options.auditLevel }, { audit });
    this.#refusals = new Refusals({
      log,
      metrics: this.#metrics,
      trail: this.#trail,
      allowed: new AllowedMethods(this.#routes),
      newId: () => this.#requestId(undefined),
    });
    this.#tls = TlsSide.of(options, { log, metrics, server: () => this.#app.server });
    this.#app = this.#build();
  }

  /** For tests and for callers within the process: requests without a socket. */
  get app(): App {
    return this.#app;
  }

  /**
   * Listens. The agent need not be ready: until then registrations are refused and `/health/ready` is 503.
   *
   * @throws FirsthandError ADDRESS_IN_USE, ADDRESS_UNAVAILABLE, CONFIG_INVALID for a file without keys for tokens
   */
  async start(): Promise<{ readonly url: string }> {
    const { host, port } = parseListenAddress(this.#options.listen);
    await this.#authentication.start();
    // Fastify would bind a second server for the other address of localhost.
    const bound = host === 'localhost' ? '127.0.0.1' : host;
    try {
      await this.#app.listen({ host: bound, port });
    } catch (cause) {
      throw listenError(this.#options.listen, cause);
    }
    const address = this.#app.server.address();
    const actualPort = typeof address === 'object' && address !== null ? address.port : port;
    const url = `${this.#tls === undefined ? 'http' : 'https'}://${formatAddress(bound, actualPort)}`;
    this.#log('http_listening', { url, auth: this.#options.auth.mode });
    if (this.#authentication.required && this.#tls === undefined && !isLoopback(bound)) {
      this.#log('credentials_in_clear', { url, setting: 'http_cert_file' });
    }
    this.#tls?.start();
    return { url };
  }

  /**
   * Refuses what is new, ends event streams, and lets requests in flight finish until `stopTimeoutMs`.
   * Safe to call twice, and after a start that failed.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#gate.close();
    this.#events.stop();
    const { server } = this.#app;
    // Node closes idle connections once; those that become idle later would wait for their timeout.
    const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
    const deadline = setTimeout(() => {
      this.#log('stop_forced', { room: 'http', after_ms: this.#options.stopTimeoutMs });
      server.closeAllConnections();
    }, this.#options.stopTimeoutMs);
    try {
      await this.#app.close();
    } finally {
      clearInterval(sweep);
      clearTimeout(deadline);
      this.#peers.stop();
      this.#vitals.stop();
      this.#connections.stop();
      this.#tls?.stop();
      this.#authentication.stop();
    }
  }

  #build(): App {
    const options = this.#options;
    const limits = {
      maxHeaderSize: options.headersMaxBytes,
      headersTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: timeoutCheckMs,
    };
    const app = fastify({
      bodyLimit: options.bodyMaxBytes,
      keepAliveTimeout: options.keepAliveTimeoutMs,
      requestTimeout: options.requestTimeoutMs,
      connectionTimeout: options.inactivityTimeoutMs,
      http: limits,
      ...this.#tls?.options(limits),
      trustProxy: false,
      forceCloseConnections: 'idle',
      return503OnClosing: false, // The gate does it, with the contract's body.
      // An id is at most 128 characters, each perhaps escaped.
      routerOptions: { maxParamLength: 3 * 128 },
      genReqId: request => this.#requestId(request.headers['x-request-id']),
      frameworkErrors: (error, request, reply) => this.#refusals.send(frameworkError(error), request, reply),
      clientErrorHandler: (error, socket) => this.#refusals.answerSocket(error, socket),
    });
    app.server.maxHeadersCount = options.headersMaxCount + 1; // One more shows that there were more.
    this.#connections.watch(app.server);
    app.decorateRequest('operation', 'none');
    app.decorateRequest('principal');
    app.decorateRequest('target', '');
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', bodyReader(options.bodyMaxBytes));
    const unproved = this.#authentication.required ? nobody : anonymous;
    app.addHook('onRequest', (request, reply, done) => {
      this.#account(request, reply);
      // A body is JSON or it is refused, whatever it is said to be; Fastify would refuse a type it cannot read.
      request.raw.headers['content-type'] = undefined;
      request.principal = unproved;
      const refusal = this.#tooManyHeaders(request) ?? this.#gate.refusal(request);
      if (refusal instanceof Promise) refusal.then(done, done);
      else done(refusal);
    });
    app.setErrorHandler((error, request, reply) => this.#refusals.send(error, request, reply));
    app.setNotFoundHandler((request, reply) => this.#refusals.notFound(request, reply));
    for (const route of this.#routes) {
      const guard = this.#gate.guardOf(route);
      for (const url of route.paths) {
        app.route({
          method: route.method,
          url,
          config: { operation: route.operation },
          ...(guard === undefined ? {} : { onRequest: hookOf(guard) }),
          exposeHeadRoute: route.noHead !== true,
          handler: (request, reply) => {
            request.operation = route.operation;
            return route.handle(request, reply);
          },
        });
      }
    }
    return app;
  }

  #account(request: FastifyRequest, reply: FastifyReply): void {
    const { raw } = reply;
    reply.header('x-request-id', request.id);
    const startedMs = performance.now();
    this.#metrics.requestStarted();
    this.#connections.answerStarted(raw);
    // Not the hook for answers sent: it does not hear of callers that went away before.
    raw.once('close', () => {
      this.#connections.answerEnded(raw);
      const nowMs = performance.now();
      const status = raw.headersSent ? raw.statusCode : callerGone;
      const streamed = request.operation === 'events' && status === 200;
      this.#metrics.requestEnded(request.operation, status, streamed ? undefined : nowMs - startedMs, nowMs);
      if (status < 400) this.#trail.answered(request);
    });
  }

  #tooManyHeaders({ raw }: FastifyRequest): FirsthandError | undefined {
    const { headersMaxCount } = this.#options;
    if (raw.rawHeaders.length <= 2 * headersMaxCount) return undefined;
    this.#metrics.limitHit('headers_count');
    return new FirsthandError('HEADERS_TOO_LARGE', {
      text: `there are more than ${headersMaxCount} headers`,
    });
  }

  #documentRoute(): Route {
    return {
      operation: 'openapi',
      method: 'GET',
      paths: ['/openapi.json'],
      handle: async (_request, reply) => {
        this.#document ??= this.#makeDocument();
        return reply.send(await this.#document);
      },
    };
  }

  async #makeDocument(): Promise<object> {
    const { openApiDocument } = await import('./openapi.ts');
    const options = {
      version: this.#agent.identity.version,
      authMode: this.#options.auth.mode,
      protectVitals: this.#options.protectVitals,
    };
    return openApiDocument(options, this.#routes);
  }
}

function hookOf(guard: (request: FastifyRequest) => void) {
  return (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    try {
      guard(request);
      done();
    } catch (error) {
      done(error as Error);
    }
  };
}

/** As web servers log it: the caller closed the connection before there was an answer. */
const callerGone = 499;
