/**
 * The whole protocol of one agent: inputs in, effects out.
 *
 * Joins the parts of the core and holds what belongs to none of them: which part hears of what,
 * the agent's own entry, and when the agent may call itself ready.
 */
import { unreachable } from '../errors.ts';
import { Membership } from './authority/membership.ts';
import { type CertificateReader, Roster } from './authority/roster.ts';
import { BackendHealth } from './backends/backend-health.ts';
import type { CheckSettings } from './backends/checks.ts';
import { Bridge } from './bridge/bridge.ts';
import type { BridgeSettings } from './bridge/settings.ts';
import type { KnownMember, StoredConfirmation } from './confirm/confirmation.ts';
import { Confirmations, type ConfirmSettings } from './confirm/confirmations.ts';
import { receipt } from './confirm/receipts.ts';
import type {
  CoreLogEvent,
  Effect,
  Input,
  Refusal,
  StoreOperation,
  StoreProblem,
  Ticket,
  Wake,
} from './effects.ts';
import { RateLimit } from './gossip/rate-limit.ts';
import { Hosting, type HostingSettings } from './hosting/hosting.ts';
import { Links } from './membership/links.ts';
import { type NewcomerSettings, Newcomers } from './membership/newcomers.ts';
import { PartitionWatch } from './membership/partition.ts';
import { Retirement } from './membership/retirement.ts';
import { Strangers } from './membership/strangers.ts';
import { Succession } from './membership/succession.ts';
import type { DeliveryRequest, LinkOf } from './outbox/delivery.ts';
import { Outbox } from './outbox/outbox.ts';
import { emptyStoredOutbox, type StoredOutbox } from './outbox/recovery.ts';
import type { OutboxSettings } from './outbox/settings.ts';
import { Peering, type PeeringSettings } from './peering/peering.ts';
import { drawn, type Random, randomIndex } from './random.ts';
import { Author, type Seal } from './record/author.ts';
import type { FloorEntry } from './record/floor.ts';
import { isReservedSubject } from './record/health.ts';
import { isSameContent, type NodeFields, type NodeId, type NodeType, nodeProblem } from './record/node.ts';
import { OwnVoice } from './record/own-voice.ts';
import {
  type AgentContact,
  type ContextEntry,
  compareDots,
  compareText,
  type Digest,
  type Dot,
  type EquivocationProof,
  type PeerId,
  type Predecessor,
  type VerifiedRecord,
} from './record/record.ts';
import { covers } from './record/resolution.ts';
import { defaultTableSettings, Table, type TableSettings } from './record/table.ts';
import type { VerifiedBan } from './reputation/ban.ts';
import type { BanSettings } from './reputation/bans.ts';
import { Exclusion } from './reputation/exclusion.ts';
import type { Reputation, ReputationSettings } from './reputation/reputation.ts';
import type { ClaimDraft, VerifiedClaim } from './swim/claim.ts';
import { Detector, type SwimStep, tickMaxMs } from './swim/detector.ts';
import type { MemberFields } from './swim/member.ts';
import type { ReceivedProbe } from './swim/message.ts';
import type { StoredReachability } from './swim/reachability.ts';
import type { SwimSettings } from './swim/settings.ts';
import { Agreement } from './sync/agreement.ts';
import {
  defaultSyncSettings,
  type ExchangeEnd,
  SyncExchange,
  type SyncSettings,
  type SyncStep,
} from './sync/exchange.ts';
import { expiryEpochOf } from './sync/expiry.ts';
import { type HashParts, RecordTree } from './sync/tree.ts';
import type { Now } from './time.ts';
import type { LivenessState, PartitionView } from './view.ts';

export interface GossipSettings {
  /** Records of one author taken in per second, and at once. */
  readonly authorRecordsPerSecond: number;
  readonly authorBurstCount: number;
  /** What we said this short a time ago is said again to the first peer that listens, ms. */
  readonly freshMs: number;
}

export const defaultGossipSettings: GossipSettings = {
  authorRecordsPerSecond: 2_000, // Derived: verifying them takes a fifth of one core.
  authorBurstCount: 10_000, // Derived: an agent that hosts as many entries as it may.
  freshMs: 30_000, // Guess: older news has gone round by now, or goes by sync.
};

export interface ProtocolSettings {
  readonly table: Partial<TableSettings>;
  readonly hosting: Partial<HostingSettings>;
  readonly swim: Partial<SwimSettings>;
  readonly peering: Partial<PeeringSettings>;
  readonly sync: Partial<SyncSettings>;
  readonly gossip: Partial<GossipSettings>;
  readonly checks: Partial<CheckSettings>;
  readonly outbox: Partial<OutboxSettings>;
  readonly bridge: Partial<BridgeSettings>;
  readonly confirm: Partial<ConfirmSettings>;
  readonly reputation: Partial<ReputationSettings>;
  readonly bans: Partial<BanSettings>;
  readonly newcomers: Partial<NewcomerSettings>;
  /** How long a starting agent looks for a peer to learn from before it calls itself ready, ms. */
  readonly joinTimeoutMs: number;
  /** How long an agent that is dead or has left is remembered, ms, by its type. Bootstrap agents are never forgotten. */
  readonly retentionMs: Readonly<Record<NodeType, number>>;
}

export const defaultProtocolSettings: ProtocolSettings = {
  table: {},
  hosting: {},
  swim: {},
  peering: {},
  sync: {},
  gossip: {},
  checks: {},
  outbox: {},
  bridge: {},
  confirm: {},
  reputation: {},
  bans: {},
  newcomers: {},
  joinTimeoutMs: 3_000, // Guess: a few dials that time out; alone is a normal state.
  retentionMs: { proxy: 24 * 3_600_000, backend: 24 * 3_600_000, governator: 24 * 3_600_000 }, // Serf tries for 24 h.
};

export interface ProtocolOptions {
  readonly id: NodeId;
  readonly peer: PeerId;
  readonly epoch: number;
  readonly settings: Partial<ProtocolSettings>;
  /** A former key of this agent that is not ended yet: what it said is said again at the start. */
  readonly predecessor?: Predecessor | undefined;
}

/** What the store kept, verified again or trusted by the driver. */
export interface Restored {
  readonly records: readonly VerifiedRecord[];
  readonly floors: ReadonlyMap<NodeId, readonly FloorEntry[]>;
  readonly clocks: ReadonlyMap<PeerId, Dot>;
  readonly contacts: readonly {
    readonly peer: PeerId;
    readonly multiaddrs: readonly string[];
    readonly seenAtMs: number;
  }[];
  readonly proofs: readonly { readonly first: VerifiedRecord; readonly second: VerifiedRecord }[];
  readonly reachability: ReadonlyMap<PeerId, StoredReachability>;
  readonly removals: readonly VerifiedClaim[];
  readonly bans?: readonly VerifiedBan[];
  readonly outbox?: StoredOutbox;
  readonly confirmations?: readonly StoredConfirmation[];
  readonly aliveAtMs: number | undefined;
}

const secondMs = 1_000;
const tickSlackMs = 20;
const housekeepingMaxMs = 60_000;
/** What is kept for a while is looked at so many times meanwhile: how long we were away is known as finely. */
const housekeepingsPerRetention = 10;
const clockFlushEveryMs = 5_000;
/**
 * A new link waits this long before the two compare their tables, and up to twice as long. An agent that
 * starts does not wait; for the others gossip has brought most of it by then, and equal tables cost nothing.
 */
const syncAfterLinkMs = 500;
/** Verified in one turn by whoever hears it: 100 take 10 ms. */
const freshMaxCount = 100;
/** Proofs told again after a walk that left a difference. */
const proofsAgainMaxCount = 8;
/** While members that are not linked hold another table. Derived: as long as a difference has to last. */
const insteadEveryMs = 2_000;
const reassertEveryMs = 5_000;
const lookMaxMs = 10_000;
/** Of those for whom there was no room, looked at again in one turn. */
const refusedAtOnceMaxCount = 256;
/** Two that jump so far by chance meet once in a thousand answers. */
const twinEpochsCount = 1_000;
/** Saying everything again costs all of them; a liar must not make us do it all the time. */
const returnEveryMs = 60_000;

export class Protocol {
  readonly table: Table;
  readonly links = new Links();
  readonly detector: Detector;
  readonly retirement: Retirement;
  readonly succession: Succession;
  readonly peering: Peering;
  /** The table as a hash of hashes. */
  readonly tree: RecordTree;
  readonly sync: SyncExchange;
  readonly agreement: Agreement;
  readonly hosting: Hosting;
  readonly backends: BackendHealth;
  readonly outbox: Outbox;
  readonly bridge: Bridge;
  readonly confirmations: Confirmations;
  readonly newcomers: Newcomers;
  /** Who is shut out. */
  readonly exclusion: Exclusion;
  readonly author: Author;
  readonly ownVoice = new OwnVoice();
  /** Who is a member, where an authority says so. */
  readonly roster: Roster | undefined;
  readonly #membership: Membership | undefined;
  readonly #options: ProtocolOptions;
  readonly #settings: ProtocolSettings;
  readonly #gossip: GossipSettings;
  readonly #random: Random;
  readonly #authorRate: RateLimit;
  readonly #partition: PartitionWatch;
  readonly #strangers = new Strangers();
  readonly #dirtyClocks = new Set<PeerId>();
  readonly #synced = new Set<PeerId>();
  /** What our own entry says, once the agent has started. */
  #own: { readonly node: NodeFields; readonly agent: AgentContact } | undefined;
  #predecessor: Predecessor | undefined;
  #phase: 'starting' | 'ready' | 'stopping' = 'starting';
  #storeProblem: StoreProblem | undefined;
  #hasListeners = false;
  readonly #due = new Map<string, number>();
  #startedMonoMs = 0;
  #nextSyncMonoMs = 0;
  #nextInsteadMonoMs = 0;
  #nextReassertMonoMs = 0;
  /** There was reason to say our entry anew, too soon after the last time. */
  #isReassertOwed = false;
  #nextReturnMonoMs = 0;
  #recordsBefore = 0;

  constructor(
    options: ProtocolOptions,
    components: {
      readonly seal: Seal;
      readonly sealClaim: (draft: ClaimDraft) => VerifiedClaim;
      /** Links the deliveries of the outbox. */
      readonly linkOf: LinkOf;
      readonly random: Random;
      readonly hash: HashParts;
      /** Reads what the cluster's authority signs; absent: whoever is in the cluster may speak. */
      readonly certificates?: CertificateReader | undefined;
    },
  ) {
    this.#options = options;
    this.#settings = { ...defaultProtocolSettings, ...options.settings };
    this.#gossip = { ...defaultGossipSettings, ...this.#settings.gossip };
    this.#random = components.random;
    this.author = new Author({ peer: options.peer, epoch: options.epoch }, components);
    const { author } = this;
    this.#predecessor = options.predecessor;
    const { certificates } = components;
    this.roster =
      certificates &&
      new Roster(
        {
          get self() {
            return author.peer;
          },
        },
        { reader: certificates },
      );
    this.detector = new Detector(
      {
        get self() {
          return author.peer;
        },
        selfId: options.id,
        epoch: options.epoch,
        settings: this.#settings.swim,
      },
      {
        random: components.random,
        sealClaim: components.sealClaim,
        isLinked: peer => this.links.has(peer),
        links: () => this.links.peers(),
        isRemoved: (peer, epoch) => this.retirement.isRemoved(peer, epoch),
        hasHeardOf: peer => this.table.ledger.subjectsOf(peer).size > 0 || this.succession.isFollowed(peer),
        tableRoot: (now, since = 0) => this.tree.root(Math.max(this.sync.since(now), since)),
      },
    );
    this.#partition = new PartitionWatch({ selfId: options.id });
    const livenessOf = (author: PeerId) => this.livenessOf(author);
    const { hash } = components;
    this.tree = new RecordTree({ hash });
    this.table = new Table(this.#settings.table, {
      get self() {
        return author.peer;
      },
      livenessOf,
      isHidden: peer => this.exclusion.isBanned(peer),
      roster: this.roster,
      onSubject: (subject, subjectHash, records) => {
        const isDeparted = this.table.ledger.resolution(subject).winner?.body.type === 'departure';
        this.tree.put(subjectHash, subject, records, expiryEpochOf(records, isDeparted));
      },
    });
    this.hosting = new Hosting(this.#settings.hosting, {
      selfId: options.id,
      author: this.author,
      table: this.table,
      livenessOf,
      nameOf: author => this.nodeIdOf(author) ?? author,
      onOwn: (record, origin, now) => {
        this.backends.follow(record, origin, now);
        this.bridge.follow(record, now);
      },
    });
    this.succession = new Succession({
      author,
      table: this.table,
      say: (record, now) => this.hosting.say(record, now, []),
    });
    this.newcomers = new Newcomers(this.#settings.newcomers);
    this.exclusion = new Exclusion(this.#settings, {
      self: () => author.peer,
      latest: peer => this.succession.latest(peer),
      formersOf: peer => this.succession.formersOf(peer),
      nameOf: peer => this.nodeIdOf(peer),
      onBanned: (peer, now) => this.#shutOut(peer, now),
      onPardoned: (peer, now) => this.#letBack(peer, now),
    });
    if (options.predecessor !== undefined) this.succession.add(options.predecessor.peer, author.peer);
    this.outbox = new Outbox(this.#settings.outbox, {
      random: components.random,
      linkOf: components.linkOf,
      storeProblem: () => this.#storeProblem,
    });
    this.bridge = new Bridge(
      { selfId: options.id, settings: this.#settings.bridge },
      {
        author: this.author,
        table: this.table,
        outbox: this.outbox,
        digestOf: text => hash([text]),
        random: components.random,
        livenessOf,
        say: (record, now) => this.hosting.say(record, now, []),
        ownNode: () => this.#own?.node,
        hostedIds: () => this.hosting.hostedIds(),
        renew: (id, now) => this.hosting.renew(id, now),
        isReady: () => this.#phase === 'ready',
      },
    );
    this.backends = new BackendHealth(this.#settings.checks, {
      author: this.author,
      table: this.table,
      random: components.random,
      say: (record, now) => this.hosting.say(record, now, []),
      renew: (id, now) => this.hosting.renew(id, now),
    });
    this.peering = new Peering(this.#settings.peering, {
      get self() {
        return author.peer;
      },
      random: components.random,
      isLinked: peer => this.links.has(peer),
    });
    this.retirement = new Retirement(
      {
        get self() {
          return author.peer;
        },
        selfId: options.id,
        retentionMs: this.#settings.retentionMs,
      },
      {
        detector: () => this.detector,
        table: this.table,
        peering: this.peering,
        links: this.links,
        nameOf: peer => this.nodeIdOf(peer),
        isFollowed: peer => this.succession.isFollowed(peer),
        onSelfRemoved: (epoch, now) => this.#wasTakenOut(epoch, now),
      },
    );
    this.#membership =
      this.roster &&
      new Membership(
        {
          get self() {
            return author.peer;
          },
        },
        {
          roster: this.roster,
          table: this.table,
          detector: this.detector,
          peering: this.peering,
          links: this.links,
          nameOf: peer => this.nodeIdOf(peer),
        },
      );
    this.sync = new SyncExchange(this.#settings.sync, {
      get self() {
        return author.peer;
      },
      tree: this.tree,
      hash,
      retentionMs: this.#retentionMs,
    });
    this.agreement = new Agreement({ tree: this.tree });
    const nameOf = (peer: PeerId, id: NodeId) => this.#nameOf(peer, id);
    this.confirmations = new Confirmations(this.#settings.confirm, {
      self: {
        get peer() {
          return author.peer;
        },
        get id() {
          return nameOf(author.peer, options.id);
        },
      },
      table: this.table,
      members: () => this.#namedMembers(),
      isLinked: peer => this.links.has(peer),
      rollBack: (subject, previous, now) => this.#rollBack(subject, previous, now),
    });
    this.#authorRate = new RateLimit({
      perSecond: this.#gossip.authorRecordsPerSecond,
      burstCount: this.#gossip.authorBurstCount,
      bucketsMaxCount: 4_096,
    });
  }

  get phase(): 'starting' | 'ready' | 'stopping' {
    return this.#phase;
  }

  /** What peers have done wrong before our eyes. */
  get reputation(): Reputation {
    return this.exclusion.reputation;
  }

  get storeIsWell(): boolean {
    return this.#storeProblem === undefined;
  }

  /** Why the store takes nothing at the moment. */
  get storeProblem(): StoreProblem | undefined {
    return this.#storeProblem;
  }

  /** The agent that goes by this key, as its own record says. */
  nodeIdOf(peer: PeerId): NodeId | undefined {
    const speaker = this.succession.latest(peer);
    return speaker === this.author.peer ? this.#options.id : this.detector.member(speaker)?.id;
  }

  livenessOf(peer: PeerId): LivenessState {
    const author = this.succession.latest(peer);
    if (author === this.author.peer) return this.#phase === 'stopping' ? 'left' : 'alive';
    if (this.exclusion.isBanned(peer) || this.exclusion.isBanned(author)) return 'dead';
    const state = this.detector.member(author)?.state ?? this.#formerState(author);
    return state ?? (this.#strangers.isGone(author) ? 'dead' : 'suspect');
  }

  /** Of a key that has just followed another one, and was not met yet. */
  #formerState(author: PeerId): LivenessState | undefined {
    const former = this.succession.formersOf(author).find(each => this.detector.member(each) !== undefined);
    return former === undefined ? undefined : this.detector.member(former)?.state;
  }

  /** Which part of the cluster we speak for. */
  partition(monoMs: number): PartitionView {
    return this.#partition.view(this.detector.members(), monoMs);
  }

  /** Another key holds our name: our own entry is not what the cluster sees. */
  get isNameLost(): boolean {
    const { winner } = this.table.ledger.resolution(this.#options.id);
    return winner !== undefined && winner.author !== this.author.peer;
  }

  /** Whether datagrams and claims of a key count; everybody's where there is no authority. */
  isMember(peer: PeerId, wallMs: number): boolean {
    return this.roster === undefined || this.roster.fault(peer, wallMs) === undefined;
  }

  /** Members may claim something; and who was one may still end the key that it was one with. */
  mayClaim({ issuer, kind }: Pick<ClaimDraft, 'issuer' | 'kind'>, wallMs: number): boolean {
    if (this.isMember(issuer, wallMs)) return true;
    return kind === 'revoked' && this.roster?.certificateOf(issuer) !== undefined;
  }

  /** Cheap checks before the cost of a signature: is this record worth verifying? */
  screen(
    record: Dot & { readonly author: PeerId; readonly subject: NodeId; readonly digest: Digest },
    via: 'gossip' | 'sync',
    now: Now,
  ): 'verify' | 'known' | Extract<Refusal, 'quarantined' | 'author-rate' | 'revoked'> {
    if (this.roster?.isKeyRevoked(record.author) === true) return 'revoked';
    if (this.table.ledger.isQuarantined(record.author)) return 'quarantined';
    if (!this.table.ledger.wants(record)) return 'known';
    if (via === 'gossip' && !this.#authorRate.take(record.author, now.monoMs)) return 'author-rate';
    return 'verify';
  }

  /**
   * Puts back what the store kept, before `start`.
   *
   * An agent that was away for more than half the life of a tombstone may hold entries whose
   * departure everyone else has forgotten: it keeps its floors and learns the rest anew.
   */
  restore(restored: Restored, now: Now): readonly Effect[] {
    const { ledger } = this.table;
    for (const [subject, floor] of restored.floors) ledger.setFloor(subject, floor);
    for (const { first, second } of restored.proofs) {
      this.table.quarantine({ author: first.author, first, second });
    }
    for (const { peer, multiaddrs } of restored.contacts)
      this.peering.addPeer(peer, multiaddrs, 'store', now.monoMs);
    for (const [author, dot] of restored.clocks) ledger.restoreClock(author, dot);
    this.retirement.restore(restored.removals);
    this.exclusion.restore(restored.bans ?? [], now);
    this.detector.restore(restored.reachability);
    this.#resumeAfter(restored);
    let outbox = this.outbox.restore(restored.outbox ?? emptyStoredOutbox, now);

    const awayMs = restored.aliveAtMs === undefined ? 0 : now.wallMs - restored.aliveAtMs;
    const isOutdated = awayMs > this.#retentionMs / 2;
    const mayStay = this.roster === undefined ? undefined : certified(this.roster, restored.records);
    const records = restored.records.filter(
      // Who was shut out stays so, however long we were away.
      record => (mayStay?.has(record) ?? true) && (!isOutdated || record.body.type === 'revocations'),
    );
    if (records.length < restored.records.length) {
      const kept = new Set(records);
      const operations = restored.records
        .filter(record => !kept.has(record))
        .map(({ subject, author }) => ({ type: 'delete-record', subject, author }) as const);
      outbox = [...outbox, { type: 'persist', operations, then: [] }];
    }
    for (const record of restored.records) this.succession.note(record);
    if (isOutdated) {
      this.table.restore(records);
      return outbox;
    }
    for (const record of records) {
      if (record.body.type === 'revocations') continue;
      if (isOfAgent(record) && record.author !== this.author.peer) this.#meet(record, now);
      else this.#noteHost(record, now);
      this.author.observe(record.time);
    }
    this.table.restore(records);
    // Only now it is known which of its names each holds.
    for (const record of records)
      if (isOfAgent(record) && this.#isHeld(record) && record.author !== this.author.peer)
        this.#meet(record, now);
    for (const record of records) if (record.author === this.author.peer) this.hosting.adopt(record, now);
    const forgotten = this.confirmations.restore(restored.confirmations ?? []);
    return forgotten.length > 0 ? [...outbox, { type: 'persist', operations: forgotten, then: [] }] : outbox;
  }

  /** Where the stored epoch was lost and the clock went back, our own records still tell how far we had come. */
  #resumeAfter({ records, floors, clocks }: Restored): void {
    const { peer } = this.author;
    const own = [...records, ...[...floors.values()].flat()].filter(({ author }) => author === peer);
    const epochs = [...own, clocks.get(peer)].map(dot => dot?.epoch ?? 0);
    const highest = epochs.reduce((a, b) => Math.max(a, b), 0);
    if (highest >= this.author.dot.epoch) this.detector.openEpoch(this.author.openEpoch(highest));
  }

  /** The only way in. Synchronous; whatever a peer sends, it answers with effects, never a throw. */
  step(input: Input, now: Now): readonly Effect[] {
    switch (input.type) {
      case 'start':
        return this.#start(input, now);
      case 'register':
        return (
          this.#unlessClosed(input.ticket) ?? [
            ...this.#registerAndConfirm(input, now),
            ...this.bridge.tellChanges(now),
          ]
        );
      case 'deregister':
        return this.#unlessClosed(input.ticket) ?? this.hosting.deregister(input, now);
      case 'depart':
        return this.#depart(input.ticket, input.forGood, now);
      case 'enqueue':
        return this.#enqueue(input.ticket, input.request, now);
      case 'store-health':
        this.#storeProblem = input.ok ? undefined : (input.problem ?? 'STORE_FAILED');
        return input.ok ? [] : this.confirmations.storeFailed();
      case 'records-received':
        return this.#receive(input, now);
      case 'proof-received':
        return this.#prove({ author: input.first.author, first: input.first, second: input.second });
      case 'sync-message':
        return this.#exchanged(input.from, this.sync.receive(input.from, input.message, now), now);
      case 'held-asked':
        // While the disk refuses, answers would pile up behind it.
        return this.storeIsWell ? receipt(input.from, input.items, this.table.ledger) : [];
      case 'held':
        return this.confirmations.held(input.from, input.digests, now);
      case 'confirm-durable':
        return this.confirmations.durable(input.id, now);
      case 'confirm-due':
        return this.confirmations.wake(now);
      case 'link-up':
        return this.#linkUp(input.peer, input.address, now);
      case 'link-down':
        return this.#linkDown(input.peer, now);
      case 'subscribed':
        return this.#subscribed(input.peer, now);
      case 'sync-due':
        return this.#synced.has(input.peer) ? [] : this.#beginSync(input.peer, now);
      case 'dial-succeeded':
        return this.#dialSucceeded(input.key, input.peer, now);
      case 'dial-failed':
        return this.#dialFailed(input, now);
      case 'pinged':
        return this.#noted(this.detector.pinged(input.peer, input.rttMs, now), now);
      case 'probe-overdue':
      case 'errand-overdue':
      case 'news-due':
      case 'accusation-due':
        return this.#noted(this.detector.wake(input, now), now);
      case 'datagram-received':
        return this.#heardProbe(input.probe, now);
      case 'probe-refused':
        return this.#noted(this.detector.refused(input.peer, now), now);
      case 'claims-received':
        return this.#noted(this.detector.heard(input, input.from, now), now);
      case 'look':
        return [
          ...this.#noted(this.detector.check(input.peer, now), now),
          { type: 'send', to: input.peer, message: { type: 'look' } },
        ];
      case 'look-asked':
        return this.#noted(this.detector.check(input.from, now), now);
      case 'fault-seen':
        return this.exclusion.fault(input.peer, input.fault, now);
      case 'ban':
        return this.exclusion.decide(input.ticket, input.ban, now);
      case 'ban-received':
        return this.exclusion.hear(input.ban, now);
      case 'certify-next':
        return this.#unlessClosed(input.ticket) ?? this.#membership?.wantNext(input, now) ?? [];
      case 'rekey':
        return this.#rekey(input, now);
      case 'end-key':
        return [
          ...this.retirement.end(input.claim, now),
          { type: 'persist', operations: [], then: [accepted(input.ticket)] },
        ];
      case 'revoke-key':
        return this.#unlessClosed(input.ticket) ?? this.#revoke(input.ticket, now);
      case 'remove':
        return this.#unlessClosed(input.ticket) ?? this.retirement.remove(input.ticket, input.id, now);
      case 'certificate-shown':
        this.roster?.learn(input.peer, input.certificate);
        return this.#retry(this.table.parking.awaitingCertificate(input.peer), 'sync', now);
      case 'revocations-given':
        // Also when it is known here: whoever hands it over wants it to go round.
        return [...this.#take(input.record, 'sync', now), { type: 'publish', records: [input.record] }];
      case 'renewal-asked':
        return this.#membership?.renewalAsked(input.from, now) ?? [];
      case 'certificate-asked':
        return this.#membership?.nextAsked(input.from, input.key, now) ?? [];
      case 'renewed':
        return this.#renewed(input.certificate, now);
      case 'discovered':
        if (this.roster?.fault(input.peer, now.wallMs) === 'revoked') return [];
        this.peering.addPeer(input.peer, input.multiaddrs, input.source, now.monoMs);
        return this.#dialDue(now);
      case 'checked':
        return [...this.backends.checked(input, now), ...this.#noted(this.detector.checked(input, now), now)];
      case 'delivered':
        return this.outbox.settled(input.id, input.outcome, input.latencyMs, now);
      case 'outbox-written':
        return this.outbox.written(input.receiver, input.sequence, now);
      case 'http-peer-answered':
        return this.#phase === 'stopping' ? [] : this.bridge.answered(input, now);
      case 'tick':
        return this.#tick(now);
      case 'join-overdue':
        return this.#phase === 'starting' ? [...this.#complainAboutSeeds(), ...this.#ready()] : [];
      default:
        return unreachable(input);
    }
  }

  #start({ node, self, seeds }: Extract<Input, { readonly type: 'start' }>, now: Now): readonly Effect[] {
    this.#own = { node, agent: self };
    if (self.certificate !== undefined) this.roster?.learn(this.author.peer, self.certificate);
    this.#startedMonoMs = now.monoMs;
    for (const seed of seeds) this.peering.addSeed(seed, now.monoMs);
    const hasSomebodyToAsk = this.peering.contactsCount > 0;
    return [
      {
        type: 'persist',
        operations: [{ type: 'put-meta', name: 'epoch', value: this.author.dot.epoch }, ...this.#vitals(now)],
        then: [],
      },
      ...this.exclusion.start(),
      ...this.#takeOver(now, record => this.hosting.adopt(record, now)),
      ...(hasSomebodyToAsk ? [wake(this.#settings.joinTimeoutMs, { type: 'join-overdue' })] : this.#ready()),
      wake(this.detector.nextTickMs(), { type: 'tick' }),
      ...this.confirmations.start(now),
      ...this.#dialDue(now),
      ...this.bridge.tick(now),
    ];
  }

  /** Our own entry, and what a former key of ours has said and we have not. */
  #takeOver(now: Now, onRecord?: (record: VerifiedRecord) => void): readonly Effect[] {
    const announced = this.#announce(now);
    if (this.#predecessor === undefined || this.table.ledger.isQuarantined(this.author.peer))
      return announced;
    return [
      ...announced,
      ...this.succession.sayAgain(this.#predecessor.peer, this.#options.id, now, onRecord),
    ];
  }

  /**
   * Changes the key that we speak with, while everything goes on: the name, the services, who is alive, and what
   * callers wait for.
   */
  #rekey(
    { ticket, peer, predecessor, certificate }: Extract<Input, { readonly type: 'rekey' }>,
    now: Now,
  ): readonly Effect[] {
    const former = this.author.peer;
    this.author.rename(peer);
    this.#predecessor = predecessor;
    this.succession.add(former, peer);
    if (certificate !== undefined) this.roster?.learn(peer, certificate);
    const epoch = this.author.openEpoch(0);
    this.detector.openEpoch(epoch);
    if (this.#own !== undefined) {
      const multiaddrs = this.#own.agent.multiaddrs.map(each =>
        each.replace(`/p2p/${former}`, `/p2p/${peer}`),
      );
      const agent = { ...this.#own.agent, multiaddrs, ...(certificate === undefined ? {} : { certificate }) };
      this.#own = { ...this.#own, agent };
    }
    return [
      log('key_rotated', { id: this.#options.id, former, peer }),
      { type: 'persist', operations: [{ type: 'put-meta', name: 'epoch', value: epoch }], then: [] },
      ...this.#takeOver(now),
      { type: 'persist', operations: [], then: [accepted(ticket)] },
    ];
  }

  /** Nothing that our key has said counts any more: others may take our name at once. */
  #revoke(ticket: Ticket, now: Now): readonly Effect[] {
    this.#phase = 'stopping';
    const { claim, step } = this.detector.revokeSelf(now);
    const told = [...this.links.peers()].map(
      to => ({ type: 'send', to, message: { type: 'claims', claims: [claim] } }) as const,
    );
    return [
      log('key_revoked', { peer: this.author.peer, id: this.#options.id }),
      ...this.confirmations.stop(true, now),
      {
        type: 'persist',
        operations: [{ type: 'put-removal', claim }],
        then: [...step.effects, ...told, accepted(ticket)],
      },
    ];
  }

  #ready(): readonly Effect[] {
    if (this.#phase !== 'starting') return [];
    this.#phase = 'ready';
    return [{ type: 'ready' }];
  }

  /** Our own entry, said anew: at start, and when another key laid its hand on our name. */
  #announce(now: Now, then: readonly Effect[] = []): readonly Effect[] {
    if (this.#own === undefined || this.table.ledger.isQuarantined(this.author.peer)) return then;
    const { ledger } = this.table;
    const before = ledger.recordBy(this.author.peer, this.#options.id);
    const own = before ?? (this.#predecessor && ledger.recordBy(this.#predecessor.peer, this.#options.id));
    const predecessor =
      this.#predecessor ?? (before?.body.type === 'entry' ? before.body.predecessor : undefined);
    const record = this.author.write(
      {
        subject: this.#options.id,
        authority: 'self',
        context: this.#nameContext(),
        claimedAt: own !== undefined && !this.#wasFollowed(own) ? own.claimedAt : undefined,
        leaseMs: 0,
        body: { type: 'entry', ...this.#own, ...(predecessor === undefined ? {} : { predecessor }) },
      },
      now.wallMs,
    );
    return this.hosting.say(record, now, then);
  }

  /**
   * While we were gone another key took our name, as it may. Whoever only lays claim to it has not: who stops
   * and starts again holds the name as before.
   */
  #wasFollowed(own: VerifiedRecord): boolean {
    if (own.body.type === 'entry') return false;
    return this.table.ledger.recordsOf(this.#options.id).some(other => covers(other, own));
  }

  /** For a record about our own name: we follow only who is gone; to name a living rival would be to take its place. */
  #nameContext(): readonly ContextEntry[] {
    const { ledger } = this.table;
    return ledger.contextFor(this.author.peer, this.#options.id).filter(({ author }) => {
      const record = ledger.recordBy(author, this.#options.id);
      if (record?.authority !== 'self' || record.body.type !== 'entry') return true;
      if (author === this.#predecessor?.peer) return true;
      const state = this.livenessOf(author);
      return state === 'dead' || state === 'left';
    });
  }

  #registerAndConfirm(input: Extract<Input, { readonly type: 'register' }>, now: Now): readonly Effect[] {
    const { ticket, id, confirm } = input;
    if (confirm === undefined) return this.#register(input, now);
    if (this.confirmations.isFull) {
      const text = 'as many confirmations are waited for as may be; register without, or later';
      return [{ type: 'reply', ticket, reply: { ok: false, code: 'RATE_LIMITED', details: { text } } }];
    }
    const before = this.table.ledger.recordBy(this.author.peer, id);
    return this.confirmations.follow({ ticket, id, confirm }, before, this.#register(input, now), now);
  }

  #rollBack(id: NodeId, previous: NodeFields | undefined, now: Now): readonly Effect[] {
    if (this.table.ledger.isQuarantined(this.author.peer)) return [];
    if (id !== this.#options.id) return this.hosting.rollBack(id, previous, now);
    if (this.#own === undefined || previous === undefined) return [];
    this.#own = { ...this.#own, node: previous };
    return this.#announce(now);
  }

  /** An update of the agent's own id changes what it says about itself; everything else is hosted. */
  #register(input: Extract<Input, { readonly type: 'register' }>, now: Now): readonly Effect[] {
    if (input.id !== this.#options.id || input.action !== 'update' || this.#own === undefined) {
      return this.hosting.register(input, now);
    }
    const { ticket, node } = input;
    const before = this.#own.node;
    const problem = nodeProblem(node);
    if (problem !== undefined || node.publicKey !== undefined) {
      const { code, ...details } = problem ?? agentsHaveTheirOwn;
      return [{ type: 'reply', ticket, reply: { ok: false, code, details } }];
    }
    if (node.lastUpdatedS < before.lastUpdatedS) {
      const text = `${input.id} was last updated at ${before.lastUpdatedS}, after the ${node.lastUpdatedS} of this update`;
      const details = { text, field: 'last_updated', last_updated: before.lastUpdatedS };
      return [{ type: 'reply', ticket, reply: { ok: false, code: 'STALE_UPDATE', details } }];
    }
    const changed = !isSameContent(before, node);
    const done: Effect = { type: 'reply', ticket, reply: { ok: true, changed } };
    if (!changed) return [{ type: 'persist', operations: [], then: [done] }];
    this.#own = { ...this.#own, node };
    return this.#announce(now, [done]);
  }

  #depart(ticket: Ticket, forGood: boolean, now: Now): readonly Effect[] {
    const done: Effect = { type: 'reply', ticket, reply: { ok: true, changed: true } };
    if (this.#own === undefined) return [done];
    // Said already; but only what is written counts as said.
    if (this.#phase === 'stopping') return [{ type: 'persist', operations: [], then: [done] }];
    const unconfirmed = this.confirmations.stop(forGood, now);
    const withdrawn = forGood ? [...this.hosting.withdrawAll(now), ...this.bridge.withdrawAll(now)] : [];
    this.#phase = 'stopping';
    if (this.table.ledger.isQuarantined(this.author.peer)) return [...unconfirmed, ...withdrawn, done];
    const epoch = this.author.openEpoch(0);
    const own = this.table.ledger.recordBy(this.author.peer, this.#options.id);
    const record = this.author.write(
      {
        subject: this.#options.id,
        authority: 'self',
        context: this.#nameContext(),
        claimedAt: own?.claimedAt,
        leaseMs: 0,
        body: { type: 'departure', reason: 'left', ...shown(this.#own.agent) },
      },
      now.wallMs,
    );
    const operations: StoreOperation[] = [
      { type: 'put-meta', name: 'epoch', value: epoch },
      ...this.#vitals(now),
      ...this.#clockRows(),
    ];
    const farewell = this.detector.leave(now).effects;
    return [
      { type: 'persist', operations, then: [] },
      ...unconfirmed,
      ...withdrawn,
      // The farewell is written first as well: who has been told that we left must find it in our record.
      ...this.hosting.say(record, now, [...farewell, done]),
    ];
  }

  #enqueue(ticket: Ticket, request: DeliveryRequest, now: Now): readonly Effect[] {
    const done: Effect = { type: 'reply', ticket, reply: { ok: true, changed: true } };
    const enqueued = this.outbox.enqueue(request, now, [done]);
    if (enqueued.ok) return enqueued.effects;
    const { code, text } = enqueued.refusal;
    return [{ type: 'reply', ticket, reply: { ok: false, code, details: { text } } }];
  }

  #unlessClosed(ticket: Ticket): readonly Effect[] | undefined {
    if (this.#phase !== 'ready') return [refuse(ticket, 'NOT_READY', `the agent is ${this.#phase}`)];
    if (this.#storeProblem === undefined) return undefined;
    const text =
      this.#storeProblem === 'STORE_FULL'
        ? 'the disk of the data directory is full'
        : 'the database refuses writes at the moment';
    return [refuse(ticket, this.#storeProblem, text)];
  }

  #receive(input: Extract<Input, { readonly type: 'records-received' }>, now: Now): readonly Effect[] {
    const isHeld = input.via === 'sync';
    const effects = input.records.flatMap(record => this.#take(record, input.via, now, isHeld));
    if (input.via === 'gossip') return effects;
    return [
      ...effects,
      ...this.#exchanged(
        input.from,
        this.sync.arrived(input.from, bytesOf(input.records), input.last, now),
        now,
      ),
    ];
  }

  /** Takes one record in, and then whatever was waiting for it. */
  #take(record: VerifiedRecord, via: 'gossip' | 'sync', now: Now, isHeld = false): readonly Effect[] {
    this.succession.note(record); // True whether the record itself is taken in or not.
    const isNews = this.roster?.learnFrom(record) === true;
    const effects = this.#takeIn(record, via, now, isHeld);
    if (!isNews) return effects;
    return [...effects, ...this.#retry(this.table.parking.awaitingCertificate(record.author), via, now)];
  }

  #takeIn(record: VerifiedRecord, via: 'gossip' | 'sync', now: Now, isHeld: boolean): readonly Effect[] {
    const taken = this.table.take(record, now, isHeld);
    switch (taken.type) {
      case 'known':
        return [];
      case 'refused':
        return [{ type: 'refused', reason: taken.reason, via }];
      case 'parked':
        return [
          ...(taken.isNew ? [{ type: 'refused', reason: taken.reason, via } as const] : []),
          ...this.#defendName(record, now),
        ];
      case 'equivocation':
        return this.#prove(taken.proof);
      case 'admitted':
        return [
          ...taken.effects,
          ...this.#ownFirst(taken.records).flatMap(admitted => this.#learnFrom(admitted, now)),
          ...this.#retry(this.table.parking.waitingFor(record.subject), via, now),
        ];
      default:
        return unreachable(taken);
    }
  }

  /** Before we answer anything, we have to know how far our own key has come. */
  #ownFirst(records: readonly VerifiedRecord[]): readonly VerifiedRecord[] {
    if (records.length === 1) return records;
    const isOwn = (record: VerifiedRecord) => Number(record.author === this.author.peer);
    return [...records].sort((a, b) => isOwn(b) - isOwn(a));
  }

  #retry(parked: readonly VerifiedRecord[], via: 'gossip' | 'sync', now: Now): readonly Effect[] {
    return parked.flatMap(record => this.#take(record, via, now));
  }

  #learnFrom(record: VerifiedRecord, now: Now): readonly Effect[] {
    if (record.body.type === 'revocations') return this.#membership?.revoke(record) ?? [];
    this.author.observe(record.time);
    this.#dirtyClocks.add(record.author);
    if (record.author === this.author.peer) return this.#ownVoice(record, now);
    if (!isOfAgent(record)) return this.#noteHost(record, now);
    return [...this.#meet(record, now), ...this.#defendName(record, now), ...this.#dialDue(now)];
  }

  /** Of a host about a service. */
  #noteHost({ author, subject }: VerifiedRecord, now: Now): readonly Effect[] {
    const speaker = this.succession.latest(author);
    if (speaker === author && author !== this.author.peer && this.detector.member(author) === undefined)
      this.#strangers.note(author, now.monoMs);
    return this.#phase === 'ready' ? this.hosting.reassert(subject, now) : [];
  }

  /** What waited for this one to be gone, and what it said about services that we host as well. */
  #isGone(peer: PeerId, now: Now): readonly Effect[] {
    return [...this.table.ledger.subjectsOf(peer)].flatMap(subject => [
      ...this.#retry(this.table.parking.waitingFor(subject), 'sync', now),
      ...(this.#phase === 'ready' ? this.hosting.reassert(subject, now) : []),
    ]);
  }

  #giveUpStrangers(now: Now): readonly Effect[] {
    const gone = this.#strangers.giveUp(author => this.detector.member(author) !== undefined, now.monoMs);
    return gone.flatMap(author => [
      ...this.table.livenessChanged(author, 'dead', []),
      ...this.#isGone(author, now),
    ]);
  }

  /**
   * An agent's own record says who it is, where, and whether it is leaving.
   *
   * Whoever does not hold the name that it claims may hold it later, and host services: it has to be known whether
   * it is there. What it claims without holding it never takes the place of what is known of it.
   */
  #meet(record: VerifiedRecord, now: Now): readonly Effect[] {
    const { author, body, epoch } = record;
    if (this.succession.isFollowed(author)) return [];
    // Whoever is banned cannot escape by another key that follows its own.
    const shutOut = body.type === 'entry' && body.predecessor ? this.exclusion.settle(author, now) : [];
    if (this.exclusion.isBanned(author)) return shutOut;
    const before = this.detector.member(author);
    if (body.type === 'departure') {
      const fields = { ...unknownFields, ...before, peer: author, id: record.subject };
      return this.#noted(this.detector.left(memberFields(fields), epoch, now), now);
    }
    if (body.type !== 'entry' || (before !== undefined && !this.#isHeld(record))) return [];
    const { multiaddrs = [], probe = '', isBootstrap = false } = body.agent ?? {};
    if (before === undefined && !this.#hasRoomFor(record, probe, now)) return [];
    this.peering.addPeer(author, multiaddrs, 'record', now.monoMs, isBootstrap);
    const isFresh = now.wallMs - record.time.wallMs < this.#settings.joinTimeoutMs;
    const { nodeType, address, metricsPort } = body.node;
    const metrics = { host: address.slice(0, address.lastIndexOf(':')), port: metricsPort };
    const fields = { peer: author, id: record.subject, nodeType, isBootstrap, address: probe, metrics };
    const known = this.#noted(this.detector.known(fields, epoch, isFresh, now), now);
    return body.predecessor === undefined
      ? known
      : [...known, ...this.#leaveFormer(record, body.predecessor.peer, now)];
  }

  /** Whether this record has the name that it claims. */
  #isHeld(record: VerifiedRecord): boolean {
    return this.table.ledger.resolution(record.subject).winner === record;
  }

  /** Two may claim one name: whoever does not hold it is told apart by its key. */
  #nameOf(peer: PeerId, id: NodeId): NodeId {
    return this.table.ledger.resolution(id).winner?.author === peer ? id : peer;
  }

  *#namedMembers(): Iterable<KnownMember> {
    for (const { peer, id, state } of this.detector.members())
      yield { peer, id: this.#nameOf(peer, id), state };
  }

  /** Of a key that is not met we know as much as of one that nobody introduces: after a while it counts as gone. */
  #hasRoomFor({ author, body }: VerifiedRecord, probe: string, now: Now): boolean {
    // It takes the place of another one.
    if (body.type === 'entry' && body.predecessor !== undefined && this.#formerState(author) !== undefined)
      return true;
    const { detector } = this;
    if (this.newcomers.admits(probe, detector.members(), detector.membersCount, now.monoMs)) return true;
    this.#strangers.note(author, now.monoMs);
    return false;
  }

  /** There may be room by now for those for whom there was none. */
  #meetRefused(now: Now): readonly Effect[] {
    if (!this.newcomers.takeRefused()) return [];
    const { ledger } = this.table;
    const refused = [...ledger.records()].filter(
      record => isOfAgent(record) && this.detector.member(record.author) === undefined,
    );
    const others = refused.filter(({ author }) => author !== this.author.peer);
    return others.slice(0, refusedAtOnceMaxCount).flatMap(record => this.#meet(record, now));
  }

  /** A key gives its place to another one: it is probed and dialled no more, and what it said lives on. */
  #leaveFormer(record: VerifiedRecord, former: PeerId, now: Now): readonly Effect[] {
    const isKnown = this.detector.member(former) !== undefined || this.peering.contact(former) !== undefined;
    if (former === this.author.peer || !isKnown) return [];
    this.detector.forget(former);
    this.peering.forget(former);
    const operations = [
      { type: 'delete-contact', peer: former },
      { type: 'delete-reachability', peer: former },
    ] as const;
    return [
      log('key_rotated', { id: record.subject, former, peer: record.author }),
      { type: 'persist', operations, then: [] },
      ...this.table.livenessChanged(former, this.livenessOf(former), []),
      ...this.#isGone(former, now),
    ];
  }

  /** Our own key spoke, and it was not this process: an earlier life of ours, or a copy of the key. */
  #ownVoice(record: VerifiedRecord, now: Now): readonly Effect[] {
    this.hosting.adopt(record, now);
    if (compareDots(record, this.author.dot) < 0) return [];
    // Two processes that answer each other must not meet in one epoch: that would prove equivocation.
    const isTwin = this.ownVoice.heardCount > 0;
    const seen = record.epoch + (isTwin ? randomIndex(this.#random, twinEpochsCount) : 0);
    const epoch = this.author.openEpoch(seen);
    this.detector.openEpoch(epoch);
    return [
      { type: 'persist', operations: [{ type: 'put-meta', name: 'epoch', value: epoch }], then: [] },
      ...(this.ownVoice.hear(now.monoMs) ? this.#reportTwin(record) : []),
      ...this.#answerOwnVoice(now),
    ];
  }

  #reportTwin({ subject: id, epoch, sequence }: VerifiedRecord): readonly Effect[] {
    const data = { id, kind: 'key-in-use-twice', authors: [this.author.peer] } as const;
    return [
      { type: 'event', event: { event: 'conflict', data } },
      log('key_in_use_twice', { id, epoch, sequence, times: this.ownVoice.heardCount }),
    ];
  }

  #answerOwnVoice(now: Now): readonly Effect[] {
    if (this.#phase === 'stopping' || !this.ownVoice.takeAnswer(now.monoMs)) return [];
    return this.#announce(now);
  }

  /**
   * Another key speaks for our name. If it had seen us and took us for gone, we say that we are
   * not; if our claim comes second, we only report it, unless the holder is gone.
   */
  #defendName(record: VerifiedRecord, now: Now): readonly Effect[] {
    if (record.subject !== this.#options.id || record.author === this.author.peer) return [];
    const own = this.table.ledger.recordBy(this.author.peer, this.#options.id);
    if (own === undefined || this.#phase === 'stopping') return [];
    const isParked = this.table.ledger.recordBy(record.author, record.subject)?.digest !== record.digest;
    // A new record of ours is one that it had not seen, so it cannot follow us with it.
    return covers(record, own) && isParked ? this.#reannounce(now) : this.#reclaimName(now);
  }

  #reclaimName(now: Now): readonly Effect[] {
    const holder = this.#nameHolder;
    if (holder === undefined) return [];
    if (holder.isGone) return this.#reannounce(now);
    return [log('name_held_by_another_key', { id: this.#options.id, holder: holder.peer })];
  }

  /** Whoever holds our name instead of us. */
  get #nameHolder(): { readonly peer: PeerId; readonly isGone: boolean } | undefined {
    const { winner } = this.table.ledger.resolution(this.#options.id);
    if (!this.isNameLost || winner === undefined) return undefined;
    const state = this.livenessOf(winner.author);
    const isGone = winner.body.type === 'departure' || state === 'dead' || state === 'left';
    return { peer: winner.author, isGone };
  }

  #reannounce(now: Now): readonly Effect[] {
    if (this.#phase === 'stopping') return [];
    this.#isReassertOwed = now.monoMs < this.#nextReassertMonoMs;
    if (this.#isReassertOwed) return [];
    this.#nextReassertMonoMs = now.monoMs + reassertEveryMs;
    return this.#announce(now);
  }

  #prove(proof: Parameters<Table['quarantine']>[0]): readonly Effect[] {
    if (!this.table.ledger.isQuarantined(proof.author) && !this.table.ledger.hasRoomForProofs) {
      return [{ type: 'refused', reason: 'full', via: 'gossip' }];
    }
    const effects = this.table.quarantine(proof);
    if (effects.length === 0) return [];
    this.peering.forget(proof.author);
    return [
      ...effects,
      { type: 'publish-proof', proof },
      log('equivocation_proved', { author: proof.author, subject: proof.first.subject }),
      ...(proof.author === this.author.peer ? [] : [{ type: 'hang-up', peer: proof.author } as const]),
    ];
  }

  /** Operators have banned a key: as good as gone. */
  #shutOut(peer: PeerId, now: Now): readonly Effect[] {
    this.detector.forget(peer);
    this.peering.forget(peer);
    const operations = [{ type: 'delete-contact', peer }] as const;
    return [
      { type: 'persist', operations, then: [] },
      ...this.table.livenessChanged(peer, 'dead', []),
      ...this.#isGone(peer, now),
      ...(this.#nameHolder?.peer === peer ? this.#reclaimName(now) : []),
    ];
  }

  /** A ban is over: whoever it was is met again, by what it last said of itself. */
  #letBack(peer: PeerId, now: Now): readonly Effect[] {
    const { ledger } = this.table;
    const own = [...ledger.subjectsOf(peer)].flatMap(subject => ledger.recordBy(peer, subject) ?? []);
    return [
      ...own.filter(isOfAgent).flatMap(record => this.#meet(record, now)),
      ...this.table.livenessChanged(peer, this.livenessOf(peer), []),
      ...this.#dialDue(now),
    ];
  }

  #linkUp(peer: PeerId, address: string, now: Now): readonly Effect[] {
    const isShutOut = this.exclusion.isShutOut(peer) || this.retirement.isRevoked(peer);
    if (this.table.ledger.isQuarantined(peer) || isShutOut || !this.isMember(peer, now.wallMs))
      return [{ type: 'hang-up', peer }];
    this.#synced.delete(peer);
    this.links.up(peer, address, now.monoMs);
    const claims = this.retirement.latest();
    return [
      ...this.#noted(this.detector.linkUp(peer, now), now),
      ...this.outbox.seen(`peer:${peer}`, now),
      ...(claims.length === 0
        ? []
        : [{ type: 'send', to: peer, message: { type: 'claims', claims } } as const]),
      wake(syncAfterLinkMs * (1 + this.#random.next()), { type: 'sync-due', peer }),
    ];
  }

  #linkDown(peer: PeerId, now: Now): readonly Effect[] {
    // In a partial mesh links end by choice, and short ones were looks by a peer that has enough neighbours.
    const isPartial = this.#isPartialMesh();
    const wasLook = isPartial && this.links.ageMs(peer, now.monoMs) < lookMaxMs;
    this.sync.peerGone(peer);
    this.#synced.delete(peer);
    this.links.down(peer);
    this.peering.linkDown(peer, now.monoMs, wasLook);
    if (this.links.count === 0) this.#hasListeners = false;
    return [...this.#noted(this.detector.linkDown(peer, !isPartial, now), now), ...this.#dialDue(now)];
  }

  /** The first peer that listens hears what we said while nobody did, and passes it on. */
  #subscribed(peer: PeerId, now: Now): readonly Effect[] {
    const joins = this.#phase === 'starting' ? this.#beginSync(peer, now) : [];
    if (this.#hasListeners) return joins;
    this.#hasListeners = true;
    const fresh: VerifiedRecord[] = [];
    for (const subject of this.table.ledger.subjectsOf(this.author.peer)) {
      const record = this.table.ledger.recordBy(this.author.peer, subject);
      if (record !== undefined && now.wallMs - record.time.wallMs < this.#gossip.freshMs) fresh.push(record);
    }
    // More than that goes by sync, which the other verifies in slices.
    const records = fresh.sort(compareDots).slice(-freshMaxCount);
    return records.length > 0 ? [{ type: 'publish', records }, ...joins] : joins;
  }

  #beginSync(peer: PeerId, now: Now): readonly Effect[] {
    if (!this.links.has(peer)) return [];
    this.#synced.add(peer);
    const bans = this.exclusion.bans.latestStatements();
    return [
      ...this.#openSync(peer, now),
      ...publishProofs([...this.table.ledger.proofs.values()]),
      ...(bans.length > 0 ? [{ type: 'publish-bans', bans } as const] : []),
    ];
  }

  #openSync(peer: PeerId, now: Now): readonly Effect[] {
    if (this.agreement.isShunned(peer, now.monoMs)) return [];
    return this.sync.begin(peer, now).map(message => ({ type: 'send', to: peer, message }) as const);
  }

  #exchanged(peer: PeerId, { send, inStep, ended, lie }: SyncStep, now: Now): readonly Effect[] {
    const effects: Effect[] = send.map(message => ({ type: 'send', to: peer, message }));
    if (inStep) {
      this.confirmations.caughtUp();
      effects.push(...this.#ready());
    }
    if (ended !== undefined) effects.push(...this.#syncEnded(peer, ended, now));
    if (lie !== undefined) {
      this.detector.lied(peer, now);
      effects.push(...this.exclusion.fault(peer, 'sync-lie', now));
      effects.push(log('sync_lied', { peer, id: this.nodeIdOf(peer), lie }));
    }
    return effects;
  }

  #syncEnded(peer: PeerId, ended: ExchangeEnd, now: Now): readonly Effect[] {
    this.agreement.ended(peer, ended, this.sync.since(now), now.monoMs);
    const told: Effect = { type: 'sync-ended', peer, end: ended };
    const own = this.tree.root(this.sync.since(now)).root;
    if (ended.outcome === 'walked' && ended.peerRoot !== undefined && ended.peerRoot !== own) {
      // What still differs may be what we do not take from whom we have proved guilty, and the proof was lost.
      const proofs = drawn(this.#random, [...this.table.ledger.proofs.values()], proofsAgainMaxCount);
      return [told, ...publishProofs(proofs)];
    }
    // Who asked compared a root that may be ours no more, and waits for a probe or a receipt instead.
    if (ended.outcome === 'same' && ended.peerRoot === own)
      return [told, ...this.confirmations.rootAgreed(peer, now)];
    // Who has no time for a newcomer has it soon.
    if (this.#phase !== 'starting' || ended.outcome !== 'busy') return [told];
    this.#synced.delete(peer);
    return [told, wake(syncAfterLinkMs * (1 + this.#random.next()), { type: 'sync-due', peer })];
  }

  /** The root that it carries is compared with ours: a member that differs is found within a round of probes. */
  #heardProbe(probe: ReceivedProbe, now: Now): readonly Effect[] {
    const noted = this.#noted(this.detector.received(probe, now), now);
    if (probe.table === undefined || this.detector.member(probe.from) === undefined) return noted;
    const isEqual = this.agreement.heard(probe.from, probe.table, this.sync.since(now), now.monoMs);
    // Whoever is linked is asked what it has on its disk.
    if (!isEqual || this.links.has(probe.from)) return noted;
    return [...noted, ...this.confirmations.rootAgreed(probe.from, now)];
  }

  #walkDue(now: Now): readonly Effect[] {
    this.agreement.look(this.sync.since(now), now.monoMs);
    const linked = this.agreement.due(now.monoMs).filter(peer => this.links.has(peer));
    if (linked.length === 0) return this.#walkInstead(now);
    return linked.flatMap(peer => this.#openSync(peer, now));
  }

  /**
   * Those who differ are not linked, as most are not in a partial mesh. If it is we who missed something, whoever is
   * linked has it; if it is they, nearly everybody they ask tells them so.
   */
  #walkInstead(now: Now): readonly Effect[] {
    if (now.monoMs < this.#nextInsteadMonoMs || !this.agreement.isOutOfStep(now.monoMs)) return [];
    this.#nextInsteadMonoMs = now.monoMs + insteadEveryMs * (0.5 + this.#random.next());
    return this.#syncWithLinked(now);
  }

  #dialSucceeded(key: string, peer: PeerId, now: Now): readonly Effect[] {
    const wasLook = this.peering.dialSucceeded(key, peer);
    const multiaddrs =
      this.peering.contact(peer)?.multiaddrs ?? (key.startsWith('seed:') ? [key.slice(5)] : []);
    if (key.startsWith('seed:')) this.peering.addPeer(peer, multiaddrs, 'inbound', now.monoMs);
    const contact = { peer, multiaddrs, seenAtMs: now.wallMs };
    const kept: Effect = { type: 'persist', operations: [{ type: 'put-contact', contact }], then: [] };
    return wasLook ? [kept, { type: 'hang-up', peer }] : [kept];
  }

  #dialFailed(input: Extract<Input, { readonly type: 'dial-failed' }>, now: Now): readonly Effect[] {
    if (input.reason === 'self' && !input.key.startsWith('seed:/dns')) {
      // A list of seeds that all agents share names this one too; a name may stand for others the next time.
      this.peering.forget(input.key);
      return this.peering.contactsCount === 0 ? this.#ready() : [];
    }
    const peer = this.peering.contact(input.key)?.peer;
    const { lookUp } = this.peering.dialFailed(
      input.key,
      input.text,
      input.reason === 'foreign', // A name that stands for this agent may stand for others any moment.
      now.monoMs,
    );
    const isGone = peer !== undefined && this.peering.contact(peer) === undefined;
    return [
      log('dial_failed', { target: input.key, reason: input.reason, text: input.text }),
      ...(peer === undefined
        ? []
        : this.#noted(this.detector.dialFailed(peer, input.isRefused, input.text, now), now)),
      ...(isGone
        ? [{ type: 'persist', operations: [{ type: 'delete-contact', peer }], then: [] } as const]
        : []),
      ...(lookUp === undefined ? [] : [{ type: 'look-up', peer: lookUp } as const]),
    ];
  }

  #complainAboutSeeds(): readonly Effect[] {
    return [...this.peering.contacts()]
      .filter(contact => contact.sources.has('seed') && contact.failedDialsCount > 0)
      .map(contact =>
        log('seed_unreachable', { seed: contact.key.slice(5), error: contact.lastError ?? '' }),
      );
  }

  #dialDue(now: Now): readonly Effect[] {
    if (this.#phase === 'stopping') return [];
    const dials = this.peering.due(this.detector.membersCount, this.links.count, now.monoMs);
    return dials.map(dial => ({ type: 'dial', dial }) as const);
  }

  #noted(step: SwimStep, now: Now): readonly Effect[] {
    const effects: Effect[] = [...step.effects];
    for (const { member, by } of step.changed) {
      const { peer, state } = member;
      for (const key of [peer, ...this.succession.formersOf(peer)])
        effects.push(...this.table.livenessChanged(key, state, by));
      // The other side may have given up dialling us, or have a pause of half a minute before it.
      if (state === 'alive' && !this.links.has(peer)) this.peering.dialSoon(peer, now.monoMs);
      if (state !== 'dead' && state !== 'left') continue;
      effects.push(...this.#isGone(peer, now));
      if (member.id === this.#options.id) effects.push(...this.#reclaimName(now));
    }
    for (const accuser of step.falseAccusers)
      effects.push(...this.exclusion.fault(accuser, 'false-accusation', now));
    for (const claim of step.removals) {
      // An authority is no agent: whoever takes it out would take out the list of who was shut out.
      if (this.roster?.isAuthority(claim.subject) !== true) effects.push(...this.retirement.hear(claim, now));
    }
    return effects;
  }

  #tick(now: Now): readonly Effect[] {
    const effects: Effect[] = [
      { type: 'wake', afterMs: this.detector.nextTickMs(), input: { type: 'tick' }, afterPoll: true },
    ];
    effects.push(...this.outbox.tick(now));
    if (this.#phase === 'stopping') return effects;
    effects.push(...this.#noted(this.detector.tick(now), now), ...this.#dialDue(now));
    if (this.#phase === 'ready') effects.push(...this.backends.tick(now, tickMaxMs));
    if (this.#phase === 'ready') effects.push(...this.#walkDue(now));
    if (this.#isDue('second', secondMs, now)) effects.push(...this.#everySecond(now));
    if (this.#isDue('clock', clockFlushEveryMs, now) && this.#dirtyClocks.size > 0) {
      effects.push({ type: 'persist', operations: this.#clockRows(), then: [] });
    }
    if (this.#isDue('housekeeping', this.#housekeepingEveryMs, now)) effects.push(...this.#housekeeping(now));
    return effects;
  }

  #everySecond(now: Now): readonly Effect[] {
    const effects: Effect[] = [
      ...this.#noticeClockSetBack(now),
      ...this.hosting.expire(now),
      ...this.#giveUpStrangers(now),
      ...this.#watchPartition(now),
      ...this.bridge.tick(now),
      ...(this.#membership?.tick(now) ?? []),
    ];
    effects.push(...this.exclusion.tick(now));
    effects.push(...this.#answerOwnVoice(now));
    if (this.#isReassertOwed) effects.push(...this.#reannounce(now));
    for (const { peer, ended } of this.sync.tick(now.monoMs))
      effects.push(...this.#syncEnded(peer, ended, now));
    effects.push(...this.#retry(this.table.parking.records(), 'sync', now));
    if (now.monoMs >= this.#nextSyncMonoMs) effects.push(...this.#syncWithSomebody(now));
    return effects;
  }

  /** Our next certificate: from now on our entry shows it, and the network too. */
  #renewed(certificate: Uint8Array, now: Now): readonly Effect[] {
    const next = this.#membership?.nextIssued(certificate, now);
    if (next !== undefined) return next;
    if (this.#own === undefined || this.#membership?.isOwnNext(certificate) !== true) return [];
    this.#own = { ...this.#own, agent: { ...this.#own.agent, certificate } };
    const kept: Effect = { type: 'keep-certificate', certificate };
    return this.#phase === 'stopping'
      ? [kept]
      : [kept, log('own_certificate_renewed', {}), ...this.#announce(now)];
  }

  get #retentionMs(): number {
    return this.#settings.table.tombstoneRetentionMs ?? defaultTableSettings.tombstoneRetentionMs;
  }

  get #housekeepingEveryMs(): number {
    return Math.min(housekeepingMaxMs, this.#retentionMs / housekeepingsPerRetention);
  }

  /** Whether it is time again for something that is done every so often; the first time after one interval. */
  #isDue(name: string, everyMs: number, { monoMs }: Now): boolean {
    const dueMonoMs = this.#due.get(name) ?? this.#startedMonoMs + everyMs;
    // A tick may be early by less than its own rounding.
    if (monoMs < dueMonoMs - tickSlackMs) return false;
    this.#due.set(name, Math.max(dueMonoMs + everyMs, monoMs));
    return true;
  }

  #syncWithSomebody(now: Now): readonly Effect[] {
    const { intervalMs } = { ...defaultSyncSettings, ...this.#settings.sync };
    const stretch = syncStretch(this.detector.membersCount + 1);
    this.#nextSyncMonoMs = now.monoMs + intervalMs * stretch * (0.5 + this.#random.next());
    return this.#syncWithLinked(now);
  }

  #syncWithLinked(now: Now): readonly Effect[] {
    const linked = [...this.links.peers()]
      .filter(peer => this.detector.member(peer) !== undefined)
      .sort(compareText);
    const peer = linked[randomIndex(this.#random, Math.max(1, linked.length))];
    return peer === undefined ? [] : this.#openSync(peer, now);
  }

  #housekeeping(now: Now): readonly Effect[] {
    this.agreement.keep(peer => this.detector.member(peer) !== undefined);
    const operations = [
      ...this.table.reapTombstones(now),
      ...this.#vitals(now),
      ...this.#reachabilityRows(now),
    ];
    return [
      { type: 'persist', operations, then: [] },
      ...this.retirement.reap(now),
      ...this.#meetRefused(now),
    ];
  }

  /** We were gone too long, or an operator thought so: what we said is void, so we say it again. */
  #wasTakenOut(epoch: number, now: Now): readonly Effect[] {
    if (epoch < this.author.dot.epoch || now.monoMs < this.#nextReturnMonoMs || this.#phase === 'stopping')
      return [];
    this.#nextReturnMonoMs = now.monoMs + returnEveryMs;
    const opened = this.author.openEpoch(epoch);
    this.detector.openEpoch(opened);
    return [
      log('taken_out_but_alive', { epoch }),
      { type: 'persist', operations: [{ type: 'put-meta', name: 'epoch', value: opened }], then: [] },
      ...this.#announce(now),
      ...this.hosting.sayAgain(now),
      ...this.bridge.sayAgain(now),
      ...this.backends.sayAgain(now),
    ];
  }

  /**
   * Our clock was ahead, and has been set back. What we said meanwhile the others take for a thing of the
   * future, and would for as long as it was ahead: we say it again, as of now. Unless it is now that the clock is
   * wrong, as those of the others tell.
   */
  #noticeClockSetBack(now: Now): readonly Effect[] {
    const { ledger } = this.table;
    const boundMs = now.wallMs + (this.#settings.table.driftMaxMs ?? defaultTableSettings.driftMaxMs);
    const aheadMs = this.author.time.wallMs - now.wallMs;
    if (this.author.time.wallMs <= boundMs || ledger.isQuarantined(this.author.peer)) return [];
    if (Math.abs(this.detector.clockSkewMs ?? Number.POSITIVE_INFINITY) > boundMs - now.wallMs) return [];
    this.author.goBack(now.wallMs);
    const { peer } = this.author;
    const said = [...ledger.subjectsOf(peer)].sort(compareText).flatMap(subject => {
      const own = ledger.recordBy(peer, subject);
      if (own === undefined || own.time.wallMs <= boundMs) return [];
      const { authority, claimedAt, leaseMs, body } = own;
      // What it had not seen it does not speak about now either; but who hosts a service follows what others say.
      const isHosted = authority === 'host' && body.type === 'entry';
      const context = isHosted ? ledger.contextFor(peer, subject) : own.context;
      const record = this.author.write({ subject, authority, context, claimedAt, leaseMs, body }, now.wallMs);
      return this.hosting.say(record, now, []);
    });
    return [log('clock_set_back', { ahead_ms: Math.round(aheadMs) }), ...said];
  }

  // --- partitions ----------------------------------------------------------------------------------

  #watchPartition(now: Now): readonly Effect[] {
    const { detector } = this;
    const change = this.#partition.look(detector.members(), now.monoMs, detector.isAnybodySilent);
    if (change === undefined) return [];
    const { state, view } = change;
    const { reachable, known, here, there } = view;
    const told: Effect = { type: 'event', event: { event: 'partition', data: { state, reachable, known } } };
    if (state !== 'healed') {
      this.#recordsBefore = this.table.ledger.receivedCount;
      return [
        told,
        log(state === 'isolated' ? 'isolated' : 'partition_suspected', { reachable, known, here, there }),
      ];
    }
    // Both sides went on; what has come since is what they had not told each other.
    const records = this.table.ledger.receivedCount - this.#recordsBefore;
    return [told, log('partition_healed', { reachable, known, records }), ...this.#syncWithSomebody(now)];
  }

  #reachabilityRows(now: Now): readonly StoreOperation[] {
    const rows: StoreOperation[] = [];
    for (const { peer, reach } of this.detector.members()) {
      const reachability = reach.takeDirty(now.monoMs);
      if (reachability !== undefined) rows.push({ type: 'put-reachability', peer, reachability });
    }
    return rows;
  }

  #vitals(now: Now): readonly StoreOperation[] {
    return [{ type: 'put-meta', name: 'alive-at-ms', value: now.wallMs }];
  }

  #clockRows(): readonly StoreOperation[] {
    const rows: StoreOperation[] = [];
    for (const author of this.#dirtyClocks) {
      const dot = this.table.ledger.clock.get(author);
      if (dot !== undefined) rows.push({ type: 'put-clock', author, dot });
    }
    this.#dirtyClocks.clear();
    return rows;
  }

  #isPartialMesh(): boolean {
    return this.detector.membersCount > (this.#settings.peering.fullMeshMaxCount ?? 200);
  }
}

/** For an agent of which we know nothing but that it left. */
/** An agent is whose key its records are signed with; no other one can be told. */
const agentsHaveTheirOwn = {
  code: 'INVALID_PUBLIC_KEY',
  field: 'public_key',
  text: 'an agent has a key of its own, and takes no public_key for its entry',
} as const;
const unknownFields = { nodeType: 'backend', isBootstrap: false, address: '', metrics: undefined } as const;

/** In a large cluster many exchange at any moment anyway. Source: memberlist, `pushPullScale`. */
function syncStretch(agentsCount: number): number {
  return agentsCount <= 32 ? 1 : Math.ceil(Math.log2(agentsCount) - 5) + 1;
}

function bytesOf(records: readonly VerifiedRecord[]): number {
  return records.reduce((sum, { wire }) => sum + wire.length, 0);
}

function memberFields({ peer, id, nodeType, isBootstrap, address, metrics }: MemberFields): MemberFields {
  return { peer, id, nodeType, isBootstrap, address, metrics };
}

/** For a departure: whoever comes later has to know that a member has said it. */
function shown({ certificate }: AgentContact): { readonly certificate?: Uint8Array } {
  return certificate === undefined ? {} : { certificate };
}

/** Those of what the store kept that their authors had a right to say, by lists and certificates among them. */
function certified(roster: Roster, records: readonly VerifiedRecord[]): ReadonlySet<VerifiedRecord> {
  for (const record of records) if (roster.recordFault(record) === undefined) roster.revoke(record);
  for (const record of records) roster.learnFrom(record);
  return new Set(records.filter(record => roster.recordFault(record) === undefined));
}

/** Of an agent about itself, as opposed to what it says of the health of its services, or an authority of members. */
function isOfAgent({ authority, subject }: VerifiedRecord): boolean {
  return authority === 'self' && !isReservedSubject(subject);
}

function publishProofs(proofs: readonly EquivocationProof[]): readonly Effect[] {
  return proofs.map(proof => ({ type: 'publish-proof', proof }));
}

function wake(afterMs: number, input: Wake): Effect {
  return { type: 'wake', afterMs, input };
}

function refuse(ticket: Ticket, code: 'NOT_READY' | StoreProblem, text: string): Effect {
  return { type: 'reply', ticket, reply: { ok: false, code, details: { text } } };
}

function accepted(ticket: Ticket): Effect {
  return { type: 'reply', ticket, reply: { ok: true, changed: true } };
}

function log(event: CoreLogEvent, fields: Readonly<Record<string, unknown>>): Effect {
  return { type: 'log', event, fields };
}
