/**
 * From bytes to verified records: what a peer sends is decoded under limits, screened by the core
 * for whether it is worth a signature check, and verified.
 *
 * Gossip is judged at once, for the verdict decides whether the message travels on. Sync frames can
 * hold many records and wait their turn: a few milliseconds of signature checks, then the loop is
 * free for whatever else has come in. A blocked loop is how agents come to suspect healthy peers.
 */

import type { Input, Refusal } from '../core/effects.ts';
import { RateLimit } from '../core/gossip/rate-limit.ts';
import type { Protocol } from '../core/protocol.ts';
import { compareDots, type PeerId, type VerifiedRecord } from '../core/record/record.ts';
import type { VerifiedBan } from '../core/reputation/ban.ts';
import type { Fault } from '../core/reputation/reputation.ts';
import type {
  Clock,
  RecordCodec,
  UnverifiedBan,
  UnverifiedClaim,
  UnverifiedRecord,
  Verdict,
} from './ports.ts';
import { recordsPerMessageMaxCount } from './publisher.ts';

/** Why bytes from a peer were thrown away before the core saw them. */
export type Rejection =
  | 'malformed'
  | 'wrong-cluster'
  | 'bad-signature'
  | 'bad-proof'
  | 'peer-rate'
  | 'unasked'
  | 'queue-full';

export interface IntakeHandlers {
  readonly feed: (input: Input) => void;
  /** The peer at the other end of a connection did what no honest one does, or sent too much. */
  readonly onFault: (peer: PeerId, fault: Fault) => void;
  readonly onClaims: (from: PeerId, claims: readonly UnverifiedClaim[]) => void;
  readonly onRejected: (rejection: Rejection | Refusal, via: 'gossip' | 'sync', from: PeerId) => void;
}

export interface IntakeSettings {
  /** Gossip messages taken from one peer per second, and at once. */
  readonly peerMessagesPerSecond: number;
  readonly peerBurstCount: number;
}

export const defaultIntakeSettings: IntakeSettings = {
  peerMessagesPerSecond: 500, // Guess: a batch every 2 ms.
  peerBurstCount: 2_000, // Guess: a storm of registrations reaching us through one neighbour.
};

/** We send one at a time; each costs two signature checks before the verdict. */
const proofsPerMessageMaxCount = 4;
/** Signature checks in one turn: about 5 ms at 0.1 ms each. */
const checksPerTurn = 50;
const framesQueuedMaxCount = 512;
/** Of what others may send, whoever is throttled may send a tenth. Guess. */
const throttledShare = 10;

/** Faults of whoever sent the bytes, over a connection that its key authenticates. */
const faultOf: Readonly<Partial<Record<Rejection | Refusal, Fault>>> = {
  malformed: 'malformed',
  'wrong-cluster': 'malformed',
  'bad-signature': 'bad-signature',
  'bad-proof': 'bad-signature',
  'peer-rate': 'flood',
  'queue-full': 'flood',
};

interface QueuedFrame {
  readonly from: PeerId;
  readonly records: readonly UnverifiedRecord[];
  readonly last: boolean;
}

export class Intake {
  readonly #handlers: IntakeHandlers;
  readonly #protocol: Protocol;
  readonly #codec: RecordCodec;
  readonly #clock: Clock;
  readonly #cluster: string;
  readonly #peerRate: RateLimit;
  readonly #throttledRate: RateLimit;
  #frames: QueuedFrame[] = [];
  #position = 0;
  #verified: VerifiedRecord[] = [];

  constructor(
    options: { readonly cluster: string; readonly settings: Partial<IntakeSettings> },
    handlers: IntakeHandlers,
    components: { readonly protocol: Protocol; readonly codec: RecordCodec; readonly clock: Clock },
  ) {
    const settings = { ...defaultIntakeSettings, ...options.settings };
    this.#cluster = options.cluster;
    this.#handlers = handlers;
    this.#protocol = components.protocol;
    this.#codec = components.codec;
    this.#clock = components.clock;
    this.#peerRate = new RateLimit({
      perSecond: settings.peerMessagesPerSecond,
      burstCount: settings.peerBurstCount,
      bucketsMaxCount: 4_096,
    });
    this.#throttledRate = new RateLimit({
      perSecond: settings.peerMessagesPerSecond / throttledShare,
      burstCount: settings.peerBurstCount / throttledShare,
      bucketsMaxCount: 4_096,
    });
  }

  gossip(from: PeerId, bytes: Uint8Array): Verdict {
    const now = this.#clock.now();
    // A connection takes a moment to end.
    if (!this.#protocol.isMember(from, now.wallMs))
      return this.#dismiss('uncertified', 'gossip', from, 'ignore');
    if (!this.#hasRoomFor(from)) return this.#dismiss('peer-rate', 'gossip', from, 'ignore');
    const message = this.#codec.decodeGossip(bytes);
    if (
      message === undefined ||
      message.records.length > 2 * recordsPerMessageMaxCount ||
      message.proofs.length > proofsPerMessageMaxCount
    ) {
      return this.#dismiss('malformed', 'gossip', from, 'reject');
    }
    const verified: VerifiedRecord[] = [];
    const unchecked: UnverifiedRecord[] = [];
    for (const record of message.records) {
      const checked = this.#check(record, 'gossip', from);
      if (checked === 'reject') return 'reject';
      if (checked === 'ignore') unchecked.push(record);
      else verified.push(checked);
    }
    let isVouchedFor = true;
    const proofs: (readonly [VerifiedRecord, VerifiedRecord])[] = [];
    for (const [first, second] of message.proofs) {
      if (this.#protocol.table.ledger.isQuarantined(first.author)) {
        isVouchedFor = false;
        continue;
      }
      const proof = this.#prove(first, second);
      if (proof === undefined) return this.#dismiss('bad-proof', 'gossip', from, 'reject');
      proofs.push(proof);
    }
    const bans: VerifiedBan[] = [];
    for (const ban of message.bans) {
      if (!this.#wantsBan(ban)) continue;
      const checked = this.#codec.verifyBan(ban);
      if (checked === undefined) return this.#dismiss('bad-signature', 'gossip', from, 'reject');
      bans.push(checked);
    }
    const { ledger } = this.#protocol.table;
    const before = ledger.receivedCount;
    const proofsBefore = ledger.proofs.size;
    if (verified.length > 0) {
      this.#handlers.feed({ type: 'records-received', from, via: 'gossip', records: verified, last: false });
    }
    for (const [first, second] of proofs) this.#handlers.feed({ type: 'proof-received', first, second });
    for (const ban of bans) this.#handlers.feed({ type: 'ban-received', ban });
    if (bans.length < message.bans.length) isVouchedFor = false; // What was not looked at is not passed on.
    const isNews = bans.length > 0 || ledger.receivedCount > before || ledger.proofs.size > proofsBefore;
    // What the banned say is kept, or tables would differ, but nobody hears it from us.
    if (!isNews || verified.some(({ author }) => this.#protocol.exclusion.isBanned(author))) return 'ignore';
    const vouched = this.#vouchFor(unchecked, from);
    return vouched === 'accept' && !isVouchedFor ? 'ignore' : vouched;
  }

  /**
   * Whoever passes a message on vouches for the whole of it: else anybody could put a forged record beside a genuine
   * one, where we know the first already, and have us punished by the next who does not.
   */
  #vouchFor(unchecked: readonly UnverifiedRecord[], from: PeerId): Verdict {
    const { ledger } = this.#protocol.table;
    for (const record of unchecked) {
      // Whoever may not speak, or speaks too much, is not worth a signature check; nor is he passed on.
      if (ledger.isQuarantined(record.author) || ledger.wants(record)) return 'ignore';
      const held = ledger.recordBy(record.author, record.subject);
      if (held?.digest === record.digest && Buffer.compare(held.wire, record.wire) === 0) continue;
      if (this.#codec.verify(record) === undefined)
        return this.#dismiss('bad-signature', 'gossip', from, 'reject');
    }
    return 'accept';
  }

  #wantsBan(ban: UnverifiedBan): boolean {
    const { exclusion, detector } = this.#protocol;
    return exclusion.bans.wants(ban, detector.member(ban.issuer) !== undefined, this.#clock.now());
  }

  /** A tenth of it for whoever was caught at something. */
  #hasRoomFor(from: PeerId): boolean {
    const { monoMs } = this.#clock.now();
    if (this.#protocol.reputation.standing(from) !== 'good' && !this.#throttledRate.take(from, monoMs))
      return false;
    return this.#peerRate.take(from, monoMs);
  }

  frame(from: PeerId, bytes: Uint8Array): void {
    if (!this.#protocol.isMember(from, this.#clock.now().wallMs)) {
      this.#handlers.onRejected('uncertified', 'sync', from);
      return;
    }
    const message = this.#codec.decodeFrame(bytes);
    if (message === undefined) {
      this.#reject('malformed', 'sync', from);
      return;
    }
    if (message.type === 'claims') return this.#handlers.onClaims(from, message.claims);
    if (message.type === 'look') return this.#handlers.feed({ type: 'look-asked', from });
    if (message.type === 'held?')
      return this.#handlers.feed({ type: 'held-asked', from, items: message.items });
    if (message.type === 'renewal?') return this.#handlers.feed({ type: 'renewal-asked', from });
    if (message.type === 'certificate?') {
      const { key, signature } = message;
      if (this.#codec.mayFollow(from, key, signature))
        this.#handlers.feed({ type: 'certificate-asked', from, key });
      else this.#reject('bad-signature', 'sync', from);
      return;
    }
    if (message.type === 'renewal')
      return this.#handlers.feed({ type: 'renewed', certificate: message.certificate });
    if (message.type === 'held') return this.#handlers.feed({ type: 'held', from, digests: message.digests });
    if (message.type !== 'records') return this.#handlers.feed({ type: 'sync-message', from, message });
    if (this.#frames.length >= framesQueuedMaxCount) {
      this.#reject('queue-full', 'sync', from);
      return;
    }
    const { sync } = this.#protocol;
    const records = message.records.filter(record => sync.takeAsked(from, record));
    if (records.length < message.records.length) this.#handlers.onRejected('unasked', 'sync', from);
    // Nothing asked for and nothing closed: not worth a place in the queue, which others need.
    if (records.length === 0 && !message.last) return;
    this.#frames.push({ from, records, last: message.last });
    if (this.#frames.length === 1) this.#clock.soon(() => this.#work());
  }

  #work(): void {
    const frame = this.#frames[0];
    if (frame === undefined) return;
    let checks = 0;
    while (this.#position < frame.records.length && checks < checksPerTurn) {
      const checked = this.#check(frame.records[this.#position] as UnverifiedRecord, 'sync', frame.from);
      if (typeof checked !== 'string') this.#verified.push(checked);
      if (checked !== 'ignore') checks += 1;
      this.#position += 1;
    }
    if (this.#position >= frame.records.length) {
      const records = this.#verified;
      this.#frames.shift();
      this.#position = 0;
      this.#verified = [];
      this.#handlers.feed({
        type: 'records-received',
        from: frame.from,
        via: 'sync',
        records,
        last: frame.last,
      });
    }
    if (this.#frames.length > 0) this.#clock.soon(() => this.#work());
  }

  #check(
    record: UnverifiedRecord,
    via: 'gossip' | 'sync',
    from: PeerId,
  ): VerifiedRecord | 'ignore' | 'reject' {
    if (record.cluster !== this.#cluster) return this.#dismiss('wrong-cluster', via, from, 'reject');
    const screened = this.#protocol.screen(record, via, this.#clock.now());
    if (screened === 'known') return 'ignore';
    if (screened !== 'verify') return this.#dismiss(screened, via, from, 'ignore');
    return this.#codec.verify(record) ?? this.#dismiss('bad-signature', via, from, 'reject');
  }

  #prove(
    first: UnverifiedRecord,
    second: UnverifiedRecord,
  ): readonly [VerifiedRecord, VerifiedRecord] | undefined {
    const contradicts =
      first.author === second.author && compareDots(first, second) === 0 && first.digest !== second.digest;
    if (!contradicts) return undefined;
    const halves = [this.#codec.verify(first), this.#codec.verify(second)] as const;
    return halves[0] === undefined || halves[1] === undefined ? undefined : [halves[0], halves[1]];
  }

  #dismiss<V extends Verdict>(
    rejection: Rejection | Refusal,
    via: 'gossip' | 'sync',
    from: PeerId,
    verdict: V,
  ): V {
    this.#reject(rejection, via, from);
    return verdict;
  }

  #reject(rejection: Rejection | Refusal, via: 'gossip' | 'sync', from: PeerId): void {
    this.#handlers.onRejected(rejection, via, from);
    const fault = faultOf[rejection];
    if (fault !== undefined) this.#handlers.onFault(from, fault);
  }
}
