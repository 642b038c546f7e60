/** The keys of this agent: `/admin/keys`. Public halves only; private ones never leave the process. */
import type { AgentPort } from '../runtime/agent-port.ts';
import type { Route } from './route.ts';
import { snakeKeys } from './snake-case.ts';

export function keyRoutes({ agent }: { readonly agent: AgentPort }): readonly Route[] {
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
      handle: async (_request, reply) => reply.send(snakeKeys(await agent.rotateKey())),
    },
    {
      operation: 'revokeKey',
      method: 'POST',
      paths: ['/admin/keys/revoke'],
      handle: async () => {
        const { id, peerId } = agent.identity;
        await agent.revokeKey();
        return { status: 'revoked', message: `the key ${peerId} of ${id} has ended, and the agent stops` };
      },
    },
  ];
}
