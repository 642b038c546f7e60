/** What the agent knows of its cluster, read from its port at each scrape. */
import { type NodeType, nodeTypes } from '../../core/record/node.ts';
import type { HttpPeerView, ListedStatus, LivenessState } from '../../core/view.ts';
import type { AgentPort, MeshPeer } from '../../runtime/agent-port.ts';
import type { MetricRegistry } from '../registry.ts';

const statuses = ['alive', 'suspect', 'unhealthy'] as const satisfies readonly ListedStatus[];
const states = ['alive', 'suspect', 'dead', 'left'] as const satisfies readonly LivenessState[];
const httpPeerStates = [
  'contacting',
  'answering',
  'failing',
] as const satisfies readonly HttpPeerView['state'][];
const meshStates = ['connected', 'dialing', 'waiting'] as const satisfies readonly MeshPeer['state'][];

export function registerAgentMetrics(registry: MetricRegistry, agent: AgentPort): void {
  registry.gauge('node_ready', '1 while the agent is ready and every component is well', [], gauge =>
    gauge.set(isReady(agent) ? 1 : 0),
  );
  registry.gauge('connected_peers', 'Agents connected now', [], gauge => gauge.set(connectedPeers(agent)));

  registry.gauge('firsthand_info', 'Always 1; the labels tell what runs', ['version', 'cluster'], gauge =>
    gauge.set(1, { version: agent.identity.version, cluster: agent.identity.cluster }),
  );
  registry.gauge('firsthand_nodes', 'Listed nodes', ['type', 'status'], gauge => {
    for (const type of nodeTypes) {
      for (const status of statuses) gauge.set(countNodes(agent, type, status), { type, status });
    }
  });
  registry.gauge('firsthand_agents', 'Known agents by liveness', ['state'], gauge => {
    const { agents } = agent.status();
    for (const state of states) gauge.set(agents.filter(row => row.state === state).length, { state });
  });
  registry.gauge(
    'firsthand_agents_reachable',
    'Known agents that can be reached now, this one included',
    [],
    gauge => gauge.set(agent.partition().reachable),
  );
  registry.gauge('firsthand_agents_known', 'Agents that should be there, this one included', [], gauge =>
    gauge.set(agent.partition().known),
  );
  registry.gauge(
    'firsthand_partition_suspected',
    '1 while so many agents are silent that a partition is more likely than their failure',
    [],
    gauge => gauge.set(agent.partition().state === 'suspected' ? 1 : 0),
  );
  registry.gauge('firsthand_isolated', '1 while no other known agent can be reached', [], gauge =>
    gauge.set(agent.partition().state === 'isolated' ? 1 : 0),
  );
  registry.gauge(
    'firsthand_detector_local_health',
    'Points against this agent itself; 0 is well, each stretches its own timeouts',
    [],
    gauge => gauge.set(agent.detector().localHealth),
  );
  registry.gauge(
    'firsthand_detector_frozen',
    '1 while nobody is declared dead, because most members fell silent',
    [],
    gauge => gauge.set(agent.detector().isFrozen ? 1 : 0),
  );
  registry.gauge('firsthand_backends_unhealthy', 'Hosted backends that fail their checks', [], gauge =>
    gauge.set(agent.detector().backends.filter(({ state }) => state === 'unhealthy').length),
  );
  registry.gauge('firsthand_hosted_entries', 'Services registered with this agent', [], gauge =>
    gauge.set(agent.status().services.hosted),
  );
  registry.gauge('firsthand_conflicts', 'Nodes whose records disagree', [], gauge =>
    gauge.set(agent.status().conflicts),
  );
  registry.gauge('firsthand_quarantined_keys', 'Keys caught speaking with two tongues', [], gauge =>
    gauge.set(agent.status().quarantined.length),
  );
  registry.gauge('firsthand_component_ok', '1 while the component is well', ['component'], gauge => {
    for (const { name, ok } of agent.components()) gauge.set(ok ? 1 : 0, { component: name });
  });
  registry.gauge('firsthand_mesh_peers', 'Peers by what is being done about them', ['state'], gauge => {
    const { peers } = agent.mesh();
    for (const state of meshStates) gauge.set(peers.filter(peer => peer.state === state).length, { state });
  });
  registry.gauge('firsthand_table_records', 'Records that the root covers', [], gauge =>
    gauge.set(agent.sync().entries),
  );
  registry.gauge(
    'firsthand_table_agents',
    'Reachable other agents by whether they hold the same table; unheard: not since it changed here',
    ['state'],
    gauge => {
      const { agree, of, differ } = agent.status().sync;
      gauge.set(agree - 1, { state: 'agrees' });
      gauge.set(differ.length, { state: 'differs' });
      gauge.set(of - agree - differ.length, { state: 'unheard' });
    },
  );
  registry.gauge(
    'firsthand_http_peers',
    'Peers that speak only HTTP, by how they answer',
    ['state'],
    gauge => {
      const { httpPeers } = agent.mesh();
      for (const state of httpPeerStates) {
        gauge.set(httpPeers.filter(peer => peer.state === state).length, { state });
      }
    },
  );
  registry.totals('firsthand_foreign_peers_refused_total', 'Agents of other clusters refused', [], report =>
    report(agent.mesh().foreignRefused),
  );
}

/** Whether callers should be sent here: ready, and no component complains. */
export function isReady(agent: AgentPort): boolean {
  return agent.phase === 'ready' && agent.components().every(component => component.ok);
}

export function connectedPeers(agent: AgentPort): number {
  return agent.mesh().peers.filter(peer => peer.state === 'connected').length;
}

function countNodes(agent: AgentPort, type: NodeType, status: ListedStatus): number {
  let count = 0;
  for (const node of agent.listing.nodes()) if (node.nodeType === type && node.status === status) count += 1;
  return count;
}
