/**
 * What makes a key a member: a certificate from the cluster's authority.
 *
 * It names the key, the node id that the key may claim, what the member may be and do, and how long. The authority
 * signs it; whoever knows the authority's key can check it off line. A renewal keeps its beginning ("member
 * since") and moves its end, so the newest certificate of a key also covers what the key said under an older one.
 */
import { idMaxLength, isNodeId, type NodeId, type NodeType } from '../record/node.ts';
import type { PeerId } from '../record/record.ts';

/** What an agent may be, and what its bearer may do over HTTP. */
export const memberRoles = [
  'proxy',
  'backend',
  'governator',
  'read',
  'register',
  'operate',
  'admin',
] as const;
export type MemberRole = (typeof memberRoles)[number];

/** 16 hexadecimal digits, drawn at random. */
export type Serial = string;

export interface CertificateDraft {
  readonly cluster: string;
  readonly serial: Serial;
  /** The member's. */
  readonly key: PeerId;
  /** A node id, or the beginning of one and `*`. */
  readonly pattern: string;
  /** Sorted as in `memberRoles`, each once; without a node type the member may be of any. */
  readonly roles: readonly MemberRole[];
  /** Member since; kept by renewals. */
  readonly notBeforeMs: number;
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** The authority's key. */
  readonly issuer: PeerId;
  /** Of a key that took the place of another one. */
  readonly line?: KeyLine;
}

/**
 * Keys of one member that followed each other. Only the latest counts, or a member could become several by changing
 * its key. A number and not the time decides which that is: clocks of issuers differ.
 */
export interface KeyLine {
  /** The key that it began with. */
  readonly origin: PeerId;
  /** Which one after that this is; 1 and more. */
  readonly generation: number;
}

declare const verified: unique symbol;

/** Signed by an authority that is trusted here, and of this cluster. */
export interface VerifiedCertificate extends CertificateDraft {
  /** The signed envelope as it was received or made. */
  readonly wire: Uint8Array;
  readonly [verified]: true;
}

/** Why a certificate does not make a peer a member now. */
export type CertificateFault =
  /** None was shown, or none that an authority trusted here has signed for this cluster. */
  | 'uncertified'
  | 'expired'
  | 'not-yet-valid'
  | 'revoked' /** Another key of its line has taken its place. */
  | 'replaced';

export const certificateMaxBytes = 640;
/** Clocks of members and of the authority may differ by so much. */
export const clockToleranceMs = 30_000;

/** Whether something may stand in a certificate as the ids that a key may claim. */
export function isIdPattern(pattern: string): boolean {
  if (!pattern.endsWith('*')) return isNodeId(pattern);
  const prefix = pattern.slice(0, -1);
  return prefix === '' || (prefix.length < idMaxLength && isNodeId(prefix));
}

export function matchesPattern(pattern: string, id: NodeId): boolean {
  return pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}

/** Whether the member may be of this type. */
export function allowsType(roles: readonly MemberRole[], type: NodeType): boolean {
  const types = roles.filter(role => nodeTypeRoles.has(role));
  return types.length === 0 || types.includes(type);
}

const nodeTypeRoles: ReadonlySet<MemberRole> = new Set(['proxy', 'backend', 'governator']);

export function timeFault(
  { notBeforeMs, expiresMs }: Pick<CertificateDraft, 'notBeforeMs' | 'expiresMs'>,
  wallMs: number,
): Extract<CertificateFault, 'expired' | 'not-yet-valid'> | undefined {
  if (wallMs < notBeforeMs - clockToleranceMs) return 'not-yet-valid';
  return wallMs > expiresMs + clockToleranceMs ? 'expired' : undefined;
}

/** Where a key stands in its line; each begins one. */
export function lineOf({ key, line }: Pick<CertificateDraft, 'key' | 'line'>): KeyLine {
  return line ?? { origin: key, generation: 0 };
}

/** Where the key stands that follows the one of a certificate. */
export function nextInLine(certificate: Pick<CertificateDraft, 'key' | 'line'>): KeyLine {
  const { origin, generation } = lineOf(certificate);
  return { origin, generation: generation + 1 };
}

/** When to ask for the next one: at half of its life. */
export function renewalDueMs({
  issuedMs,
  expiresMs,
}: Pick<CertificateDraft, 'issuedMs' | 'expiresMs'>): number {
  return issuedMs + (expiresMs - issuedMs) / 2;
}
