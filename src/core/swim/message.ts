/** What two failure detectors send each other, one datagram each. */
import type { PeerId } from '../record/record.ts';
import type { TreeRoot } from '../sync/tree.ts';
import type { ClaimDraft, Life, VerifiedClaim } from './claim.ts';

/** Ties an answer to its question; below 2^48, drawn at random. */
export type Nonce = number;

/** On whose behalf a helper asks. */
export interface Origin {
  readonly peer: PeerId;
  readonly nonce: Nonce;
}

export type ProbeBody =
  | {
      readonly type: 'ping';
      readonly nonce: Nonce;
      readonly origin?: Origin;
      /** On its way out: no larger than a bare answer, for somebody who may not be there. */
      readonly isBrief?: true;
    }
  | { readonly type: 'ack'; readonly nonce: Nonce; readonly origin?: Origin }
  /** "Ask that one for me." The helper goes to the address that it knows itself. */
  | { readonly type: 'ping-request'; readonly nonce: Nonce; readonly target: PeerId }
  /** "It did not answer me either." */
  | { readonly type: 'nack'; readonly nonce: Nonce }
  /** The target's own signed ack, so that nobody can answer for others. */
  | { readonly type: 'relay'; readonly ack: Uint8Array }
  /** Nothing but claims. */
  | { readonly type: 'news' };

interface Heading extends Life {
  readonly from: PeerId;
  readonly to: PeerId;
  /** Counts the sender's datagrams within its epoch: a replay repeats it. */
  readonly counter: number;
  /** The sender's wall clock. */
  readonly wallMs: number;
  /** What the sender holds; in pings and acks. */
  readonly table?: TreeRoot | undefined;
}

/** On its way out; the codec signs it. */
export interface ProbeMessage extends Heading {
  readonly body: ProbeBody;
  readonly claims: readonly VerifiedClaim[];
}

/** A relayed ack, verified: `from` itself answered the question that `origin` names. */
export interface RelayedAck extends Life {
  readonly from: PeerId;
  readonly origin: Origin;
}

/** Verified: the sender holds the key `from`, and meant us. */
export interface ReceivedProbe extends Heading {
  readonly body:
    | Exclude<ProbeBody, { readonly type: 'relay' }>
    | { readonly type: 'relay'; readonly relayed: RelayedAck };
  /** Verified, and news to us when they were looked at. */
  readonly claims: readonly VerifiedClaim[];
  /** Those that were none: not verified. */
  readonly repeats?: readonly (ClaimDraft & { readonly wire: Uint8Array })[];
  /** Where it came from, `host:port`. */
  readonly address: string;
  /** The datagram as it was received. */
  readonly wire: Uint8Array;
}

/** With room for tunnels below the usual 1,500 bytes of an Ethernet frame. Source: memberlist. */
export const datagramMaxBytes = 1_400;
/** What a cluster's seal adds to it; `test/unit/identity` holds it to that. */
export const datagramSealBytes = 39;
/** A datagram without claims never takes more, whatever its body; `test/unit/wire` holds it to that. */
export const datagramBaseBytes = 512;
/** What a ping has room for when it is padded anyway; `test/unit/wire` holds it to that. */
export const pingRoomBytes = 170;
/** What a claim takes beyond its own bytes. */
export const claimOverheadBytes = 3;
export const claimsPerDatagramMaxCount = 8;
