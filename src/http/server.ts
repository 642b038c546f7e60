/** The HTTP shim over an agent, ready or not. */
import type { Socket } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { FirsthandError } from '../errors.ts';
import type { AgentPort } from '../runtime/agent-port.ts';
import type { Log } from '../telemetry/log.ts';
import { registerAgentMetrics } from '../telemetry/metrics/agent.ts';
import { registerExclusionMetrics } from '../telemetry/metrics/exclusion.ts';
import { HttpMetrics } from '../telemetry/metrics/http.ts';
import { registerOutboxMetrics } from '../telemetry/metrics/outbox.ts';
import { registerProcessMetrics } from '../telemetry/metrics/process.ts';
import type { MetricRegistry } from '../telemetry/registry.ts';
import { Vitals } from '../telemetry/vitals.ts';
import { AllowedMethods } from './allowed-methods.ts';
import { bodyReader } from './body.ts';
import { clientErrorAnswer, rawAnswer } from './client-error.ts';
import { errorAnswer } from './error-answer.ts';
import { EventHub } from './event-hub.ts';
import { eventRoutes } from './event-routes.ts';
import { exclusionRoutes } from './exclusion-routes.ts';
import { faultRoutes } from './fault-routes.ts';
import { Gate } from './gate.ts';
import { keyRoutes } from './key-routes.ts';
import { formatAddress, parseListenAddress } from './listen-address.ts';
import type { HttpOptions } from './options.ts';
import { PeerList } from './peer-list.ts';
import { peerRoutes } from './peer-routes.ts';
import { registrationRoutes } from './registration-routes.ts';
import { requestIds } from './request-id.ts';
import type { Route } from './route.ts';
import { viewRoutes } from './view-routes.ts';
import { vitalRoutes } from './vital-routes.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** For metrics: the route's operation, or `none` before and without a route. */
    operation: string;
  }
}

export interface HttpComponents {
  readonly agent: AgentPort;
  readonly log: Log;
  readonly metrics: MetricRegistry;
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
  readonly #allowed: AllowedMethods;
  readonly #gate: Gate;
  readonly #requestId = requestIds();
  readonly #app: App;
  #document: Promise<object> | undefined;
  #stopped: Promise<void> | undefined;

  /** @throws FirsthandError CONFIG_INVALID when the secret is too short. */
  constructor(options: HttpOptions, { agent, log, metrics }: HttpComponents) {
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
      ...registrationRoutes({ authMode: options.auth.mode }, { agent, peers: this.#peers }),
      ...peerRoutes({ agent, peers: this.#peers }),
      ...vitalRoutes(options, { agent, registry: metrics, http: this.#metrics, vitals: this.#vitals }),
      ...eventRoutes(this.#events),
      ...viewRoutes(agent),
      ...exclusionRoutes({ authMode: options.auth.mode }, { agent }),
      ...keyRoutes({ authMode: options.auth.mode }, { agent }),
      ...faultRoutes({ authMode: options.auth.mode }, { agent, log }),
      this.#documentRoute(),
    ];
    this.#allowed = new AllowedMethods(this.#routes);
    this.#gate = new Gate(
      options,
      this.#routes.filter(route => route.vital === true).flatMap(route => route.paths),
    );
    this.#app = this.#build();
  }

  /** For tests and for callers within the process: requests without a socket. */
  get app(): App {
    return this.#app;
  }

  /**
   * Listens. The agent need not be ready: until then registrations are refused and `/health/ready` is 503.
   *
   * @throws FirsthandError ADDRESS_IN_USE, ADDRESS_UNAVAILABLE
   */
  async start(): Promise<{ readonly url: string }> {
    const { host, port } = parseListenAddress(this.#options.listen);
    // Fastify would bind a second server for the other address of localhost.
    const bound = host === 'localhost' ? '127.0.0.1' : host;
    try {
      await this.#app.listen({ host: bound, port });
    } catch (cause) {
      throw listenError(this.#options.listen, cause);
    }
    const address = this.#app.server.address();
    const actualPort = typeof address === 'object' && address !== null ? address.port : port;
    const url = `http://${formatAddress(bound, actualPort)}`;
    this.#log('http_listening', { url, auth: this.#options.auth.mode });
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
    }
  }

  #build(): App {
    const options = this.#options;
    const app = fastify({
      bodyLimit: options.bodyMaxBytes,
      keepAliveTimeout: options.keepAliveTimeoutMs,
      requestTimeout: options.requestTimeoutMs,
      connectionTimeout: options.inactivityTimeoutMs,
      http: {
        maxHeaderSize: options.headersMaxBytes,
        headersTimeout: options.requestTimeoutMs,
        connectionsCheckingInterval: timeoutCheckMs,
      },
      trustProxy: false,
      forceCloseConnections: 'idle',
      return503OnClosing: false, // The gate does it, with the contract's body.
      // An id is at most 128 characters, each perhaps escaped.
      routerOptions: { maxParamLength: 3 * 128 },
      genReqId: request => this.#requestId(request.headers['x-request-id']),
      frameworkErrors: (error, request, reply) => this.#sendError(frameworkError(error), request, reply),
      clientErrorHandler: (error, socket) => this.#answerClientError(error, socket),
    });
    app.server.maxConnections = options.connectionsMaxCount;
    app.decorateRequest('operation', 'none');
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', bodyReader(options.bodyMaxBytes));
    app.addHook('onRequest', (request, reply, done) => {
      this.#account(request, reply);
      // A body is JSON or it is refused, whatever it is said to be; Fastify would refuse a type it cannot read.
      request.raw.headers['content-type'] = undefined;
      done(this.#gate.refusal(request));
    });
    app.setErrorHandler((error, request, reply) => this.#sendError(error, request, reply));
    app.setNotFoundHandler((request, reply) => this.#sendError(this.#notFound(request), request, reply));
    for (const route of this.#routes) {
      for (const url of route.paths) {
        app.route({
          method: route.method,
          url,
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
    // Not the hook for answers sent: it does not hear of callers that went away before.
    raw.once('close', () => {
      const nowMs = performance.now();
      const status = raw.headersSent ? raw.statusCode : callerGone;
      const streamed = request.operation === 'events' && status === 200;
      this.#metrics.requestEnded(request.operation, status, streamed ? undefined : nowMs - startedMs, nowMs);
    });
  }

  #sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = thrown instanceof FirsthandError ? thrown : new FirsthandError('INTERNAL', {}, thrown);
    const answer = errorAnswer(error, request.id);
    if (answer.code === 'INTERNAL') {
      const { operation, method } = request;
      this.#log('http_request_failed', {
        request_id: request.id,
        operation,
        method,
        error: error.cause ?? error,
      });
    }
    this.#metrics.errorAnswered(answer.code);
    return reply
      .code(answer.status)
      .headers({ 'x-request-id': request.id, ...answer.headers })
      .send(answer.body);
  }

  #answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const answer = clientErrorAnswer(error.code ?? '', this.#requestId(undefined));
    this.#metrics.countAnswer('none', answer.status);
    this.#metrics.errorAnswered(answer.code);
    socket.end(rawAnswer(answer), () => socket.destroy());
  }

  #notFound({ url, method }: FastifyRequest): FirsthandError {
    const path = url.split('?', 1)[0] as string;
    const allowed = this.#allowed.at(path);
    if (allowed.length === 0) return new FirsthandError('NOT_FOUND');
    const allow = allowed.join(', ');
    return new FirsthandError('METHOD_NOT_ALLOWED', {
      text: `this path takes ${allow}, not ${method}`,
      allow,
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
      authenticated: this.#options.auth.mode !== 'open',
      protectVitals: this.#options.protectVitals,
    };
    return openApiDocument(options, this.#routes);
  }
}

/** As web servers log it: the caller closed the connection before there was an answer. */
const callerGone = 499;

/** What the router itself refuses. */
function frameworkError(error: Error & { readonly code?: string }): FirsthandError {
  if (error.code === 'FST_ERR_MAX_PARAM_LENGTH') return new FirsthandError('INVALID_ID', { field: 'id' });
  if (error.code === 'FST_ERR_BAD_URL') {
    return new FirsthandError('INVALID_REQUEST', { text: 'the path is not well escaped' });
  }
  return new FirsthandError('INTERNAL', {}, error);
}

function listenError(address: string, cause: unknown): FirsthandError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE') {
    const text = `the HTTP address ${address} is taken by another process`;
    return new FirsthandError('ADDRESS_IN_USE', { text, address }, cause);
  }
  const text = `the HTTP address ${address} cannot be listened on (${code ?? 'unknown reason'})`;
  return new FirsthandError('ADDRESS_UNAVAILABLE', { text, address }, cause);
}
