/** `firsthand evidence`: proofs that a key spoke with two tongues, to be kept and checked by anybody. */
import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { compareDots } from '../../core/record/record.ts';
import { FirsthandError } from '../../errors.ts';
import { Verifier } from '../../identity/verifier.ts';
import { decodeEnvelope } from '../../wire/record.ts';
import type { EvidenceBody } from '../bodies.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson, usageError } from '../context.ts';
import { safe } from '../display.ts';
import { exitCodes } from '../exit-codes.ts';
import { renderTable } from '../table.ts';

/** Two records of 4 KiB in base64, and some words. */
const fileMaxBytes = 65_536;

export function define(command: Command, context: Context): void {
  command
    .command('list')
    .description('keys that are proved to have signed two records under one number')
    .action(() => list(context));
  command
    .command('show')
    .description('one proof as JSON, to be kept in a file')
    .argument('<id>', 'id of the proof, or the key that it convicts')
    .action(async (id: string) => {
      const proof = (await fetched(context)).find(each => each.id === id || each.author === id);
      if (proof === undefined) {
        const text = `there is no proof ${safe(id)}; 'firsthand evidence list' has them all`;
        throw new FirsthandError('NOT_FOUND', { text });
      }
      await printJson(context.io, proof);
    });
  command
    .command('verify')
    .description('checks a proof in a file, without an agent')
    .argument('<file>', "what 'firsthand evidence show' has printed")
    .action((file: string) => verify(file, context));
}

async function fetched({ io, globals }: Context): Promise<readonly EvidenceBody[]> {
  const client = await clientFor(io, globals());
  return client.request<readonly EvidenceBody[]>({ path: '/evidence' });
}

async function list(context: Context): Promise<void> {
  const { io } = context;
  const proofs = await fetched(context);
  if (context.globals().json) return void (await printJson(io, proofs));
  if (proofs.length === 0) return void (await io.out('no key has been caught\n'));
  const rows = proofs.map(({ id, subject, epoch, sequence, author }) => [
    id,
    subject,
    `${epoch}/${sequence}`,
    author,
  ]);
  const columns = [{ title: 'ID' }, { title: 'ABOUT' }, { title: 'VERSION' }, { title: 'KEY' }];
  await io.out(renderTable(columns, rows, io.colour));
}

async function verify(path: string, { io, globals, setExitCode }: Context): Promise<void> {
  const found = problemWith(await contentOf(path));
  if (found.problem !== undefined) setExitCode(exitCodes.checksFailed);
  if (globals().json)
    return void (await printJson(io, { file: path, ok: found.problem === undefined, ...found }));
  const { problem, author, cluster, version } = found;
  await io.out(
    problem === undefined
      ? `proved: ${author} of cluster ${cluster} signed two different records as ${version}\n`
      : `proves nothing: ${safe(problem)}\n`,
  );
}

interface Finding {
  readonly problem?: string;
  readonly author?: string;
  readonly cluster?: string;
  readonly version?: string;
}

function problemWith(proof: Partial<Record<'first' | 'second', unknown>>): Finding {
  const [one, two] = [proof.first, proof.second];
  if (typeof one !== 'string' || typeof two !== 'string')
    return { problem: 'it lacks one of its two records' };
  const wires = [one, two].map(text => Buffer.from(text, 'base64'));
  const cluster = decodeEnvelope(wires[0] as Buffer)?.cluster;
  if (cluster === undefined) return { problem: 'the first record is none' };
  const verifier = new Verifier({ cluster });
  const [first, second] = wires.map(wire => verifier.record(wire));
  if (first === undefined || typeof first === 'string') return { problem: `the first record ${first}` };
  if (second === undefined || typeof second === 'string') return { problem: `the second record ${second}` };
  if (first.author !== second.author) return { problem: 'the two records are of different keys' };
  if (compareDots(first, second) !== 0) return { problem: 'the two records have different numbers' };
  if (first.digest === second.digest) return { problem: 'it is the same record twice' };
  return { author: first.author, cluster, version: `${first.epoch}/${first.sequence}` };
}

/** @throws FirsthandError CONFIG_INVALID for what is no file of this kind. */
async function contentOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > fileMaxBytes) throw usageError(`${path}: ${size} bytes are more than any proof has`);
      text = await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof FirsthandError) throw error;
    throw usageError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === 'object' && content !== null) return content as Readonly<Record<string, unknown>>;
  } catch {
    // Said below, for all that is no JSON object.
  }
  throw usageError(`${path}: is no JSON object such as 'firsthand evidence show' prints`);
}
