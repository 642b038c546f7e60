/** `firsthand inspect`: what lies behind the answers. */
import type { Command } from 'commander';
import { compareText } from '../../core/record/record.ts';
import type {
  ClockBody,
  DetectorBody,
  MeshBody,
  OutboxBody,
  RecordsBody,
  ReputationBody,
  SubjectBody,
  SyncBody,
} from '../bodies.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson } from '../context.ts';
import { detectorScreen } from '../detector-screen.ts';
import { localTime, safe, shortPeer } from '../display.ts';
import { outboxScreen } from '../outbox-screen.ts';
import { explainSubject } from '../record-explanation.ts';
import { reputationScreen } from '../reputation-screen.ts';
import { syncScreen } from '../sync-screen.ts';
import { renderTable, stateColour } from '../table.ts';

/** Subjects fetched in one request. */
const pageCount = 500;

export function define(command: Command, context: Context): void {
  command
    .command('records')
    .description('every entry and what decided it')
    .action(() => inspectRecords(context));
  command
    .command('record')
    .description('one entry: who said what, who had seen whom, why the winner won')
    .argument('<id>', 'node id')
    .action((id: string) => inspectRecord(id, context));
  command
    .command('clock')
    .description('the latest that was seen of every author')
    .action(() => inspectClock(context));
  command
    .command('mesh')
    .description('connections, and whom the agent tries to reach')
    .action(() => inspectMesh(context));
  command
    .command('sync')
    .description('the root of the table, and which agents hold the same')
    .action(() => inspectSync(context));
  command
    .command('detector')
    .description('how every agent answers, who accuses whom, and how hosted backends pass their checks')
    .action(() => inspectDetector(context));
  command
    .command('reputation')
    .description('what peers have done wrong before the eyes of this agent')
    .action(() => inspectReputation(context));
  command
    .command('outbox')
    .description('what waits for each receiver, how it responds, and what did not arrive')
    .action(() => inspectOutbox(context));
}

async function inspectRecords(context: Context): Promise<void> {
  const { io } = context;
  const client = await clientFor(io, context.globals());
  const subjects: SubjectBody[] = [];
  let after: string | null = null;
  do {
    const query: string = after === null ? '' : `&after=${encodeURIComponent(after)}`;
    const page: RecordsBody = await client.request<RecordsBody>({
      path: `/records?limit=${pageCount}${query}`,
    });
    subjects.push(...page.records);
    // A page that does not get further would never end.
    after = page.next === after ? null : page.next;
  } while (after !== null);

  subjects.sort((a, b) => compareText(a.id, b.id));
  if (context.globals().json) await printJson(io, { records: subjects });
  else if (subjects.length === 0) await io.out('no records\n');
  else await io.out(recordsTable(subjects, io.colour));
}

function recordsTable(subjects: readonly SubjectBody[], colour: boolean): string {
  return renderTable(
    [
      { title: 'ID' },
      { title: 'STATE' },
      { title: 'AUTHOR' },
      { title: 'AUTHORITY' },
      { title: 'VERSION', align: 'right' },
      { title: 'DECIDED BY' },
      { title: 'RECORDS', align: 'right' },
      { title: 'CONFLICT', colour: cell => (cell === 'yes' ? 'red' : undefined) },
    ],
    subjects.map(subject => {
      const winner = subject.records.find(record => record.digest === subject.winner);
      return [
        subject.id,
        winner?.kind ?? 'nothing valid',
        winner === undefined ? '' : shortPeer(winner.author),
        winner?.authority ?? '',
        winner === undefined ? '' : `${winner.epoch}/${winner.sequence}`,
        subject.rule ?? '',
        String(subject.records.length),
        subject.conflict ? 'yes' : 'no',
      ];
    }),
    colour,
  );
}

async function inspectRecord(id: string, context: Context): Promise<void> {
  const { io } = context;
  const client = await clientFor(io, context.globals());
  const subject = await client.request<SubjectBody>({ path: `/records/${encodeURIComponent(id)}` });
  if (context.globals().json) {
    await printJson(io, subject);
    return;
  }
  const clock = await client.request<ClockBody>({ path: '/clock' });
  const names = new Map(
    clock.seen.flatMap(row => (row.id === undefined ? [] : [[row.author, row.id] as const])),
  );
  await io.out(explainSubject(subject, { names, colour: io.colour }));
}

async function inspectClock(context: Context): Promise<void> {
  const { io } = context;
  const client = await clientFor(io, context.globals());
  const clock = await client.request<ClockBody>({ path: '/clock' });
  if (context.globals().json) {
    await printJson(io, clock);
    return;
  }
  const head = [
    ['author', clock.author],
    ['version', `${clock.epoch}/${clock.sequence}`],
    ['time', `${localTime(clock.time.wall_ms)} +${clock.time.counter}`],
  ].map(([label = '', fact = '']) => `${label.padEnd(8)} ${safe(fact)}\n`);
  const seen = [...clock.seen].sort(
    (a, b) => compareText(a.id ?? '', b.id ?? '') || compareText(a.author, b.author),
  );
  const table = renderTable(
    [
      { title: 'AGENT' },
      { title: 'EPOCH', align: 'right' },
      { title: 'SEQUENCE', align: 'right' },
      { title: 'AUTHOR' },
    ],
    seen.map(row => [row.id ?? '-', String(row.epoch), String(row.sequence), row.author]),
    io.colour,
  );
  await io.out(`${head.join('')}\n${table}`);
}

async function inspectMesh(context: Context): Promise<void> {
  const { io } = context;
  const client = await clientFor(io, context.globals());
  const mesh = await client.request<MeshBody>({ path: '/mesh' });
  if (context.globals().json) await printJson(io, mesh);
  else await io.out(meshScreen(mesh, io.colour));
}

async function inspectSync(context: Context): Promise<void> {
  const { io } = context;
  const client = await clientFor(io, context.globals());
  const sync = await client.request<SyncBody>({ path: '/sync' });
  if (context.globals().json) await printJson(io, sync);
  else await io.out(syncScreen(sync, io.colour));
}

async function inspectDetector(context: Context): Promise<void> {
  const { io } = context;
  const client = await clientFor(io, context.globals());
  const detector = await client.request<DetectorBody>({ path: '/detector' });
  if (context.globals().json) await printJson(io, detector);
  else await io.out(detectorScreen(detector, io.colour));
}

async function inspectReputation(context: Context): Promise<void> {
  const { io } = context;
  const client = await clientFor(io, context.globals());
  const reputation = await client.request<ReputationBody>({ path: '/reputation' });
  if (context.globals().json) await printJson(io, reputation);
  else await io.out(reputationScreen(reputation, io.colour));
}

async function inspectOutbox(context: Context): Promise<void> {
  const { io } = context;
  const client = await clientFor(io, context.globals());
  const outbox = await client.request<OutboxBody>({ path: '/outbox' });
  if (context.globals().json) await printJson(io, outbox);
  else await io.out(outboxScreen(outbox, io.colour));
}

function meshScreen(mesh: MeshBody, colour: boolean): string {
  const peers = [...mesh.peers].sort(
    (a, b) => compareText(a.id ?? '', b.id ?? '') || compareText(a.peer, b.peer),
  );
  const table = renderTable(
    [
      { title: 'AGENT' },
      { title: 'STATE', colour: stateColour },
      { title: 'LIVENESS', colour: stateColour },
      { title: 'RTT', align: 'right' },
      { title: 'MESH' },
      { title: 'SCORE', align: 'right' },
      { title: 'ADDRESS' },
      { title: 'KNOWN FROM' },
      { title: 'NEXT DIAL', align: 'right' },
      { title: 'PEER ID' },
      { title: 'LAST ERROR' },
    ],
    peers.map(peer => [
      peer.id ?? '-',
      peer.state,
      peer.liveness ?? '-',
      peer.rtt_ms === undefined ? '-' : `${peer.rtt_ms.toFixed(1)} ms`,
      peer.link === undefined ? '-' : meshPlace(peer.link),
      peer.link === undefined ? '-' : peer.link.score.toFixed(1),
      peer.link === undefined ? '-' : `${peer.link.outbound ? 'to' : 'from'} ${peer.link.address}`,
      peer.sources.join(','),
      peer.next_dial_in_ms === undefined ? '-' : `${(peer.next_dial_in_ms / 1_000).toFixed(1)} s`,
      peer.peer,
      peer.last_error ?? '',
    ]),
    colour,
  );
  const seeds = mesh.pending_seeds.map(({ seed, failed_dials, last_error }) =>
    safe(
      `seed without an answer: ${seed}, ${failed_dials} tries${last_error === undefined ? '' : `, ${last_error}`}`,
    ),
  );
  const foreign = `agents of other clusters refused: ${mesh.foreign_refused}`;
  const http = mesh.http_peers.length === 0 ? '' : `\n${httpPeersTable(mesh.http_peers, colour)}`;
  return `${[`topic ${safe(mesh.topic)}`, foreign, ...seeds].join('\n')}\n\n${table}${http}`;
}

function httpPeersTable(peers: MeshBody['http_peers'], colour: boolean): string {
  const seconds = (ms: number | undefined) => (ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`);
  return renderTable(
    [
      { title: 'HTTP PEER' },
      { title: 'STATE', colour: stateColour },
      { title: 'KNOWN FROM' },
      { title: 'LAST ANSWER', align: 'right' },
      { title: 'LISTS', align: 'right' },
      { title: 'FAILURES', align: 'right' },
      { title: 'NEXT TRY', align: 'right' },
      { title: 'LAST ERROR' },
    ],
    peers.map(peer => [
      peer.url,
      peer.state,
      peer.is_configured ? 'configuration' : 'list',
      peer.last_answer_ms === undefined ? '-' : `${seconds(peer.last_answer_ms)} ago`,
      String(peer.listed),
      peer.failures_in_row === 0
        ? String(peer.failures)
        : `${peer.failures}, ${peer.failures_in_row} in a row`,
      seconds(peer.next_try_in_ms),
      peer.last_error ?? '',
    ]),
    colour,
  );
}

function meshPlace(link: { readonly in_mesh: boolean; readonly subscribed: boolean }): string {
  if (link.in_mesh) return 'in';
  return link.subscribed ? 'listens' : 'deaf';
}
