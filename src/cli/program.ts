/**
 * The command line as a whole: finds the command that is asked for and loads only that one, so that
 * `peers` does not pay for `start`, nor `start` for `peers`.
 */
import { Command, CommanderError } from 'commander';
import { FirsthandError } from '../errors.ts';
import { version } from '../version.ts';
import type { AgentModule } from './commands/start.ts';
import type { Context, GlobalOptions } from './context.ts';
import { safe } from './display.ts';
import { type ExitCode, exitCodeOf, exitCodes, exitCodesHelp } from './exit-codes.ts';
import type { Io } from './io.ts';

interface CommandModule {
  /** Adds arguments, options and the action. */
  define(command: Command, context: Context): void;
}

const commands: Readonly<
  Record<string, { readonly summary: string; readonly load: (parts: Parts) => Promise<CommandModule> }>
> = {
  start: {
    summary: 'run an agent',
    load: async parts => {
      const { startCommand } = await import('./commands/start.ts');
      return startCommand(parts.loadAgent);
    },
  },
  peers: { summary: 'who is in the cluster', load: () => import('./commands/peers.ts') },
  watch: { summary: 'live events, one line each', load: () => import('./commands/watch.ts') },
  inspect: {
    summary: 'records, clock, mesh, sync and failure detector behind the answers',
    load: () => import('./commands/inspect.ts'),
  },
  register: { summary: 'register a service with the agent', load: () => import('./commands/register.ts') },
  update: { summary: 'change a registered service', load: () => import('./commands/update.ts') },
  deregister: { summary: 'take a service out', load: () => import('./commands/deregister.ts') },
  leave: { summary: 'the agent leaves for good and stops', load: () => import('./commands/leave.ts') },
  remove: {
    summary: 'take an agent that is gone out of the cluster',
    load: () => import('./commands/remove.ts'),
  },
  ban: { summary: 'shut an agent out', load: () => import('./commands/ban.ts') },
  pardon: { summary: 'lift a ban', load: () => import('./commands/pardon.ts') },
  bans: { summary: 'whom operators have shut out', load: () => import('./commands/bans.ts') },
  evidence: {
    summary: 'proofs that a key spoke with two tongues: list, show, verify',
    load: () => import('./commands/evidence.ts'),
  },
  keys: {
    summary: "the key of the agent: show, change or end it; and change the cluster's secret",
    load: () => import('./commands/keys.ts'),
  },
  status: { summary: 'one screen: is this cluster well?', load: () => import('./commands/status.ts') },
  diff: {
    summary: 'the entries in which two agents differ, and why',
    load: () => import('./commands/diff.ts'),
  },
  doctor: {
    summary: 'finds what is wrong, says how to mend it',
    load: () => import('./commands/doctor.ts'),
  },
  store: {
    summary: 'check, export or import the database of an agent that does not run',
    load: () => import('./commands/store.ts'),
  },
  chaos: {
    summary: 'break a cluster of its own on this machine, and judge what it makes of it',
    load: () => import('./commands/chaos.ts'),
  },
  simulate: {
    summary: 'how a cluster would fare: news, crashes, partitions, on a virtual clock',
    load: () => import('./commands/simulate.ts'),
  },
  ca: {
    summary: 'the authority of a cluster: make one, issue, show, revoke',
    load: () => import('./commands/ca.ts'),
  },
  invite: {
    summary: 'one line with which one agent becomes a member',
    load: () => import('./commands/invite.ts'),
  },
  audit: { summary: 'verify or show the audit log', load: () => import('./commands/audit.ts') },
  config: { summary: 'check or print a configuration', load: () => import('./commands/config.ts') },
};

export interface Parts {
  /** Brings in everything an agent is made of: by far the most expensive import. */
  readonly loadAgent: () => Promise<AgentModule>;
}

const productionParts: Parts = { loadAgent: () => import('../agent.ts') };

/** Never rejects: what goes wrong is told on standard error and in the exit code. */
export async function runProgram(
  args: readonly string[],
  io: Io,
  parts: Parts = productionParts,
): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.well;
  const program = new Command('firsthand');
  const context: Context = {
    io,
    globals: () => program.opts<GlobalOptions>(),
    setExitCode: code => {
      exitCode = code;
    },
  };
  try {
    await build(program, args, context, parts);
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return afterCommander(error, io);
    reportError(io, error);
    return exitCodeOf(error);
  }
}

async function build(
  program: Command,
  args: readonly string[],
  context: Context,
  parts: Parts,
): Promise<void> {
  const { io } = context;
  program
    .description('Service discovery without a server.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .option('--agent <url>', 'the agent to ask (FIRSTHAND_AGENT; default http://127.0.0.1:7980)')
    .option('--secret-file <path>', 'file with the cluster secret (FIRSTHAND_SECRET_FILE, FIRSTHAND_SECRET)')
    .option('--token-file <path>', 'file with a token (FIRSTHAND_TOKEN_FILE, FIRSTHAND_TOKEN)')
    .option('--ca-file <path>', "authority of the agent's certificate, PEM (FIRSTHAND_CA_FILE)")
    .option('--cert-file <path>', 'certificate to show to the agent, PEM (FIRSTHAND_CERT_FILE)')
    .option('--key-file <path>', 'private key to it, PEM (FIRSTHAND_KEY_FILE)')
    .option('--json', 'print JSON for programs instead of text for people')
    .addHelpText('after', exitCodesHelp)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: text => void io.out(text),
      writeErr: text => io.err(text),
      // Told once, by `afterCommander`.
      outputError: () => {},
    })
    .exitOverride();

  const wanted = commandName(args);
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = program.command(name).description(summary);
    if (name === wanted) (await load(parts)).define(command, context);
  }
}

const optionsWithValue = new Set([
  '--agent',
  '--secret-file',
  '--token-file',
  '--ca-file',
  '--cert-file',
  '--key-file',
]);

/** The first word that is not an option of the program or the value of one; after `help`, the next. */
function commandName(args: readonly string[]): string | undefined {
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? '';
    if (optionsWithValue.has(word)) index += 1;
    else if (!word.startsWith('-') && word !== 'help') return word;
  }
  return undefined;
}

/** The library ends help, version and bad usage alike by throwing. */
function afterCommander(error: CommanderError, io: Io): ExitCode {
  if (error.exitCode === 0) return exitCodes.well;
  // Called without a command: the help is on standard error already.
  if (error.code !== 'commander.help') {
    const text = error.message.replace(/^error: /, '').replace(/\n\(Did(.*)\)$/, '; did$1');
    printError(io, text);
  }
  return exitCodes.usage;
}

/** One sentence a problem; where in the program it came from only for those who ask. */
export function reportError(io: Io, error: unknown): void {
  if (error instanceof FirsthandError) {
    printError(io, error.message);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    printError(io, `unexpected failure: ${message} (FIRSTHAND_DEBUG=1 shows where)`);
  }
  if (io.env.FIRSTHAND_DEBUG === '1' && error instanceof Error) {
    io.err(`${error.stack ?? ''}\n`);
    if (error.cause instanceof Error) io.err(`caused by ${error.cause.stack ?? ''}\n`);
  }
}

function printError(io: Io, text: string): void {
  io.err(
    text
      .split('\n')
      .map(line => `firsthand: ${safe(line)}\n`)
      .join(''),
  );
}
