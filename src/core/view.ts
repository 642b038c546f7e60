/**
 * What the outside may read: nodes as a person sees them, and the events that report changes.
 *
 * Objects here are immutable and replaced on change, so a reader may keep one and compare by `===`.
 */

import type { HybridTime } from './record/hybrid-time.ts';
import type { NodeFields, NodeId } from './record/node.ts';
import type { Authority, ContextEntry, Digest, PeerId } from './record/record.ts';

/** `dead` and departed nodes are never listed, so a listed node has one of these. */
export type ListedStatus = 'alive' | 'suspect' | 'unhealthy';

export interface NodeView extends NodeFields {
  readonly id: NodeId;
  readonly status: ListedStatus;
  /** The agent's own key for an agent, absent for a hosted service. */
  readonly peerId?: PeerId;
  /** Agents whose record stands behind this entry, sorted. */
  readonly authors: readonly PeerId[];
}

/** Which rule of the fixed order decided between the records of one subject. */
export type Rule =
  | 'only' // a single record
  | 'authority' // a class of higher authority speaks
  | 'happened-before' // it had seen the others
  | 'majority' // most authors say so
  | 'latest' // later hybrid time
  | 'digest'; // smallest digest

/** Why one record does not decide its entry. */
export type LossReason =
  | 'authority'
  | 'covered'
  | 'name-held-by-another-key'
  | 'withdrawn'
  | 'minority'
  | 'earlier'
  | 'digest';

export interface RecordView {
  readonly subject: NodeId;
  readonly author: PeerId;
  readonly authority: Authority;
  readonly epoch: number;
  readonly sequence: number;
  readonly context: readonly ContextEntry[];
  readonly time: HybridTime;
  readonly claimedAt: HybridTime;
  readonly leaseMs: number;
  readonly digest: Digest;
  readonly kind: 'entry' | 'left' | 'deregistered' | 'withdrawn';
  readonly node?: NodeFields;
  /** The signed envelope, base64. */
  readonly wire: string;
  /** Says the same as the winner, so it vouches for it. */
  readonly vouches: boolean;
  /** Absent for the winner and for those that vouch. */
  readonly lost?: LossReason;
}

/** One subject with everything that was said about it. */
export interface SubjectView {
  readonly id: NodeId;
  readonly winner?: Digest;
  readonly rule?: Rule;
  /** Concurrent records disagree. */
  readonly conflict: boolean;
  readonly records: readonly RecordView[];
  readonly parked: number;
}

export type AgentEvent =
  | {
      readonly event: 'record';
      readonly data: {
        readonly at: string;
        readonly id: NodeId;
        readonly change: 'added' | 'updated' | 'departed';
        readonly node: NodeView;
        readonly author: PeerId;
        readonly epoch: number;
        readonly sequence: number;
      };
    }
  | {
      readonly event: 'liveness';
      readonly data: {
        readonly at: string;
        readonly id: NodeId;
        readonly from: LivenessState | null;
        readonly to: LivenessState;
        readonly by: readonly NodeId[];
      };
    }
  | {
      readonly event: 'conflict';
      readonly data: {
        readonly at: string;
        readonly id: NodeId;
        readonly kind: 'concurrent' | 'name-held-by-another-key' | 'equivocation' | 'key-in-use-twice';
        readonly authors: readonly PeerId[];
      };
    };

/** An event as the core tells it; who passes it on adds the time. */
export type CoreEvent = Untimed<AgentEvent>;

type Untimed<E> = E extends { readonly event: infer Name; readonly data: infer Data }
  ? { readonly event: Name; readonly data: Omit<Data, 'at'> }
  : never;

export type LivenessState = 'alive' | 'suspect' | 'dead' | 'left';
