/** `firsthand ca`: the authority that says who is a member. Works on its directory; no agent has to run. */
import type { Command } from 'commander';
import { isClusterName } from '../../core/record/node.ts';
import type { VerifiedRecord } from '../../core/record/record.ts';
import { FirsthandError } from '../../errors.ts';
import type { AuthorityDirectory } from '../../identity/authority-directory.ts';
import {
  type AccessOptions,
  addAccessOptions,
  addCaOptions,
  type CaOptions,
  directoryOf,
  lifetimeDefaultMs,
  lifetimeOption,
  openAuthority,
  passphraseOf,
} from '../ca-options.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { count } from '../display.ts';
import { collect } from '../option-values.ts';
import { renderTable } from '../table.ts';

interface IssueOptions extends CaOptions, AccessOptions {
  readonly key: string;
  readonly ttl?: number;
  readonly seed?: readonly string[];
  readonly output?: string;
}

interface RevokeOptions extends CaOptions {
  readonly publish: boolean;
}

export function define(command: Command, context: Context): void {
  addCaOptions(command.command('init'))
    .description('make a new authority: a key of its own in an empty directory; never overwrites one')
    .requiredOption('--cluster <name>', 'the cluster whose members it certifies')
    .action((options: CaOptions & { readonly cluster: string }) => init(options, context));
  addAccessOptions(addCaOptions(command.command('issue')))
    .description('a membership file for an agent whose key is known, without an invite')
    .requiredOption('--key <peer id>', 'of the agent; it prints its peer_id when it is ready')
    .addOption(lifetimeOption('--ttl <time>', 'how long the certificate is valid (default: 24h)'))
    .option('--seed <multiaddr>', 'an agent to join through (repeatable)', collect)
    .option('--output <file>', 'a new file (default: standard output)')
    .action((options: IssueOptions) => issue(options, context));
  addCaOptions(command.command('show'))
    .description('the authority, what it has issued, and whom it has shut out')
    .action((options: CaOptions) => show(options, context));
  addCaOptions(command.command('revoke'))
    .description('shut members out: by serial one certificate, by peer id a key for good')
    .argument('<serial or peer id...>')
    .option('--no-publish', 'do not hand the new list to an agent; ca publish does that later')
    .action((targets: readonly string[], options: RevokeOptions) => revoke(targets, options, context));
  addCaOptions(command.command('publish'))
    .description('hand the list of who is shut out to an agent, which tells everybody')
    .action((options: CaOptions) => publish(options, context));
}

async function init(options: CaOptions & { readonly cluster: string }, context: Context): Promise<void> {
  const { io } = context;
  const { cluster } = options;
  if (!isClusterName(cluster))
    throw usageError(`--cluster: ${JSON.stringify(cluster)} is not a cluster's name`);
  const { AuthorityDirectory } = await import('../../identity/authority-directory.ts');
  const passphrase = await passphraseOf(options, context);
  const { path, authority } = await AuthorityDirectory.create(directoryOf(options, context), {
    cluster,
    passphrase,
  });
  if (context.globals().json)
    return void (await printJson(io, { directory: path, cluster, authority: authority.peerId }));
  await io.out(
    `authority of cluster ${cluster} in ${path}\nkey ${authority.peerId}\n\n` +
      'Keep a backup of the directory: whoever has it can let anybody in, and without it nobody can.\n' +
      `Next: firsthand start --cluster ${cluster} --ca-dir ${path}\n`,
  );
}

async function issue(options: IssueOptions, context: Context): Promise<void> {
  const { io } = context;
  const { key, id = '*', role = [], ttl = lifetimeDefaultMs, seed = [], output } = options;
  const { publicKeyOf } = await import('../../wire/peer-id.ts');
  const { pinnedPeer } = await import('../../wire/grant.ts');
  if (publicKeyOf(key) === undefined)
    throw usageError(`--key: ${JSON.stringify(key)} is not an agent's peer id`);
  const unpinned = seed.find(each => pinnedPeer(each) === undefined);
  if (unpinned !== undefined)
    throw usageError(
      `--seed: ${JSON.stringify(unpinned)} is not a multiaddr that ends in /p2p/ and a peer id`,
    );
  const directory = await openAuthority(options, context);
  const { createPrivateFile } = await import('../../identity/private-file.ts');
  const { showMembership } = await import('../../identity/membership-file.ts');
  const certificate = await directory.issue({
    key,
    pattern: id,
    roles: role,
    lifetimeMs: ttl,
    nowMs: io.wallMs(),
  });
  const { authority } = directory;
  const text = showMembership({
    cluster: authority.cluster,
    authorities: [authority.peerId],
    certificate: certificate.wire,
    seeds: seed,
  });
  if (output === undefined) return void (await io.out(text));
  if (!(await createPrivateFile(output, text))) throw usageError(`--output: ${output} exists`);
  io.err(`certificate ${certificate.serial} in ${output}; start the agent with --membership ${output}\n`);
}

async function show(options: CaOptions, context: Context): Promise<void> {
  const { io } = context;
  const directory = await openAuthority(options, context);
  const { authority, path } = directory;
  const issued = await directory.issued();
  const lists = listsOf(await directory.revocations());
  const stateOf = (each: (typeof issued)[number]) => {
    if (lists.serials.includes(each.serial) || lists.keys.includes(each.key)) return 'revoked';
    return each.expiresMs < io.wallMs() ? 'expired' : 'valid';
  };
  const { cluster, peerId } = authority;
  if (context.globals().json) {
    return void (await printJson(io, {
      directory: path,
      cluster,
      authority: peerId,
      revocations: lists,
      issued: issued.map(each => ({
        serial: each.serial,
        key: each.key,
        id: each.pattern,
        roles: each.roles,
        issued_at: iso(each.issuedMs),
        expires_at: iso(each.expiresMs),
        state: stateOf(each),
        ...(each.line === undefined ? {} : { line: each.line }),
      })),
    }));
  }
  const table = renderTable(
    [
      { title: 'SERIAL' },
      { title: 'STATE' },
      { title: 'ID' },
      { title: 'ROLES' },
      { title: 'EXPIRES' },
      { title: 'KEY' },
    ],
    issued.map(each => [
      each.serial,
      stateOf(each),
      each.pattern,
      each.roles.join(',') || '-',
      iso(each.expiresMs),
      each.key,
    ]),
    io.colour,
  );
  const shutOut =
    lists.number === 0
      ? 'nobody was revoked so far'
      : `list ${lists.number}: ${count(lists.serials.length, 'certificate')} and ${count(lists.keys.length, 'key')} revoked`;
  await io.out(
    `cluster ${cluster}, authority ${peerId}\n${shutOut}\n${issued.length === 0 ? '' : `\n${table}`}`,
  );
}

async function revoke(targets: readonly string[], options: RevokeOptions, context: Context): Promise<void> {
  const { io } = context;
  const directory = await openAuthority(options, context);
  const { publicKeyOf } = await import('../../wire/peer-id.ts');
  const { laterKeys } = await import('../../identity/issued-line.ts');
  const issued = await directory.issued();
  const known = new Set(issued.map(({ serial }) => serial));
  const keys = targets.filter(target => publicKeyOf(target) !== undefined);
  const serials = targets.filter(target => !keys.includes(target));
  const stranger = serials.find(serial => !known.has(serial));
  if (stranger !== undefined) {
    throw new FirsthandError('NOT_FOUND', {
      text: `${JSON.stringify(stranger)} is neither a serial that this authority has issued nor a peer id; 'firsthand ca show' lists them`,
    });
  }
  const record = await directory.revoke({ serials, keys }, io.wallMs());
  const { number } = listsOf(record);
  io.err(`revoked ${targets.join(', ')} in list ${number} of ${directory.path}\n`);
  for (const key of laterKeys(issued, { serials, keys }, io.wallMs())) {
    io.err(`${key} has followed it and is still a member: revoke that too unless its owner is not meant\n`);
  }
  if (!options.publish) {
    io.err("no agent knows of it yet: run 'firsthand ca publish'\n");
    if (context.globals().json) await printJson(io, { number, published: false });
    return;
  }
  await handOver(record, directory, context);
}

async function publish(options: CaOptions, context: Context): Promise<void> {
  const directory = await openAuthority(options, context);
  const record = await directory.revocations();
  if (record === undefined) throw new FirsthandError('NOT_FOUND', { text: 'nobody was revoked so far' });
  await handOver(record, directory, context);
}

async function handOver(
  record: VerifiedRecord,
  { path }: AuthorityDirectory,
  context: Context,
): Promise<void> {
  const { io } = context;
  const client = await clientFor(io, context.globals());
  const { number } = listsOf(record);
  const body = { record: Buffer.from(record.wire).toString('base64') };
  try {
    await client.request({ method: 'POST', path: '/admin/revocations', body });
  } catch (error) {
    io.err(
      `list ${number} is in ${path}, and no agent has it yet: run 'firsthand ca publish --ca-dir ${path}'\n`,
    );
    throw error;
  }
  if (context.globals().json) await printJson(io, { number, published: true });
  else await io.out(`the agent at ${client.url} has list ${number} and tells everybody\n`);
}

function listsOf(record: VerifiedRecord | undefined): {
  readonly number: number;
  readonly serials: readonly string[];
  readonly keys: readonly string[];
} {
  if (record?.body.type !== 'revocations') return { number: 0, serials: [], keys: [] };
  const { serials, keys } = record.body;
  return { number: record.sequence, serials, keys };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
