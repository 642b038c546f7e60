/** `firsthand status`: one screen that says first whether the cluster is well. */
import type { Command } from 'commander';
import { compareText } from '../../core/record/record.ts';
import type { PeerBody, StatusBody } from '../bodies.ts';
import { type AgentClient, clientFor } from '../client.ts';
import { type Context, printJson } from '../context.ts';
import { count, duration, safe, shortPeer } from '../display.ts';
import { named, partitionSentence } from '../partition-sentence.ts';
import { paint, renderTable, stateColour } from '../table.ts';

export function define(command: Command, context: Context): void {
  command.action(async () => {
    const { io } = context;
    const client = await clientFor(io, context.globals());
    const status = await client.request<StatusBody>({ path: '/status' });
    if (context.globals().json) await printJson(io, status);
    else await io.out(statusScreen(status, await unhealthyIds(client, status), io.colour));
  });
}

/** The status only counts them. */
async function unhealthyIds(client: AgentClient, { services }: StatusBody): Promise<readonly string[]> {
  if (services.unhealthy === 0) return [];
  const peers = await client.request<readonly PeerBody[]>({ path: '/peers?status=unhealthy' });
  return peers.map(({ id }) => id).sort(compareText);
}

function statusScreen(status: StatusBody, unhealthy: readonly string[], colour: boolean): string {
  const { identity, services } = status;
  const facts = [
    [
      'agent',
      `${identity.id} (${identity.node_type}), ${shortPeer(identity.peer_id)}, version ${identity.version}`,
    ],
    ['phase', `${status.phase}, up ${duration(status.uptime_s)}, epoch ${identity.epoch}`],
    ['agents', `${status.agents_reachable} of ${status.agents_known} reachable`],
    [
      'services',
      `${services.total} listed, ${services.hosted} hosted here, ${services.suspect} suspect, ${services.unhealthy} unhealthy`,
    ],
    ['conflicts', status.conflicts === 0 ? 'none' : String(status.conflicts)],
    ['quarantined', status.quarantined.length === 0 ? 'none' : status.quarantined.join(', ')],
    ...status.components.map(({ name, ok, detail }) => [name, ok ? detail : `FAILING: ${detail}`]),
  ].map(([label = '', fact = '']) => `${label.padEnd(12)} ${safe(fact)}\n`);

  const agents = [...status.agents].sort((a, b) => compareText(a.id, b.id));
  const table = renderTable(
    [
      { title: 'AGENT' },
      { title: 'STATE', colour: stateColour },
      { title: 'SINCE', align: 'right' },
      { title: 'PEER ID' },
    ],
    agents.map(agent => [agent.id, agent.state, duration(agent.since_s), agent.peer_id]),
    colour,
  );
  return `${verdict(status, unhealthy, colour)}\n${facts.join('')}\n${table}`;
}

/** The first line decides: `well`, or what is not. */
function verdict(status: StatusBody, unhealthy: readonly string[], colour: boolean): string {
  const cluster = `cluster ${safe(status.identity.cluster)}`;
  const partition = partitionSentence(status.partition);
  const failing = status.components
    .filter(({ name, ok }) => !ok && (name !== 'partition' || partition === undefined))
    .map(component => `${component.name}: ${component.detail}`);
  const sick = unhealthy.length === 0 ? [] : [`unhealthy: ${named(unhealthy)}`];
  const known = partition === undefined ? [] : [partition];
  const wrong = [...new Set([...known, ...status.findings, ...sick, ...failing])].map(safe);
  if (wrong.length === 0) return `${cluster}: ${paint('well', 'green', colour)}\n`;
  const [first = ''] = wrong;
  if (wrong.length === 1) return `${cluster}: ${paint(first, 'red', colour)}\n`;
  const list = wrong.map(finding => `  - ${finding}\n`).join('');
  return `${cluster}: ${paint(count(wrong.length, 'thing is', 'things are'), 'red', colour)} not well\n${list}`;
}
