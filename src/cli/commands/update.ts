/** `firsthand update`: changes some fields of a registered service and keeps the others. */
import type { Command } from 'commander';
import { capabilitiesOf, isNodeType } from '../../core/record/node.ts';
import { FirsthandError } from '../../errors.ts';
import type { PeerBody, RegistrationBody } from '../bodies.ts';
import { type AgentClient, clientFor } from '../client.ts';
import { addConfirmOptions, type ConfirmOptions, confirmedText, confirmRequest } from '../confirm-options.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { safe } from '../display.ts';
import { addNodeOptions, type NodeOptions } from '../node-options.ts';
import { addKeyOption, type KeyOption, signedNode } from '../service-key.ts';

export function define(command: Command, context: Context): void {
  command
    .requiredOption('--id <id>', 'the service to change, or the agent itself until its next start')
    .option('--address <host:port>', 'where it serves');
  addNodeOptions(command);
  addConfirmOptions(command);
  addKeyOption(command);
  command.action(async (options: NodeOptions & ConfirmOptions & KeyOption & { readonly id: string }) => {
    const { io } = context;
    const changes = changesOf(options);
    if (Object.keys(changes).length === 0) {
      throw usageError(
        'nothing to change: give at least one of --address, --metrics-port, --type, --load-balancer, --capability',
      );
    }
    const client = await clientFor(io, context.globals());
    const known = keptFields(await currentFields(client, options.id), options);
    const fields = { ...known, ...changes, id: options.id };
    const answer = await client.request<RegistrationBody>({
      method: 'POST',
      ...confirmRequest(options),
      body: { action: 'update', node: await signedNode(client, options, 'update', fields) },
    });
    const confirmed = confirmedText(answer, context);
    if (context.globals().json) await printJson(io, answer);
    else
      await io.out(
        `${safe(`${answer.status} ${options.id}: ${Object.keys(changes).join(', ')}${confirmed}`)}\n`,
      );
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

/** Of another type it is something else: what went with the old one (its defaults) goes with it. */
function keptFields(known: CurrentFields, { type }: NodeOptions): Partial<CurrentFields> {
  const before = known.node_type;
  if (type === undefined || type === before || !isNodeType(before)) return known;
  const { is_load_balancer, capabilities, ...kept } = known;
  const defaults = capabilitiesOf(before);
  const isDefault =
    capabilities.length === defaults.length && capabilities.every(each => defaults.includes(each));
  return {
    ...kept,
    ...(is_load_balancer === (before === 'proxy') ? {} : { is_load_balancer }),
    ...(isDefault ? {} : { capabilities }),
  };
}

type CurrentFields = Omit<PeerBody, 'last_updated' | 'status'>;

/** Without the time: the update is of now. */
async function currentFields(client: AgentClient, id: string): Promise<CurrentFields> {
  const peers = await client.request<readonly PeerBody[]>({ path: '/peers' });
  const found = peers.find(peer => peer.id === id);
  if (found === undefined) {
    throw new FirsthandError('UNKNOWN_NODE', { text: `nobody registered ${id}` });
  }
  const { last_updated: _time, status: _status, ...fields } = found;
  return fields;
}
