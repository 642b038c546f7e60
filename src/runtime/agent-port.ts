/**
 * What the HTTP shim, the CLI behind it and an embedding program may ask of a running agent.
 *
 * Every call that cannot be fulfilled rejects with a `FirsthandError` from the catalogue.
 */
import type { CertificateDraft, Serial } from '../core/authority/certificate.ts';
import type { ConfirmationOutcome, ConfirmationView, ConfirmRequest } from '../core/confirm/confirmation.ts';
import type { HybridTime } from '../core/record/hybrid-time.ts';
import type { NodeFields, NodeId, NodeType, Owner } from '../core/record/node.ts';
import type { Dot, PeerId } from '../core/record/record.ts';
import type { BanView } from '../core/reputation/bans.ts';
import type { ReputationView } from '../core/reputation/reputation.ts';
import type {
  AgentEvent,
  DetectorView,
  HttpPeerView,
  LivenessState,
  NodeView,
  OutboxView,
  PartitionView,
  SubjectView,
  SyncAgreement,
  SyncView,
  TreePart,
  TreeRow,
} from '../core/view.ts';
import type { SecretPort } from './cluster-secret.ts';
import type { LinkView } from './ports.ts';

export interface AgentIdentity {
  readonly id: NodeId;
  readonly peerId: PeerId;
  readonly cluster: string;
  readonly epoch: number;
  readonly nodeType: NodeType;
  readonly version: string;
}

export interface RegistrationRequest {
  readonly action: 'register' | 'update';
  readonly id: NodeId;
  /** Where it names a key, the caller has seen that the registration was signed with it. */
  readonly node: NodeFields;
  /** Answer only when others hold it too. */
  readonly confirm?: ConfirmRequest;
}

export interface RegistrationOutcome {
  /** False when the same registration was sent again: the lease was renewed, nothing was gossiped. */
  readonly changed: boolean;
  /** Absent when the registration was rolled back and nothing is left of it. */
  readonly node?: NodeView;
  /** Present when it was asked for. */
  readonly confirmation?: ConfirmationOutcome;
}

export interface ComponentHealth {
  readonly name: 'store' | 'network' | 'sync' | 'partition' | 'event_loop';
  readonly ok: boolean;
  /** One short sentence for a person. */
  readonly detail: string;
}

export type Phase = 'starting' | 'ready' | 'stopping';

/** The nodes that are listed now: neither departed nor dead. */
export interface Listing {
  /** Goes up with every change. */
  readonly version: number;
  /** In order of first appearance; the same array until something changes. */
  nodes(): readonly NodeView[];
  get(id: NodeId): NodeView | undefined;
  /** Called synchronously for each change; `before` absent: added, `after` absent: gone. Returns an unsubscribe. */
  onChange(
    listener: (id: NodeId, before: NodeView | undefined, after: NodeView | undefined) => void,
  ): () => void;
}

export interface EventEntry {
  /** `<epoch>-<n>`, n counting from 1 without gaps. */
  readonly id: string;
  readonly event: AgentEvent;
}

export interface EventLog {
  /** What came after `lastId`, oldest first; `undefined` when that is no longer (or not) known. */
  since(lastId: string): readonly EventEntry[] | undefined;
  /** Called within the turn of the change; must not throw and must not block. Returns an unsubscribe. */
  subscribe(listener: (entry: EventEntry) => void): () => void;
}

export interface ClockRow extends Dot {
  readonly author: PeerId;
  /** The author's node id, when known. */
  readonly id?: NodeId;
}

export interface ClockView {
  readonly author: PeerId;
  readonly epoch: number;
  readonly sequence: number;
  readonly time: HybridTime;
  /** Latest dot seen of every author, sorted by author. */
  readonly seen: readonly ClockRow[];
}

export interface MeshPeer {
  readonly peer: PeerId;
  readonly id?: NodeId;
  readonly state: 'connected' | 'dialing' | 'waiting';
  readonly liveness?: LivenessState;
  readonly link?: LinkView;
  readonly rttMs?: number;
  /** Where we know the peer from. */
  readonly sources: readonly ('seed' | 'mdns' | 'dht' | 'record' | 'store' | 'inbound')[];
  readonly failedDials: number;
  readonly nextDialInMs?: number;
  readonly lastError?: string;
}

export interface MeshView {
  readonly topic: string;
  readonly peers: readonly MeshPeer[];
  /** Seeds without an answer yet, as they were written. */
  readonly pendingSeeds: readonly {
    readonly seed: string;
    readonly failedDials: number;
    readonly lastError?: string;
  }[];
  readonly foreignRefused: number;
  /** Peers that speak only HTTP, by URL. */
  readonly httpPeers: readonly HttpPeerView[];
}

export interface StatusView {
  readonly identity: AgentIdentity;
  readonly phase: Phase;
  readonly uptimeS: number;
  readonly agentsKnown: number;
  readonly agentsReachable: number;
  readonly agents: readonly {
    readonly id: NodeId;
    readonly peerId: PeerId;
    readonly state: LivenessState;
    readonly sinceS: number;
  }[];
  readonly services: {
    readonly total: number;
    readonly hosted: number;
    readonly suspect: number;
    readonly unhealthy: number;
  };
  readonly partition: PartitionView;
  readonly sync: SyncAgreement;
  readonly conflicts: number;
  readonly quarantined: readonly PeerId[];
  readonly components: readonly ComponentHealth[];
  /** Each a sentence that says what is not well; empty means well. */
  readonly findings: readonly string[];
}

/** One thing that `doctor` looked at. */
export interface DoctorCheck {
  readonly name:
    | 'clock'
    | 'event_loop'
    | 'udp_out'
    | 'udp_in'
    | 'mdns'
    | 'limits'
    | 'open_files'
    | 'fault_injection';
  /** What was looked at, where there are several: an interface, a peer, a setting. */
  readonly subject?: string;
  readonly ok: boolean;
  /** One sentence: what was found. */
  readonly detail: string;
  /** When something is wrong: the line to change or to run. */
  readonly fix?: string;
}

/** A filter in front of this agent, for a drill: what befalls what arrives. */
export interface FaultRule {
  /** Whose messages it concerns; absent: everybody's. */
  readonly from?: readonly PeerId[];
  /** Nothing arrives. */
  readonly cut: boolean;
  /** This share of it is lost, 0 to 1; on a stream it is sent again and comes late. */
  readonly loss: number;
  /** It comes so much later, ms, give or take the jitter. */
  readonly latencyMs: number;
  readonly jitterMs: number;
}

export interface FaultsView {
  readonly rules: readonly FaultRule[];
  /** Since the start. */
  readonly datagramsDropped: number;
  /** Pieces of streams that have arrived and are not handed on yet. */
  readonly piecesHeld: number;
}

/** Faults in the agent's own transport. */
export interface FaultPort {
  view(): FaultsView;
  /** In place of all that were there; none: no faults. */
  set(rules: readonly FaultRule[]): void;
}

/** What an operator wants done about an agent, by its node id or its key. */
export interface BanRequest {
  readonly who: string;
  /** Absent: until it is lifted. */
  readonly forMs?: number;
  readonly reason: string;
}

/** Two records that one key signed under one number; whoever has both can check them. */
export interface EvidenceView {
  /** Of this proof: the first digits of the digest of its first half. */
  readonly id: string;
  readonly author: PeerId;
  readonly subject: NodeId;
  readonly epoch: number;
  readonly sequence: number;
  readonly cluster: string;
  /** The signed envelopes. */
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

export interface NamedReputation extends ReputationView {
  readonly id?: NodeId;
}

export interface NamedBan extends BanView {
  readonly id?: NodeId;
  readonly issuerId?: NodeId;
}

/** With which keys an agent speaks. Public halves only. */
export interface KeysView {
  readonly id: NodeId;
  readonly peerId: PeerId;
  /** The key before, while what it has said still counts. */
  readonly former?: { readonly peerId: PeerId; readonly endsInMs: number };
}

/** An authority's list of who is shut out. */
export interface RevocationsView {
  readonly authority: PeerId;
  readonly number: number;
  readonly issuedMs: number;
  readonly serials: readonly Serial[];
  readonly keys: readonly PeerId[];
}

export interface AuthorityView {
  /** Trusted to say who is a member. */
  readonly authorities: readonly PeerId[];
  /** Whether this agent redeems invites and renews certificates. */
  readonly issues: boolean;
  /** Where this agent is reached. */
  readonly multiaddrs: readonly string[];
  readonly certificate?: CertificateDraft;
  readonly revocations: readonly RevocationsView[];
}

/** Membership of this agent, where an authority says who is a member. */
export interface AuthorityPort {
  view(): AuthorityView;
  /** Takes in an authority's list, a signed record, and tells everybody. @throws FirsthandError INVALID_REVOCATIONS, STALE_UPDATE */
  revoke(record: Uint8Array): RevocationsView;
}

export interface AgentPort {
  readonly identity: AgentIdentity;
  readonly phase: Phase;
  readonly listing: Listing;
  readonly events: EventLog;
  /** Resolves once the record is durable, or confirmed, or time is up: see `RegistrationRequest.confirm`. */
  register(request: RegistrationRequest): Promise<RegistrationOutcome>;
  /** @param by - Who signed this, and when; whoever calls has seen that. */
  deregister(id: NodeId, by?: Owner): Promise<void>;
  /** Announces departure for good; the process stops afterwards. Resolves once announced. */
  leave(): Promise<void>;
  /**
   * Takes an agent that is gone out of the cluster, here and everywhere, without waiting for its retention.
   * Rejects with UNKNOWN_NODE when there is no such agent, STILL_ALIVE when it answers.
   */
  remove(id: NodeId): Promise<void>;
  /** How often a key was not met because there were too many: of all, or at one address. */
  readonly newcomersRefused: number;
  /** Peers that were caught at something by this agent, the worst first. */
  reputation(): readonly NamedReputation[];
  evidence(): readonly EvidenceView[];
  bans(): readonly NamedBan[];
  /** Rejects with UNKNOWN_NODE, INVALID_BAN, STORE_FULL, STORE_FAILED. @returns The key that is shut out. */
  ban(request: BanRequest): Promise<PeerId>;
  /** Lifts a ban, and forgives what this agent holds against the peer. Rejects as `ban` does. */
  pardon(request: Omit<BanRequest, 'forMs'>): Promise<PeerId>;
  keys(): KeysView;
  /**
   * Gives this agent another key, under the same name; nothing else changes. Rejects with NOT_READY, NO_ISSUER,
   * KEY_CHANGING, KEY_UNUSABLE, MEMBERSHIP_UNUSABLE.
   */
  rotateKey(): Promise<KeysView>;
  /** Ends the key of this agent for ever; the process stops afterwards. */
  revokeKey(): Promise<void>;
  /** Which part of the cluster this agent speaks for; cheap enough for every answer. */
  partition(): PartitionView;
  detector(): DetectorView;
  /** What every agent holds, as far as its probes tell. */
  sync(): SyncView;
  /** Hashes over the 256 parts of the table, of epochs from `since` on. */
  treeParts(since: number): readonly TreePart[];
  /** The records in one part; `prefix` is two hexadecimal digits. */
  treeRows(since: number, prefix: string): readonly TreeRow[];
  outbox(): OutboxView;
  /** Looks for what is wrong; takes a few seconds. */
  doctor(): Promise<readonly DoctorCheck[]>;
  subject(id: NodeId): SubjectView | undefined;
  /** Subjects in order of id, after `after`, at most `limit`. */
  subjects(after: NodeId | undefined, limit: number): readonly SubjectView[];
  clock(): ClockView;
  /** Confirmations that callers wait for, and how the latest ones ended. */
  confirmations(): readonly ConfirmationView[];
  mesh(): MeshView;
  /** Only where the agent was started for a drill. */
  readonly faults: FaultPort | undefined;
  /** Only where an authority says who is a member. */
  readonly authority: AuthorityPort | undefined;
  /** Only where the agent goes by the cluster's secret. */
  readonly secret?: SecretPort | undefined;
  status(): StatusView;
  components(): readonly ComponentHealth[];
}
