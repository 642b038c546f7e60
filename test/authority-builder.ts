/** An authority and its members, for tests. */
import type {
  CertificateDraft,
  KeyLine,
  MemberRole,
  VerifiedCertificate,
} from '../src/core/authority/certificate.ts';
import type { Grant } from '../src/core/authority/grant.ts';
import type { PeerId, VerifiedRecord } from '../src/core/record/record.ts';
import { Authority } from '../src/identity/authority.ts';
import { AuthorityChecker } from '../src/identity/authority-checker.ts';
import { keyNumber, startWallMs, testCluster } from './record-builder.ts';

export const hourMs = 3_600_000;

export function authorityNumber(number: number, cluster = testCluster): Authority {
  return new Authority({ cluster }, { key: keyNumber(number) });
}

/** The one that tests trust. */
export const authority = authorityNumber(100);
export const checker = new AuthorityChecker({ cluster: testCluster, authorities: [authority.peerId] });

export interface Asked {
  readonly by?: Authority;
  readonly pattern?: string;
  readonly roles?: readonly MemberRole[];
  readonly nowMs?: number;
  readonly lifetimeMs?: number;
  readonly notBeforeMs?: number;
  readonly line?: KeyLine;
}

/** Of a day, from the moment when every test begins. */
export function certificateFor(key: PeerId, asked: Asked = {}): VerifiedCertificate {
  const { by = authority, pattern = '*', roles = [], nowMs = startWallMs, lifetimeMs = 24 * hourMs } = asked;
  const since = asked.notBeforeMs === undefined ? {} : { notBeforeMs: asked.notBeforeMs };
  return by.issue({ key, pattern, roles, nowMs, lifetimeMs, ...since, line: asked.line });
}

export function seedOf(peer: PeerId): string {
  return `/ip4/127.0.0.1/tcp/7946/p2p/${peer}`;
}

export function grantFrom(
  issuer: PeerId,
  fields: { readonly by?: Authority; readonly expiresMs?: number } = {},
): Grant {
  const { by = authority, expiresMs = startWallMs + hourMs } = fields;
  return by.invite({
    seeds: [seedOf(issuer)],
    pattern: 'backend-*',
    roles: ['backend'],
    lifetimeMs: hourMs,
    expiresMs,
  });
}

export function revocation(
  lists: { readonly serials?: readonly string[]; readonly keys?: readonly PeerId[] },
  { number = 1, by = authority, atMs = startWallMs }: { number?: number; by?: Authority; atMs?: number } = {},
): VerifiedRecord {
  return by.revoke({ serials: [], keys: [], ...lists }, { epoch: atMs + number, sequence: number }, atMs);
}

/** What the authority has put into a certificate. */
export function draftOf({
  cluster,
  serial,
  key,
  pattern,
  roles,
  notBeforeMs,
  issuedMs,
  expiresMs,
  issuer,
  line,
}: CertificateDraft): CertificateDraft {
  const draft = { cluster, serial, key, pattern, roles, notBeforeMs, issuedMs, expiresMs, issuer };
  return line === undefined ? draft : { ...draft, line };
}
