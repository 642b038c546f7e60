/** What an authority writes down of each certificate, one JSON line each. */
import type { CertificateDraft, MemberRole, Serial } from '../core/authority/certificate.ts';
import type { PeerId } from '../core/record/record.ts';

export interface Issued {
  readonly serial: Serial;
  readonly key: PeerId;
  readonly pattern: string;
  readonly roles: readonly MemberRole[];
  readonly issuedMs: number;
  readonly expiresMs: number;
}

export function issuedLine({ serial, key, pattern, roles, issuedMs, expiresMs }: CertificateDraft): string {
  return `${JSON.stringify({ serial, key, pattern, roles, issuedMs, expiresMs })}\n`;
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
      Number.isSafeInteger(issued.expiresMs);
    return isWhole ? [issued] : [];
  } catch {
    return [];
  }
}
