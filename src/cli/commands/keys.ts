/** `firsthand keys`: the key that an agent speaks with, changed or ended, and the secret of its cluster. */
import type { Command } from 'commander';
import type { GoneBody, KeysBody } from '../bodies.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { duration } from '../display.ts';
import { defineRotateSecret } from './keys-rotate-secret.ts';
import { untilGone } from './leave.ts';

/** It starts its network anew meanwhile. */
const rotationLimitMs = 60_000;

export function define(command: Command, context: Context): void {
  defineRotateSecret(command, context);
  command
    .command('show')
    .description('the key of the agent, and the one before while that still counts')
    .action(async () => {
      const client = await clientFor(context.io, context.globals());
      await show(await client.request<KeysBody>({ path: '/admin/keys' }), context);
    });
  command
    .command('rotate')
    .description('give the agent another key: its name and its services stay, and it does not stop')
    .action(async () => {
      const client = await clientFor(context.io, context.globals());
      const path = '/admin/keys/rotate';
      await show(
        await client.request<KeysBody>({ method: 'POST', path, timeoutMs: rotationLimitMs }),
        context,
      );
    });
  command
    .command('revoke')
    .description('end the key of the agent for ever, and stop it: for a key that somebody else may have')
    .option('--yes', 'say that this is meant: what the agent hosts is off the lists at once')
    .action(async (options: { readonly yes?: boolean }) => {
      if (options.yes !== true) {
        throw usageError(
          'keys revoke: takes the agent and all it hosts off the lists at once; --yes says that this is meant',
        );
      }
      const client = await clientFor(context.io, context.globals());
      const path = '/admin/keys/revoke';
      const answer = await client.request<GoneBody>({ method: 'POST', path });
      await untilGone(client);
      if (context.globals().json) await printJson(context.io, answer);
      else await context.io.out(`${answer.message}; a new start makes another key\n`);
    });
}

async function show(keys: KeysBody, { io, globals }: Context): Promise<void> {
  if (globals().json) return void (await printJson(io, keys));
  const { id, peer_id, former } = keys;
  const rows = [
    ['agent', id],
    ['key', peer_id],
    ...(former === undefined
      ? []
      : [['former', `${former.peer_id}, counts for another ${duration(former.ends_in_ms / 1_000)}`]]),
  ];
  await io.out(rows.map(([label = '', fact = '']) => `${label.padEnd(7)} ${fact}\n`).join(''));
}
