/** Every answer that says no: to requests, to paths that are not there, and to bytes that never became a request. */
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FirsthandError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { HttpMetrics } from '../telemetry/metrics/http.ts';
import type { AllowedMethods } from './allowed-methods.ts';
import type { AuditTrail } from './audit-trail.ts';
import { clientErrorAnswer, rawAnswer } from './client-error.ts';
import { errorAnswer } from './error-answer.ts';

export interface RefusalsComponents {
  readonly log: Log;
  readonly metrics: HttpMetrics;
  readonly trail: AuditTrail;
  readonly allowed: AllowedMethods;
  /** For what has no request id. */
  readonly newId: () => string;
}

export class Refusals {
  readonly #parts: RefusalsComponents;

  constructor(components: RefusalsComponents) {
    this.#parts = components;
  }

  send(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = thrown instanceof FirsthandError ? thrown : new FirsthandError('INTERNAL', {}, thrown);
    const answer = errorAnswer(error, request.id);
    if (answer.code === 'INTERNAL') {
      const { operation, method } = request;
      this.#parts.log('http_request_failed', {
        request_id: request.id,
        operation,
        method,
        error: error.cause ?? error,
      });
    }
    this.#parts.metrics.errorAnswered(answer.code);
    if (answer.code === 'PAYLOAD_TOO_LARGE') this.#parts.metrics.limitHit('body_bytes');
    this.#parts.trail.failed(request, request.routeOptions.config.operation, error);
    return reply
      .code(answer.status)
      .headers({ 'x-request-id': request.id, ...answer.headers })
      .send(answer.body);
  }

  answerSocket(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const answer = clientErrorAnswer(error.code ?? '', this.#parts.newId());
    this.#parts.metrics.countAnswer('none', answer.status);
    this.#parts.metrics.errorAnswered(answer.code);
    if (answer.code === 'HEADERS_TOO_LARGE') this.#parts.metrics.limitHit('headers_bytes');
    if (answer.code === 'REQUEST_TIMEOUT') this.#parts.metrics.limitHit('request_time');
    socket.end(rawAnswer(answer), () => socket.destroy());
  }

  notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    return this.send(this.#notFound(request), request, reply);
  }

  #notFound({ url, method }: FastifyRequest): FirsthandError {
    const path = url.split('?', 1)[0] as string;
    const allowed = this.#parts.allowed.at(path);
    if (allowed.length === 0) return new FirsthandError('NOT_FOUND');
    const allow = allowed.join(', ');
    return new FirsthandError('METHOD_NOT_ALLOWED', {
      text: `this path takes ${allow}, not ${method}`,
      allow,
    });
  }
}
