/**
 * `firsthand invite`: one line with which one agent becomes a member.
 *
 * Made with the authority's directory, whose permissions say who may invite; an agent only tells where it is. An agent
 * that made invites for whoever reaches its HTTP port was rejected: in open mode that is everybody on the machine.
 */
import type { Command } from 'commander';
import { grantSeedsMaxCount } from '../../core/authority/grant.ts';
import { FirsthandError } from '../../errors.ts';
import {
  type AccessOptions,
  addAccessOptions,
  addCaOptions,
  type CaOptions,
  lifetimeDefaultMs,
  lifetimeOption,
  openAuthority,
} from '../ca-options.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { collect } from '../option-values.ts';

interface Options extends CaOptions, AccessOptions {
  readonly ttl?: number;
  readonly certificateTtl?: number;
  readonly seed?: readonly string[];
}

interface MembershipBody {
  readonly issues: boolean;
  readonly authorities: readonly string[];
  readonly multiaddrs: readonly string[];
}

const ttlDefaultMs = 600_000;
const ttlMaxMs = 7 * 86_400_000;

export function define(command: Command, context: Context): void {
  addAccessOptions(addCaOptions(command))
    .addOption(lifetimeOption('--ttl <time>', 'how long the invite is good (default: 10m)', ttlMaxMs))
    .addOption(
      lifetimeOption(
        '--certificate-ttl <time>',
        'how long the certificate is valid; the agent renews it at half of that (default: 24h)',
      ),
    )
    .option(
      '--seed <multiaddr>',
      'agent that redeems it, started with --ca-dir (repeatable; default: the one that --agent names)',
      collect,
    )
    .addHelpText(
      'after',
      '\nThe line goes to: firsthand start --join LINE (or FIRSTHAND_JOIN, which ps does not show).',
    )
    .action((options: Options) => invite(options, context));
}

async function invite(options: Options, context: Context): Promise<void> {
  const { io } = context;
  const { id = '*', role = [], ttl = ttlDefaultMs, certificateTtl = lifetimeDefaultMs } = options;
  const { authority } = await openAuthority(options, context);
  const seeds = options.seed ?? (await seedsOf(authority.peerId, context));
  const { pinnedPeer, writeInvite } = await import('../../wire/grant.ts');
  const unpinned = seeds.find(each => pinnedPeer(each) === undefined);
  if (unpinned !== undefined)
    throw usageError(
      `--seed: ${JSON.stringify(unpinned)} is not a multiaddr that ends in /p2p/ and a peer id`,
    );
  if (seeds.length > grantSeedsMaxCount) throw usageError(`--seed: at most ${grantSeedsMaxCount}`);
  const expiresMs = io.wallMs() + ttl;
  const grant = authority.invite({ seeds, pattern: id, roles: role, lifetimeMs: certificateTtl, expiresMs });
  const line = writeInvite(grant.wire);
  if (!context.globals().json) return void (await io.out(`${line}\n`));
  await printJson(io, { invite: line, id: grant.id, seeds, expires_at: new Date(expiresMs).toISOString() });
}

/** Where the issuing agent is, as it says itself. */
async function seedsOf(authority: string, context: Context): Promise<readonly string[]> {
  const client = await clientFor(context.io, context.globals());
  const { issues, authorities, multiaddrs } = await client.request<MembershipBody>({
    path: '/admin/membership',
  });
  if (!issues || !authorities.includes(authority)) {
    throw new FirsthandError('AUTHORITY_UNUSABLE', {
      text: `the agent at ${client.url} does not issue for this authority: start it with --ca-dir, or name another with --agent or --seed`,
    });
  }
  return multiaddrs.slice(0, grantSeedsMaxCount);
}
