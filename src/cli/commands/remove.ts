/** `firsthand remove`: takes an agent that is gone out of the cluster. */
import type { Command } from 'commander';
import type { GoneBody } from '../bodies.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson } from '../context.ts';

export function define(command: Command, context: Context): void {
  command.argument('<id>', 'node id of an agent that is dead').action(async (id: string) => {
    const { io } = context;
    const client = await clientFor(io, context.globals());
    const path = `/admin/remove/${encodeURIComponent(id)}`;
    const answer = await client.request<GoneBody>({ method: 'POST', path });
    if (context.globals().json) await printJson(io, answer);
    else await io.out(`removed ${id} from the cluster, here and everywhere\n`);
  });
}
