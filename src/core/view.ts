/**
 * What the outside may read: nodes as a person sees them, and the events that report changes.
 *
 * Objects here are immutable and replaced on change, so a reader may keep one and compare by `===`.
 */

import type { CheckFailure } from './backends/outcome.ts';
import type { DeadLetter, Receiver } from './outbox/delivery.ts';
import type { OutboxCounts } from './outbox/outbox-view.ts';
import type { BreakerState } from './outbox/receiver-health.ts';
import type { HybridTime } from './record/hybrid-time.ts';
import type { NodeFields, NodeId, Owner } from './record/node.ts';
import type { Authority, ContextEntry, Digest, PeerId } from './record/record.ts';

/** `dead` and departed nodes are never listed, so a listed node has one of these. */
export type ListedStatus = 'alive' | 'suspect' | 'unhealthy';

export interface NodeView extends NodeFields {
  readonly id: NodeId;
  readonly status: ListedStatus;
  /** Why it is unhealthy, as the agents that host it say; kept while it is suspect. */
  readonly ailment?: CheckFailure;
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
  readonly kind: 'entry' | 'health' | 'revocations' | 'left' | 'deregistered' | 'withdrawn';
  readonly node?: NodeFields;
  /** Of a departure: whose the entry was. */
  readonly owner?: Owner;
  /** Of a hint: base URL of the HTTP peer that said so. */
  readonly learntFrom?: string;
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
      readonly event: 'health';
      readonly data: {
        readonly at: string;
        readonly id: NodeId;
        readonly from: HealthState;
        readonly to: HealthState;
        /** One short sentence: what the last check found. */
        readonly reason: string;
      };
    }
  | {
      readonly event: 'partition';
      readonly data: {
        readonly at: string;
        readonly state: 'suspected' | 'healed' | 'isolated';
        readonly reachable: number;
        readonly known: number;
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

/** Of a hosted service, as the agent that checks it says. */
export type HealthState = 'healthy' | 'unhealthy';

/** Which part of the cluster this agent can speak for. */
export interface PartitionView {
  /** `isolated`: no other agent can be reached, and nothing says that their processes have ended. */
  readonly state: 'whole' | 'suspected' | 'isolated';
  /** How long it has been in that state, ms; absent while whole. */
  readonly sinceMs?: number;
  /** Agents that can be reached, this one included. */
  readonly reachable: number;
  /** Agents that should be there, this one included. */
  readonly known: number;
  /** Whether more than half of the known agents can be reached. */
  readonly isMajority: boolean;
  /** Both sides by node id, sorted; `there` is who fell silent. Empty while whole. */
  readonly here: readonly NodeId[];
  readonly there: readonly NodeId[];
}

/** Ways to a peer, from the lowest layer up. */
export const layers = ['udp', 'tcp', 'ping', 'http'] as const;
export type Layer = (typeof layers)[number];

export interface LayerView {
  readonly layer: Layer;
  /** Absent: not tried yet. */
  readonly ok?: boolean;
  /** When it was last tried, ms ago. */
  readonly agoMs?: number;
  readonly detail?: string;
}

export interface AccusationView {
  /** Node id of the accuser, or its key when it is not known. */
  readonly by: string;
  readonly says: 'suspect' | 'dead';
  /** Its evidence: the peer's host answered that nobody listens there. */
  readonly refused: boolean;
  readonly agoMs: number;
}

/** One member as the failure detector sees it. */
export interface DetectorMember {
  readonly id: NodeId;
  readonly peer: PeerId;
  readonly state: LivenessState;
  readonly sinceMs: number;
  readonly isBootstrap: boolean;
  readonly epoch: number;
  readonly incarnation: number;
  /** Where its datagrams go, `host:port`. */
  readonly probe: string;
  /** When it last answered, ms ago; absent: not since this agent started. */
  readonly lastAckMs?: number;
  readonly rttMs?: number;
  /** Its clock minus ours, ms. */
  readonly clockSkewMs?: number;
  /** 0 (never answers, or accuses falsely) to 100. */
  readonly score: number;
  /** The last probe rounds, newest last: `U` UDP, `I` through helpers, `L` over the link only, `x` failed. */
  readonly history: string;
  /** Probe rounds failed in a row. */
  readonly strikes: number;
  readonly layers: readonly LayerView[];
  /** Everybody who accuses it in its present incarnation, this agent included, oldest first. */
  readonly accusers: readonly AccusationView[];
  /** While suspect: time left to answer, ms; absent while verdicts are held back. */
  readonly verdictInMs?: number;
}

/** One hosted backend as its health checks see it. */
export interface BackendCheckView {
  readonly id: NodeId;
  readonly url: string;
  readonly state: HealthState;
  /** Since when, ms ago. */
  readonly sinceMs: number;
  readonly checks: number;
  readonly failures: number;
  readonly failuresInRow: number;
  readonly lastCheckMs?: number;
  /** What the last check found: one short sentence. */
  readonly lastResult?: string;
}

/** One peer that speaks only HTTP: a node of the predecessor. */
export interface HttpPeerView {
  /** Base URL. */
  readonly url: string;
  /** `contacting`: it has neither answered nor failed to yet. */
  readonly state: 'contacting' | 'answering' | 'failing';
  /** Or learnt from the list of another one. */
  readonly isConfigured: boolean;
  /** When it last answered, ms ago. */
  readonly lastAnswerMs?: number;
  /** Nodes in its last answer, bad ones left out. */
  readonly listed: number;
  readonly failures: number;
  readonly failuresInRow: number;
  /** Absent while a registration is under way. */
  readonly nextTryInMs?: number;
  readonly lastError?: string;
}

export interface DetectorView {
  readonly profile: string;
  readonly incarnation: number;
  /** Local health: 0 is well; each point stretches our own timeouts. Source: Lifeguard. */
  readonly localHealth: number;
  readonly probeIntervalMs: number;
  readonly ackTimeoutMs: number;
  readonly suspicionMinMs: number;
  readonly suspicionMaxMs: number;
  /** No silent member is declared dead, because most of them fell silent. */
  readonly isFrozen: boolean;
  readonly partition: PartitionView;
  readonly members: readonly DetectorMember[];
  readonly backends: readonly BackendCheckView[];
}

/** How many agents hold the same table, this one included. */
export interface SyncAgreement {
  readonly root: string;
  readonly agree: number;
  /** Agents that can be reached. */
  readonly of: number;
  /** How long it has been so, ms. */
  readonly sinceMs: number;
  /** Node ids of those that hold something else, sorted; the rest was not heard since the table changed. */
  readonly differ: readonly NodeId[];
}

/** One peer's table as its probes show it. */
export interface SyncPeer {
  readonly id: NodeId;
  readonly peer: PeerId;
  readonly liveness: LivenessState;
  /** `unheard`: not since this agent's table changed, or never. */
  readonly state: 'agrees' | 'differs' | 'unheard';
  readonly sinceMs?: number;
  /** As it was last heard. */
  readonly root?: string;
  readonly entries?: number;
  /** When it was last heard, ms ago. */
  readonly heardMs?: number;
  readonly last?: {
    readonly outcome: 'same' | 'walked' | 'busy' | 'stalled' | 'lied';
    readonly agoMs: number;
    readonly tookMs: number;
    readonly received: number;
    readonly sent: number;
    readonly rounds: number;
    readonly bytes: number;
  };
  /** Of all exchanges, both ways, about. */
  readonly bytes: number;
  /** How often it was caught contradicting itself. */
  readonly lies: number;
}

export interface SyncView {
  readonly root: string;
  readonly entries: number;
  /** The first expiry epoch that is compared. */
  readonly since: number;
  /** How long the root has been what it is, ms. */
  readonly sinceMs: number;
  /** Under way. */
  readonly exchanges: number;
  readonly agreement: SyncAgreement;
  readonly peers: readonly SyncPeer[];
}

/** One of 256 parts of a table. */
export interface TreePart {
  /** Two hexadecimal digits. */
  readonly prefix: string;
  /** Empty where nothing is. */
  readonly hash: string;
}

export interface TreeRow {
  readonly subject: NodeId;
  readonly author: PeerId;
  readonly epoch: number;
  readonly sequence: number;
  readonly digest: Digest;
  readonly kind: RecordView['kind'];
}

// --- outbox --------------------------------------------------------------------------------------

/** What one receiver still has to get. */
export interface OutboxRow {
  readonly receiver: Receiver;
  /** `stuck`: it has failed to take the oldest for long, which was reported. */
  readonly state: 'idle' | 'waiting' | 'delivering' | 'stuck';
  readonly depth: number;
  /** The same by priority. */
  readonly critical: number;
  readonly normal: number;
  readonly bulk: number;
  readonly bytes: number;
  readonly oldestMs?: number;
  /** Since the agent started, as are `attempts`. */
  readonly delivered: number;
  readonly attempts: number;
  readonly failuresInRow: number;
  /** Absent while nothing waits or an attempt is under way. */
  readonly nextTryInMs?: number;
  readonly breaker: BreakerState;
  /** Average time to an answer. */
  readonly responseMs?: number;
  readonly lastError?: string;
}

export interface OutboxView {
  readonly entries: number;
  readonly entriesMax: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly counts: OutboxCounts;
  readonly receivers: readonly OutboxRow[];
  readonly deadLettersCount: number;
  /** The latest of them, newest first. */
  readonly deadLetters: readonly DeadLetter[];
  /** Receivers whose queue was found damaged at start. */
  readonly damaged: readonly Receiver[];
}
