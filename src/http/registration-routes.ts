/** Entries come, change and go: `/registration`, and the departure of agents. */
import type { FastifyRequest } from 'fastify';
import { isNodeId } from '../core/record/node.ts';
import { FirsthandError } from '../errors.ts';
import type { AgentPort } from '../runtime/agent-port.ts';
import { sendPieces } from './answer.ts';
import { bodyText } from './body.ts';
import type { PeerList } from './peer-list.ts';
import { requireOwner } from './principal.ts';
import { Query } from './query.ts';
import { confirmRequest, registrationAnswer } from './registration-answer.ts';
import { parseRegistration } from './registration-body.ts';
import type { Route } from './route.ts';
import { markView } from './view-header.ts';

export interface RegistrationComponents {
  readonly agent: AgentPort;
  readonly peers: PeerList;
}

export function registrationRoutes({ agent, peers }: RegistrationComponents): readonly Route[] {
  return [
    {
      operation: 'register',
      method: 'POST',
      paths: ['/registration', '/service-discovery/register'],
      handle: async (request, reply) => {
        const confirm = confirmRequest(new Query(request.query));
        const registration = parseRegistration(bodyText(request), Date.now());
        request.target = registration.id;
        requireOwner(request.principal, registration.id);
        requireReady(agent);
        const asked = confirm === undefined ? registration : { ...registration, confirm };
        const outcome = await agent.register(asked);
        markView(reply, agent);
        const { head, tail, status } = registrationAnswer(registration, outcome);
        return sendPieces(reply.code(status), head, peers.peers(registration.id), tail);
      },
    },
    {
      operation: 'deregister',
      method: 'DELETE',
      paths: ['/registration/:id'],
      handle: async request => {
        const id = idOf(request);
        requireOwner(request.principal, id);
        requireReady(agent);
        await agent.deregister(id);
        return { status: 'deregistered', message: `${id} is no longer registered` };
      },
    },
    {
      operation: 'leave',
      method: 'POST',
      paths: ['/admin/leave'],
      handle: async () => {
        requireReady(agent);
        await agent.leave();
        return { status: 'left', message: `${agent.identity.id} has left the cluster and stops` };
      },
    },
    {
      operation: 'remove',
      method: 'POST',
      paths: ['/admin/remove/:id'],
      handle: async request => {
        const id = idOf(request);
        requireReady(agent);
        await agent.remove(id);
        return { status: 'removed', message: `${id} is out of the cluster` };
      },
    },
  ];
}

function idOf(request: FastifyRequest): string {
  const { id } = request.params as { readonly id: string };
  if (!isNodeId(id)) throw new FirsthandError('INVALID_ID', { field: 'id' });
  return id;
}

function requireReady(agent: AgentPort): void {
  if (agent.phase !== 'ready') {
    throw new FirsthandError('NOT_READY', { text: `the agent is ${agent.phase}` });
  }
}
