/** `firsthand ban`, `pardon` and `bans`: whom operators have shut out. */
import type { Command } from 'commander';
import type { BansBody, DecidedBody } from '../bodies.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { localTime, safe, shortPeer } from '../display.ts';
import { renderTable } from '../table.ts';

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function defineBan(command: Command, context: Context): void {
  command
    .argument('<who>', 'node id of an agent, or its key')
    .option('--for <time>', 'how long, like 30m, 12h or 7d; without it until it is pardoned')
    .option('--reason <text>', 'for whoever reads the list', '')
    .action(async (who: string, options: { readonly for?: string; readonly reason: string }) => {
      const forMs = options.for === undefined ? {} : { for_ms: spanMs(options.for) };
      const body = { who, reason: options.reason, ...forMs };
      const client = await clientFor(context.io, context.globals());
      const answer = await client.request<DecidedBody>({ method: 'POST', path: '/admin/bans', body });
      if (context.globals().json) return void (await printJson(context.io, answer));
      await context.io.out(
        `${safe(who)} is shut out (key ${answer.peer}): here, and wherever this agent is among the ban_issuers\n`,
      );
    });
}

export function definePardon(command: Command, context: Context): void {
  command.argument('<who>', 'node id of an agent, or its key').action(async (who: string) => {
    const client = await clientFor(context.io, context.globals());
    const path = `/admin/bans/${encodeURIComponent(who)}`;
    const answer = await client.request<DecidedBody>({ method: 'DELETE', path });
    if (context.globals().json) return void (await printJson(context.io, answer));
    await context.io.out(`${safe(who)} is pardoned (key ${answer.peer})\n`);
  });
}

export function define(command: Command, context: Context): void {
  command.action(async () => {
    const client = await clientFor(context.io, context.globals());
    const bans = await client.request<BansBody>({ path: '/admin/bans' });
    if (context.globals().json) return void (await printJson(context.io, bans));
    await context.io.out(bans.length === 0 ? 'nobody is banned\n' : bansTable(bans, context.io.colour));
  });
}

function bansTable(bans: BansBody, colour: boolean): string {
  return renderTable(
    [
      { title: 'AGENT' },
      { title: 'STATE', colour: cell => (cell === 'in-force' ? 'red' : 'dim') },
      { title: 'SINCE' },
      { title: 'UNTIL' },
      { title: 'BY' },
      { title: 'REASON' },
      { title: 'PEER ID' },
    ],
    bans.map(ban => [
      ban.id ?? '-',
      ban.state,
      localTime(ban.issued_at_ms),
      ban.until_ms === undefined ? 'pardoned' : localTime(ban.until_ms),
      ban.issuer_id ?? shortPeer(ban.issuer),
      ban.reason,
      ban.peer,
    ]),
    colour,
  );
}

function spanMs(text: string): number {
  const [, amount, unit] = /^([0-9]{1,9})([smhd])$/.exec(text.trim()) ?? [];
  const ms = Number(amount) * (unitsMs[unit ?? ''] ?? Number.NaN);
  if (ms >= 1) return ms;
  throw usageError(`--for: ${JSON.stringify(text)} is not a time like 30m, 12h or 7d`);
}
