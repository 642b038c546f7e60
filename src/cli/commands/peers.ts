/** `firsthand peers`: who is in the cluster. */
import type { Command } from 'commander';
import { nodeTypes } from '../../core/record/node.ts';
import { compareText } from '../../core/record/record.ts';
import type { PeerBody } from '../bodies.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson } from '../context.ts';
import { duration } from '../display.ts';
import { collect, oneOf } from '../option-values.ts';
import { renderTable, stateColour } from '../table.ts';

const statuses = ['alive', 'suspect', 'unhealthy'] as const;

interface Options {
  readonly type?: string;
  readonly capability?: readonly string[];
  readonly status?: string;
  readonly requireMajority?: boolean;
}

export function define(command: Command, context: Context): void {
  command
    .option('--type <type>', `only ${nodeTypes.join(', ')}`, oneOf('--type', nodeTypes))
    .option('--capability <name>', 'only nodes that can do this (repeatable: all of them)', collect)
    .option('--status <status>', `only ${statuses.join(', ')}`, oneOf('--status', statuses))
    .option('--require-majority', 'fail (5) when the agent reaches no majority of the agents it knows')
    .action(async (options: Options) => {
      const { io } = context;
      const client = await clientFor(io, context.globals());
      const query = new URLSearchParams();
      if (options.type !== undefined) query.set('type', options.type);
      for (const capability of options.capability ?? []) query.append('capability', capability);
      if (options.status !== undefined) query.set('status', options.status);
      if (options.requireMajority) query.set('require', 'majority');
      const search = query.size === 0 ? '' : `?${query}`;

      const { body, part } = await client.requestList<readonly PeerBody[]>({ path: `/peers${search}` });
      if (part !== undefined && part.reachable < part.known) {
        io.err(`firsthand: this agent reaches ${part.reachable} of ${part.known} known agents\n`);
      }
      const peers = [...body].sort((a, b) => compareText(a.id, b.id));
      if (context.globals().json) await printJson(io, peers);
      else await io.out(peersTable(peers, io.wallMs(), io.colour));
    });
}

function peersTable(peers: readonly PeerBody[], wallMs: number, colour: boolean): string {
  if (peers.length === 0) return 'no such node\n';
  return renderTable(
    [
      { title: 'ID' },
      { title: 'TYPE' },
      { title: 'ADDRESS' },
      { title: 'METRICS', align: 'right' },
      { title: 'STATUS', colour: stateColour },
      { title: 'LB' },
      { title: 'CAPABILITIES' },
      { title: 'UPDATED', align: 'right' },
    ],
    peers.map(peer => [
      peer.id,
      peer.node_type,
      peer.address,
      String(peer.metrics_port),
      peer.status,
      peer.is_load_balancer ? 'yes' : 'no',
      peer.capabilities.join(','),
      `${duration(wallMs / 1_000 - peer.last_updated)} ago`,
    ]),
    colour,
  );
}
