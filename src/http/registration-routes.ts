/** Entries come, change and go: `/registration`, and the departure of agents. */
import type { FastifyRequest } from 'fastify';
import { deregistrationText, registrationText } from '../core/hosting/signed-text.ts';
import { isNodeId, type NodeId, type Owner } from '../core/record/node.ts';
import { FirsthandError } from '../errors.ts';
import type { AgentPort, RegistrationRequest } from '../runtime/agent-port.ts';
import { sendPieces } from './answer.ts';
import { bodyText } from './body.ts';
import type { PeerList } from './peer-list.ts';
import { requireOwner } from './principal.ts';
import { Query } from './query.ts';
import { confirmRequest, registrationAnswer } from './registration-answer.ts';
import { parseDeparture, parseRegistration, type SignedDeparture } from './registration-body.ts';
import type { Route } from './route.ts';
import { type Proof, requireSignature } from './signed-request.ts';
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
        const nowMs = Date.now();
        const { registration, proof } = parseRegistration(bodyText(request), nowMs);
        request.target = registration.id;
        requireOwner(request.principal, registration.id);
        requireReady(agent);
        if (proof !== undefined) requireSigned(registration, proof, nowMs);
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
        const nowMs = Date.now();
        const signed = parseDeparture(bodyText(request), nowMs);
        requireOwner(request.principal, id);
        requireReady(agent);
        await agent.deregister(id, signed && ownerOf(id, signed, nowMs));
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

  function requireSigned({ action, id, node }: RegistrationRequest, proof: Proof, nowMs: number): void {
    const { cluster } = agent.identity;
    const { publicKey } = proof;
    const text = registrationText({ cluster, id }, action, { ...node, publicKey });
    requireSignature(proof, { text, signedS: node.lastUpdatedS, nowMs });
  }

  function ownerOf(id: NodeId, { proof, lastUpdatedS }: SignedDeparture, nowMs: number): Owner {
    const { cluster } = agent.identity;
    const owner = { publicKey: proof.publicKey, lastUpdatedS };
    requireSignature(proof, {
      text: deregistrationText({ cluster, id }, owner),
      signedS: lastUpdatedS,
      nowMs,
    });
    return owner;
  }
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
