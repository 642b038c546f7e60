/** Looks a database over without changing it: sums, signatures, and what must hold between rows. */

import { recover } from '../core/outbox/recovery.ts';
import { Ledger } from '../core/record/ledger.ts';
import { compareDots, siblingsMaxCount, type VerifiedRecord } from '../core/record/record.ts';
import { Verifier } from '../identity/verifier.ts';
import { linkOf } from '../runtime/outbox-link.ts';
import type { StoredState } from '../runtime/ports.ts';
import { readOffline } from '../store/offline.ts';
import type { StoreSecret } from '../store/store-keys.ts';
import { clusterOf } from './archive.ts';

export interface StoreReport {
  readonly cluster: string;
  /** Rows by kind, the damaged ones aside. */
  readonly counts: Readonly<Record<string, number>>;
  /** One sentence each; empty means well. */
  readonly problems: readonly string[];
}

/** @throws FirsthandError DATA_DIR_UNUSABLE, STORE_LOCKED, STORE_CORRUPT, STORE_TOO_NEW, STORE_KEY_WRONG */
export async function checkStore(options: {
  readonly directory: string;
  readonly cluster: string | undefined;
  readonly secrets?: readonly StoreSecret[];
}): Promise<StoreReport> {
  const { state, keys, damaged } = await readOffline(options.directory, options.secrets);
  const cluster = options.cluster ?? clusterOf(state.records);
  const verifier = new Verifier({ cluster });
  const records: VerifiedRecord[] = [];
  const problems = damaged.map(
    key => `row ${JSON.stringify(key)} is damaged; an agent that starts leaves it out`,
  );
  for (const [index, wire] of state.records.entries()) {
    const record = verifier.record(wire);
    if (typeof record === 'string') problems.push(`record ${index + 1} of ${state.records.length} ${record}`);
    else records.push(record);
  }
  problems.push(
    ...records.filter(isMisplaced(keys)).map(record => `${nameOf(record)} stands under another key`),
    ...proofProblems(state, verifier),
    ...removalProblems(state, verifier),
    ...banProblems(state, verifier),
    ...ledgerProblems(records, state),
    ...outboxProblems(state),
  );
  return { cluster, counts: countsOf(state), problems };
}

function isMisplaced(keys: ReadonlySet<string>): (record: VerifiedRecord) => boolean {
  return ({ subject, author }) => !keys.has(`r!${subject}!${author}`);
}

function proofProblems({ proofs }: StoredState, verifier: Verifier): readonly string[] {
  return proofs.flatMap(({ first, second }, index) => {
    const [a, b] = [verifier.record(first), verifier.record(second)];
    const halves = [a, b].filter(half => typeof half === 'string');
    if (typeof a === 'string' || typeof b === 'string')
      return halves.map(text => `a half of proof ${index + 1} ${String(text)}`);
    const contradicts = a.author === b.author && compareDots(a, b) === 0 && a.digest !== b.digest;
    return contradicts ? [] : [`proof ${index + 1} proves nothing`];
  });
}

function removalProblems({ removals }: StoredState, verifier: Verifier): readonly string[] {
  return removals.flatMap((wire, index) => {
    const claim = verifier.claim(wire);
    return typeof claim === 'string' ? [`removal ${index + 1} ${claim}`] : [];
  });
}

function banProblems({ bans = [] }: StoredState, verifier: Verifier): readonly string[] {
  return bans.flatMap((wire, index) => {
    const ban = verifier.ban(wire);
    return typeof ban === 'string' ? [`ban ${index + 1} ${ban}`] : [];
  });
}

/** What an agent that starts relies on. */
function ledgerProblems(records: readonly VerifiedRecord[], state: StoredState): readonly string[] {
  const problems: string[] = [];
  const dots = new Map<string, VerifiedRecord>();
  const ledger = new Ledger();
  for (const [subject, floor] of state.floors) ledger.setFloor(subject, floor);
  for (const record of records) {
    const dot = `${record.author} ${record.epoch}/${record.sequence}`;
    const same = dots.get(dot);
    if (same !== undefined) problems.push(`${nameOf(record)} and ${nameOf(same)} have the same number`);
    dots.set(dot, record);
    const { type } = ledger.admitAnyway(record);
    if (type === 'stale') problems.push(`${nameOf(record)} lies below what is kept of departed ones`);
    if (type === 'full') problems.push(`${nameOf(record)} is more than its author may say`);
  }
  const crowded = new Map<string, number>();
  for (const { subject } of records) crowded.set(subject, (crowded.get(subject) ?? 0) + 1);
  for (const [subject, count] of crowded) {
    if (count > siblingsMaxCount)
      problems.push(`${subject} has ${count} authors, and ${siblingsMaxCount} are kept`);
  }
  return problems;
}

/** Queues that lost rows are not delivered, so whoever starts an agent on them should know. */
function outboxProblems({ outbox }: StoredState): readonly string[] {
  const { damaged, isSealed } = recover(outbox, linkOf);
  if (damaged.length === 0 && !isSealed) return ['the outbox has lost all of its queues'];
  return damaged.map(
    ({ receiver, deliveries, damage }) =>
      `the queue for ${receiver}, ${deliveries.length} deliveries, is damaged: ${damage}`,
  );
}

function nameOf({ subject, author, epoch, sequence }: VerifiedRecord): string {
  return `the record about ${subject} by ${author}, ${epoch}/${sequence},`;
}

function countsOf(state: StoredState): Readonly<Record<string, number>> {
  return {
    records: state.records.length,
    floors: state.floors.size,
    clocks: state.clocks.size,
    contacts: state.contacts.length,
    proofs: state.proofs.length,
    reachability: state.reachability.size,
    removals: state.removals.length,
    bans: state.bans?.length ?? 0,
    confirmations: state.confirmations?.length ?? 0,
    deliveries: state.outbox.deliveries.length,
    dead_letters: state.outbox.deadLetters.length,
    numbers: Object.keys(state.meta).length,
  };
}
