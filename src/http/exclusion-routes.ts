/** Who is shut out, by what it did or by an operator: `/reputation`, `/evidence`, `/admin/bans`. */
import { FirsthandError } from '../errors.ts';
import type { AgentPort, EvidenceView } from '../runtime/agent-port.ts';
import { bodyText } from './body.ts';
import type { Route } from './route.ts';
import { snakeKeys } from './snake-case.ts';

export function exclusionRoutes({ agent }: { readonly agent: AgentPort }): readonly Route[] {
  return [
    {
      operation: 'reputation',
      method: 'GET',
      paths: ['/reputation'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.reputation())),
    },
    {
      operation: 'evidence',
      method: 'GET',
      paths: ['/evidence'],
      handle: (_request, reply) => reply.send(agent.evidence().map(evidenceJson)),
    },
    {
      operation: 'bans',
      method: 'GET',
      paths: ['/admin/bans'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.bans())),
    },
    {
      operation: 'ban',
      method: 'POST',
      paths: ['/admin/bans'],
      handle: async request => {
        const { who, forMs, reason } = banOf(bodyText(request));
        const peer = await agent.ban({ who, reason, ...(forMs === undefined ? {} : { forMs }) });
        return { status: 'banned', peer };
      },
    },
    {
      operation: 'pardon',
      method: 'DELETE',
      paths: ['/admin/bans/:id'],
      handle: async request => {
        const { id } = request.params as { readonly id: string };
        return { status: 'pardoned', peer: await agent.pardon({ who: id, reason: '' }) };
      },
    },
  ];
}

function evidenceJson({ first, second, ...view }: EvidenceView) {
  const base64 = (wire: Uint8Array) => Buffer.from(wire).toString('base64');
  return { ...view, first: base64(first), second: base64(second) };
}

function banOf(text: string): { readonly who: string; readonly forMs?: number; readonly reason: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new FirsthandError('INVALID_JSON', {}, cause);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('the body must be an object');
  const { who, for_ms: forMs, reason = '', ...others } = body as Readonly<Record<string, unknown>>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw invalid(`${JSON.stringify(unknown.slice(0, 40))} is not known: who, for_ms, reason`);
  if (typeof who !== 'string' || who === '' || who.length > 128)
    throw invalid('who must be a node id or a key', 'who');
  if (typeof reason !== 'string') throw invalid('reason must be a text', 'reason');
  if (forMs === undefined) return { who, reason };
  if (typeof forMs !== 'number') throw invalid('for_ms must be a number of milliseconds', 'for_ms');
  return { who, forMs, reason };
}

function invalid(text: string, field?: string): FirsthandError {
  return new FirsthandError('INVALID_BAN', { text, ...(field === undefined ? {} : { field }) });
}
