/**
 * A record: what one author (an agent's key) claims about one subject (a node id).
 *
 * Only `wire` and `identity` make a `VerifiedRecord`, from bytes whose signature they checked, so
 * everything in `core` that holds one may rely on author, bounds and digest.
 */
import type { RevocationLists } from '../authority/revocation.ts';
import type { HealthEntry, SubjectHash } from './health.ts';
import type { HybridTime } from './hybrid-time.ts';
import type { NodeFields, NodeId, Owner } from './node.ts';

/** An agent's key in its libp2p form, `12D3Koo…`. */
export type PeerId = string;

/** SHA-256 of the signed bytes, as 64 hexadecimal digits. */
export type Digest = string;

/** A point in what one author has said; (epoch, sequence) never repeats and never goes back. */
export interface Dot {
  /** Opened anew at each start of the author. */
  readonly epoch: number;
  /** Counts the author's records within the epoch, all subjects together, from 1. */
  readonly sequence: number;
}

/** One component of a vector clock: this record of this author had been seen. */
export interface ContextEntry extends Dot {
  readonly author: PeerId;
  /** Of the record seen, so that nobody can claim to have seen what was never said. */
  readonly digest: Digest;
}

/**
 * In whose name an author speaks. Order is authority, highest first: an agent about itself, a
 * delegate granted by a critical decision, the agent that hosts a service, a hint learnt elsewhere.
 */
export const authorities = ['self', 'delegate', 'host', 'hint'] as const;
export type Authority = (typeof authorities)[number];

/** How other agents reach the author; only in entries of authority `self`. */
export interface AgentContact {
  /** libp2p addresses, each with its `/p2p/<peer id>`; at most 8. */
  readonly multiaddrs: readonly string[];
  /** Failure-detector datagrams, `host:port`. */
  readonly probe: string;
  /** Never forgotten, and dialled first. */
  readonly isBootstrap?: boolean;
  /** Of the author, where there is an authority: signed by it. */
  readonly certificate?: Uint8Array;
}

/**
 * The key that an agent had before: it gives its place to the author of the record. Signed by the old key, and the
 * record by the new one, so neither can take or give anything without the other.
 */
export interface Predecessor {
  readonly peer: PeerId;
  /** 64 bytes as hexadecimal digits. */
  readonly signature: string;
}

export type DepartureReason =
  /** The agent leaves for good. */
  | 'left'
  /** The service was taken out by its owner. */
  | 'deregistered'
  /** This author's lease ran out: it vouches no longer, which says nothing about other authors. */
  | 'withdrawn';

export type Body =
  | {
      readonly type: 'entry';
      readonly node: NodeFields;
      readonly agent?: AgentContact;
      /** Base URL of the HTTP peer that said so, at most 256 characters; only with authority `hint`. */
      readonly learntFrom?: string;
      /** Only with authority `self`. */
      readonly predecessor?: Predecessor;
    }
  | {
      readonly type: 'departure';
      readonly reason: DepartureReason;
      /** Whose the entry was. Only with authority `host`. */
      readonly owner?: Owner;
      /** Of the author: who has left must be known as a member by those who come later. */
      readonly certificate?: Uint8Array;
    }
  /** The unhealthy services of this author in one bucket, sorted by hash, each once; see `health.ts`. */
  | { readonly type: 'health'; readonly entries: readonly HealthEntry[] }
  /** By an authority alone; see `authority/revocation.ts`. */
  | ({ readonly type: 'revocations' } & RevocationLists);

export interface RecordDraft extends Dot {
  readonly subject: NodeId;
  readonly author: PeerId;
  readonly authority: Authority;
  /** What the author had seen about this subject from others, one entry an author, at most 8. */
  readonly context: readonly ContextEntry[];
  readonly time: HybridTime;
  /** When this author first claimed this subject; the earliest claim holds a contested name. */
  readonly claimedAt: HybridTime;
  /** How long the claim stands without renewal by its host, ms; 0 means until it is replaced. */
  readonly leaseMs: number;
  readonly body: Body;
}

declare const verified: unique symbol;

export interface VerifiedRecord extends RecordDraft {
  readonly digest: Digest;
  readonly subjectHash: SubjectHash;
  /** The signed envelope as it was received or made; forwarded and stored as these bytes. */
  readonly wire: Uint8Array;
  readonly [verified]: true;
}

export const contextMaxCount = 8;
export const siblingsMaxCount = 8;
export const recordMaxBytes = 4_096;
export const multiaddrsMaxCount = 8;
export const multiaddrMaxLength = 256;

/** Two different signed records for one dot: proof that the author's key speaks with two tongues. */
export interface EquivocationProof {
  readonly author: PeerId;
  readonly first: VerifiedRecord;
  readonly second: VerifiedRecord;
}

/** The certificate that an author shows in what it says about itself. */
export function certificateIn({ body }: Pick<RecordDraft, 'body'>): Uint8Array | undefined {
  if (body.type === 'departure') return body.certificate;
  return body.type === 'entry' ? body.agent?.certificate : undefined;
}

/** Negative when `a` came before `b`. */
export function compareDots(a: Dot, b: Dot): number {
  return a.epoch - b.epoch || a.sequence - b.sequence;
}

/** Orders strings by code unit, the same on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
