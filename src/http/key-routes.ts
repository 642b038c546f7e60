/** The keys of this agent: `/admin/keys`. Public halves only; private ones never leave the process. */
import type { AgentPort } from '../runtime/agent-port.ts';
import type { HttpAuth } from './options.ts';
import { refuseOutsider } from './outsiders.ts';
import type { Route } from './route.ts';
import { snakeKeys } from './snake-case.ts';

export function keyRoutes(
  options: { readonly authMode: HttpAuth['mode'] },
  { agent }: { readonly agent: AgentPort },
): readonly Route[] {
  return [
    {
      operation: 'keys',
      method: 'GET',
      paths: ['/admin/keys'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.keys())),
    },
    {
      operation: 'rotateKey',
      method: 'POST',
      paths: ['/admin/keys/rotate'],
      handle: async (request, reply) => {
        if (options.authMode === 'open') refuseOutsider(request);
        return reply.send(snakeKeys(await agent.rotateKey()));
      },
    },
    {
      operation: 'revokeKey',
      method: 'POST',
      paths: ['/admin/keys/revoke'],
      handle: async request => {
        if (options.authMode === 'open') refuseOutsider(request);
        const { id, peerId } = agent.identity;
        await agent.revokeKey();
        return { status: 'revoked', message: `the key ${peerId} of ${id} has ended, and the agent stops` };
      },
    },
  ];
}
