/** Tells a person why an entry is what it is: each record, what its author had seen, and how it fared. */
import type { LossReason, Rule } from '../core/view.ts';
import type { RecordBody, SubjectBody } from './bodies.ts';
import { count, duration, localTime, safe, shortPeer } from './display.ts';
import { paint } from './table.ts';

export interface ExplanationOptions {
  /** Node ids of authors by peer id. */
  readonly names: ReadonlyMap<string, string>;
  readonly colour: boolean;
}

const ruleTexts: Readonly<Record<Rule, string>> = {
  only: 'it is the only record that counts',
  authority: 'its author has more authority over this entry than the others',
  'happened-before': 'its author had seen the other records when writing it',
  majority: 'the authors did not know of each other, and most of them say this',
  latest: 'the authors did not know of each other, no content has a majority, and this is the latest',
  digest: 'the authors did not know of each other and wrote at the same time, so the smallest digest decides',
};

const lossTexts: Readonly<Record<LossReason, string>> = {
  authority: 'its author has less authority over this entry',
  covered: 'another record was written by somebody who had seen this one',
  'name-held-by-another-key': 'an earlier claim by another key holds this name',
  withdrawn: 'its author vouches no longer',
  minority: 'fewer authors say this',
  earlier: 'it is the older of two that did not know of each other',
  digest: 'the other one has the smaller digest',
};

export function explainSubject(subject: SubjectBody, options: ExplanationOptions): string {
  const winner = subject.records.find(record => record.digest === subject.winner);
  const lines = [safe(headline(subject, winner, options)), ''];
  const rank = (record: RecordBody) => (record === winner ? 0 : record.vouches ? 1 : 2);
  const records = [...subject.records].sort((a, b) => rank(a) - rank(b) || (a.digest < b.digest ? -1 : 1));
  for (const record of records) lines.push(...recordLines(record, subject, winner, options), '');
  return `${lines.slice(0, -1).join('\n')}\n`;
}

/** One sentence: what counts and why. */
export function headline(
  subject: SubjectBody,
  winner: RecordBody | undefined,
  options: ExplanationOptions,
): string {
  const parked =
    subject.parked === 0
      ? ''
      : `; ${count(subject.parked, 'record waits', 'records wait')} for others they refer to`;
  const conflict = subject.conflict ? ' (CONFLICT: authors disagree without knowing of each other)' : '';
  if (winner === undefined) return `${subject.id}: no record counts${conflict}${parked}`;
  const rule = subject.rule === undefined ? '' : `, because ${ruleTexts[subject.rule] ?? subject.rule}`;
  return `${subject.id}: what ${authorName(winner.author, options)} says counts${rule}${conflict}${parked}`;
}

function recordLines(
  record: RecordBody,
  subject: SubjectBody,
  winner: RecordBody | undefined,
  options: ExplanationOptions,
): string[] {
  const won = record === winner;
  const fate = won ? 'wins' : fateOf(record);
  const title = safe(`${record.digest.slice(0, 12)}  by ${authorName(record.author, options)}`);
  const lease =
    record.lease_ms === 0 ? 'until it is replaced' : `${duration(record.lease_ms / 1_000)} without renewal`;
  const facts: [string, string][] = [
    ['says', saying(record)],
    ['authority', record.authority],
    ['version', `epoch ${record.epoch}, sequence ${record.sequence}`],
    ['clock', clockOf(record, options)],
    ['written', `${localTime(record.time.wall_ms)} +${record.time.counter}`],
    ['stands', lease],
    ['claimed', `first on ${localTime(record.claimed_at.wall_ms)}`],
  ];
  const key = record.owner?.public_key ?? record.node?.public_key;
  if (key !== undefined) {
    const isFree = record.kind === 'deregistered';
    facts.push(['key', `${key}, ${isFree ? 'which gave the name up' : 'without which nobody changes it'}`]);
  }
  if (record.learnt_from !== undefined)
    facts.push(['learnt', `from ${record.learnt_from}, which does not sign`]);
  if (record.context.length === 0) facts.push(['had seen', 'nobody else']);
  for (const seen of record.context) {
    const held = subject.records.some(other => other.digest === seen.digest);
    const which = held ? seen.digest.slice(0, 12) : `${seen.digest.slice(0, 12)}, not kept any more`;
    facts.push(['had seen', `${authorName(seen.author, options)} ${seen.epoch}/${seen.sequence} (${which})`]);
  }
  facts.push(
    ...unknownTo(record, subject).map(
      other =>
        [
          'not seen',
          `${authorName(other.author, options)} ${other.epoch}/${other.sequence} (${other.digest.slice(0, 12)})`,
        ] as [string, string],
    ),
  );
  const colour = won ? 'green' : record.vouches ? undefined : 'dim';
  return [
    paint(`${title}: ${safe(fate)}`, colour, options.colour),
    ...facts.map(([label, fact]) => `  ${label.padEnd(10)} ${safe(fact)}`),
  ];
}

/** The vector clock: the record itself, and whatever its author had seen. */
function clockOf(record: RecordBody, options: ExplanationOptions): string {
  return [record, ...record.context]
    .map(({ author, epoch, sequence }) => `${authorName(author, options)}: ${epoch}/${sequence}`)
    .join(', ');
}

/** What others say now, and the author of this record had not seen: they are concurrent, or came later. */
function unknownTo(record: RecordBody, { records }: SubjectBody): readonly RecordBody[] {
  return records
    .filter(other => other !== record && !record.context.some(({ digest }) => digest === other.digest))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

function fateOf(record: RecordBody): string {
  if (record.lost !== undefined) return `lost, because ${lossTexts[record.lost] ?? record.lost}`;
  return record.vouches ? 'says the same, and so vouches for it' : 'does not count';
}

function saying({ kind, node }: RecordBody): string {
  if (kind === 'left') return 'the agent has left for good';
  if (kind === 'deregistered') return 'the service was taken out';
  if (kind === 'withdrawn') return 'its author vouches for it no longer';
  if (node === undefined) return kind;
  const balancer = node.is_load_balancer ? ', balances load' : '';
  return `${node.node_type} at ${node.address}, metrics port ${node.metrics_port}${balancer}, can ${node.capabilities.join(', ') || 'nothing'}`;
}

function authorName(peer: string, { names }: ExplanationOptions): string {
  const name = names.get(peer);
  return name === undefined ? shortPeer(peer) : `${name} (${shortPeer(peer)})`;
}
