/** `firsthand start`: an agent in the foreground until a signal or its departure ends it. */
import module from 'node:module';
import type { Command } from 'commander';
import type { ReadyLine } from '../../agent.ts';
import { loadSettings } from '../../config/load.ts';
import type { Settings } from '../../config/settings.ts';
import type { Log } from '../../telemetry/log.ts';
import { type Context, jsonText, usageError } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { addSettingFlags } from './setting-flags.ts';

/** An agent as this command needs it. */
export interface RunningAgent {
  readonly ready: ReadyLine;
  /** Announces departure, drains and flushes; safe to call twice. */
  stop(): Promise<void>;
  /** Rejects when the agent cannot go on. */
  readonly closed: Promise<'left' | 'stopped'>;
}

export interface AgentModule {
  startAgent(options: { readonly settings: Settings; readonly log: Log }): Promise<RunningAgent>;
}

/** The contract promises 10 s; the rest is for the process itself to end. */
const stopLimitMs = 9_500;

export function startCommand(loadAgent: () => Promise<AgentModule>) {
  return { define: (command: Command, context: Context) => define(command, context, loadAgent) };
}

function define(command: Command, context: Context, loadAgent: () => Promise<AgentModule>): void {
  const flagsOf = addSettingFlags(command);
  command
    .option('--config <path>', 'YAML or JSON file with settings (FIRSTHAND_CONFIG)')
    .addHelpText('after', '\nSettings without a flag go into the file or a variable: see docs/CONFIG.md.')
    .action(async (options: Readonly<Record<string, unknown>>) => {
      const { agent, json, secretFile } = context.globals();
      if (agent !== undefined)
        throw usageError('--agent: start runs an agent of its own; --http says where it listens');
      if (json) throw usageError('--json: start does not have it; --log-format json is for its log');
      const flags: Readonly<Record<string, unknown>> = { ...flagsOf(options), secretFile };
      const { settings, deprecated } = await loadSettings({
        flags,
        file: options.config as string | undefined,
        env: context.io.env,
        fallback: await saidByInvite(flags.join ?? context.io.env.FIRSTHAND_JOIN),
      });
      const { createLog } = await import('../../telemetry/log.ts');
      const log = await createLog({ level: settings.log.logLevel, format: settings.log.logFormat });
      for (const { variable, use } of deprecated) log('deprecated_variable', { variable, use });
      await runAgent({ settings, log }, context.io, loadAgent);
    });
}

/** An invite is for one cluster: nobody has to name it a second time. @throws FirsthandError INVITE_REFUSED */
async function saidByInvite(join: unknown): Promise<Readonly<Record<string, unknown>>> {
  if (typeof join !== 'string' || !join.trim().startsWith('firsthand')) return {};
  const { openInvite } = await import('../../identity/invite.ts');
  return { cluster: openInvite(join).cluster };
}

/** @throws whatever keeps the agent from starting or going on */
async function runAgent(
  options: { readonly settings: Settings; readonly log: Log },
  io: Io,
  loadAgent: () => Promise<AgentModule>,
): Promise<void> {
  const stopping = stopOnSignal(options.log, io);
  try {
    const { startAgent } = await loadAgent();
    const agent = await startAgent(options);
    // Nobody may be reading: a supervisor that closed the pipe still wants the agent.
    if (!stopping.requested) await io.out(`${jsonText({ event: 'ready', ...agent.ready })}\n`);
    // Otherwise written at a clean exit only, and the next start after a kill would be slow again.
    module.flushCompileCache();
    await Promise.race([agent.closed, stopping.signal]);
    await agent.stop();
  } finally {
    stopping.done();
  }
}

/** The first signal asks to stop, within a limit; a second one, or the end of the limit, does not ask. */
function stopOnSignal(log: Log, io: Io) {
  const asked = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  const forced = (reason: string) => {
    log('stop_forced', { reason });
    io.exit(exitCodes.failure);
  };
  const cancel = io.onSignal(() => {
    if (timer !== undefined) return forced('second signal');
    timer = setTimeout(() => forced(`not stopped within ${stopLimitMs / 1_000} s`), stopLimitMs);
    asked.resolve();
  });
  return {
    signal: asked.promise,
    get requested() {
      return timer !== undefined;
    },
    done() {
      clearTimeout(timer);
      cancel();
    },
  };
}
