/**
 * Which record an entry shows.
 *
 * A pure function of the set of records about one subject (the latest of each author), so every
 * agent that holds the same set shows the same entry, whatever the order of arrival. The order:
 *
 *   1. authority: an agent about itself > a delegate > the hosting agent > a hint;
 *   2. happened-before: a record that another one's context covers is out, unless both say the
 *      same, for then each vouches for it;
 *   3. among what is left the content most authors agree on; 4. the latest hybrid time; 5. the
 *      smallest digest.
 *
 * Two refinements keep that true to what people mean. A withdrawal (a lease that ran out) speaks
 * for its author alone: it counts only when nobody says anything else. And a name that agents
 * claim for themselves is not put to a vote: the earliest claim holds it, unless its holder was
 * covered, that is, followed by a successor.
 *
 * Last-writer-wins by clock alone was rejected: it silently drops concurrent claims and lets the
 * fastest clock rule.
 */

import type { LossReason, Rule } from '../view.ts';
import { compareHybrid } from './hybrid-time.ts';
import { isSameContent } from './node.ts';
import {
  type Authority,
  authorities,
  compareDots,
  compareText,
  type Digest,
  type VerifiedRecord,
} from './record.ts';

export interface Resolution {
  /** Absent only when there is no record. */
  readonly winner: VerifiedRecord | undefined;
  readonly rule: Rule;
  /** The winner and those that say the same, in order of author. */
  readonly vouchers: readonly VerifiedRecord[];
  /** Concurrent records of equal authority say different things. */
  readonly conflict: boolean;
  readonly losses: ReadonlyMap<Digest, LossReason>;
}

const noLosses: ReadonlyMap<Digest, LossReason> = new Map();
const nobody: Resolution = {
  winner: undefined,
  rule: 'only',
  vouchers: [],
  conflict: false,
  losses: noLosses,
};

/** @param records - About one subject, at most one an author; any order. */
export function resolve(records: readonly VerifiedRecord[]): Resolution {
  const only = records[0];
  if (only === undefined) return nobody;
  if (records.length === 1) {
    return { winner: only, rule: 'only', vouchers: [only], conflict: false, losses: noLosses };
  }

  const losses = new Map<Digest, LossReason>();
  const lose = (reason: LossReason, losers: Iterable<VerifiedRecord>) => {
    for (const loser of losers) losses.set(loser.digest, reason);
  };

  const current = dropOutlived(records, lose);
  const highest = highestAuthority(current);
  const [ranking, outranked] = split(current, record => record.authority === highest);
  lose('authority', outranked);
  let rule: Rule =
    outranked.length > 0 ? 'authority' : records.length > current.length ? 'happened-before' : 'only';

  const informed = ranking.filter(record => record.context.length > 0);
  const [uncovered, covered] = split(ranking, record => !informed.some(other => overrules(other, record)));
  lose('covered', covered);
  if (covered.length > 0) rule = 'happened-before';

  const decided =
    uncovered[0]?.authority === 'self' ? byClaim(uncovered, lose) : byAgreement(uncovered, rule, lose);
  return { ...decided, rule: decided.rule === 'only' ? rule : decided.rule, losses };
}

type Lose = (reason: LossReason, losers: Iterable<VerifiedRecord>) => void;
type Decision = Omit<Resolution, 'losses'>;

/**
 * Takes out departures that somebody, of whatever authority, knew of and spoke after, and
 * withdrawals while anybody else still speaks. What they overruled stays overruled; but nobody overrules what
 * has more authority, also not by taking something back.
 */
function dropOutlived(records: readonly VerifiedRecord[], lose: Lose): readonly VerifiedRecord[] {
  if (records.every(record => record.body.type === 'entry')) return records;
  const [lasting, outlived] = split(
    records,
    record =>
      record.body.type === 'entry' || !records.some(other => other !== record && covers(other, record)),
  );
  lose('covered', outlived);
  const [speaking, withdrawn] = split(lasting, record => !isWithdrawal(record));
  const [standing, overruled] = split(
    speaking,
    record =>
      ![...outlived, ...withdrawn].some(other => !isOutranked(other, record) && overrules(other, record)),
  );
  lose('covered', overruled);
  if (standing.length === 0) return withdrawn.length > 0 ? withdrawn : speaking;
  lose('withdrawn', withdrawn);
  return standing;
}

/** Agents that claim one name for themselves: the earliest claim holds it. */
function byClaim(claims: readonly VerifiedRecord[], lose: Lose): Decision {
  const [holder, ...others] = [...claims].sort(
    (a, b) => compareHybrid(a.claimedAt, b.claimedAt) || compareText(a.author, b.author),
  ) as [VerifiedRecord, ...VerifiedRecord[]];
  lose('name-held-by-another-key', others);
  return {
    winner: holder,
    rule: others.length > 0 ? 'authority' : 'only',
    vouchers: [holder],
    conflict: others.length > 0,
  };
}

/** Authors that say the same, and the latest of their records. */
interface Group {
  readonly members: VerifiedRecord[];
  latest: VerifiedRecord;
}

function byAgreement(candidates: readonly VerifiedRecord[], rule: Rule, lose: Lose): Decision {
  const groups: Group[] = [];
  for (const record of candidates) {
    const group = groups.find(({ latest }) => saysTheSame(latest, record));
    if (group === undefined) groups.push({ members: [record], latest: record });
    else {
      group.members.push(record);
      if (latestFirst(record, group.latest) < 0) group.latest = record;
    }
  }
  const [first, ...rest] = groups.sort(
    (a, b) => b.members.length - a.members.length || latestFirst(a.latest, b.latest),
  ) as [Group, ...Group[]];
  for (const group of rest) lose(lossOf[ruleBetween(first, group)], group.members);

  const runnerUp = rest[0];
  return {
    winner: first.latest,
    rule: runnerUp === undefined ? rule : ruleBetween(first, runnerUp),
    vouchers: first.members.sort((a, b) => compareText(a.author, b.author)),
    conflict: runnerUp !== undefined,
  };
}

const lossOf = { majority: 'minority', latest: 'earlier', digest: 'digest' } as const;

function ruleBetween(winner: Group, other: Group): keyof typeof lossOf {
  if (winner.members.length > other.members.length) return 'majority';
  return compareHybrid(winner.latest.time, other.latest.time) === 0 ? 'digest' : 'latest';
}

function latestFirst(a: VerifiedRecord, b: VerifiedRecord): number {
  return compareHybrid(b.time, a.time) || compareText(a.digest, b.digest);
}

/**
 * `later` had seen exactly `earlier` when it was written. Naming a later dot of that author covers
 * nothing: whoever holds the named record holds no earlier one, so only a liar would gain by it. And
 * since a digest cannot name itself, no two records cover each other.
 */
export function covers(later: VerifiedRecord, earlier: VerifiedRecord): boolean {
  return later.context.some(
    seen =>
      seen.author === earlier.author && seen.digest === earlier.digest && compareDots(seen, earlier) === 0,
  );
}

/** Two keys never vouch for each other's claim to be one agent, so there agreement does not count. */
function overrules(later: VerifiedRecord, earlier: VerifiedRecord): boolean {
  return (
    later !== earlier &&
    covers(later, earlier) &&
    (earlier.authority === 'self' || !saysTheSame(later, earlier))
  );
}

/** All departures say the same. */
export function saysTheSame(a: VerifiedRecord, b: VerifiedRecord): boolean {
  if (a.body.type !== 'entry' || b.body.type !== 'entry') return a.body.type === b.body.type;
  return isSameContent(a.body.node, b.body.node);
}

function isWithdrawal(record: VerifiedRecord): boolean {
  return record.body.type === 'departure' && record.body.reason === 'withdrawn';
}

/** Whether `record` speaks with less authority than `other`. */
function isOutranked(record: VerifiedRecord, other: VerifiedRecord): boolean {
  return authorities.indexOf(record.authority) > authorities.indexOf(other.authority);
}

function highestAuthority(records: readonly VerifiedRecord[]): Authority {
  return authorities.find(authority => records.some(record => record.authority === authority)) ?? 'hint';
}

function split<T>(items: readonly T[], keep: (item: T) => boolean): [T[], T[]] {
  const kept: T[] = [];
  const dropped: T[] = [];
  for (const item of items) (keep(item) ? kept : dropped).push(item);
  return [kept, dropped];
}
