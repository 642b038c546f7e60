/**
 * What an agent that was away gets: two agents whose roots differ walk down to where their tables do, and each
 * pulls what it lacks.
 *
 *     asker                            answerer
 *     open (root, hints) ────────────▶ same: close
 *             ◀─────────────────────── branches: its hashes where the two differ, two levels at a time
 *     walk … ────────────────────────▶
 *             ◀─────────────────────── branches …, down to the digests in each leaf that differs
 *     want … ────────────────────────▶
 *             ◀─────────────────────── records
 *     offer (what only the asker has) ▶
 *             ◀─────────────────────── want …  ◀▶ records, then close: took
 *     close: end ────────────────────▶
 *
 * Everything is pulled, one bounded question at a time, so nobody can push more than was asked for and a slow
 * reader sets the pace. The answerer keeps nothing of a walk. An exchange that stalls is dropped; the next one
 * finds only what still differs, so it goes on where the last one ended.
 */
import { RateLimit } from '../gossip/rate-limit.ts';
import { compareText, type PeerId, type VerifiedRecord } from '../record/record.ts';
import type { VerifiedClaim } from '../swim/claim.ts';
import type { Now } from '../time.ts';
import { comparedSince } from './expiry.ts';
import {
  type Close,
  type ExchangeMessage,
  frameBudgetBytes,
  messageBytes,
  refsPerFrameMaxCount,
  type SyncMessage,
} from './message.ts';
import {
  digestOf,
  type HashParts,
  type RecordRef,
  type RecordTree,
  type TreeHash,
  treeHashLength,
} from './tree.ts';
import { answerOpen, answerWalk, type Lie, openingOf, Walk } from './walk.ts';

export interface SyncSettings {
  /** Time between two exchanges with a random peer, ms. */
  readonly intervalMs: number;
  /** An exchange without progress for this long is given up, ms; the next one with that peer after twice as long. */
  readonly stallMs: number;
  /** An exchange that takes longer is ended, whatever its progress, ms. */
  readonly exchangeMaxMs: number;
  /** Records asked for in one `want`. */
  readonly wantMaxCount: number;
  /** Records a peer may list or offer in one exchange. */
  readonly listedMaxCount: number;
  /** Exchanges that peers may have open with us at once. */
  readonly inboundMaxCount: number;
  /** Exchanges that we have open with peers at once. */
  readonly outboundMaxCount: number;
}

export const defaultSyncSettings: SyncSettings = {
  intervalMs: 10_000, // Guess: what gossip lost is back before anybody asks why.
  stallMs: 5_000, // Guess: a frame of 64 KiB passes any usable link in that time.
  exchangeMaxMs: 60_000, // Guess: six times what the largest table takes.
  wantMaxCount: 150, // Derived: 150 records of 400 bytes fill one frame of 60 KiB.
  listedMaxCount: 200_000, // Derived: twice the largest table.
  inboundMaxCount: 4, // Reliability study: more slow each other down.
  outboundMaxCount: 4, // As many.
};

type Outgoing = SyncMessage<VerifiedRecord, VerifiedClaim>;

export interface ExchangeEnd {
  readonly outcome: 'same' | 'walked' | 'busy' | 'stalled' | 'lied';
  readonly asked: boolean;
  readonly tookMs: number;
  /** Records that came, and that went. */
  readonly receivedCount: number;
  readonly sentCount: number;
  /** Both ways, about. */
  readonly bytes: number;
  /** Frames of ours that were answered before the exchange ended. */
  readonly rounds: number;
  /** The peer's root as it showed it last. */
  readonly peerRoot: TreeHash | undefined;
}

export interface SyncStep {
  readonly send: readonly Outgoing[];
  /** This agent lacks nothing that the peer had. */
  readonly inStep: boolean;
  readonly ended?: ExchangeEnd;
  readonly lie?: Lie;
}

interface Session {
  /** Ours to walk; absent where the peer asks. */
  readonly walk: Walk | undefined;
  /** What the peer has and we lack, not asked for yet. */
  wanted: RecordRef[];
  /** What each `want` under way asked for and has not brought yet; answers come in the same order. */
  readonly asked: Set<TreeHash>[];
  /** What we have and the peer lacks, not offered yet. */
  surplus: RecordRef[];
  /** An answer to a question or an offer is due: ours to the walk, or `took` to the peer's offer. */
  isAwaitingBranches: boolean;
  isAwaitingTook: boolean;
  owesTook: boolean;
  wasInStep: boolean;
  listedCount: number;
  receivedCount: number;
  sentCount: number;
  bytes: number;
  rounds: number;
  readonly startedMonoMs: number;
  progressMonoMs: number;
}

/** So many at once keep the link busy while records are verified. */
const wantsUnderWayMaxCount = 4;
/** While so many wait to be asked for, the walk does. */
const wantedEnoughCount = 4_000;
/** Peers of which we remember what they did not deliver, and how much. */
const withheldPeersMaxCount = 64;
const withheldMaxCount = 256;

/** As patient as four times the limit, where exchanges with a peer have stalled in a row. */
const patienceMax = 4;

const silent: SyncStep = { send: [], inStep: false };

export class SyncExchange {
  readonly #settings: SyncSettings;
  readonly #components: { readonly self: PeerId };
  readonly #tree: RecordTree;
  readonly #hash: HashParts;
  readonly #retentionMs: number;
  readonly #sessions = new Map<PeerId, Session>();
  /** Listed and, when asked for, not sent: once may be a record that was replaced meanwhile, twice is a lie. */
  readonly #withheld = new Map<PeerId, Set<TreeHash>>();
  /** How many exchanges that we asked a peer for have stalled in a row; of those that are linked. */
  readonly #stalls = new Map<PeerId, number>();
  /** Questions and wants answered; each costs us up to a frame. */
  readonly #servedRate = new RateLimit({ perSecond: 200, burstCount: 400, bucketsMaxCount: 256 });

  constructor(
    settings: Partial<SyncSettings>,
    components: {
      readonly self: PeerId;
      readonly tree: RecordTree;
      readonly hash: HashParts;
      /** How long departures are kept, ms: older ones are not compared. */
      readonly retentionMs: number;
    },
  ) {
    this.#settings = { ...defaultSyncSettings, ...settings };
    this.#components = components;
    this.#tree = components.tree;
    this.#hash = components.hash;
    this.#retentionMs = components.retentionMs;
  }

  get sessionsCount(): number {
    return this.#sessions.size;
  }

  hasSessionWith(peer: PeerId): boolean {
    return this.#sessions.has(peer);
  }

  /** The first expiry epoch that we compare. */
  since({ wallMs }: Now): number {
    return comparedSince(this.#retentionMs, wallMs);
  }

  /** Opens an exchange, unless one is open or there are enough. */
  begin(peer: PeerId, now: Now): readonly Outgoing[] {
    if (this.#sessions.has(peer) || this.#count(true) >= this.#settings.outboundMaxCount) return [];
    const since = this.since(now);
    const session = this.#open(peer, new Walk({ since }, { tree: this.#tree, hash: this.#hash }), now);
    session.isAwaitingBranches = true;
    return this.#sent(session, [openingOf(this.#tree, since)]);
  }

  peerGone(peer: PeerId): void {
    this.#sessions.delete(peer);
    this.#stalls.delete(peer);
  }

  /** Drops what stalled. To be called about once a second. */
  tick(monoMs: number): readonly { readonly peer: PeerId; readonly ended: ExchangeEnd }[] {
    const { stallMs, exchangeMaxMs } = this.#settings;
    return [...this.#sessions].flatMap(([peer, session]) => {
      // Whoever asks us gets no more of our time by being slow.
      const stallsCount = session.walk === undefined ? 0 : (this.#stalls.get(peer) ?? 0);
      const patience = Math.min(patienceMax, 2 ** stallsCount);
      const isStalled =
        monoMs - session.progressMonoMs > patience * stallMs ||
        monoMs - session.startedMonoMs > exchangeMaxMs;
      return isStalled ? [{ peer, ended: this.#end(peer, session, 'stalled', monoMs) }] : [];
    });
  }

  receive(from: PeerId, message: ExchangeMessage, now: Now): SyncStep {
    const session = this.#sessions.get(from);
    if (session !== undefined) session.bytes += messageBytes(message);
    switch (message.type) {
      case 'open':
        return this.#answerOpen(from, message, session, now);
      case 'walk':
        return this.#serve(from, session, now, () => [
          answerWalk(this.#tree, this.since(now), message.branches),
        ]);
      case 'branches':
        return session === undefined ? silent : this.#hearBranches(from, session, message, now);
      case 'offer':
        return session === undefined ? silent : this.#hearOffer(from, session, message.refs, now);
      case 'want':
        return this.#serve(from, session, now, () => this.#recordsFor(message.refs));
      case 'close':
        return session === undefined ? silent : this.#hearClose(from, session, message.reason, now);
    }
  }

  /**
   * Whether this peer was asked for this record; once, so that it cannot send it again and again.
   *
   * Where its subject has departed here, too long ago to be compared, nobody would tell the peer: it is offered that.
   */
  takeAsked(from: PeerId, record: Pick<VerifiedRecord, 'digest' | 'subject' | 'subjectHash'>): boolean {
    const session = this.#sessions.get(from);
    const digest = record.digest.slice(0, treeHashLength);
    if (session === undefined || !session.asked.some(want => want.delete(digest))) return false;
    session.receivedCount += 1;
    const { walk } = session;
    if (walk !== undefined)
      session.surplus = session.surplus.concat(this.#tree.hiddenRefs(record, walk.since));
    return true;
  }

  /** A frame of records has been taken in; after the last one of an answer the next are asked for. */
  arrived(from: PeerId, bytes: number, last: boolean, now: Now): SyncStep {
    const session = this.#sessions.get(from);
    if (session === undefined) return silent;
    session.progressMonoMs = now.monoMs;
    session.bytes += bytes;
    if (!last) return silent;
    const missing = session.asked.shift();
    if (missing === undefined) return silent;
    session.rounds += 1;
    return this.#wasWithheld(from, missing)
      ? this.#lied(from, session, 'withheld', now)
      : this.#goOn(from, session, now);
  }

  // --- the side that answers -----------------------------------------------------------------------

  #answerOpen(
    from: PeerId,
    open: Extract<ExchangeMessage, { type: 'open' }>,
    session: Session | undefined,
    now: Now,
  ): SyncStep {
    // Both opened at once: the one with the smaller id goes on asking. Who had answered before has ended ours, or
    // has started anew.
    const isAtOnce = session?.walk !== undefined && session.rounds === 0;
    if (isAtOnce && compareText(this.#components.self, from) < 0) return silent;
    if (!this.#servedRate.take(from, now.monoMs)) return silent;
    const since = Math.max(this.since(now), open.since);
    if (this.#tree.root(since).root === open.root && since === open.since) {
      if (session !== undefined) this.#sessions.delete(from);
      const ended = endOf(undefined, 'same', open.root, now.monoMs);
      return { send: [{ type: 'close', reason: 'same' }], inStep: true, ended };
    }
    // In place of one that there is already: it would else be refused while its own opening waits for an answer.
    if (session === undefined && this.#count(false) >= this.#settings.inboundMaxCount) {
      return { send: [{ type: 'close', reason: 'busy' }], inStep: false };
    }
    const opened = this.#open(from, undefined, now);
    return { send: this.#sent(opened, [answerOpen(this.#tree, since, open)]), inStep: false };
  }

  /** Whoever has no exchange open with us has to open one: their number is bounded. */
  #serve(from: PeerId, session: Session | undefined, now: Now, answer: () => readonly Outgoing[]): SyncStep {
    if (session === undefined) return { send: [{ type: 'close', reason: 'busy' }], inStep: false };
    if (!this.#servedRate.take(from, now.monoMs)) return silent;
    session.progressMonoMs = now.monoMs;
    const send = answer();
    for (const message of send) if (message.type === 'records') session.sentCount += message.records.length;
    return { send: this.#sent(session, send), inStep: false };
  }

  #recordsFor(refs: readonly RecordRef[]): readonly Outgoing[] {
    const frames: VerifiedRecord[][] = [[]];
    let bytes = 0;
    for (const ref of new Set(refs.slice(0, this.#settings.wantMaxCount))) {
      const record = this.#tree.find(ref);
      if (record === undefined) continue;
      const size = record.wire.length + 3;
      if (bytes + size > frameBudgetBytes) {
        frames.push([]);
        bytes = 0;
      }
      frames.at(-1)?.push(record);
      bytes += size;
    }
    return frames.map((records, i) => ({ type: 'records', records, last: i === frames.length - 1 }));
  }

  #hearOffer(from: PeerId, session: Session, refs: readonly RecordRef[], now: Now): SyncStep {
    // One at a time; what the asker offers unbidden is not looked at.
    if (session.walk !== undefined || session.owesTook) return silent;
    session.progressMonoMs = now.monoMs;
    session.owesTook = true;
    this.#list(session, refs.slice(0, refsPerFrameMaxCount));
    return this.#goOn(from, session, now);
  }

  // --- the side that asks --------------------------------------------------------------------------

  #hearBranches(
    from: PeerId,
    session: Session,
    message: Extract<ExchangeMessage, { type: 'branches' }>,
    now: Now,
  ): SyncStep {
    const { walk } = session;
    if (walk === undefined || !session.isAwaitingBranches) return silent;
    session.isAwaitingBranches = false;
    session.progressMonoMs = now.monoMs;
    session.rounds += 1;
    const { missing, surplus, lie } = walk.hear(message);
    if (lie !== undefined) return this.#lied(from, session, lie, now);
    // Shows nothing, again and again: that is no walk.
    const isEmpty = message.tops === undefined && message.nodes.length + message.leaves.length === 0;
    if (isEmpty && !this.#isWalked(session)) {
      return { send: [], inStep: false, ended: this.#end(from, session, 'stalled', now.monoMs) };
    }
    this.#list(session, missing);
    session.surplus = session.surplus.concat(surplus);
    return this.#goOn(from, session, now);
  }

  #hearClose(from: PeerId, session: Session, reason: Close, now: Now): SyncStep {
    switch (reason) {
      case 'same': {
        if (session.walk === undefined || !session.isAwaitingBranches || session.rounds > 0) return silent;
        return { send: [], inStep: true, ended: this.#end(from, session, 'same', now.monoMs) };
      }
      case 'busy': // The peer has no exchange open with us, or none to spare.
        return { send: [], inStep: false, ended: this.#end(from, session, 'busy', now.monoMs) };
      case 'took':
        if (!session.isAwaitingTook) return silent;
        session.isAwaitingTook = false;
        session.progressMonoMs = now.monoMs;
        session.rounds += 1;
        return this.#goOn(from, session, now);
      case 'end':
        if (session.walk !== undefined) return silent;
        return { send: [], inStep: true, ended: this.#end(from, session, 'walked', now.monoMs) };
    }
  }

  // --- both ----------------------------------------------------------------------------------------

  /** The next question, wants and offers, as far as they may go out now. */
  #goOn(from: PeerId, session: Session, now: Now): SyncStep {
    const send: Outgoing[] = [];
    const { walk } = session;
    while (session.asked.length < wantsUnderWayMaxCount) {
      const refs = this.#nextWanted(session);
      if (refs.length === 0) break;
      session.asked.push(new Set(refs.map(digestOf)));
      send.push({ type: 'want', refs });
    }
    const hasAll = session.wanted.length === 0 && session.asked.length === 0;
    if (walk === undefined) {
      if (hasAll && session.owesTook) {
        session.owesTook = false;
        send.push({ type: 'close', reason: 'took' });
      }
      return { send: this.#sent(session, send), inStep: false };
    }
    const isWalked = this.#isWalked(session);
    const mayWalk = !session.isAwaitingBranches && session.wanted.length < wantedEnoughCount;
    if (!isWalked && mayWalk) {
      session.isAwaitingBranches = true;
      send.push({ type: 'walk', branches: walk.next() });
    }
    if (isWalked && !session.isAwaitingTook && session.surplus.length > 0) {
      session.isAwaitingTook = true;
      send.push({ type: 'offer', refs: session.surplus.slice(0, refsPerFrameMaxCount) });
      session.surplus = session.surplus.slice(refsPerFrameMaxCount);
    }
    const inStep = isWalked && hasAll && !session.wasInStep;
    session.wasInStep ||= inStep;
    const isOver = session.wasInStep && !session.isAwaitingTook && session.surplus.length === 0;
    if (isOver) send.push({ type: 'close', reason: 'end' });
    const sent = this.#sent(session, send);
    return {
      send: sent,
      inStep,
      ...(isOver ? { ended: this.#end(from, session, 'walked', now.monoMs) } : {}),
    };
  }

  /** What has come another way meanwhile is not asked for. */
  #nextWanted(session: Session): readonly RecordRef[] {
    const refs: RecordRef[] = [];
    let taken = 0;
    for (const ref of session.wanted) {
      if (refs.length >= this.#settings.wantMaxCount) break;
      taken += 1;
      const digest = digestOf(ref);
      const isUnderWay = session.asked.some(want => want.has(digest));
      if (!isUnderWay && this.#tree.find(ref) === undefined) refs.push(ref);
    }
    session.wanted = session.wanted.slice(taken);
    return refs;
  }

  /** One that lists more than it may is not walked any further. */
  #isWalked({ walk, listedCount }: Session): boolean {
    return walk === undefined || walk.isDone || listedCount >= this.#settings.listedMaxCount;
  }

  /** Beyond the limit a peer is not listened to: what is left out is found by the next exchange. */
  #list(session: Session, refs: readonly RecordRef[]): void {
    const room = Math.max(0, this.#settings.listedMaxCount - session.listedCount);
    session.listedCount += refs.length;
    session.wanted = session.wanted.concat(refs.slice(0, room));
  }

  #wasWithheld(from: PeerId, missing: ReadonlySet<TreeHash>): boolean {
    if (missing.size === 0) return false;
    let before = this.#withheld.get(from);
    if (before === undefined) {
      for (const oldest of this.#withheld.keys()) {
        if (this.#withheld.size < withheldPeersMaxCount) break;
        this.#withheld.delete(oldest);
      }
      before = new Set();
      this.#withheld.set(from, before);
    }
    for (const digest of missing) {
      if (before.has(digest)) {
        this.#withheld.delete(from);
        return true;
      }
      if (before.size < withheldMaxCount) before.add(digest);
    }
    return false;
  }

  #lied(from: PeerId, session: Session, lie: Lie, now: Now): SyncStep {
    return { send: [], inStep: false, lie, ended: this.#end(from, session, 'lied', now.monoMs) };
  }

  #open(peer: PeerId, walk: Walk | undefined, { monoMs }: Now): Session {
    const session: Session = {
      walk,
      wanted: [],
      asked: [],
      surplus: [],
      isAwaitingBranches: false,
      isAwaitingTook: false,
      owesTook: false,
      wasInStep: false,
      listedCount: 0,
      receivedCount: 0,
      sentCount: 0,
      bytes: 0,
      rounds: 0,
      startedMonoMs: monoMs,
      progressMonoMs: monoMs,
    };
    this.#sessions.set(peer, session);
    return session;
  }

  #end(peer: PeerId, session: Session, outcome: ExchangeEnd['outcome'], monoMs: number): ExchangeEnd {
    this.#sessions.delete(peer);
    if (session.walk !== undefined) {
      if (outcome === 'stalled') this.#stalls.set(peer, (this.#stalls.get(peer) ?? 0) + 1);
      else this.#stalls.delete(peer);
    }
    return endOf(session, outcome, session.walk?.peerRoot, monoMs);
  }

  #sent(session: Session, send: readonly Outgoing[]): readonly Outgoing[] {
    for (const message of send) session.bytes += messageBytes(message);
    return send;
  }

  #count(ours: boolean): number {
    let count = 0;
    for (const { walk } of this.#sessions.values()) if ((walk !== undefined) === ours) count += 1;
    return count;
  }
}

function endOf(
  session: Session | undefined,
  outcome: ExchangeEnd['outcome'],
  peerRoot: TreeHash | undefined,
  monoMs: number,
): ExchangeEnd {
  return {
    outcome,
    asked: session?.walk !== undefined,
    tookMs: session === undefined ? 0 : monoMs - session.startedMonoMs,
    receivedCount: session?.receivedCount ?? 0,
    sentCount: session?.sentCount ?? 0,
    bytes: session?.bytes ?? 0,
    rounds: session?.rounds ?? 0,
    peerRoot,
  };
}
