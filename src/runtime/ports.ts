/**
 * What the driver needs from the world. Production adapters live in `net`, `discovery`, `store` and
 * `identity`; the simulator brings its own. One contract suite per port runs on both.
 */
import type { VerifiedCertificate } from '../core/authority/certificate.ts';
import type { CheckOutcome } from '../core/backends/outcome.ts';
import type { PeerOutcome } from '../core/bridge/outcome.ts';
import type { StoredConfirmation } from '../core/confirm/confirmation.ts';
import type { MetaName, StoredContact, StoreOperation } from '../core/effects.ts';
import type { DeliveryOutcome, Receiver } from '../core/outbox/delivery.ts';
import type { StoredOutbox } from '../core/outbox/recovery.ts';
import type { FloorEntry } from '../core/record/floor.ts';
import type { SubjectHash } from '../core/record/health.ts';
import type { NodeId } from '../core/record/node.ts';
import type { Digest, Dot, PeerId, Predecessor, RecordDraft, VerifiedRecord } from '../core/record/record.ts';
import type { BanDraft, VerifiedBan } from '../core/reputation/ban.ts';
import type { Standing } from '../core/reputation/reputation.ts';
import type { ClaimDraft, VerifiedClaim } from '../core/swim/claim.ts';
import type { ProbeBody, ProbeMessage } from '../core/swim/message.ts';
import type { StoredReachability } from '../core/swim/reachability.ts';
import type { SyncMessage } from '../core/sync/message.ts';
import type { Now } from '../core/time.ts';

export interface Clock {
  now(): Now;
  /** Calls back once, not before `delayMs`; returns a cancel that is safe to call at any time. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back after the input that is already waiting has been handled (`setImmediate`). */
  soon(callback: () => void): void;
}

// --- network -------------------------------------------------------------------------------------

/** What to do with a gossip message: pass it on, drop it silently, or drop it and blame the sender. */
export type Verdict = 'accept' | 'ignore' | 'reject';

export interface DialTarget {
  /** Given back in `onDialEnded`. */
  readonly key: string;
  /** When known, the dial fails unless this peer answers. */
  readonly peer?: PeerId;
  /** libp2p addresses, with or without `/p2p/<peer id>`; DNS names are resolved again at each dial. */
  readonly multiaddrs: readonly string[];
}

export type DialOutcome =
  | { readonly ok: true; readonly peer: PeerId }
  | {
      readonly ok: false;
      readonly reason: 'unreachable' | 'foreign' | 'self';
      readonly text: string;
      /** Every address that was tried answered that nobody listens there, or another peer does: it has ended. */
      readonly isRefused?: boolean;
    };

export interface LocalContact {
  readonly peer: PeerId;
  /** Addresses others can dial, each with `/p2p/<peer id>`; wildcards already replaced by real addresses. */
  readonly multiaddrs: readonly string[];
}

/** One connected peer as the network sees it. */
export interface LinkView {
  readonly peer: PeerId;
  readonly address: string;
  readonly outbound: boolean;
  /** Subscribed to the cluster's topic. */
  readonly subscribed: boolean;
  /** In our gossipsub mesh. */
  readonly inMesh: boolean;
  readonly score: number;
}

/** How mDNS fares on one interface. */
export interface MdnsFinding {
  readonly name: string;
  /** One sentence; absent when it works. */
  readonly problem?: string;
}

export type DiscoverySource = 'mdns' | 'dht';

export interface NetworkHandlers {
  /** Synchronous: the verdict decides whether gossipsub passes the message on. */
  onGossip(from: PeerId, bytes: Uint8Array): Verdict;
  /** One frame of the sync stream. */
  onFrame(from: PeerId, bytes: Uint8Array): void;
  /** A peer is connected, identified, and of this cluster. Once per peer, however many connections. */
  onLinkUp(peer: PeerId, address: string): void;
  /** The last connection to the peer is gone. */
  onLinkDown(peer: PeerId): void;
  /** The peer has subscribed to the topic: from now on it hears what is published. */
  onSubscribed(peer: PeerId): void;
  onDialEnded(key: string, outcome: DialOutcome): void;
  /** `rttMs` is undefined when the peer did not answer within the ping limit. */
  onPing(peer: PeerId, rttMs: number | undefined): void;
  onDiscovered(peer: PeerId, multiaddrs: readonly string[], source: DiscoverySource): void;
  /** An agent of another cluster was met and refused. */
  onForeign(address: string): void;
}

/** Results arrive through the handlers, never as promises: the driver takes one input at a time. */
export interface Network {
  /** Listens and starts discovery. @throws FirsthandError ADDRESS_IN_USE, ADDRESS_UNAVAILABLE */
  start(handlers: NetworkHandlers): Promise<LocalContact>;
  /** Best effort: nobody may be listening. At most `gossipMaxBytes`. */
  publish(bytes: Uint8Array): void;
  /** Best effort, in order per peer; frames beyond the peer's queue limit are dropped and counted. */
  send(peer: PeerId, frame: Uint8Array): void;
  /** Ends with exactly one `onDialEnded`. */
  dial(target: DialTarget): void;
  hangUp(peer: PeerId): void;
  /** How much of this peer is taken from now on; whoever is quarantined is neither dialled nor let in. */
  setStanding(peer: PeerId, standing: Standing): void;
  /** Ends with exactly one `onPing`. */
  ping(peer: PeerId): void;
  /** Asks the DHT where a peer is; answers come as `onDiscovered`. */
  lookUp(peer: PeerId): void;
  links(): readonly LinkView[];
  /** Sends on each interface and listens for it; `undefined` when mDNS is off. Takes about a second. */
  examineMdns(): Promise<readonly MdnsFinding[] | undefined>;
  /** Safe to call twice; ends within its own deadline. */
  stop(): Promise<void>;
}

export const gossipMaxBytes = 60 * 1_024;
export const frameMaxBytes = 64 * 1_024;

// --- probes --------------------------------------------------------------------------------------

export interface ProbeHandlers {
  /** @param address - Where it came from, `host:port`. */
  onDatagram(address: string, bytes: Uint8Array): void;
  /** The host of a peer that was asked says that nobody listens there. */
  onRefused(peer: PeerId): void;
}

/** Datagrams of the failure detector: sent or lost, never an error. */
export interface ProbePort {
  send(address: string, bytes: Uint8Array): void;
  /** From a socket of its own, which hears when the host refuses; it closes soon after. */
  ask(peer: PeerId, address: string, bytes: Uint8Array): void;
}

// --- store ---------------------------------------------------------------------------------------

export type { MetaName, StoredContact, StoreOperation };

export interface StoredState {
  /** Signed envelopes as they were received. */
  readonly records: readonly Uint8Array[];
  readonly floors: ReadonlyMap<NodeId, readonly FloorEntry[]>;
  readonly clocks: ReadonlyMap<PeerId, Dot>;
  readonly contacts: readonly StoredContact[];
  readonly proofs: readonly { readonly first: Uint8Array; readonly second: Uint8Array }[];
  readonly reachability: ReadonlyMap<PeerId, StoredReachability>;
  /** Signed claims. */
  readonly removals: readonly Uint8Array[];
  /** Signed statements; absent: none. */
  readonly bans?: readonly Uint8Array[];
  readonly outbox: StoredOutbox;
  /** What callers still wait to hear of. */
  readonly confirmations?: readonly StoredConfirmation[];
  readonly meta: Readonly<Partial<Record<MetaName, number>>>;
  /** Rows whose checksum did not fit: left out, removed, and to be reported. */
  readonly damagedRows: number;
}

export interface Store {
  load(): Promise<StoredState>;
  /** All or nothing, in order; once it resolves the change survives `kill -9`. @throws FirsthandError STORE_FULL, STORE_FAILED */
  write(operations: readonly StoreOperation[]): Promise<void>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

// --- health --------------------------------------------------------------------------------------

export interface HealthChecker {
  /**
   * `GET http://<host>:<port>/metrics`. Ends with exactly one `onChecked` within the limit of time, later
   * than this call, and with none once the checker was stopped.
   */
  check(
    target: { readonly host: string; readonly port: number },
    onChecked: (outcome: CheckOutcome) => void,
  ): void;
  /** Ends what is under way at once. Safe to call twice. */
  stop(): Promise<void>;
}

// --- outbox --------------------------------------------------------------------------------------

export interface DeliveryTarget {
  readonly receiver: Receiver;
  /** Of this attempt. */
  readonly id: number;
  readonly kind: string;
  readonly payload: Uint8Array;
  readonly digest: string;
}

export interface Deliverer {
  /**
   * One attempt. Ends with exactly one `onDelivered` within a limit of time (below `answerTimeoutMs` of the
   * outbox), later than this call, and with none once the deliverer was stopped.
   */
  deliver(target: DeliveryTarget, onDelivered: (outcome: DeliveryOutcome) => void): void;
  /** Ends what is under way at once. Safe to call twice. */
  stop(): Promise<void>;
}

// --- HTTP peers ----------------------------------------------------------------------------------

export interface HttpPeers {
  /**
   * `POST <url>/registration` with a JSON body. Ends with exactly one `onAnswered` within the limit of time,
   * later than this call, and with none once this was stopped.
   */
  register(
    request: { readonly url: string; readonly body: string },
    onAnswered: (outcome: PeerOutcome) => void,
  ): void;
  /** Ends what is under way at once. Safe to call twice. */
  stop(): Promise<void>;
}

// --- keys ----------------------------------------------------------------------------------------

/** A key that is to follow the present one, and its word that it wants to. */
export interface NextKey {
  readonly peer: PeerId;
  /** For whoever issues certificates; see `RecordCodec.mayFollow`. */
  readonly signature: Uint8Array;
}

/**
 * The key of this agent on disk and in its codecs. `prepare`, `commit`, `adopt`, and later `finish`: a process that
 * ends before `commit` has resolved goes on with the old key at its next start, after that with the new one.
 */
export interface KeyKeeper {
  /** The key before the present one, until it is ended. */
  readonly former: PeerId | undefined;
  /** Makes the next key. @throws FirsthandError KEY_UNUSABLE */
  prepare(): Promise<NextKey>;
  /** It is not to be, after all. @throws FirsthandError KEY_UNUSABLE */
  discard(): Promise<void>;
  /** From here on the next start takes the prepared key. @throws FirsthandError KEY_UNUSABLE */
  commit(): Promise<void>;
  /** From here on this process signs with it. */
  adopt(): { readonly peer: PeerId; readonly predecessor: Predecessor };
  /** The former key's own word that it ends. */
  endOfFormer(epoch: number): VerifiedClaim;
  /** The former key is destroyed. @throws FirsthandError KEY_UNUSABLE */
  finish(): Promise<void>;
  /** The present key is taken out of use: the next start makes another one. @throws FirsthandError KEY_UNUSABLE */
  setAside(): Promise<void>;
}

// --- audit ---------------------------------------------------------------------------------------

export type AuditKind =
  /** Who somebody is: credentials shown to the HTTP shim. */
  | 'authentication'
  /** What somebody may do. */
  | 'authorisation'
  /** Who may speak to this agent as a member of its cluster. */
  | 'admission'
  /** What an authority's key was used for. */
  | 'certificate'
  | 'ban'
  | 'key'
  | 'setting'
  /** The log about itself. */
  | 'audit';

export interface AuditEntry {
  readonly kind: AuditKind;
  /** Whose doing it is: a peer id, `jwt:<subject>`, `certificate:<name>`, `secret`, `anonymous`, `agent`. */
  readonly who: string;
  /** What was asked for, and of whom or what: `register backend-1`, `ban 12D3…`. Never a credential. */
  readonly what: string;
  readonly outcome: 'allowed' | 'refused' | 'failed';
  /** One short sentence or an error code. */
  readonly why?: string;
  /** Where it came from, without a port. */
  readonly from?: string;
  readonly requestId?: string;
  /** It stands for so many of a kind. */
  readonly counted?: {
    readonly count: number;
    readonly firstMs: number;
    readonly lastMs: number;
    /** Distinct ones; as many as are told apart, at most. */
    readonly addressesCount: number;
  };
}

/** Takes decisions about security down. Never throws, never blocks, and is bounded; see `src/audit`. */
export interface AuditLog {
  record(entry: AuditEntry): void;
}

/** Where none is wanted. */
export const noAuditLog: AuditLog = { record: () => {} };

// --- membership ----------------------------------------------------------------------------------

export interface MembershipPort {
  /** Issues the next certificate of a member. Ends with at most one `onRenewed`, with none without an issuing key. */
  renew(certificate: VerifiedCertificate, onRenewed: (certificate: Uint8Array) => void): void;
  /** The same for the key that follows the one of the certificate. */
  certifyNext(
    certificate: VerifiedCertificate,
    key: PeerId,
    onIssued: (certificate: Uint8Array) => void,
  ): void;
  /** Our own certificate: shown from now on, and after a restart. */
  keep(certificate: Uint8Array): void;
  /** For the next key of ours: durable beside the present one, so that a start has one for either key. */
  keepNext(certificate: Uint8Array): Promise<void>;
  /** The next key is the present one: its certificate is shown from now on. Safe to call twice. */
  takeNext(): void;
}

// --- codec ---------------------------------------------------------------------------------------

/** Decoded and within bounds, but nobody has looked at the signature yet. */
export interface UnverifiedRecord extends RecordDraft {
  readonly cluster: string;
  readonly digest: Digest;
  readonly subjectHash: SubjectHash;
  readonly wire: Uint8Array;
}

export interface GossipMessage {
  readonly records: readonly UnverifiedRecord[];
  /** Pairs that prove equivocation; both halves still have to be verified. */
  readonly proofs: readonly (readonly [UnverifiedRecord, UnverifiedRecord])[];
  readonly bans: readonly UnverifiedBan[];
}

export interface UnverifiedBan extends BanDraft {
  readonly wire: Uint8Array;
}

/** Bytes to claims and back. Decoders answer `undefined` for anything malformed and never throw. */
export interface RecordCodec {
  /** Encodes and signs with this agent's key; the result is deterministic. */
  seal(draft: RecordDraft): VerifiedRecord;
  /** Checks the signature over the bytes as received, and the cluster. */
  verify(record: UnverifiedRecord): VerifiedRecord | undefined;
  /** For envelopes from our own store, which were verified before they were written. */
  trust(wire: Uint8Array): VerifiedRecord | undefined;
  encodeGossip(
    records: readonly VerifiedRecord[],
    proofs: readonly (readonly [VerifiedRecord, VerifiedRecord])[],
    bans?: readonly VerifiedBan[],
  ): Uint8Array;
  decodeGossip(bytes: Uint8Array): GossipMessage | undefined;
  encodeFrame(message: SyncMessage<VerifiedRecord, VerifiedClaim>): Uint8Array;
  decodeFrame(bytes: Uint8Array): SyncMessage<UnverifiedRecord, UnverifiedClaim> | undefined;
  /** Whether the next key has signed that it is to follow the former one. */
  mayFollow(former: PeerId, next: PeerId, signature: Uint8Array): boolean;
  sealBan(draft: BanDraft): VerifiedBan;
  verifyBan(ban: UnverifiedBan): VerifiedBan | undefined;
  /** For bans from our own store. */
  trustBan(wire: Uint8Array): VerifiedBan | undefined;
}

export interface UnverifiedClaim extends ClaimDraft {
  readonly wire: Uint8Array;
}

export interface UnverifiedProbe extends Omit<ProbeMessage, 'claims' | 'body'> {
  readonly body: ProbeBody;
  readonly claims: readonly UnverifiedClaim[];
  readonly wire: Uint8Array;
}

/** The same for the failure detector. */
export interface ProbeCodec {
  sealClaim(draft: ClaimDraft): VerifiedClaim;
  /** Checks the signature over the bytes as received, which names the cluster. */
  verifyClaim(claim: UnverifiedClaim): VerifiedClaim | undefined;
  /** For claims from our own store. */
  trustClaim(wire: Uint8Array): VerifiedClaim | undefined;
  encodeProbe(message: ProbeMessage): Uint8Array;
  decodeProbe(bytes: Uint8Array): UnverifiedProbe | 'foreign' | undefined;
  verifyProbe(probe: UnverifiedProbe): boolean;
}
