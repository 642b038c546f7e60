/** Who is in the cluster, and whom to send work to. */
import type { FastifyRequest } from 'fastify';
import { isCapability, nodeTypes } from '../core/record/node.ts';
import type { NodeView } from '../core/view.ts';
import type { AgentPort } from '../runtime/agent-port.ts';
import { sendPieces } from './answer.ts';
import { nodeJson } from './node-json.ts';
import { isUsableBackend, type PeerList } from './peer-list.ts';
import { badQuery, Query } from './query.ts';
import type { Route } from './route.ts';
import { checkRequired, markView } from './view-header.ts';

export interface PeerComponents {
  readonly agent: AgentPort;
  readonly peers: PeerList;
}

export function peerRoutes({ agent, peers }: PeerComponents): readonly Route[] {
  return [
    {
      operation: 'peers',
      method: 'GET',
      paths: ['/peers', '/service-discovery/peers'],
      handle: (request, reply) => {
        const partition = markView(reply, agent);
        if (!hasQuery(request)) return sendPieces(reply, '[', peers.peers(), ']');
        const query = new Query(request.query);
        checkRequired(query, partition);
        if (!query.hasAny(filters)) return sendPieces(reply, '[', peers.peers(), ']');
        return reply.send(matching(agent, query).map(nodeJson));
      },
    },
    {
      operation: 'backends',
      method: 'GET',
      paths: ['/backends'],
      handle: (request, reply) => {
        const query = new Query(request.query);
        const format = query.choice('format', ['detail']);
        checkRequired(query, markView(reply, agent));
        if (format === undefined) return sendPieces(reply, '[', peers.backends(), ']');
        return reply.send(agent.listing.nodes().filter(isUsableBackend).map(nodeJson));
      },
    },
    {
      operation: 'prometheusTargets',
      method: 'GET',
      paths: ['/sd/prometheus'],
      handle: (request, reply) => {
        const query = new Query(request.query);
        checkRequired(query, markView(reply, agent));
        return reply.send(matching(agent, query).map(node => targetGroup(agent, node)));
      },
    },
  ];
}

function hasQuery(request: FastifyRequest): boolean {
  return request.url.includes('?');
}

const filters = ['type', 'status', 'load_balancer', 'capability'] as const;
const statuses = ['alive', 'suspect', 'unhealthy'] as const;

function matching(agent: AgentPort, query: Query): readonly NodeView[] {
  const type = query.choice('type', nodeTypes);
  const status = query.choice('status', statuses);
  const loadBalancer = query.flag('load_balancer');
  const capabilities = query.all('capability');
  if (!capabilities.every(isCapability)) {
    throw badQuery('capability', 'capability must be 1 to 64 of A-Z a-z 0-9 _ -');
  }
  return agent.listing
    .nodes()
    .filter(
      node =>
        (type === undefined || node.nodeType === type) &&
        (status === undefined || node.status === status) &&
        (loadBalancer === undefined || node.isLoadBalancer === loadBalancer) &&
        capabilities.every(capability => node.capabilities.includes(capability)),
    );
}

/**
 * Every listed node, also those that are not well: Prometheus finds out by itself, and whoever looks at
 * its page wants to see them. Lists are wrapped in commas, so that a relabelling rule can match one
 * element whole.
 */
function targetGroup(agent: AgentPort, node: NodeView) {
  const host = node.address.slice(0, node.address.lastIndexOf(':'));
  return {
    targets: [`${host}:${node.metricsPort}`],
    labels: {
      __meta_firsthand_id: node.id,
      __meta_firsthand_cluster: agent.identity.cluster,
      __meta_firsthand_address: node.address,
      __meta_firsthand_node_type: node.nodeType,
      __meta_firsthand_status: node.status,
      __meta_firsthand_load_balancer: String(node.isLoadBalancer),
      __meta_firsthand_capabilities: `,${node.capabilities.join(',')},`,
    },
  };
}
