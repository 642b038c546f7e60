/** `firsthand deregister`: takes a service out. */
import type { Command } from 'commander';
import { clientFor } from '../client.ts';
import { type Context, printJson } from '../context.ts';
import { addKeyOption, type KeyOption, signedDeparture } from '../service-key.ts';

export function define(command: Command, context: Context): void {
  command.requiredOption('--id <id>', 'the service to take out');
  addKeyOption(command);
  command.action(async (options: KeyOption & { readonly id: string }) => {
    const { io } = context;
    const client = await clientFor(io, context.globals());
    const path = `/registration/${encodeURIComponent(options.id)}`;
    const body = await signedDeparture(client, options, options.id);
    const answer = await client.request<unknown>({ method: 'DELETE', path, body });
    if (context.globals().json) await printJson(io, answer ?? { id: options.id });
    else await io.out(`deregistered ${options.id}\n`);
  });
}
