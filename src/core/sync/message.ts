/** What two agents say to each other over the sync stream. */
import type { NodeId } from '../record/node.ts';
import type { Digest } from '../record/record.ts';

/** First 8 bytes of a record's digest, as 16 hexadecimal digits: enough to tell what is missing. */
export type ShortDigest = string;

export const shortDigestLength = 16;

export function shortDigest(digest: Digest): ShortDigest {
  return digest.slice(0, shortDigestLength);
}

/**
 * `Record` and `Claim` are the forms they have on this side of the codec: unverified coming in, verified going
 * out.
 */
export type SyncMessage<Record, Claim> =
  /** "This is the fingerprint of my table." Equal fingerprints end the exchange. */
  | { readonly type: 'summary'; readonly fingerprint: Digest; readonly count: number }
  /** "These I have." `last` closes a list that took several frames; `answer` asks for the other's surplus. */
  | {
      readonly type: 'have';
      readonly digests: readonly ShortDigest[];
      readonly last: boolean;
      readonly answer: boolean;
    }
  /** "Send me these." */
  | { readonly type: 'want'; readonly digests: readonly ShortDigest[] }
  /** Answers a `want`; `last` closes the answer, which may lack what is no longer there. */
  | { readonly type: 'records'; readonly records: readonly Record[]; readonly last: boolean }
  /** Claims about who is alive: what the other must hear even where datagrams do not get through. */
  | { readonly type: 'claims'; readonly claims: readonly Claim[] }
  /** "Send me a probe", to find out whether datagrams arrive. */
  | { readonly type: 'look' }
  /** "Which of these records of mine do you have on your disk?" */
  | { readonly type: 'held?'; readonly items: readonly HeldItem[] }
  /** "These." Of the others nothing is said: they may still come. */
  | { readonly type: 'held'; readonly digests: readonly ShortDigest[] };

/** A record of the one who asks, found by what it is about. */
export interface HeldItem {
  readonly subject: NodeId;
  readonly digest: ShortDigest;
}

/** Digests in one `have` or `want` frame; 4,000 of 8 bytes stay far below a frame of 64 KiB. */
export const digestsPerFrameMaxCount = 4_000;

/** Records in one question for receipt; 256 of at most 145 bytes stay below a frame of 64 KiB. */
export const heldItemsPerFrameMaxCount = 256;
