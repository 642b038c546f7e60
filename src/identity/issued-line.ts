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
 * Certificates of keys whose place one of these has taken, and that have not run out. Their owner may have kept such
 * a key, and an agent that does not know which one counts would let it in.
 */
export function earlierSerials(
  issued: readonly Issued[],
  shunned: Shunned,
  nowMs: number,
): readonly Serial[] {
  return relativesOf(issued, shunned, nowMs)
    .filter(({ isBehind }) => isBehind)
    .map(({ serial }) => serial);
}

/** Keys that count in the place of these: who was to be shut out may be behind them. */
export function laterKeys(issued: readonly Issued[], shunned: Shunned, nowMs: number): readonly PeerId[] {
  const left = relativesOf(issued, shunned, nowMs).filter(({ isBehind }) => !isBehind);
  return [...new Set(left.map(({ key }) => key))];
}

/** What is valid of other keys in the same lines. */
function relativesOf(issued: readonly Issued[], { serials = [], keys = [] }: Shunned, nowMs: number) {
  const shut = issued.filter(each => serials.includes(each.serial) || keys.includes(each.key));
  const shutKeys = new Set(shut.map(({ key }) => key));
  return issued.flatMap(each => {
    if (each.expiresMs < nowMs || shutKeys.has(each.key)) return [];
    const line = shut.filter(other => lineOf(other).origin === lineOf(each).origin);
    return line.length === 0 ? [] : [{ ...each, isBehind: line.some(other => isBehind(each, other)) }];
  });
}

function isBehind(a: Issued, b: Issued): boolean {
  const [first, second] = [lineOf(a).generation, lineOf(b).generation];
  return first === second ? a.issuedMs <= b.issuedMs : first < second;
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
