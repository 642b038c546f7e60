/**
 * A line of the audit log: JSON, and a link in a chain.
 *
 *     {"n":7,"at":"2026-11-25T03:00:00.000Z","kind":"authentication","who":"anonymous","from":"10.0.0.7",
 *      "what":"register","outcome":"refused","why":"…","request_id":"…","prev":"<sha-256>"}
 *
 * `prev` is the hash of the bytes of the line before, so a line that was changed, taken out or put in between
 * does not fit its neighbours. A hash within each line over itself was rejected: it would say no more, for whoever
 * changes a line can compute that too. What no chain without a key shows is the cutting off of its end and its
 * writing anew from some line on: for that the head is noted elsewhere (`audit_file_closed` in the log).
 */
import { createHash } from 'node:crypto';
import type { AuditEntry } from '../runtime/ports.ts';

/** Longer ones are no line of ours: every text in one is cut. */
export const lineMaxBytes = 8 * 1_024;
/** In front of the first line there ever was. */
export const noHash = '0'.repeat(64);

/** Characters of each text of an entry; six bytes each at most when escaped. */
const textMaxLength = 200;

/** The end of the chain so far. */
export interface ChainHead {
  /** Of the last line; 0 before the first. */
  readonly n: number;
  readonly hash: string;
}

export const chainStart: ChainHead = { n: 0, hash: noHash };

export interface AuditLine {
  readonly n: number;
  readonly at: string;
  readonly kind: string;
  readonly who: string;
  readonly what: string;
  readonly outcome: string;
  readonly why?: string;
  readonly from?: string;
  readonly request_id?: string;
  /** Refusals of a kind that this line stands for; the times of the first and the last, and from how many addresses. */
  readonly count?: number;
  readonly first_at?: string;
  readonly last_at?: string;
  readonly addresses?: number;
  /** Lines that were left out just before this one, because there were too many. */
  readonly left_out?: number;
  readonly prev: string;
}

export interface TimedEntry extends AuditEntry {
  readonly wallMs: number;
  readonly leftOut?: number;
}

/** Without its newline. */
export function formatLine(entry: TimedEntry, head: ChainHead): string {
  const line: AuditLine = {
    n: head.n + 1,
    at: new Date(entry.wallMs).toISOString(),
    kind: entry.kind,
    who: cut(entry.who),
    ...(entry.from === undefined ? {} : { from: cut(entry.from) }),
    what: cut(entry.what),
    outcome: entry.outcome,
    ...(entry.why === undefined ? {} : { why: cut(entry.why) }),
    ...(entry.requestId === undefined ? {} : { request_id: cut(entry.requestId) }),
    ...countedIn(entry),
    ...(entry.leftOut === undefined || entry.leftOut === 0 ? {} : { left_out: entry.leftOut }),
    prev: head.hash,
  };
  return JSON.stringify(line);
}

function countedIn({ counted }: AuditEntry): Partial<AuditLine> {
  if (counted === undefined) return {};
  const { count, firstMs, lastMs, addressesCount } = counted;
  return {
    count,
    first_at: new Date(firstMs).toISOString(),
    last_at: new Date(lastMs).toISOString(),
    ...(addressesCount === 0 ? {} : { addresses: addressesCount }),
  };
}

/** Over the bytes of a line as they are on the disk, without the newline. */
export function hashOf(line: string | Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}

const requiredTexts = ['at', 'kind', 'who', 'what', 'outcome'] as const;
const optionalTexts = ['why', 'from', 'request_id', 'first_at', 'last_at'] as const;
const optionalCounts = ['left_out', 'count', 'addresses'] as const;

/** @returns `undefined` for whatever is no line of an audit log. */
export function parseLine(bytes: Uint8Array): AuditLine | undefined {
  if (bytes.length > lineMaxBytes) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // Not UTF-8 or not JSON: no line of ours.
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { n, prev } = fields;
  const isLine =
    isCount(n) &&
    typeof prev === 'string' &&
    /^[0-9a-f]{64}$/.test(prev) &&
    requiredTexts.every(name => typeof fields[name] === 'string') &&
    optionalTexts.every(name => fields[name] === undefined || typeof fields[name] === 'string') &&
    optionalCounts.every(name => fields[name] === undefined || isCount(fields[name]));
  return isLine ? (value as AuditLine) : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function cut(text: string): string {
  return text.length <= textMaxLength ? text : `${text.slice(0, textMaxLength - 1)}…`;
}
