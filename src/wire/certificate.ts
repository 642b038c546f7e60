/** Membership certificates to bytes and back. Decoding answers `undefined` for whatever is not one. */
import {
  type CertificateDraft,
  certificateMaxBytes,
  isIdPattern,
  type MemberRole,
  memberRoles,
} from '../core/authority/certificate.ts';
import { isClusterName } from '../core/record/node.ts';
import { type AuthorityParts, openByAuthority, sealByAuthority } from './authority-envelope.ts';
import { decodeMessage } from './bounded-reader.ts';
import { isCount } from './bounds.ts';
import { peerIdOf, publicKeyBytes, publicKeyOf } from './peer-id.ts';
import { certificateType, roleNames } from './schema.ts';

export const serialBytes = 8;
const serialPattern = /^[0-9a-f]{16}$/;
const fieldsMaxCount = 24;

interface CertificateMessage {
  readonly cluster: string;
  readonly serial: Buffer | readonly never[];
  readonly key: Uint8Array;
  readonly nodeId: string;
  readonly roles: readonly number[];
  readonly notBeforeMs: unknown;
  readonly expiresMs: unknown;
  readonly issuer: Uint8Array;
  readonly issuedMs: unknown;
  readonly origin: Uint8Array;
  readonly generation: number;
}

/** Read, but nobody has looked at the signature yet. */
export interface UnverifiedCertificate extends CertificateDraft {
  readonly parts: AuthorityParts;
  readonly wire: Uint8Array;
}

/** The bytes that are signed. @throws RangeError naming what is out of bounds: a bug in the caller. */
export function encodeCertificate(draft: CertificateDraft): Uint8Array {
  const problem = certificateProblem(draft);
  if (problem !== undefined) throw new RangeError(`this certificate cannot be issued: ${problem}`);
  const { cluster, serial, key, pattern, roles, notBeforeMs, expiresMs, issuer, issuedMs, line } = draft;
  return certificateType
    .encode({
      cluster,
      serial: Buffer.from(serial, 'hex'),
      key: publicKeyOf(key),
      nodeId: pattern,
      roles: roles.map(role => roleNames.numberOf(role)),
      notBeforeMs,
      expiresMs,
      issuer: publicKeyOf(issuer),
      issuedMs,
      ...(line === undefined ? {} : { origin: publicKeyOf(line.origin), generation: line.generation }),
    } as never)
    .finish();
}

export function decodeCertificate(wire: Uint8Array): UnverifiedCertificate | undefined {
  const parts = openByAuthority(wire, certificateMaxBytes);
  const message = parts && decodeMessage<CertificateMessage>(certificateType, parts.content, fieldsMaxCount);
  if (parts === undefined || message === undefined) return undefined;
  const roles = rolesOf(message.roles);
  const { serial, key, issuer, origin, generation } = message;
  if (roles === undefined || !Buffer.isBuffer(serial)) return undefined;
  if (key.length !== publicKeyBytes || issuer.length !== publicKeyBytes) return undefined;
  if (origin.length !== (generation === 0 ? 0 : publicKeyBytes)) return undefined;
  const draft: CertificateDraft = {
    cluster: message.cluster,
    serial: serial.toString('hex'),
    key: peerIdOf(key),
    pattern: message.nodeId,
    roles,
    notBeforeMs: countOf(message.notBeforeMs),
    issuedMs: countOf(message.issuedMs),
    expiresMs: countOf(message.expiresMs),
    issuer: peerIdOf(issuer),
    ...(generation === 0 ? {} : { line: { origin: peerIdOf(origin), generation } }),
  };
  // Laid out anew: whoever passes it on cannot pad it with what the signature does not cover.
  return certificateProblem(draft) === undefined
    ? { ...draft, parts, wire: sealByAuthority(parts) }
    : undefined;
}

/** The first thing wrong with a certificate, or `undefined`. */
export function certificateProblem(draft: CertificateDraft): string | undefined {
  if (!isClusterName(draft.cluster)) return 'cluster is not a name';
  if (!serialPattern.test(draft.serial)) return 'the serial is not 16 hexadecimal digits';
  if (publicKeyOf(draft.key) === undefined) return 'the key is not an Ed25519 peer id';
  if (publicKeyOf(draft.issuer) === undefined) return 'the issuer is not an Ed25519 peer id';
  const { notBeforeMs, issuedMs, expiresMs, line } = draft;
  if (line !== undefined && publicKeyOf(line.origin) === undefined)
    return 'its line began with no Ed25519 key';
  if (
    line !== undefined &&
    !(isCount(line.generation) && line.generation >= 1 && line.generation <= 0xffff_ffff)
  )
    return 'its place in its line is out of range';
  if (![notBeforeMs, issuedMs, expiresMs].every(isCount)) return 'a time is out of range';
  if (notBeforeMs > issuedMs || issuedMs >= expiresMs) return 'its times are not in order';
  return accessProblem(draft);
}

/** Of what a certificate gives, and a grant promises. */
export function accessProblem({
  pattern,
  roles,
}: Pick<CertificateDraft, 'pattern' | 'roles'>): string | undefined {
  if (!isIdPattern(pattern)) return 'the node id is neither one nor a beginning and *';
  const places = roles.map(role => memberRoles.indexOf(role));
  const isSorted = places.every((place, i) => place >= 0 && place > (places[i - 1] ?? -1));
  return isSorted ? undefined : 'the roles are not known ones in their order, each once';
}

export function rolesOf(numbers: readonly number[]): readonly MemberRole[] | undefined {
  const roles = numbers.map(number => roleNames.nameOf(number));
  return roles.includes(undefined) ? undefined : (roles as MemberRole[]);
}

export function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
