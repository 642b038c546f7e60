/** The cluster's secret: which ones are accepted, and how it is changed. No answer holds a secret. */
import type { FastifyRequest } from 'fastify';
import { FirsthandError } from '../errors.ts';
import type { AgentPort } from '../runtime/agent-port.ts';
import type { RotationRequest, SecretPort } from '../runtime/cluster-secret.ts';
import { bodyText } from './body.ts';
import type { Route } from './route.ts';
import { snakeKeys } from './snake-case.ts';

const secretPattern = /^[\x21-\x7e][\x20-\x7e]{14,1022}[\x21-\x7e]$/;

export function secretRoutes({ agent }: { readonly agent: AgentPort }): readonly Route[] {
  return [
    {
      operation: 'secrets',
      method: 'GET',
      paths: ['/admin/keys/secrets'],
      handle: (_request, reply) => reply.send(snakeKeys({ secrets: secretOf(agent).secrets() })),
    },
    {
      operation: 'rotateSecret',
      method: 'POST',
      paths: ['/admin/keys/rotate-secret'],
      handle: async (request, reply) => {
        const secret = secretOf(agent);
        const asked = rotationRequest(request);
        if (agent.phase !== 'ready') {
          throw new FirsthandError('NOT_READY', { text: `the agent is ${agent.phase}` });
        }
        const view = await secret.rotate(asked);
        return reply.code(view.status === 'done' ? 200 : 202).send(snakeKeys(view));
      },
    },
  ];
}

function secretOf({ secret }: AgentPort): SecretPort {
  if (secret === undefined) throw new FirsthandError('SECRET_OFF');
  return secret;
}

/** @throws FirsthandError INVALID_JSON, INVALID_FORMAT; never with what was sent, which may be a secret */
function rotationRequest(request: FastifyRequest): RotationRequest {
  const text = bodyText(request);
  const body = text === '' ? {} : parsed(text);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw refused('must be an object');
  const { secret, drop_old: dropOld = false, ...rest } = body as Readonly<Record<string, unknown>>;
  if (Object.keys(rest).length > 0) throw refused('has fields besides secret and drop_old');
  if (typeof dropOld !== 'boolean') throw refused('must have true or false as drop_old', 'drop_old');
  if (secret === undefined) return { dropOld };
  if (typeof secret !== 'string' || !secretPattern.test(secret)) {
    throw refused(
      'must have 16 to 1024 printable ASCII characters as secret, no space at its ends',
      'secret',
    );
  }
  return { secret, dropOld };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without the parser's own message, which may quote a secret.
    throw new FirsthandError('INVALID_JSON');
  }
}

function refused(what: string, field?: string): FirsthandError {
  return new FirsthandError('INVALID_FORMAT', {
    text: `the body ${what}`,
    ...(field === undefined ? {} : { field }),
  });
}
