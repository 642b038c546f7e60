/** `firsthand status`: one screen that says first whether the cluster is well. */
import type { Command } from 'commander';
import { compareText } from '../../core/record/record.ts';
import type { StatusBody } from '../bodies.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson } from '../context.ts';
import { count, duration, safe, shortPeer } from '../display.ts';
import { agreementLine } from '../sync-screen.ts';
import { paint, renderTable, stateColour } from '../table.ts';

export function define(command: Command, context: Context): void {
  command.action(async () => {
    const { io } = context;
    const client = await clientFor(io, context.globals());
    const status = await client.request<StatusBody>({ path: '/status' });
    if (context.globals().json) await printJson(io, status);
    else await io.out(statusScreen(status, io.colour));
  });
}

function statusScreen(status: StatusBody, colour: boolean): string {
  const { identity, services } = status;
  const facts = [
    [
      'agent',
      `${identity.id} (${identity.node_type}), ${shortPeer(identity.peer_id)}, version ${identity.version}`,
    ],
    ['phase', `${status.phase}, up ${duration(status.uptime_s)}, epoch ${identity.epoch}`],
    ['agents', `${status.agents_reachable} of ${status.agents_known} reachable`],
    ['tables', agreementLine(status.sync)],
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
  return `${verdict(status, colour)}\n${facts.join('')}\n${table}`;
}

/** The first line decides: `well`, or what is not. */
function verdict(status: StatusBody, colour: boolean): string {
  const cluster = `cluster ${safe(status.identity.cluster)}`;
  const failing = status.components
    .filter(({ name, ok }) => !ok && name !== 'partition') // Which is a finding, and a longer one.
    .map(component => `${component.name}: ${component.detail}`);
  const wrong = [...new Set([...status.findings, ...failing])].map(safe);
  if (wrong.length === 0) return `${cluster}: ${paint('well', 'green', colour)}\n`;
  const [first = ''] = wrong;
  if (wrong.length === 1) return `${cluster}: ${paint(first, 'red', colour)}\n`;
  const list = wrong.map(finding => `  - ${finding}\n`).join('');
  return `${cluster}: ${paint(count(wrong.length, 'thing is', 'things are'), 'red', colour)} not well\n${list}`;
}
