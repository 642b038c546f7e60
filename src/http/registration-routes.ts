/** Entries come, change and go: `/registration`, and the departure of agents. */
import type { FastifyRequest } from 'fastify';
import { isNodeId } from '../core/record/node.ts';
import { FirsthandError } from '../errors.ts';
import type { AgentPort } from '../runtime/agent-port.ts';
import { sendPieces } from './answer.ts';
import { bodyText } from './body.ts';
import type { HttpAuth } from './options.ts';
import type { PeerList } from './peer-list.ts';
import { Query } from './query.ts';
import { confirmRequest, registrationAnswer } from './registration-answer.ts';
import { parseRegistration } from './registration-body.ts';
import type { Route } from './route.ts';
import { markView } from './view-header.ts';

export interface RegistrationComponents {
  readonly agent: AgentPort;
  readonly peers: PeerList;
}

export function registrationRoutes(
  options: { readonly authMode: HttpAuth['mode'] },
  { agent, peers }: RegistrationComponents,
): readonly Route[] {
  return [
    {
      operation: 'register',
      method: 'POST',
      paths: ['/registration', '/service-discovery/register'],
      handle: async (request, reply) => {
        if (options.authMode === 'open') refuseBrowser(request);
        const confirm = confirmRequest(new Query(request.query));
        const registration = parseRegistration(bodyText(request), Date.now());
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
        requireReady(agent);
        await agent.deregister(id);
        return { status: 'deregistered', message: `${id} is no longer registered` };
      },
    },
    {
      operation: 'leave',
      method: 'POST',
      paths: ['/admin/leave'],
      handle: async request => {
        if (options.authMode === 'open') refuseOutsider(request);
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
        if (options.authMode === 'open') refuseOutsider(request);
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

/**
 * Where no credentials are asked for, any web page could send such a request from its reader's browser
 * to an agent on the same machine. Browsers name the page in `Origin`; nobody else sends it.
 */
function refuseBrowser(request: FastifyRequest): void {
  if (request.headers.origin === undefined) return;
  throw new FirsthandError('FORBIDDEN', {
    text: 'without credentials, web pages may not change anything here',
  });
}

/** In open mode there is no operator to recognise, so only this machine may end or remove an agent. */
function refuseOutsider(request: FastifyRequest): void {
  refuseBrowser(request);
  const forwarded = request.headers['x-forwarded-for'] ?? request.headers.forwarded;
  if (forwarded === undefined && isLoopback(request.socket.remoteAddress)) return;
  throw new FirsthandError('FORBIDDEN', {
    text: 'in open mode only callers on the same machine may do that',
  });
}

export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::1|(?:::ffff:)?127\.[0-9.]+)$/.test(address);
}
