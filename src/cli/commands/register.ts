/** `firsthand register`: registers a service with the agent. */
import type { Command } from 'commander';
import type { RegistrationBody } from '../bodies.ts';
import { clientFor } from '../client.ts';
import { addConfirmOptions, type ConfirmOptions, confirmedText, confirmRequest } from '../confirm-options.ts';
import { type Context, printJson } from '../context.ts';
import { count, safe } from '../display.ts';
import { addNodeOptions, type NodeOptions } from '../node-options.ts';
import { addKeyOption, type KeyOption, signedNode } from '../service-key.ts';

export function define(command: Command, context: Context): void {
  command
    .requiredOption('--id <id>', 'unique name of the service in the cluster')
    .requiredOption('--address <host:port>', 'where it serves');
  addNodeOptions(command);
  addConfirmOptions(command);
  addKeyOption(command);
  command.action(async (options: NodeOptions & ConfirmOptions & KeyOption & { readonly id: string }) => {
    const { io } = context;
    if (options.metricsPort === undefined) {
      command.error("error: required option '--metrics-port <port>' not specified");
    }
    const client = await clientFor(io, context.globals());
    const node = {
      id: options.id,
      address: options.address,
      metrics_port: options.metricsPort,
      node_type: options.type,
      is_load_balancer: options.loadBalancer,
      capabilities: options.capability,
    };
    const answer = await client.request<RegistrationBody>({
      method: 'POST',
      ...confirmRequest(options),
      body: { action: 'register', node: await signedNode(client, options, 'register', node) },
    });
    const confirmed = confirmedText(answer, context);
    if (context.globals().json) await printJson(io, answer);
    else {
      await io.out(
        safe(
          `${answer.status} ${options.id} at ${options.address} with the agent at ${client.url}; it knows ${count(answer.peers.length, 'other node')}${confirmed}`,
        ).concat('\n'),
      );
    }
  });
}
