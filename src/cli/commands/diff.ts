/**
 * `firsthand diff A B`: the entries in which two agents differ, with both sides' reasons.
 *
 * Compares the hashes of 256 parts and fetches the records of those that differ, one part at a time, so neither a
 * large table nor a large difference is ever held as a whole.
 */
import type { Command } from 'commander';
import { compareText } from '../../core/record/record.ts';
import { FirsthandError } from '../../errors.ts';
import type { ClockBody, SubjectBody, SyncBody, TreeBody, TreeRowBody } from '../bodies.ts';
import { type AgentClient, clientFor } from '../client.ts';
import { type Context, printJson } from '../context.ts';
import { count, safe, shortPeer } from '../display.ts';
import { exitCodes } from '../exit-codes.ts';
import { wholeNumber } from '../option-values.ts';
import { headline } from '../record-explanation.ts';
import { shortRoot } from '../sync-screen.ts';
import { paint } from '../table.ts';

interface Options {
  readonly limit: number;
}

interface Side {
  readonly url: string;
  readonly client: AgentClient;
  readonly sync: SyncBody;
  readonly names: ReadonlyMap<string, string>;
}

interface Difference {
  readonly id: string;
  /** Records that only one of the two has; both empty never. */
  readonly onlyA: readonly TreeRowBody[];
  readonly onlyB: readonly TreeRowBody[];
}

const limitMax = 10_000;

export function define(command: Command, context: Context): void {
  command
    .argument('<a>', 'URL of an agent')
    .argument('<b>', 'URL of another one')
    .option('--limit <count>', 'show at most so many entries', wholeNumber('--limit', 1, limitMax), 100)
    .action((a: string, b: string, options: Options) => diff(a, b, options, context));
}

async function diff(urlA: string, urlB: string, { limit }: Options, context: Context): Promise<void> {
  const { io } = context;
  const [a, b] = await Promise.all([openSide(urlA, context), openSide(urlB, context)]);
  // What one of them may have begun to forget proves nothing.
  const since = Math.max(1, a.sync.since, b.sync.since);
  const shown: Difference[] = [];
  let differing = 0;
  const { json } = context.globals();
  if (!json) await io.out(`${heading('A', a)}${heading('B', b)}`);
  for await (const difference of differences(a, b, since)) {
    differing += 1;
    if (differing > limit) continue;
    if (json) shown.push(difference);
    else await io.out(await explain(difference, a, b, io.colour));
  }
  if (differing > 0) context.setExitCode(exitCodes.checksFailed);
  if (json) {
    const sides = { a: sideJson(a), b: sideJson(b) };
    const entries = shown.map(({ id, onlyA, onlyB }) => ({ id, only_a: onlyA, only_b: onlyB }));
    await printJson(io, { ...sides, same: differing === 0, differing, entries });
    return;
  }
  const more = differing > limit ? `; the first ${limit} are shown` : '';
  const verdict =
    differing === 0 ? 'they hold the same' : count(differing, 'entry differs', 'entries differ');
  await io.out(`\n${paint(verdict, differing === 0 ? 'green' : 'red', io.colour)}${more}\n`);
}

async function openSide(url: string, context: Context): Promise<Side> {
  const client = await clientFor(context.io, { ...context.globals(), agent: url });
  const sync = await client.request<SyncBody>({ path: '/sync' });
  const clock = await client.request<ClockBody>({ path: '/clock' });
  const names = new Map(
    clock.seen.flatMap(({ author, id }) => (id === undefined ? [] : [[author, id] as const])),
  );
  return { url: client.url, client, sync, names };
}

async function* differences(a: Side, b: Side, since: number): AsyncGenerator<Difference> {
  const partsOf = async ({ client }: Side) => {
    const { parts = [] } = await client.request<TreeBody>({ path: `/sync/tree?since=${since}` });
    return new Map(parts.map(({ prefix, hash }) => [prefix, hash]));
  };
  const [partsA, partsB] = await Promise.all([partsOf(a), partsOf(b)]);
  for (const [prefix, hash] of partsA) {
    if (partsB.get(prefix) === hash) continue;
    const rowsOf = async ({ client }: Side) => {
      const path = `/sync/tree?since=${since}&prefix=${encodeURIComponent(prefix)}`;
      return (await client.request<TreeBody>({ path })).records ?? [];
    };
    const [rowsA, rowsB] = await Promise.all([rowsOf(a), rowsOf(b)]);
    const [digestsA, digestsB] = [rowsA, rowsB].map(rows => new Set(rows.map(({ digest }) => digest)));
    const onlyA = rowsA.filter(({ digest }) => digestsB?.has(digest) !== true);
    const onlyB = rowsB.filter(({ digest }) => digestsA?.has(digest) !== true);
    const ids = new Set([...onlyA, ...onlyB].map(({ subject }) => subject));
    for (const id of [...ids].sort(compareText)) {
      const about = (rows: readonly TreeRowBody[]) => rows.filter(({ subject }) => subject === id);
      yield { id, onlyA: about(onlyA), onlyB: about(onlyB) };
    }
  }
}

async function explain({ id, onlyA, onlyB }: Difference, a: Side, b: Side, colour: boolean): Promise<string> {
  const [reasonA, reasonB] = await Promise.all([reason(a, id), reason(b, id)]);
  const lines = [
    ...onlyA.map(row => `  only A has  ${rowText(row, a)}`),
    ...onlyB.map(row => `  only B has  ${rowText(row, b)}`),
    ...(reasonA === undefined ? [] : [`  A says      ${reasonA}`]),
    ...(reasonB === undefined ? [] : [`  B says      ${reasonB}`]),
  ];
  return `\n${paint(safe(id), 'red', colour)}\n${lines.map(line => `${safe(line)}\n`).join('')}`;
}

/** What the agent shows for it, and which rule decided; health has no entry of its own. */
async function reason({ client, names }: Side, id: string): Promise<string | undefined> {
  if (id.startsWith('~')) return undefined;
  try {
    const subject = await client.request<SubjectBody>({ path: `/records/${encodeURIComponent(id)}` });
    const winner = subject.records.find(({ digest }) => digest === subject.winner);
    return headline(subject, winner, { names, colour: false }).slice(id.length + 2);
  } catch (error) {
    if (error instanceof FirsthandError && error.code === 'UNKNOWN_NODE') return 'nothing';
    throw error;
  }
}

function rowText({ author, epoch, sequence, kind, digest }: TreeRowBody, { names }: Side): string {
  const name = names.get(author);
  const by = name === undefined ? shortPeer(author) : `${name} (${shortPeer(author)})`;
  return `${digest.slice(0, 12)}  ${kind} by ${by}, epoch ${epoch}, sequence ${sequence}`;
}

function heading(letter: string, { url, sync }: Side): string {
  return `${letter} ${safe(url)}: root ${shortRoot(sync.root)}, ${count(sync.entries, 'record')}\n`;
}

function sideJson({ url, sync }: Side) {
  return { url, root: sync.root, entries: sync.entries };
}
