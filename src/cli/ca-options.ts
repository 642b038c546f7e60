/** What the commands that hold the authority's key have in common. */
import { type Command, Option } from 'commander';
import { isIdPattern, type MemberRole, memberRoles } from '../core/authority/certificate.ts';
import { idMaxLength } from '../core/record/node.ts';
import type { AuthorityDirectory } from '../identity/authority-directory.ts';
import { type Context, usageError } from './context.ts';
import { collect, duration, oneOf } from './option-values.ts';

export interface CaOptions {
  readonly caDir?: string;
  readonly caPassphraseFile?: string;
}

export interface AccessOptions {
  readonly id?: string;
  readonly role?: readonly MemberRole[];
}

const dayMs = 86_400_000;
/** Longer ones are better renewed: a revocation list has room for few. */
export const lifetimeMaxMs = 366 * dayMs;
export const lifetimeDefaultMs = dayMs;

export function addCaOptions(command: Command): Command {
  return command
    .option('--ca-dir <path>', 'directory of the authority (FIRSTHAND_CA_DIR)')
    .option(
      '--ca-passphrase-file <path>',
      'file with the passphrase of its key, if it has one (FIRSTHAND_CA_PASSPHRASE_FILE)',
    );
}

/** What a certificate gives. */
export function addAccessOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--role <role>',
        `node type or HTTP role of the member (repeatable): ${memberRoles.join(', ')}; default: any type, no HTTP role`,
      ).argParser((value: string, before: readonly string[] | undefined) =>
        collect(oneOf('--role', memberRoles)(value), before),
      ),
    )
    .addOption(
      new Option(
        '--id <pattern>',
        'node id that it may claim, or the beginning of one and * (default: any)',
      ).argParser((value: string) => {
        if (isIdPattern(value)) return value;
        throw usageError(
          `--id: ${JSON.stringify(value)} is not 1 to ${idMaxLength} of A-Z a-z 0-9 . _ -, or the beginning of that and *`,
        );
      }),
    );
}

export function lifetimeOption(flags: string, description: string, maxMs = lifetimeMaxMs): Option {
  return new Option(flags, description).argParser(duration(flags.split(' ')[0] ?? flags, maxMs));
}

export function directoryOf({ caDir }: CaOptions, { io }: Context): string {
  const path = caDir ?? (io.env.FIRSTHAND_CA_DIR || undefined);
  if (path !== undefined) return path;
  throw usageError('--ca-dir: must be given (or FIRSTHAND_CA_DIR): the directory of the authority');
}

export async function passphraseOf(options: CaOptions, { io }: Context): Promise<string | undefined> {
  const path = options.caPassphraseFile ?? (io.env.FIRSTHAND_CA_PASSPHRASE_FILE || undefined);
  if (path === undefined) return undefined;
  const { readPassphrase } = await import('../identity/private-file.ts');
  return readPassphrase(path);
}

/** @throws FirsthandError AUTHORITY_UNUSABLE, CONFIG_INVALID */
export async function openAuthority(options: CaOptions, context: Context): Promise<AuthorityDirectory> {
  const { AuthorityDirectory } = await import('../identity/authority-directory.ts');
  const passphrase = await passphraseOf(options, context);
  return AuthorityDirectory.open(directoryOf(options, context), { passphrase });
}
