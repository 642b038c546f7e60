/** What the rooms' route files give to the server. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Operation } from './operations.ts';

export interface Route {
  /** Names the route in metrics and in the OpenAPI document. */
  readonly operation: Operation;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** The path and its aliases. */
  readonly paths: readonly [string, ...string[]];
  /** A vital sign: without credentials and never rate limited, unless the settings say otherwise. */
  readonly vital?: true;
  /** A stream has no use for HEAD. */
  readonly noHead?: true;
  readonly handle: (request: FastifyRequest, reply: FastifyReply) => unknown;
}
