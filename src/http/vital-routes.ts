/** How this agent is: for load balancers, orchestrators, Prometheus, and the predecessor's callers. */
import type { FastifyReply } from 'fastify';
import { FirsthandError } from '../errors.ts';
import type { AgentPort } from '../runtime/agent-port.ts';
import { connectedPeers, isReady } from '../telemetry/metrics/agent.ts';
import type { HttpMetrics } from '../telemetry/metrics/http.ts';
import type { MetricRegistry } from '../telemetry/registry.ts';
import type { Vitals } from '../telemetry/vitals.ts';
import { errorAnswer } from './error-answer.ts';
import type { HttpOptions } from './options.ts';
import type { Route } from './route.ts';

export interface VitalComponents {
  readonly agent: AgentPort;
  readonly registry: MetricRegistry;
  readonly http: HttpMetrics;
  readonly vitals: Vitals;
}

export function vitalRoutes(options: HttpOptions, components: VitalComponents): readonly Route[] {
  const { agent, registry } = components;
  return [
    {
      operation: 'metrics',
      method: 'GET',
      paths: ['/metrics'],
      vital: true,
      handle: (_request, reply) => reply.send(metricsJson(components)),
    },
    {
      operation: 'telemetry',
      method: 'GET',
      paths: ['/telemetry'],
      vital: true,
      handle: async (_request, reply) => {
        const text = await registry.text();
        return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
      },
    },
    {
      operation: 'health',
      method: 'GET',
      paths: ['/health'],
      vital: true,
      handle: (_request, reply) => {
        const ready = isReady(agent);
        return reply
          .code(ready ? 200 : 503)
          .type('text/plain; charset=utf-8')
          .send(ready ? 'healthy' : 'unhealthy');
      },
    },
    {
      operation: 'live',
      method: 'GET',
      paths: ['/health/live'],
      vital: true,
      // A stuck event loop gives no answer at all, and a new process mends neither a full disk nor a lost
      // network: whoever can answer need not be restarted.
      handle: (_request, reply) => reply.send(healthJson('live', agent)),
    },
    {
      operation: 'ready',
      method: 'GET',
      paths: ['/health/ready'],
      vital: true,
      handle: (_request, reply) => sendReadiness(reply, agent),
    },
    {
      operation: 'discoveryHealth',
      method: 'GET',
      paths: ['/service-discovery/health'],
      handle: (_request, reply) => reply.send(discoveryJson(options, agent)),
    },
    {
      operation: 'discoveryStatus',
      method: 'GET',
      paths: ['/service-discovery/status'],
      handle: (_request, reply) => reply.send(discoveryJson(options, agent)),
    },
  ];
}

/** Measured at the question; `gpu_usage` is null where the machine has nothing that measures it. */
function metricsJson({ agent, http, vitals }: VitalComponents) {
  const { meanMs, errorRate } = http.lastMinute(performance.now());
  const inProgress = http.requestsInProgress - 1; // Without the one that asks.
  return {
    ready: isReady(agent),
    requests_in_progress: inProgress,
    active_requests: inProgress + http.eventStreams,
    cpu_usage: vitals.cpuPercent(),
    memory_usage: vitals.memoryPercent(),
    gpu_usage: vitals.gpuPercent() ?? null,
    failed_responses: http.failedResponses,
    connected_peers: connectedPeers(agent),
    backoff_requests: http.backoffRequests,
    avg_response_time_ms: meanMs,
    error_rate: errorRate,
    uptime_seconds: Math.floor(vitals.uptimeS),
    status_message: statusMessage(agent),
    version: agent.identity.version,
  };
}

function statusMessage(agent: AgentPort): string {
  const unwell = agent.components().find(component => !component.ok);
  if (agent.phase !== 'ready' || unwell === undefined) return agent.phase;
  return `${unwell.name}: ${unwell.detail}`;
}

/** When not ready, the answer is an error like any other, with the components beside it. */
function sendReadiness(reply: FastifyReply, agent: AgentPort): FastifyReply {
  if (isReady(agent)) return reply.send(healthJson('ready', agent));
  const unwell = agent.phase === 'ready' ? agent.components().find(component => !component.ok) : undefined;
  const text = unwell === undefined ? `the agent is ${agent.phase}` : `${unwell.name}: ${unwell.detail}`;
  const answer = errorAnswer(new FirsthandError('NOT_READY', { text }), reply.request.id);
  return reply
    .code(answer.status)
    .headers(answer.headers)
    .send({ ...answer.body, ...healthJson('not_ready', agent) });
}

function healthJson(status: 'live' | 'ready' | 'not_ready', agent: AgentPort) {
  return { status, phase: agent.phase, components: agent.components() };
}

function discoveryJson({ auth, healthCheck }: HttpOptions, agent: AgentPort) {
  const nodes = agent.listing.nodes();
  const countOf = (type: string) => nodes.filter(node => node.nodeType === type).length;
  return {
    status: isReady(agent) ? 'healthy' : 'unhealthy',
    auth_mode: auth.mode,
    requires_authentication: auth.mode !== 'open',
    health_check_interval_seconds: healthCheck.intervalMs / 1_000,
    health_check_timeout_seconds: healthCheck.timeoutMs / 1_000,
    total_peers: nodes.length,
    backend_peers: countOf('backend'),
    proxy_peers: countOf('proxy'),
    failure_threshold: healthCheck.failureThreshold,
    recovery_threshold: healthCheck.recoveryThreshold,
  };
}
