/**
 * What an agent that was away gets: with each peer that appears, and with a random one now and
 * then, the two compare fingerprints and, when these differ, pull what they lack.
 *
 *     A                              B
 *     summary ─────────────────────▶ same: done
 *             ◀───────────────────── summary, when they differ (the peer with the smaller id lists)
 *     have (all, answer) ──────────▶
 *             ◀───────────────────── want …  ◀▶ records
 *             ◀───────────────────── have (only A's gaps)
 *     want … ──────────────────────▶
 *
 * Everything is pulled, one bounded `want` at a time, so nobody can push more than was asked for
 * and a slow reader sets the pace. Listing every digest costs 8 bytes a record, 80 kB at 10,000;
 * walking down a tree of hashes will replace the lists behind the same interface. An exchange that
 * stalls is dropped; the next one starts from what has arrived meanwhile.
 */
import type { ExchangeMessage } from '../effects.ts';
import type { Ledger } from '../record/ledger.ts';
import { compareText, type Digest, type PeerId, type VerifiedRecord } from '../record/record.ts';
import type { VerifiedClaim } from '../swim/claim.ts';
import { digestsPerFrameMaxCount, type ShortDigest, type SyncMessage, shortDigest } from './message.ts';

export interface SyncSettings {
  /** Time between two exchanges with a random peer, ms. */
  readonly intervalMs: number;
  /** An exchange without progress for this long is given up, ms. */
  readonly stallMs: number;
  /** Records asked for in one `want`. */
  readonly wantMaxCount: number;
  /** Digests a peer may list in one exchange. */
  readonly listedMaxCount: number;
}

export const defaultSyncSettings: SyncSettings = {
  intervalMs: 10_000, // Guess: what gossip lost is back before anybody asks why.
  stallMs: 5_000, // Guess: a frame of 64 KiB passes any usable link in that time.
  wantMaxCount: 150, // Derived: 150 records of 400 bytes fill one frame of 60 KiB.
  listedMaxCount: 200_000, // Derived: twice the largest table.
};

type Outgoing = SyncMessage<VerifiedRecord, VerifiedClaim>;

interface Session {
  /** Digests the peer listed so far, while its list is coming in. */
  listed: Set<ShortDigest>;
  /** What the peer has and we lack, not asked for yet. */
  wanted: ShortDigest[];
  /** What each `want` under way asked for and has not brought yet; answers come in the same order. */
  readonly asked: Set<ShortDigest>[];
  progressMonoMs: number;
}

export interface SyncStep {
  readonly send: readonly Outgoing[];
  /** This agent lacks nothing that the peer had. */
  readonly inStep: boolean;
}

/** One list asks once; a peer that lists again and again gets no further. */
const wantsUnderWayMaxCount = 4;

const silent: SyncStep = { send: [], inStep: false };

/** Room for protobuf framing around the records of one frame. */
const recordsFrameMaxBytes = 56 * 1_024;

export class SyncExchange {
  readonly #settings: SyncSettings;
  readonly #self: PeerId;
  readonly #ledger: Ledger;
  readonly #sessions = new Map<PeerId, Session>();
  /** Short digests to records, made when first asked for and dropped when the table changes. */
  #index:
    | { readonly fingerprint: string; readonly records: ReadonlyMap<ShortDigest, VerifiedRecord> }
    | undefined;

  constructor(
    settings: Partial<SyncSettings>,
    components: { readonly self: PeerId; readonly ledger: Ledger },
  ) {
    this.#settings = { ...defaultSyncSettings, ...settings };
    this.#self = components.self;
    this.#ledger = components.ledger;
  }

  get sessionsCount(): number {
    return this.#sessions.size;
  }

  begin(): Outgoing {
    return { type: 'summary', fingerprint: this.#ledger.fingerprint, count: this.#ledger.recordsCount };
  }

  peerGone(peer: PeerId): void {
    this.#sessions.delete(peer);
  }

  /** Drops what stalled. To be called about once a second. */
  tick(monoMs: number): void {
    for (const [peer, session] of this.#sessions) {
      if (monoMs - session.progressMonoMs > this.#settings.stallMs) this.#sessions.delete(peer);
    }
    if (this.#sessions.size === 0) this.#index = undefined;
  }

  receive(from: PeerId, message: ExchangeMessage, monoMs: number): SyncStep {
    switch (message.type) {
      case 'summary':
        return this.#compare(from, message.fingerprint);
      case 'have':
        return this.#collect(from, message, monoMs);
      case 'want':
        return { send: this.#serve(message.digests), inStep: false };
    }
  }

  /** Whether this peer was asked for this record; once, so that it cannot send it again and again. */
  takeAsked(from: PeerId, digest: Digest): boolean {
    return this.#sessions.get(from)?.asked.some(want => want.delete(shortDigest(digest))) ?? false;
  }

  /** A frame of records has been taken in; after the last one of an answer the next are asked for. */
  arrived(from: PeerId, last: boolean, monoMs: number): SyncStep {
    const session = this.#sessions.get(from);
    if (session === undefined) return silent;
    session.progressMonoMs = monoMs;
    if (!last) return silent;
    session.asked.shift();
    return this.#askNext(from, session);
  }

  #compare(from: PeerId, fingerprint: string): SyncStep {
    if (fingerprint === this.#ledger.fingerprint) return { send: [], inStep: true };
    // One side lists, or both would: the one with the smaller id.
    if (compareText(this.#self, from) > 0) return { send: [this.begin()], inStep: false };
    const all = [...this.#ledger.records()].map(record => shortDigest(record.digest));
    return { send: lists(all, true), inStep: false };
  }

  #collect(from: PeerId, message: Extract<ExchangeMessage, { type: 'have' }>, monoMs: number): SyncStep {
    const session = this.#session(from, monoMs);
    for (const digest of message.digests) {
      if (session.listed.size >= this.#settings.listedMaxCount) break;
      session.listed.add(digest);
    }
    if (!message.last) return silent;

    const { listed } = session;
    session.listed = new Set();
    const own = this.#records();
    const isAsked = (digest: ShortDigest) => session.asked.some(want => want.has(digest));
    session.wanted = [...listed].filter(digest => !own.has(digest) && !isAsked(digest));
    const answer = message.answer
      ? lists(
          [...own.keys()].filter(digest => !listed.has(digest)),
          false,
        )
      : [];
    const next = this.#askNext(from, session);
    return { send: [...answer, ...next.send], inStep: next.inStep };
  }

  #askNext(from: PeerId, session: Session): SyncStep {
    if (session.asked.length >= wantsUnderWayMaxCount) return silent;
    const digests = session.wanted.splice(0, this.#settings.wantMaxCount);
    if (digests.length === 0) {
      if (session.asked.length > 0) return silent;
      this.#sessions.delete(from);
      return { send: [], inStep: true };
    }
    session.asked.push(new Set(digests));
    return { send: [{ type: 'want', digests }], inStep: false };
  }

  #serve(digests: readonly ShortDigest[]): readonly Outgoing[] {
    const own = this.#records();
    const frames: VerifiedRecord[][] = [[]];
    let bytes = 0;
    for (const digest of new Set(digests.slice(0, this.#settings.wantMaxCount))) {
      const record = own.get(digest);
      if (record === undefined) continue;
      if (bytes + record.wire.length > recordsFrameMaxBytes) {
        frames.push([]);
        bytes = 0;
      }
      frames.at(-1)?.push(record);
      bytes += record.wire.length;
    }
    return frames.map((records, i) => ({ type: 'records', records, last: i === frames.length - 1 }));
  }

  #session(peer: PeerId, monoMs: number): Session {
    let session = this.#sessions.get(peer);
    if (session === undefined) {
      session = { listed: new Set(), wanted: [], asked: [], progressMonoMs: monoMs };
      this.#sessions.set(peer, session);
    }
    session.progressMonoMs = monoMs;
    return session;
  }

  #records(): ReadonlyMap<ShortDigest, VerifiedRecord> {
    const { fingerprint } = this.#ledger;
    if (this.#index?.fingerprint !== fingerprint) {
      const records = new Map<ShortDigest, VerifiedRecord>();
      for (const record of this.#ledger.records()) records.set(shortDigest(record.digest), record);
      this.#index = { fingerprint, records };
    }
    return this.#index.records;
  }
}

function lists(digests: readonly ShortDigest[], answer: boolean): readonly Outgoing[] {
  const frames: Outgoing[] = [];
  for (let i = 0; i < digests.length || i === 0; i += digestsPerFrameMaxCount) {
    const part = digests.slice(i, i + digestsPerFrameMaxCount);
    frames.push({ type: 'have', digests: part, last: i + digestsPerFrameMaxCount >= digests.length, answer });
  }
  return frames;
}
