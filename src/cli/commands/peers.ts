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
}

export function define(command: Command, context: Context): void {
  command
    .option('--type <type>', `only ${nodeTypes.join(', ')}`, oneOf('--type', nodeTypes))
    .option('--capability <name>', 'only nodes that can do this (repeatable: all of them)', collect)
    .option('--status <status>', `only ${statuses.join(', ')}`, oneOf('--status', statuses))
    .action(async (options: Options) => {
      const { io } = context;
      const client = await clientFor(io, context.globals());
      const query = new URLSearchParams();
      if (options.type !== undefined) query.set('type', options.type);
      for (const capability of options.capability ?? []) query.append('capability', capability);
      if (options.status !== undefined) query.set('status', options.status);
      const search = query.size === 0 ? '' : `?${query}`;

      const answer = await client.request<readonly PeerBody[]>({ path: `/peers${search}` });
      const peers = [...answer].sort((a, b) => compareText(a.id, b.id));
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
