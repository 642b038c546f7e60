/**
 * The core's language: what happens to it, and what it wants done.
 *
 * `Protocol.step(input, now)` turns one input into effects; the driver carries them out and hands
 * their results back as further inputs, one at a time.
 */
import type { ErrorCode, ErrorDetails } from '../errors.ts';
import type { VerifiedCertificate } from './authority/certificate.ts';
import type { CheckOutcome } from './backends/outcome.ts';
import type { PeerOutcome } from './bridge/outcome.ts';
import type { ConfirmationOutcome, ConfirmRequest, StoredConfirmation } from './confirm/confirmation.ts';
import type { QueueHead, Seal } from './outbox/chain.ts';
import type {
  DeadLetter,
  DeliveryOutcome,
  DeliveryRequest,
  Receiver,
  StoredDelivery,
} from './outbox/delivery.ts';
import type { Dial } from './peering/peering.ts';
import type { FloorEntry } from './record/floor.ts';
import type { NodeFields, NodeId, Owner } from './record/node.ts';
import type {
  AgentContact,
  Dot,
  EquivocationProof,
  PeerId,
  Predecessor,
  VerifiedRecord,
} from './record/record.ts';
import type { VerifiedBan } from './reputation/ban.ts';
import type { Fault, Standing } from './reputation/reputation.ts';
import type { VerifiedClaim } from './swim/claim.ts';
import type { Nonce, ProbeMessage, ReceivedProbe } from './swim/message.ts';
import type { StoredReachability } from './swim/reachability.ts';
import type { ExchangeEnd } from './sync/exchange.ts';
import type { ExchangeMessage, HeldItem, ShortDigest, SyncMessage } from './sync/message.ts';
import type { CoreEvent } from './view.ts';

/** Names one call from outside; its answer carries the same. */
export type Ticket = number;

/** Timers are inputs, handed back later. */
export type Wake =
  | { readonly type: 'tick' }
  | { readonly type: 'join-overdue' }
  | { readonly type: 'sync-due'; readonly peer: PeerId }
  /** An answer to a probe of ours is late. */
  | { readonly type: 'probe-overdue'; readonly nonce: Nonce }
  /** The one whom we asked for somebody else has not answered. */
  | { readonly type: 'errand-overdue'; readonly nonce: Nonce }
  | { readonly type: 'news-due' }
  /** Others had time to say what we found out as well. */
  | { readonly type: 'accusation-due'; readonly peer: PeerId }
  /** A registration that is to be confirmed is on our own disk. */
  | { readonly type: 'confirm-durable'; readonly id: number }
  | { readonly type: 'confirm-due' };

export type Input =
  | Wake
  | {
      readonly type: 'start';
      readonly node: NodeFields;
      readonly self: AgentContact;
      readonly seeds: readonly string[];
    }
  | {
      readonly type: 'register';
      readonly ticket: Ticket;
      readonly action: 'register' | 'update';
      readonly id: NodeId;
      /** Where it names a key, the registration was signed with it. */
      readonly node: NodeFields;
      /** Absent: answered as soon as it is durable here. */
      readonly confirm?: ConfirmRequest;
    }
  | {
      readonly type: 'deregister';
      readonly ticket: Ticket;
      readonly id: NodeId;
      /** Who signed this, and when. */
      readonly by?: Owner | undefined;
    }
  /** Announce departure; `forGood` also withdraws the hosted services. */
  | { readonly type: 'depart'; readonly ticket: Ticket; readonly forGood: boolean }
  /** An operator takes an agent out that is gone. */
  | { readonly type: 'remove'; readonly ticket: Ticket; readonly id: NodeId }
  /** An operator shuts a key out, or pardons it, through this agent. */
  | { readonly type: 'ban'; readonly ticket: Ticket; readonly ban: VerifiedBan }
  /** What an operator has said through another agent. */
  | { readonly type: 'ban-received'; readonly ban: VerifiedBan }
  /** A peer was caught at something, by us. */
  | { readonly type: 'fault-seen'; readonly peer: PeerId; readonly fault: Fault }
  /** We want a certificate for the key that is to follow ours; answered with it. */
  | {
      readonly type: 'certify-next';
      readonly ticket: Ticket;
      readonly key: PeerId;
      readonly signature: Uint8Array;
    }
  /** Another key speaks for this agent from now on, with which `seal` signs already; answered once that is durable. */
  | {
      readonly type: 'rekey';
      readonly ticket: Ticket;
      readonly peer: PeerId;
      readonly predecessor: Predecessor;
      /** Where an authority says who is a member. */
      readonly certificate?: Uint8Array | undefined;
    }
  /** A former key of this agent ends, by its own word. */
  | { readonly type: 'end-key'; readonly ticket: Ticket; readonly claim: VerifiedClaim }
  /** The key of this agent ends; the agent stops afterwards. */
  | { readonly type: 'revoke-key'; readonly ticket: Ticket }
  /** Something that one receiver must confirm; answered once it is durable. */
  | { readonly type: 'enqueue'; readonly ticket: Ticket; readonly request: DeliveryRequest }
  | { readonly type: 'store-health'; readonly ok: boolean; readonly problem?: StoreProblem }
  | {
      readonly type: 'records-received';
      readonly from: PeerId;
      readonly via: 'gossip' | 'sync';
      readonly records: readonly VerifiedRecord[];
      /** Of a sync frame: it closes the answer to what was asked for. */
      readonly last: boolean;
    }
  | { readonly type: 'proof-received'; readonly first: VerifiedRecord; readonly second: VerifiedRecord }
  | {
      readonly type: 'sync-message';
      readonly from: PeerId;
      readonly message: ExchangeMessage;
    }
  | { readonly type: 'held-asked'; readonly from: PeerId; readonly items: readonly HeldItem[] }
  | { readonly type: 'held'; readonly from: PeerId; readonly digests: readonly ShortDigest[] }
  | { readonly type: 'link-up'; readonly peer: PeerId; readonly address: string }
  | { readonly type: 'link-down'; readonly peer: PeerId }
  | { readonly type: 'subscribed'; readonly peer: PeerId }
  | { readonly type: 'dial-succeeded'; readonly key: string; readonly peer: PeerId }
  | {
      readonly type: 'dial-failed';
      readonly key: string;
      readonly reason: 'unreachable' | 'foreign' | 'self';
      /** Its host says that nobody listens there. */
      readonly isRefused: boolean;
      readonly text: string;
    }
  | { readonly type: 'datagram-received'; readonly probe: ReceivedProbe }
  /** The host of the peer says that nobody listens at its probe address. */
  | { readonly type: 'probe-refused'; readonly peer: PeerId }
  | ({ readonly type: 'claims-received'; readonly from: PeerId } & Pick<ReceivedProbe, 'claims' | 'repeats'>)
  /** Somebody wants to know whether datagrams pass between us and a peer, both ways. */
  | { readonly type: 'look'; readonly peer: PeerId }
  /** A peer wants to know whether our datagrams reach it. */
  | { readonly type: 'look-asked'; readonly from: PeerId }
  | { readonly type: 'pinged'; readonly peer: PeerId; readonly rttMs: number | undefined }
  | {
      readonly type: 'discovered';
      readonly peer: PeerId;
      readonly multiaddrs: readonly string[];
      readonly source: 'mdns' | 'dht' | 'store';
    }
  /** What a peer has shown on its way in. */
  | { readonly type: 'certificate-shown'; readonly peer: PeerId; readonly certificate: Uint8Array }
  /** An authority's operator hands its list to this agent. */
  | { readonly type: 'revocations-given'; readonly record: VerifiedRecord }
  /** A member wants its next certificate. */
  | { readonly type: 'renewal-asked'; readonly from: PeerId }
  /** A member wants a certificate for the key that is to follow its own, which both have signed. */
  | { readonly type: 'certificate-asked'; readonly from: PeerId; readonly key: PeerId }
  /** Our own next one. */
  | { readonly type: 'renewed'; readonly certificate: Uint8Array }
  /** The answer to the `check` with this key. */
  | { readonly type: 'checked'; readonly key: string; readonly outcome: CheckOutcome }
  /** The answer to the `register-with` of this key. */
  | { readonly type: 'http-peer-answered'; readonly key: string; readonly outcome: PeerOutcome }
  /** How the `deliver` with this number ended. */
  | {
      readonly type: 'delivered';
      readonly id: number;
      readonly outcome: DeliveryOutcome;
      readonly latencyMs: number;
    }
  /** What was enqueued for a receiver, up to this one, is durable. */
  | { readonly type: 'outbox-written'; readonly receiver: Receiver; readonly sequence: number };

/** Why the store takes nothing: there is no room, or anything else. */
export type StoreProblem = 'STORE_FULL' | 'STORE_FAILED';

/** Why something that arrived was not taken in. */
export type Refusal =
  | 'stale'
  | 'future'
  | 'unknown-context'
  | 'succession'
  | 'quarantined'
  | 'full'
  | 'no-room-to-park'
  | 'ungranted'
  | 'author-rate'
  /** Its author has shown no certificate yet. */
  | 'uncertified'
  /** Said after its author's certificate had run out. */
  | 'expired'
  | 'revoked'
  /** Its author's certificate names other node ids or types. */
  | 'misnamed';

/** Where a peer was last reached. */
export interface StoredContact {
  readonly peer: PeerId;
  readonly multiaddrs: readonly string[];
  readonly seenAtMs: number;
}

/** Numbers that outlive a restart. */
export type MetaName = 'epoch' | 'alive-at-ms';

export type StoreOperation =
  | { readonly type: 'put-record'; readonly record: VerifiedRecord }
  | { readonly type: 'delete-record'; readonly subject: NodeId; readonly author: PeerId }
  | { readonly type: 'put-floor'; readonly subject: NodeId; readonly floor: readonly FloorEntry[] }
  | { readonly type: 'delete-floor'; readonly subject: NodeId }
  | { readonly type: 'put-clock'; readonly author: PeerId; readonly dot: Dot }
  | { readonly type: 'delete-clock'; readonly author: PeerId }
  | { readonly type: 'put-contact'; readonly contact: StoredContact }
  | { readonly type: 'delete-contact'; readonly peer: PeerId }
  | {
      readonly type: 'put-proof';
      readonly author: PeerId;
      readonly first: Uint8Array;
      readonly second: Uint8Array;
    }
  | { readonly type: 'put-reachability'; readonly peer: PeerId; readonly reachability: StoredReachability }
  | { readonly type: 'delete-reachability'; readonly peer: PeerId }
  | { readonly type: 'put-ban'; readonly ban: VerifiedBan }
  | { readonly type: 'delete-ban'; readonly ban: Pick<VerifiedBan, 'issuer' | 'subject'> }
  | { readonly type: 'put-removal'; readonly claim: VerifiedClaim }
  | { readonly type: 'delete-removal'; readonly peer: PeerId }
  | { readonly type: 'put-delivery'; readonly delivery: StoredDelivery }
  | { readonly type: 'delete-delivery'; readonly receiver: Receiver; readonly sequence: number }
  | { readonly type: 'put-queue'; readonly head: QueueHead }
  | { readonly type: 'delete-queue'; readonly receiver: Receiver }
  | { readonly type: 'put-outbox-seal'; readonly seal: Seal }
  | { readonly type: 'put-dead-letter'; readonly letter: DeadLetter }
  | { readonly type: 'delete-dead-letter'; readonly number: number }
  | { readonly type: 'put-confirmation'; readonly confirmation: StoredConfirmation }
  | { readonly type: 'delete-confirmation'; readonly id: number }
  | { readonly type: 'put-meta'; readonly name: MetaName; readonly value: number };

/**
 * An epoch that comes again after a loss of power would make an honest agent say two things for one dot, which
 * costs it its key: what opens one is on the disk, and not only in the system's cache, before it is used.
 */
export function opensEpoch(operation: StoreOperation): boolean {
  return operation.type === 'put-meta' && operation.name === 'epoch';
}

export type Reply =
  | {
      readonly ok: true;
      readonly changed: boolean;
      readonly confirmation?: ConfirmationOutcome;
      /** That was asked for. */
      readonly certificate?: Uint8Array;
    }
  | { readonly ok: false; readonly code: ErrorCode; readonly details: ErrorDetails };

export type Effect =
  /** Write, then carry out `then`: nothing is said before it is durable. */
  | {
      readonly type: 'persist';
      readonly operations: readonly StoreOperation[];
      readonly then: readonly Effect[];
    }
  | { readonly type: 'publish'; readonly records: readonly VerifiedRecord[] }
  | { readonly type: 'publish-proof'; readonly proof: EquivocationProof }
  | { readonly type: 'publish-bans'; readonly bans: readonly VerifiedBan[] }
  | {
      readonly type: 'send';
      readonly to: PeerId;
      readonly message: SyncMessage<VerifiedRecord, VerifiedClaim>;
    }
  | {
      readonly type: 'datagram';
      readonly address: string;
      /** From a socket of its own, which hears when the host refuses. */
      readonly asks: boolean;
      readonly message: ProbeMessage;
    }
  | { readonly type: 'dial'; readonly dial: Dial }
  | { readonly type: 'hang-up'; readonly peer: PeerId }
  /** How much of this peer is taken from now on. */
  | { readonly type: 'standing'; readonly peer: PeerId; readonly standing: Standing }
  | { readonly type: 'ping'; readonly peer: PeerId }
  | { readonly type: 'look-up'; readonly peer: PeerId }
  /**
   * Ask `http://host:port/metrics`; answered by one `checked`. The key is used once and names who asks:
   * it begins with `backend:` for a hosted backend, with `peer:` for another agent.
   */
  | { readonly type: 'check'; readonly key: string; readonly host: string; readonly port: number }
  /** Issue a member's next certificate and send it there, if this agent holds an issuing key. */
  | { readonly type: 'renew'; readonly to: PeerId; readonly certificate: VerifiedCertificate }
  /** The same for the key that follows the one of the certificate. */
  | {
      readonly type: 'certify-next';
      readonly to: PeerId;
      readonly certificate: VerifiedCertificate;
      readonly key: PeerId;
    }
  /** Our own certificate, to be shown from now on and after a restart. */
  | { readonly type: 'keep-certificate'; readonly certificate: Uint8Array }
  /** Hand this to its receiver; answered by one `delivered` with the same number. */
  | {
      readonly type: 'deliver';
      readonly receiver: Receiver;
      readonly id: number;
      readonly kind: string;
      readonly payload: Uint8Array;
      readonly digest: string;
    }
  /** Follows a write: comes back as `outbox-written`. */
  | { readonly type: 'written'; readonly receiver: Receiver; readonly sequence: number }
  /** `POST <url>/registration`; answered by one `http-peer-answered`. The key is used once. */
  | { readonly type: 'register-with'; readonly key: string; readonly url: string; readonly body: string }
  | {
      readonly type: 'wake';
      readonly afterMs: number;
      readonly input: Wake;
      /** Not before what waits in the sockets was read: a late timer comes first otherwise. */
      readonly afterPoll?: true;
    }
  | { readonly type: 'reply'; readonly ticket: Ticket; readonly reply: Reply }
  | { readonly type: 'event'; readonly event: CoreEvent }
  | { readonly type: 'refused'; readonly reason: Refusal; readonly via: 'gossip' | 'sync' }
  | { readonly type: 'log'; readonly event: CoreLogEvent; readonly fields: Readonly<Record<string, unknown>> }
  /** An exchange of records with a peer is over; for whoever counts. */
  | { readonly type: 'sync-ended'; readonly peer: PeerId; readonly end: ExchangeEnd }
  /** The agent has joined, or is alone: it may say so. */
  | { readonly type: 'ready' };

/** Named in telemetry/log-events.ts with their levels. */
export type CoreLogEvent =
  | 'record_conflict'
  | 'name_held_by_another_key'
  | 'key_in_use_twice'
  | 'equivocation_proved'
  | 'registration_rolled_back'
  | 'seed_unreachable'
  | 'backend_unhealthy'
  | 'backend_healthy'
  | 'http_peers_disagree'
  | 'http_peer_answers'
  | 'http_peer_fails'
  | 'dial_failed'
  | 'agent_removed'
  | 'standing_changed'
  | 'peer_banned'
  | 'peer_pardoned'
  | 'key_revoked'
  | 'former_key_ended'
  | 'key_rotated'
  | 'member_revoked'
  | 'own_certificate_revoked'
  | 'own_certificate_renewed'
  | 'own_certificate_not_renewed'
  | 'certificate_ended'
  | 'taken_out_but_alive'
  | 'clock_set_back'
  | 'sync_lied'
  | 'partition_suspected'
  | 'partition_healed'
  | 'isolated'
  | 'outbox_queue_damaged'
  | 'outbox_receiver_stuck'
  | 'outbox_receiver_recovered'
  | 'outbox_undelivered';
