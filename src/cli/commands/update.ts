/** `firsthand update`: changes some fields of a registered service and keeps the others. */
import type { Command } from 'commander';
import { FirsthandError } from '../../errors.ts';
import type { PeerBody, RegistrationBody } from '../bodies.ts';
import { type AgentClient, clientFor } from '../client.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { addNodeOptions, type NodeOptions } from '../node-options.ts';

export function define(command: Command, context: Context): void {
  command
    .requiredOption('--id <id>', 'the service to change')
    .option('--address <host:port>', 'where it serves');
  addNodeOptions(command);
  command.action(async (options: NodeOptions & { readonly id: string }) => {
    const { io } = context;
    const changes = changesOf(options);
    if (Object.keys(changes).length === 0) {
      throw usageError(
        'nothing to change: give at least one of --address, --metrics-port, --type, --load-balancer, --capability',
      );
    }
    const client = await clientFor(io, context.globals());
    const known = await currentFields(client, options.id);
    const answer = await client.request<RegistrationBody>({
      method: 'POST',
      path: '/registration',
      body: { action: 'update', node: { ...known, ...changes } },
    });
    if (context.globals().json) await printJson(io, answer);
    else await io.out(`${answer.status} ${options.id}: ${Object.keys(changes).join(', ')}\n`);
  });
}

/** Only what was given. */
function changesOf(options: NodeOptions): Readonly<Record<string, unknown>> {
  const fields = {
    address: options.address,
    metrics_port: options.metricsPort,
    node_type: options.type,
    is_load_balancer: options.loadBalancer,
    capabilities: options.capability,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Without the time: the update is of now. */
async function currentFields(
  client: AgentClient,
  id: string,
): Promise<Omit<PeerBody, 'last_updated' | 'status'>> {
  const peers = await client.request<readonly PeerBody[]>({ path: '/peers' });
  const found = peers.find(peer => peer.id === id);
  if (found === undefined) {
    throw new FirsthandError('UNKNOWN_NODE', { text: `nobody registered ${id}` });
  }
  const { last_updated: _time, status: _status, ...fields } = found;
  return fields;
}
