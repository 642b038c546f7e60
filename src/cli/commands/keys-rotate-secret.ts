/** `firsthand keys rotate-secret`: changes the cluster's secret at every agent, without losing one. */
import type { Command } from 'commander';
import { secretFrom } from '../../config/secret.ts';
import type { RotationView } from '../../runtime/cluster-secret.ts';
import type { SnakeCased } from '../bodies.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { count, safe } from '../display.ts';
import { exitCodes } from '../exit-codes.ts';
import { renderTable } from '../table.ts';

interface Options {
  readonly newSecretFile?: string;
  readonly dropOld?: boolean;
}

type RotationBody = SnakeCased<RotationView>;

/** Three steps of 20 s each at most, and the disk. */
const answerLimitMs = 75_000;

export function defineRotateSecret(group: Command, context: Context): void {
  group
    .command('rotate-secret')
    .description("change the cluster's secret at every agent: all accept the new one, then all use it")
    .option('--new-secret-file <path>', 'file with the new secret (default: the agent makes one up)')
    .option(
      '--drop-old',
      'accept the old one no longer once all use the new one, also from agents that are away',
    )
    .action((options: Options) => rotate(options, context));
}

async function rotate({ newSecretFile, dropOld = false }: Options, context: Context): Promise<void> {
  const { io } = context;
  const secret = newSecretFile === undefined ? undefined : await newSecret(newSecretFile, context.io);
  const client = await clientFor(io, context.globals());
  const body = { ...(secret === undefined ? {} : { secret }), drop_old: dropOld };
  const answer = await client.request<RotationBody>({
    method: 'POST',
    path: '/admin/keys/rotate-secret',
    body,
    timeoutMs: answerLimitMs,
  });
  if (answer.status !== 'done') context.setExitCode(exitCodes.incomplete);
  if (context.globals().json) await printJson(io, answer);
  else await io.out(answer.status === 'done' ? doneText(answer, dropOld) : waitingText(answer, io.colour));
}

async function newSecret(path: string, { env }: Context['io']): Promise<string> {
  const result = await secretFrom(path, env);
  if (!result.ok) throw usageError(`--new-secret-file: ${result.problem}`);
  return result.secret.reveal();
}

function doneText({ key_id: keyId, confirmed }: RotationBody, dropOld: boolean): string {
  const old = dropOld
    ? 'The old one is accepted no longer.'
    : 'The old one is accepted for `old_secret_accept_ms` still, for agents that are away and for callers.';
  return `${count(confirmed, 'agent uses', 'agents use')} the secret with id ${keyId}. ${old}\nIt is in cluster-secrets.json in each data directory: put it where agents and callers have theirs from.\n`;
}

const steps: Readonly<Record<RotationBody['step'], string>> = {
  add: 'accepts the new secret',
  use: 'uses the new secret',
  drop: 'has dropped the old secret',
};

function waitingText({ step, key_id: keyId, confirmed, missing }: RotationBody, colour: boolean): string {
  const rows = missing.map(({ id, peer_id: peer, why }) => [id, peer, why]);
  const table = renderTable([{ title: 'AGENT' }, { title: 'PEER ID' }, { title: 'WHY NOT' }], rows, colour);
  const head = `not over: not every agent ${steps[step]} (id ${keyId}); ${confirmed} of ${confirmed + missing.length} do`;
  return `${safe(head)}\n\n${table}\nNobody is shut out. Mend it or remove them, and run this again: it goes on where it is.\n`;
}
