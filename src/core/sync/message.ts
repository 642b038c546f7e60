/** What two agents say to each other over the sync stream. */
import type { NodeId } from '../record/node.ts';
import type { Digest, PeerId } from '../record/record.ts';
import type { Prefix, RecordRef, Top, TreeHash, TreeRoot } from './tree.ts';

/** The first 4 bytes of a hash: enough to guess what the other would have to ask for next, never believed. */
export type Hint = string;

export const hintLength = 8;

/** One place in the tree that is asked about. */
export interface Branch {
  readonly epoch: number;
  readonly prefix: Prefix;
  /** Of what the asker has below, sixteen; absent where it has no idea. */
  readonly hints?: readonly Hint[];
  /** Of a leaf too large for one frame: what comes after this digest. */
  readonly after?: TreeHash;
}

export interface TreeNode {
  readonly epoch: number;
  readonly prefix: Prefix;
  /** Sixteen; empty where nothing is. */
  readonly children: readonly TreeHash[];
}

export interface TreeLeaf {
  readonly epoch: number;
  readonly prefix: Prefix;
  /** Where this part begins; empty for the beginning. */
  readonly after: TreeHash;
  readonly digests: readonly TreeHash[];
  /** No more of this leaf. */
  readonly last: boolean;
}

/**
 * `same`: the tables are equal. `busy`: not now. `took`: what was offered is here, offer more.
 * `end`: nothing more to offer.
 */
export type Close = 'same' | 'busy' | 'took' | 'end';

/**
 * `Record` and `Claim` are the forms they have on this side of the codec: unverified coming in, verified going
 * out.
 */
export type SyncMessage<Record, Claim> =
  /** "This is the root of my table. Where do you differ?" With the hints that spare the next question. */
  | ({ readonly type: 'open'; readonly tops: readonly Top[]; readonly hints: readonly Hint[] } & TreeRoot)
  /** "And here?" */
  | { readonly type: 'walk'; readonly branches: readonly Branch[] }
  /** "This is what I have there", with the root of the table at that moment, and `tops` as the answer to `open`. */
  | ({
      readonly type: 'branches';
      readonly tops?: readonly Top[];
      readonly nodes: readonly TreeNode[];
      readonly leaves: readonly TreeLeaf[];
    } & TreeRoot)
  /** "These I have, and you do not." */
  | { readonly type: 'offer'; readonly refs: readonly RecordRef[] }
  /** "Send me these." */
  | { readonly type: 'want'; readonly refs: readonly RecordRef[] }
  /** Answers a `want`; `last` closes the answer, which may lack what is no longer there. */
  | { readonly type: 'records'; readonly records: readonly Record[]; readonly last: boolean }
  | { readonly type: 'close'; readonly reason: Close }
  /** Claims about who is alive: what the other must hear even where datagrams do not get through. */
  | { readonly type: 'claims'; readonly claims: readonly Claim[] }
  /** "Send me a probe", to find out whether datagrams arrive. */
  | { readonly type: 'look' }
  /** "Which of these records of mine do you have on your disk?" */
  | { readonly type: 'held?'; readonly items: readonly HeldItem[] }
  /** "These." Of the others nothing is said: they may still come. */
  | { readonly type: 'held'; readonly digests: readonly ShortDigest[] }
  /** "Whoever holds an issuing key, give me my next certificate." */
  | { readonly type: 'renewal?' }
  /** "And one like mine for this key, which follows mine." The new key's signature says that it wants to. */
  | { readonly type: 'certificate?'; readonly key: PeerId; readonly signature: Uint8Array }
  | { readonly type: 'renewal'; readonly certificate: Uint8Array };

/** A record of the one who asks, found by what it is about. */
export interface HeldItem {
  readonly subject: NodeId;
  readonly digest: ShortDigest;
}

/** What the exchange of records consists of, records themselves aside. */
export type ExchangeMessage = Extract<
  SyncMessage<unknown, unknown>,
  { readonly type: 'open' | 'walk' | 'branches' | 'offer' | 'want' | 'close' }
>;

/** First 8 bytes of a record's digest, as 16 hexadecimal digits. */
export type ShortDigest = string;

export const shortDigestLength = 16;

export function shortDigest(digest: Digest): ShortDigest {
  return digest.slice(0, shortDigestLength);
}

/** Records in one question for receipt; 256 of at most 145 bytes stay below a frame of 64 KiB. */
export const heldItemsPerFrameMaxCount = 256;

/** References in one `offer` or `want`; 2,000 of 18 bytes stay far below a frame of 64 KiB. */
export const refsPerFrameMaxCount = 2_000;
/** Questions in one `walk`; their answers, 16 hashes each, fill one frame. */
export const branchesPerFrameMaxCount = 128;
/** Nodes and leaves in one `branches`, however small they are: each is an object to whoever decodes it. */
export const placesPerFrameMaxCount = 300;
/** Epochs that a root may be made of; a few more than `epochsMaxCount`, for clocks differ. */
export const topsMaxCount = 1_024;
/** Digests in one part of a leaf. */
export const leafPartMaxCount = 1_024;
/** What one frame may take; the rest of 64 KiB is for framing. */
export const frameBudgetBytes = 56 * 1_024;

/** What takes how many bytes in a frame, at most; `test/unit/wire` holds the codec to that. */
export const frameBaseBytes = 64;
const placeBytes = 24;
const hashBytes = 16;

export function nodeBytes({ children }: TreeNode): number {
  let bytes = placeBytes + 8;
  for (const child of children) if (child !== '') bytes += hashBytes;
  return bytes;
}

export function leafBytes({ digests }: TreeLeaf): number {
  return placeBytes + 24 + digests.length * hashBytes;
}

/** About what a message takes on the wire; for the budget and the view, exact for nobody. */
export function messageBytes(
  message: SyncMessage<{ readonly wire: Uint8Array }, { readonly wire: Uint8Array }>,
): number {
  switch (message.type) {
    case 'open':
      return frameBaseBytes + message.tops.length * 16 + message.hints.length * 4;
    case 'walk':
      return message.branches.reduce(
        (sum, { hints, after }) => sum + 12 + (hints?.length ?? 0) * 4 + (after ? 18 : 0),
        8,
      );
    case 'branches':
      return (
        frameBaseBytes +
        (message.tops?.length ?? 0) * 26 +
        message.nodes.reduce((sum, node) => sum + nodeBytes(node), 0) +
        message.leaves.reduce((sum, leaf) => sum + leafBytes(leaf), 0)
      );
    case 'offer':
    case 'want':
      return 8 + message.refs.length * 18;
    case 'records':
      return message.records.reduce((sum, { wire }) => sum + wire.length + 3, 8);
    case 'claims':
      return message.claims.reduce((sum, { wire }) => sum + wire.length + 3, 8);
    case 'held?':
      return message.items.reduce((sum, { subject }) => sum + subject.length + 14, 8);
    case 'held':
      return 8 + message.digests.length * 8;
    case 'close':
    case 'look':
    case 'certificate?':
    case 'renewal?':
      return 6;
    case 'renewal':
      return 8 + message.certificate.length;
  }
}
