/** What an authority writes down of each certificate, one JSON line each. */
import {
  type CertificateDraft,
  type KeyLine,
  lineOf,
  type MemberRole,
  type Serial,
} from '../core/authority/certificate.ts';
import type { PeerId } from '../core/record/record.ts';

export interface Issued {
  readonly serial: Serial;
  readonly key: PeerId;
  readonly pattern: string;
  readonly roles: readonly MemberRole[];
  readonly issuedMs: number;
  readonly expiresMs: number;
  readonly line?: KeyLine;
}

export interface Shunned {
  readonly serials?: readonly Serial[];
  readonly keys?: readonly PeerId[];
}

export function issuedLine({
  serial,
  key,
  pattern,
  roles,
  issuedMs,
  expiresMs,
  line,
}: CertificateDraft): string {
  return `${JSON.stringify({ serial, key, pattern, roles, issuedMs, expiresMs, line })}\n`;
}

/**
 * Certificates of keys that were followed by one of these and have not run out. Their owner may have kept such a key,
 * and an agent that does not know who followed it would let it in.
 */
export function earlierSerials(
  issued: readonly Issued[],
  shunned: Shunned,
  nowMs: number,
): readonly Serial[] {
  const latest = new Map<PeerId, number>();
  for (const each of shunnedOf(issued, shunned)) {
    const { origin, generation } = lineOf(each);
    latest.set(origin, Math.max(generation, latest.get(origin) ?? 0));
  }
  return issued
    .filter(
      each => each.expiresMs >= nowMs && lineOf(each).generation < (latest.get(lineOf(each).origin) ?? 0),
    )
    .map(({ serial }) => serial);
}

/** Keys that follow one of these and are not shut out with it: who was to be shut out may be behind them. */
export function laterKeys(issued: readonly Issued[], shunned: Shunned, nowMs: number): readonly PeerId[] {
  const gone = shunnedOf(issued, shunned);
  const isLater = (each: Issued) =>
    gone.some(
      other =>
        lineOf(other).origin === lineOf(each).origin && lineOf(other).generation < lineOf(each).generation,
    );
  const left = issued.filter(each => each.expiresMs >= nowMs && !gone.includes(each) && isLater(each));
  return [...new Set(left.map(({ key }) => key))];
}

function shunnedOf(issued: readonly Issued[], { serials = [], keys = [] }: Shunned): readonly Issued[] {
  return issued.filter(each => serials.includes(each.serial) || keys.includes(each.key));
}

/** None for a line that cannot be read: the last one may have been cut off by a loss of power. */
export function parseIssued(line: string): readonly Issued[] {
  if (line === '') return [];
  try {
    const issued = JSON.parse(line) as Issued;
    const isWhole =
      typeof issued.serial === 'string' &&
      typeof issued.key === 'string' &&
      typeof issued.pattern === 'string' &&
      Array.isArray(issued.roles) &&
      Number.isSafeInteger(issued.issuedMs) &&
      Number.isSafeInteger(issued.expiresMs) &&
      (issued.line === undefined ||
        (typeof issued.line?.origin === 'string' && Number.isSafeInteger(issued.line.generation)));
    return isWhole ? [issued] : [];
  } catch {
    return [];
  }
}
