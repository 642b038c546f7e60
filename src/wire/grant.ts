/** Grants to bytes and back, and to the one line that an operator hands on. */
import { hash } from 'node:crypto';
import { type GrantDraft, grantMaxBytes, grantSeedsMaxCount } from '../core/authority/grant.ts';
import { isClusterName } from '../core/record/node.ts';
import { multiaddrMaxLength } from '../core/record/record.ts';
import { type AuthorityParts, openByAuthority, sealByAuthority } from './authority-envelope.ts';
import { decodeMessage } from './bounded-reader.ts';
import { isCount } from './bounds.ts';
import { accessProblem, countOf, rolesOf } from './certificate.ts';
import { peerIdOf, publicKeyBytes, publicKeyOf } from './peer-id.ts';
import { grantType, roleNames } from './schema.ts';

export const grantIdBytes = 16;
const grantIdPattern = /^[0-9a-f]{32}$/;
const fieldsMaxCount = 32;
const seedPattern = /^\/[\x21-\x7e]+\/p2p\/([1-9A-HJ-NP-Za-km-z]+)$/;

interface GrantMessage {
  readonly cluster: string;
  readonly id: Buffer | readonly never[];
  readonly seeds: readonly string[];
  readonly nodeId: string;
  readonly roles: readonly number[];
  readonly lifetimeMs: unknown;
  readonly expiresMs: unknown;
  readonly authority: Uint8Array;
}

/** Read, but nobody has looked at the signature yet. */
export interface UnverifiedGrant extends GrantDraft {
  readonly parts: AuthorityParts;
  readonly wire: Uint8Array;
}

/** The bytes that are signed. @throws RangeError naming what is out of bounds: a bug in the caller. */
export function encodeGrant(draft: GrantDraft): Uint8Array {
  const problem = grantProblem(draft);
  if (problem !== undefined) throw new RangeError(`this invite cannot be made: ${problem}`);
  const { cluster, id, seeds, pattern, roles, lifetimeMs, expiresMs, authority } = draft;
  return grantType
    .encode({
      cluster,
      id: Buffer.from(id, 'hex'),
      seeds,
      nodeId: pattern,
      roles: roles.map(role => roleNames.numberOf(role)),
      lifetimeMs,
      expiresMs,
      authority: publicKeyOf(authority),
    } as never)
    .finish();
}

export function decodeGrant(wire: Uint8Array): UnverifiedGrant | undefined {
  const parts = openByAuthority(wire, grantMaxBytes);
  const message = parts && decodeMessage<GrantMessage>(grantType, parts.content, fieldsMaxCount);
  if (parts === undefined || message === undefined) return undefined;
  const roles = rolesOf(message.roles);
  const { id, authority } = message;
  if (roles === undefined || !Buffer.isBuffer(id) || authority.length !== publicKeyBytes) return undefined;
  const draft: GrantDraft = {
    cluster: message.cluster,
    id: id.toString('hex'),
    seeds: [...message.seeds],
    pattern: message.nodeId,
    roles,
    lifetimeMs: countOf(message.lifetimeMs),
    expiresMs: countOf(message.expiresMs),
    authority: peerIdOf(authority),
  };
  return grantProblem(draft) === undefined ? { ...draft, parts, wire: sealByAuthority(parts) } : undefined;
}

/** The first thing wrong with a grant, or `undefined`. */
export function grantProblem(draft: GrantDraft): string | undefined {
  if (!isClusterName(draft.cluster)) return 'cluster is not a name';
  if (!grantIdPattern.test(draft.id)) return 'its id is not 32 hexadecimal digits';
  if (publicKeyOf(draft.authority) === undefined) return 'the authority is not an Ed25519 peer id';
  if (!isCount(draft.lifetimeMs) || draft.lifetimeMs === 0) return 'the lifetime is out of range';
  if (!isCount(draft.expiresMs)) return 'the expiry is out of range';
  const { seeds } = draft;
  if (seeds.length < 1 || seeds.length > grantSeedsMaxCount) return `1 to ${grantSeedsMaxCount} seeds`;
  if (seeds.some(seed => pinnedPeer(seed) === undefined)) {
    return 'a seed is not a multiaddr that ends in /p2p/ and a peer id';
  }
  return accessProblem(draft);
}

/** The peer that a seed has to be. */
export function pinnedPeer(seed: string): string | undefined {
  const peer = seed.length <= multiaddrMaxLength ? seedPattern.exec(seed)?.[1] : undefined;
  return peer !== undefined && publicKeyOf(peer) !== undefined ? peer : undefined;
}

// --- the line ------------------------------------------------------------------------------------

const linePrefix = 'firsthand';
const lineVersion = '1';
const checksumBytes = 4;
/** Four characters for three bytes, and the prefix. */
export const inviteMaxLength = 16 + Math.ceil(((grantMaxBytes + checksumBytes) * 4) / 3);

export function writeInvite(wire: Uint8Array): string {
  return `${linePrefix}${lineVersion}${Buffer.concat([checksum(wire), wire]).toString('base64url')}`;
}

export type ReadInvite =
  | { readonly ok: true; readonly grant: UnverifiedGrant }
  /** A sentence without its subject ("the invite") and its full stop. */
  | { readonly ok: false; readonly problem: string };

export function readInvite(text: string): ReadInvite {
  const line = text.trim();
  const version = /^firsthand([0-9])/.exec(line)?.[1];
  if (version === undefined) return wrong('begins with something else than firsthand1: is it all of it?');
  if (version !== lineVersion) return wrong(`is of version ${version}, which this version does not read`);
  if (line.length > inviteMaxLength) return wrong('is longer than any invite: is something else behind it?');
  const packed = line.slice(linePrefix.length + lineVersion.length);
  if (!/^[A-Za-z0-9_-]*$/.test(packed)) return wrong('has a character that no invite has');
  const bytes = Buffer.from(packed, 'base64url');
  const wire = bytes.subarray(checksumBytes);
  // The last character has bits that say nothing: only one way to write an invite is an invite.
  const isCanonical = bytes.toString('base64url') === packed;
  const isWhole = isCanonical && wire.length > 0 && bytes.subarray(0, checksumBytes).equals(checksum(wire));
  if (!isWhole) {
    return wrong('is truncated or mistyped: its checksum is wrong; copy it again, all of it');
  }
  const grant = decodeGrant(wire);
  return grant === undefined ? wrong('is no invite of this version') : { ok: true, grant };
}

function checksum(wire: Uint8Array): Buffer {
  return hash('sha256', wire, 'buffer').subarray(0, checksumBytes);
}

function wrong(problem: string): ReadInvite {
  return { ok: false, problem };
}
