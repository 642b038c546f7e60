/**
 * Who is alive: SWIM with Lifeguard, and rules of our own.
 *
 * One member is probed per interval; if it does not answer, helpers and the libp2p connection are asked;
 * if nobody reaches it, it is suspect, and dead unless it refutes in time. Claims about that ride on the
 * probes. What differs from the papers:
 *
 * - Nobody suspects on hearsay. An accusation makes us look ourselves, at once; only a failed probe of our
 *   own makes a member suspect, and accusations only shorten the wait. So a liar convinces nobody. The
 *   alternative, SWIM's rule that a suspicion or verdict of any member counts, lets one liar evict everybody.
 * - Evidence speeds up: a link that breaks makes us look at once, and a host that answers "nobody listens
 *   here" makes its agent suspect without further probing.
 * - While most members are silent nobody is declared dead: that is a partition, or our own fault.
 * - What waited while this process did not run proves nothing: late timers are armed again.
 *
 * Sources: SWIM (2002); Lifeguard (2017); memberlist.
 */
import type { CheckFailure } from '../backends/outcome.ts';
import type { Effect, Input, Wake } from '../effects.ts';
import { RateLimit } from '../gossip/rate-limit.ts';
import { type Random, shuffled } from '../random.ts';
import type { NodeId } from '../record/node.ts';
import { compareText, type PeerId } from '../record/record.ts';
import type { TreeRoot } from '../sync/tree.ts';
import type { Now } from '../time.ts';
import type { LivenessState } from '../view.ts';
import { type ClaimDraft, compareLives, isAccusation, type Life, type VerifiedClaim } from './claim.ts';
import { Dissemination } from './dissemination.ts';
import { LocalHealth } from './local-health.ts';
import { type Accusation, type Member, type MemberFields, type Tracked, track } from './member.ts';
import {
  datagramBaseBytes,
  datagramMaxBytes,
  type Nonce,
  type Origin,
  type ProbeBody,
  type ReceivedProbe,
} from './message.ts';
import { ProbeOrder } from './probe-order.ts';
import { credibilityMin, type Mark, Reachability, type StoredReachability } from './reachability.ts';
import { lan, type SwimSettings } from './settings.ts';
import { ackTimeoutMs, checkSpreadMs, retransmitLimit, suspicionLeftMs, suspicionRange } from './timing.ts';

export interface DetectorOptions {
  readonly self: PeerId;
  readonly selfId: NodeId;
  readonly epoch: number;
  readonly settings: Partial<SwimSettings>;
}

export interface DetectorComponents {
  readonly random: Random;
  readonly sealClaim: (draft: ClaimDraft) => VerifiedClaim;
  readonly isLinked: (peer: PeerId) => boolean;
  /** Whether a removal that covers this one is known already. */
  readonly isRemoved: (peer: PeerId, epoch: number) => boolean;
  /**
   * What this agent holds, for pings and acks; those of an agent without one say nothing of it.
   *
   * @param since - The first epoch that the peer compares, when it has told.
   */
  readonly tableRoot?: (now: Now, since: number | undefined) => TreeRoot;
}

export interface MemberChange {
  readonly member: Member;
  readonly from: LivenessState | undefined;
  /** Node ids of those who accuse it. */
  readonly by: readonly NodeId[];
}

/** What a step asks of its owner. */
export interface SwimStep {
  readonly changed: readonly MemberChange[];
  readonly effects: readonly Effect[];
  /** Claims that an operator took somebody out, for the owner to judge. */
  readonly removals: readonly VerifiedClaim[];
}

/** Why a datagram was not taken. */
export type ProbeRefusal = 'not-for-us' | 'old-epoch' | 'replayed' | 'sender-rate' | 'stranger-rate' | 'own';

/** How many are in which state; counted anew when somebody changed. */
interface Census {
  /** This agent and everybody who should be there. */
  readonly participants: number;
  readonly alive: number;
  readonly silent: number;
}

interface Probe {
  readonly nonce: Nonce;
  readonly target: PeerId;
  readonly startedMonoMs: number;
  dueMonoMs: number;
  stage: 'direct' | 'indirect';
  readonly isSecondLook: boolean;
  helpersCount: number;
  nacksCount: number;
  wasRearmed: boolean;
}

/** A question that we ask for somebody else. */
interface Errand {
  readonly target: PeerId;
  readonly origin: Origin;
}

const tickMinMs = 100;
export const tickMaxMs = 500;
/** Timers of Node.js count whole milliseconds and may be this much early by a finer clock. */
const timerSlackMs = 2;
/** A tick this much late says that the event loop is not well. Source: reliability study, p99 of a healthy loop. */
const lateMs = 100;
/** Checks begun at once, and per second; the rest waits for later ticks. */
const checksBurstCount = 64;
const checksPerSecond = 100;
const errandsMaxCount = 64;
/** A contradicted accuser is not looked into again for so long. */
const contradictedMs = 10_000;
const rttsKeptCount = 64;
/** From several silent members on, everybody is looked at, but not more often than this. */
const sweepIntervalMs = 5_000;
const sweepMaxCount = 64;
const nonceBound = 2 ** 48;
/** Keys of checks that are ours. */
const peerKeyPrefix = 'peer:';
const lookIntervalMs = 10_000;
const answeredAnyway: ReadonlySet<CheckFailure> = new Set<CheckFailure>([
  'not-ready',
  'status',
  'redirect',
  'too-large',
  'garbage',
]);
/** A suspect that has not answered over its link either for so many probe intervals loses it. */
const silentLinkIntervals = 5;
/** Farewells sent directly; more than that many agents hear of it from the others. */
const farewellsMaxCount = 64;
/** Conservative: what an ack without claims takes. */
const ackBaseBytes = 242;

export class Detector {
  readonly #options: DetectorOptions;
  readonly #parts: DetectorComponents;
  readonly #settings: SwimSettings;
  readonly #members = new Map<PeerId, Tracked>();
  readonly #order: ProbeOrder;
  readonly #lookOrder: ProbeOrder;
  readonly #news = new Dissemination();
  readonly #health: LocalHealth;
  readonly #probes = new Map<Nonce, Probe>();
  readonly #errands = new Map<Nonce, Errand>();
  readonly #stored = new Map<PeerId, StoredReachability>();
  readonly #senderRate = new RateLimit({ perSecond: 50, burstCount: 200, bucketsMaxCount: 4_096 });
  readonly #strangerRate = new RateLimit({ perSecond: 50, burstCount: 100, bucketsMaxCount: 1 });
  readonly #checkRate = new RateLimit({
    perSecond: checksPerSecond,
    burstCount: checksBurstCount,
    bucketsMaxCount: 1,
  });
  readonly #rtts: number[] = [];
  #life: Life;
  #counter = 0;
  #nextProbeMonoMs: number | undefined;
  #tickMs = tickMaxMs;
  #lastTickMonoMs: number | undefined;
  #nextLookMonoMs = lookIntervalMs;
  #lateMonoMs = Number.NEGATIVE_INFINITY;
  #stalledUntilMonoMs = Number.NEGATIVE_INFINITY;
  #sweptMonoMs = Number.NEGATIVE_INFINITY;
  #isNewsDue = false;
  #census: Census | undefined;
  #changed: MemberChange[] = [];
  #effects: Effect[] = [];
  #removals: VerifiedClaim[] = [];

  constructor(options: DetectorOptions, components: DetectorComponents) {
    this.#options = options;
    this.#parts = components;
    this.#settings = { ...lan, ...options.settings };
    this.#life = { epoch: options.epoch, incarnation: 0 };
    this.#order = new ProbeOrder(components.random);
    this.#lookOrder = new ProbeOrder(components.random);
    this.#health = new LocalHealth(this.#settings.localHealthMax);
  }

  // --- what is known -------------------------------------------------------------------------------

  get life(): Life {
    return this.#life;
  }

  get localHealth(): number {
    return this.#health.score;
  }

  get settings(): SwimSettings {
    return this.#settings;
  }

  members(): IterableIterator<Tracked> {
    return this.#members.values();
  }

  get membersCount(): number {
    return this.#members.size;
  }

  member(peer: PeerId): Tracked | undefined {
    return this.#members.get(peer);
  }

  /** The present wait for a direct ack, ms, without the stretch of local health. */
  get ackTimeoutMs(): number {
    return ackTimeoutMs(this.#settings, this.#rtts.length === 0 ? undefined : Math.max(...this.#rtts));
  }

  get suspicionRange() {
    return suspicionRange(this.#settings, this.#counted.participants);
  }

  /** Most members that should be there fell silent: nobody is declared dead for being silent. */
  get isFrozen(): boolean {
    const { participants, silent } = this.#counted;
    return silent * 2 > participants - 1;
  }

  /** Time left until the verdict, ms; `undefined` when there is none to come. */
  verdictLeftMs(member: Tracked, monoMs: number): number | undefined {
    const { suspicion } = member;
    if (member.state !== 'suspect' || suspicion === undefined) return undefined;
    if (member.isSilent && this.isFrozen) return undefined;
    const others = [...member.accusers].filter(([peer]) => peer !== this.#options.self);
    const leftMs = suspicionLeftMs(this.suspicionRange, others.length, monoMs - suspicion.sinceMonoMs);
    if (suspicion.refusedMonoMs === undefined) return leftMs;
    const witnesses = 1 + others.filter(([, { refused }]) => refused).length;
    // Two, unless there is nobody else who could have been told.
    if (witnesses < Math.min(2, 1 + this.#counted.alive)) return leftMs;
    return Math.min(leftMs, this.#settings.refusedWaitMs - (monoMs - suspicion.refusedMonoMs));
  }

  // --- what happens --------------------------------------------------------------------------------

  /** What the store remembers of peers that may come. */
  restore(stored: ReadonlyMap<PeerId, StoredReachability>): void {
    for (const [peer, reach] of stored) this.#stored.set(peer, reach);
  }

  /** We speak in a new epoch from now on. */
  openEpoch(epoch: number): void {
    if (epoch <= this.#life.epoch) return;
    this.#life = { epoch, incarnation: 0 };
    this.#counter = 0;
  }

  /**
   * A member's own record: who it is, where, and since which epoch.
   *
   * @param isFresh - It was written just now, which is a sign of life.
   */
  known(fields: MemberFields, epoch: number, isFresh: boolean, now: Now): SwimStep {
    if (fields.peer === this.#options.self) return this.#flush();
    const member = this.#members.get(fields.peer);
    const isPresent = isFresh || this.#parts.isLinked(fields.peer);
    if (member === undefined) {
      this.#add(fields, { epoch, incarnation: 0 }, isPresent ? 'alive' : 'suspect', now);
      return this.#flush();
    }
    const hadId = member.id;
    Object.assign(member, fields);
    const life = { epoch, incarnation: 0 };
    if (compareLives(life, member.life) > 0 && epoch > member.life.epoch) {
      this.#begin(member, life);
      if (isPresent) this.#become(member, 'alive', now);
      else if (member.state !== 'suspect') this.#become(member, 'suspect', now);
      if (!isPresent) this.#checkSoon(member, 0, now);
    } else if (isFresh && epoch === member.life.epoch && member.state === 'suspect') {
      this.#proofOfLife(member, undefined, now);
    } else if (hadId !== member.id) {
      this.#report(member, member.state);
    }
    return this.#flush();
  }

  /** A member's record says that it leaves, in an epoch of its own. */
  left(fields: MemberFields, epoch: number, now: Now): SwimStep {
    const life = { epoch, incarnation: 0 };
    const member = this.#members.get(fields.peer);
    if (member === undefined) this.#add(fields, life, 'left', now);
    else if (compareLives(life, member.life) >= 0) {
      this.#begin(member, life);
      this.#become(member, 'left', now);
    }
    return this.#flush();
  }

  forget(peer: PeerId): void {
    const member = this.#members.get(peer);
    if (member?.probe !== undefined) this.#probes.delete(member.probe);
    this.#members.delete(peer);
    this.#census = undefined;
    this.#order.remove(peer);
    this.#lookOrder.remove(peer);
    this.#news.forget(peer);
  }

  /** A connection stands: the peer has just proved its key to us. */
  linkUp(peer: PeerId, now: Now): SwimStep {
    const member = this.#members.get(peer);
    if (member !== undefined) {
      member.reach.layer('tcp', true, now.monoMs);
      if (member.state === 'suspect') this.#proofOfLife(member, undefined, now);
    }
    const claims = this.#claimsForLink(member);
    if (claims.length > 0)
      this.#effects.push({ type: 'send', to: peer, message: { type: 'claims', claims } });
    return this.#flush();
  }

  /** @param isEvidence - False where links come and go by choice, as in a partial mesh. */
  linkDown(peer: PeerId, isEvidence: boolean, now: Now): SwimStep {
    const member = this.#members.get(peer);
    if (member !== undefined && isEvidence) {
      member.reach.layer('tcp', false, now.monoMs, 'the connection broke');
      if (member.state === 'alive') this.#startProbe(member, true, now);
    }
    return this.#flush();
  }

  /** A dial found nobody. */
  dialFailed(peer: PeerId, isRefused: boolean, text: string, now: Now): SwimStep {
    const member = this.#members.get(peer);
    if (member === undefined || this.#parts.isLinked(peer)) return this.#flush();
    member.reach.layer('tcp', false, now.monoMs, text);
    if (member.state === 'alive') this.#startProbe(member, true, now);
    else if (isRefused && member.suspicion !== undefined) this.#wasRefused(member, now);
    return this.#flush();
  }

  /** Answer of the ping over the existing connection; `rttMs` is undefined when there was none. */
  pinged(peer: PeerId, rttMs: number | undefined, now: Now): SwimStep {
    const member = this.#members.get(peer);
    if (member === undefined) return this.#flush();
    member.reach.layer('ping', rttMs !== undefined, now.monoMs);
    const probe = this.#probeOf(member);
    if (rttMs !== undefined && probe?.stage === 'indirect') {
      member.rttMs = rttMs;
      this.#endProbe(probe);
      member.reach.layer('udp', false, now.monoMs, 'no answer; the link answers');
      this.#proofOfLife(member, 'L', now);
    }
    return this.#flush();
  }

  /** The answer of a member's HTTP shim, or another answer, which is not for us. */
  checked({ key, outcome }: Extract<Input, { readonly type: 'checked' }>, now: Now): SwimStep {
    if (!key.startsWith(peerKeyPrefix)) return this.#flush();
    const member = this.#members.get(key.slice(peerKeyPrefix.length));
    // Whoever answers is there, even if he says that he is not ready.
    const isThere = outcome.ok || answeredAnyway.has(outcome.reason);
    member?.reach.layer('http', isThere, now.monoMs, outcome.ok ? undefined : outcome.detail);
    return this.#flush();
  }

  /** The member's host says that nobody listens at its address. */
  refused(peer: PeerId, now: Now): SwimStep {
    const member = this.#members.get(peer);
    if (member === undefined || member.state === 'left') return this.#flush();
    member.reach.layer('udp', false, now.monoMs, 'refused');
    const probe = this.#probeOf(member);
    if (probe === undefined) return this.#flush(); // It came too late to say anything about today.
    if (this.#parts.isLinked(peer)) {
      // Somebody is there after all: ask over the link, now rather than after the wait.
      if (probe.stage === 'direct') this.#askOthers(probe, member, now);
      return this.#flush();
    }
    this.#endProbe(probe);
    member.reach.mark('x');
    this.#wasRefused(member, now);
    return this.#flush();
  }

  /** A member contradicted itself, or promised what it did not hold: its word counts for less. */
  lied(peer: PeerId, now: Now): void {
    this.#members.get(peer)?.reach.lied(now.monoMs);
  }

  /** Looks at a member soon, from a socket of its own, whatever the round says. */
  check(peer: PeerId, now: Now): SwimStep {
    const member = this.#members.get(peer);
    if (member !== undefined) this.#checkSoon(member, 0, now);
    return this.#flush();
  }

  wake(
    input: Extract<Wake, { readonly type: `${'probe' | 'errand' | 'news'}-${string}` }>,
    now: Now,
  ): SwimStep {
    switch (input.type) {
      case 'probe-overdue':
        this.#probeOverdue(input.nonce, now);
        break;
      case 'errand-overdue': {
        const errand = this.#errands.get(input.nonce);
        if (errand !== undefined)
          this.#answerErrand(input.nonce, errand, { type: 'nack', nonce: errand.origin.nonce }, now);
        break;
      }
      case 'news-due':
        this.#isNewsDue = false;
        this.#pushNews(now);
        break;
    }
    return this.#flush();
  }

  /** When to call `tick` next, ms from now: soon while there is a verdict to come, or twice an interval. */
  nextTickMs(): number {
    const idleMs = Math.min(tickMaxMs, Math.max(tickMinMs, this.#settings.probeIntervalMs / 2));
    this.#tickMs =
      this.#counted.participants > 1 + this.#counted.alive ? Math.min(tickMinMs, idleMs) : idleMs;
    return this.#tickMs;
  }

  /** To be called after `nextTickMs`. */
  tick(now: Now): SwimStep {
    this.#noticeLateness(now);
    this.#probeNext(now);
    for (const member of this.#members.values()) {
      if (member.checkDueMonoMs <= now.monoMs && this.#mayCheck(now)) this.#startProbe(member, true, now);
    }
    this.#passVerdicts(now);
    if (now.monoMs >= this.#nextLookMonoMs) this.#lookAround(now);
    return this.#flush();
  }

  /** We go: told to many directly, for the others may be asked about us before they hear of it. */
  leave(now: Now): SwimStep {
    const farewell = this.#seal({ kind: 'left', subject: this.#options.self, refused: false, ...this.#life });
    this.#news.add(farewell);
    for (const member of shuffled(this.#parts.random, this.#alive()).slice(0, farewellsMaxCount)) {
      this.#mail(member, { type: 'news' }, now, { first: [farewell] });
    }
    return this.#flush();
  }

  /** Makes it known that an operator took a member out. */
  remove(peer: PeerId, life: Life, now: Now): { readonly claim: VerifiedClaim; readonly step: SwimStep } {
    const claim = this.#seal({ kind: 'removed', subject: peer, refused: false, ...life });
    this.forget(peer);
    return { claim, step: this.spread(claim, now) };
  }

  /** Passes on what its owner found worth knowing. */
  spread(claim: VerifiedClaim, now: Now): SwimStep {
    this.#news.add(claim);
    this.#pushNews(now);
    return this.#flush();
  }

  // --- datagrams -----------------------------------------------------------------------------------

  /** Cheap checks of a datagram before the cost of a signature. */
  screen(
    { from, to, epoch, counter }: Pick<ReceivedProbe, 'from' | 'to' | 'epoch' | 'counter'>,
    address: string,
    now: Now,
  ): ProbeRefusal | undefined {
    const { self } = this.#options;
    if (from === self) return 'own';
    if (to !== self) return 'not-for-us';
    const member = this.#members.get(from);
    if (member === undefined) return this.#strangerRate.take('', now.monoMs) ? undefined : 'stranger-rate';
    if (epoch < member.life.epoch) return 'old-epoch';
    if (!member.window.isFresh(epoch, counter)) return 'replayed';
    // By address too: whoever writes a member's name on his datagrams must not use up its share.
    return this.#senderRate.take(`${from} ${address}`, now.monoMs) ? undefined : 'sender-rate';
  }

  /** Whether a claim is worth the cost of its signature. `sender`: whose datagram it came in. */
  wants(claim: ClaimDraft, sender: PeerId, now: Now): boolean {
    const { self } = this.#options;
    const { issuer, subject, kind } = claim;
    if (issuer === self) return false;
    if (kind === 'removed') return !this.#parts.isRemoved(subject, claim.epoch);
    if (subject === self) {
      // Also of one that is dead to us: two that have given each other up would otherwise never hear of it.
      const isHeard = (issuer === sender && this.#members.has(issuer)) || this.#isHeard(issuer, sender, now);
      return isAccusation(kind) && compareLives(claim, this.#life) >= 0 && isHeard;
    }
    const member = this.#members.get(subject);
    if (member === undefined) return false;
    const order = compareLives(claim, member.life);
    if (!isAccusation(kind)) return order > 0 || (order === 0 && kind === 'left' && member.state !== 'left');
    if (order < 0 || member.state === 'dead' || member.state === 'left') return false;
    const before = member.accusers.get(issuer);
    if (before !== undefined && before.says === kind && before.refused === claim.refused) return false;
    if ((member.contradicted.get(issuer) ?? 0) > now.monoMs) return false;
    return this.#isHeard(issuer, sender, now);
  }

  received(probe: ReceivedProbe, now: Now): SwimStep {
    const member = this.#members.get(probe.from);
    if (member === undefined) {
      // A newcomer whose record is still on its way: an answer, but nothing is kept of it.
      if (probe.body.type === 'ping') this.#answerStranger(probe, probe.body, now);
      this.#hearAll(probe.claims, probe.from, now);
      return this.#flush();
    }
    if (!member.window.take(probe.epoch, probe.counter)) return this.#flush();
    if (compareLives(probe, member.life) > 0) this.#newLife(member, probe, now);
    this.#respond(member, probe, now);
    this.#hearAll(probe.claims, probe.from, now);
    return this.#flush();
  }

  /** Claims that came over a link. */
  heard(claims: readonly VerifiedClaim[], from: PeerId, now: Now): SwimStep {
    this.#hearAll(claims, from, now);
    return this.#flush();
  }

  #respond(member: Tracked, probe: ReceivedProbe, now: Now): void {
    const { body } = probe;
    switch (body.type) {
      case 'ping':
        member.lastPingMonoMs = now.monoMs;
        this.#acknowledge(member, probe, body, now);
        // Its word is not proof (a datagram can be an old one), but a reason to look.
        if (member.state === 'suspect' || member.state === 'dead') this.#checkSoon(member, 0, now);
        return;
      case 'ack':
        return this.#acked(member, probe, body, now);
      case 'ping-request':
        return this.#runErrand(member, body, now);
      case 'nack': {
        const asked = this.#probes.get(body.nonce);
        if (asked !== undefined && asked.nacksCount < asked.helpersCount) asked.nacksCount += 1;
        return;
      }
      case 'relay': {
        const { relayed } = body;
        const asked = this.#probes.get(relayed.origin.nonce);
        const target = this.#members.get(relayed.from);
        if (asked === undefined || target === undefined || asked.target !== relayed.from) return;
        this.#endProbe(asked);
        if (compareLives(relayed, target.life) > 0) this.#newLife(target, relayed, now);
        this.#proofOfLife(target, 'I', now);
        return;
      }
      case 'news':
        return;
    }
  }

  /** An answer is never larger than its question. */
  #acknowledge(
    member: Tracked,
    probe: ReceivedProbe,
    { nonce, origin }: Extract<ProbeBody, { readonly type: 'ping' }>,
    now: Now,
  ): void {
    this.#mail(member, { type: 'ack', nonce, ...(origin === undefined ? {} : { origin }) }, now, {
      address: probe.address,
      budgetBytes: probe.wire.length - ackBaseBytes,
      first: member.ownClaim === undefined ? [] : [member.ownClaim],
      tableSince: probe.table?.since,
    });
  }

  #answerStranger(
    probe: ReceivedProbe,
    { nonce }: Extract<ProbeBody, { readonly type: 'ping' }>,
    now: Now,
  ): void {
    this.#send(probe.from, probe.address, { type: 'ack', nonce }, [], false, probe.table?.since, now);
  }

  #acked(
    member: Tracked,
    received: ReceivedProbe,
    { nonce, origin }: Extract<ProbeBody, { readonly type: 'ack' }>,
    now: Now,
  ): void {
    const errand = this.#errands.get(nonce);
    if (errand !== undefined) {
      const isAnswer = errand.target === member.peer && origin?.peer === errand.origin.peer;
      if (isAnswer) this.#answerErrand(nonce, errand, { type: 'relay', ack: received.wire }, now);
      return;
    }
    const probe = this.#probes.get(nonce);
    // Nobody answers for others: the sender has to be the one that was asked.
    if (probe === undefined || probe.target !== member.peer || origin !== undefined) return;
    this.#endProbe(probe);
    const rttMs = now.monoMs - probe.startedMonoMs;
    member.rttMs = rttMs;
    member.skewMs = received.wallMs - (now.wallMs - rttMs / 2);
    this.#rtts.push(rttMs);
    if (this.#rtts.length > rttsKeptCount) this.#rtts.shift();
    member.lastUdpMonoMs = now.monoMs;
    member.reach.layer('udp', true, now.monoMs);
    this.#health.change(-1);
    this.#proofOfLife(member, 'U', now);
  }

  // --- probing -------------------------------------------------------------------------------------

  #probeNext(now: Now): void {
    const { probeIntervalMs } = this.#settings;
    // Agents that start together must not probe in step.
    this.#nextProbeMonoMs ??= now.monoMs + this.#parts.random.next() * probeIntervalMs;
    if (now.monoMs < this.#nextProbeMonoMs) return;
    this.#nextProbeMonoMs = Math.max(this.#nextProbeMonoMs + probeIntervalMs * this.#stretch, now.monoMs);
    const peer = this.#order.next(candidate => this.#members.get(candidate)?.state === 'alive');
    const member = peer === undefined ? undefined : this.#members.get(peer);
    if (member !== undefined) this.#startProbe(member, false, now);
  }

  /** @param asks - From a socket of its own, which hears when the host refuses. */
  #startProbe(member: Tracked, asks: boolean, now: Now): void {
    member.checkDueMonoMs = Number.POSITIVE_INFINITY;
    if (member.state === 'left') return;
    const pending = this.#probeOf(member);
    const nonce = pending?.nonce ?? Math.floor(this.#parts.random.next() * nonceBound);
    if (pending !== undefined && !asks) return;
    const first = member.ownClaim === undefined ? [] : [member.ownClaim];
    this.#mail(member, { type: 'ping', nonce }, now, { first, asks });
    if (pending !== undefined) return;
    // Where others have looked already, their helpers need not look again: UDP and the link at once.
    const isSecondLook = member.isHearsay;
    if (isSecondLook && this.#parts.isLinked(member.peer))
      this.#effects.push({ type: 'ping', peer: member.peer });
    const waitMs = this.#waitMs();
    const dueMonoMs = now.monoMs + waitMs;
    member.probe = nonce;
    this.#probes.set(nonce, {
      nonce,
      target: member.peer,
      startedMonoMs: now.monoMs,
      dueMonoMs,
      stage: isSecondLook ? 'indirect' : 'direct',
      isSecondLook,
      helpersCount: 0,
      nacksCount: 0,
      wasRearmed: false,
    });
    this.#wakeAfter(waitMs, { type: 'probe-overdue', nonce });
  }

  #probeOverdue(nonce: Nonce, now: Now): void {
    const probe = this.#probes.get(nonce);
    const member = probe === undefined ? undefined : this.#members.get(probe.target);
    if (probe === undefined || member === undefined) return;
    const waitMs = this.#waitMs();
    if (now.monoMs < probe.dueMonoMs - timerSlackMs) return; // Of the stage before: it went on early.
    if (now.monoMs - probe.dueMonoMs > waitMs / 2 && !probe.wasRearmed) {
      // This process did not run when the answer may have come.
      probe.wasRearmed = true;
      probe.dueMonoMs = now.monoMs + waitMs;
      this.#wakeAfter(waitMs, { type: 'probe-overdue', nonce });
    } else if (probe.stage === 'direct') this.#askOthers(probe, member, now);
    else {
      this.#endProbe(probe);
      this.#probeFailed(member, probe, now);
    }
  }

  /** Helpers over UDP, and the libp2p connection, at the same time. */
  #askOthers(probe: Probe, member: Tracked, now: Now): void {
    const waitMs = this.#waitMs();
    probe.stage = 'indirect';
    probe.wasRearmed = false;
    probe.dueMonoMs = now.monoMs + waitMs;
    const helpers = shuffled(this.#parts.random, this.#alive())
      .filter(({ peer }) => peer !== member.peer)
      .slice(0, this.#settings.helpersCount);
    probe.helpersCount = helpers.length;
    for (const helper of helpers) {
      this.#mail(helper, { type: 'ping-request', nonce: probe.nonce, target: member.peer }, now);
    }
    if (this.#parts.isLinked(member.peer)) this.#effects.push({ type: 'ping', peer: member.peer });
    this.#wakeAfter(waitMs, { type: 'probe-overdue', nonce: probe.nonce });
  }

  #probeFailed(member: Tracked, { helpersCount, nacksCount, isSecondLook }: Probe, now: Now): void {
    member.reach.mark('x');
    member.reach.layer('udp', false, now.monoMs, 'no answer');
    // A helper that does not even say "no" may be fine: then it is we who do not hear.
    if (helpersCount > 0) this.#health.change(helpersCount - nacksCount);
    else if (!isSecondLook && this.#counted.alive > 1) this.#health.change(1);
    if (member.state === 'dead') this.#checkLater(member, now);
    else if (member.state !== 'left') this.#suspect(member, false, now);
  }

  #wasRefused(member: Tracked, now: Now): void {
    if (member.state === 'dead') this.#checkLater(member, now);
    else this.#suspect(member, true, now);
  }

  /**
   * The other ways to one member after the other, rarely: for the picture only. Many agents open their HTTP
   * shim to their own machine, so silence there says nothing about life.
   */
  #lookAround(now: Now): void {
    this.#nextLookMonoMs = now.monoMs + lookIntervalMs * (0.5 + this.#parts.random.next());
    const peer = this.#lookOrder.next(candidate => this.#members.get(candidate)?.state !== 'left');
    const member = peer === undefined ? undefined : this.#members.get(peer);
    if (member === undefined) return;
    this.#checkHttp(member);
    if (this.#parts.isLinked(member.peer)) this.#effects.push({ type: 'ping', peer: member.peer });
  }

  #checkHttp({ peer, metrics }: Tracked): void {
    if (metrics === undefined) return;
    const { host, port } = metrics;
    this.#effects.push({
      type: 'check',
      key: `${peerKeyPrefix}${peer}`,
      host: host.replace(/^\[(.*)\]$/, '$1'),
      port,
    });
  }

  /** Somebody asks us to ask. */
  #runErrand(
    helped: Tracked,
    { nonce, target }: { readonly nonce: Nonce; readonly target: PeerId },
    now: Now,
  ): void {
    const member = this.#members.get(target);
    if (member === undefined || this.#errands.size >= errandsMaxCount) return;
    const own = Math.floor(this.#parts.random.next() * nonceBound);
    const origin: Origin = { peer: helped.peer, nonce };
    this.#errands.set(own, { target, origin });
    this.#mail(member, { type: 'ping', nonce: own, origin }, now);
    // Before the one who asks gives up. Source: memberlist, 80 % of the timeout.
    this.#wakeAfter(0.8 * this.ackTimeoutMs, { type: 'errand-overdue', nonce: own });
  }

  #answerErrand(own: Nonce, { origin }: Errand, body: ProbeBody, now: Now): void {
    this.#errands.delete(own);
    const helped = this.#members.get(origin.peer);
    if (helped !== undefined) this.#mail(helped, body, now, { budgetBytes: 0 });
  }

  #checkSoon(member: Tracked, afterMs: number, now: Now): void {
    if (afterMs === 0 && member.probe === undefined && this.#mayCheck(now))
      this.#startProbe(member, true, now);
    else member.checkDueMonoMs = Math.min(member.checkDueMonoMs, now.monoMs + afterMs);
  }

  /** After some failures in a row ever more rarely, with jitter. */
  #checkLater(member: Tracked, now: Now): void {
    const { strikesMaxCount, strikeBackoffMinMs, strikeBackoffMaxMs, probeIntervalMs } = this.#settings;
    const over = member.reach.strikes - strikesMaxCount;
    const spreadMs = checkSpreadMs(probeIntervalMs, this.#counted.participants);
    const pauseMs =
      over <= 0
        ? probeIntervalMs + spreadMs
        : Math.min(strikeBackoffMaxMs, strikeBackoffMinMs * 2 ** Math.min(over - 1, 20));
    member.checkDueMonoMs = now.monoMs + pauseMs * (0.5 + this.#parts.random.next() / 2);
  }

  #mayCheck(now: Now): boolean {
    return this.#checkRate.take('', now.monoMs);
  }

  // --- states --------------------------------------------------------------------------------------

  /** It answered us just now. `mark` ends a probe round. */
  #proofOfLife(member: Tracked, mark: Mark | undefined, now: Now): void {
    if (mark !== undefined) {
      member.reach.mark(mark);
      member.lastAckMonoMs = now.monoMs;
    }
    member.checkDueMonoMs = Number.POSITIVE_INFINITY;
    this.#contradict(member, now);
    if (member.state === 'dead') {
      // Only a later life of its own brings it back: tell it, so that it refutes.
      const { ownClaim } = member;
      if (ownClaim !== undefined) this.#mail(member, { type: 'news' }, now, { first: [ownClaim] });
      this.#checkLater(member, now);
    } else if (member.state === 'suspect') {
      this.#clear(member);
      this.#become(member, 'alive', now);
    }
  }

  /** Those who accuse somebody that answers us. */
  #contradict(member: Tracked, now: Now): void {
    if (!member.isHearsay) return;
    member.isHearsay = false;
    if (member.state !== 'alive') return;
    for (const accuser of member.accusers.keys()) {
      member.contradicted.set(accuser, now.monoMs + contradictedMs);
      this.#members.get(accuser)?.reach.accusedFalsely(member.peer, now.monoMs);
    }
    member.accusers.clear();
  }

  /** The member itself speaks in a later life: whatever was said of earlier ones is void. */
  #newLife(member: Tracked, life: Life, now: Now): void {
    if (member.state === 'left' && life.epoch <= member.life.epoch) return;
    this.#begin(member, life);
    this.#become(member, 'alive', now);
  }

  #begin(member: Tracked, { epoch, incarnation }: Life): void {
    member.life = { epoch, incarnation };
    member.isHearsay = false;
    member.reach.strikes = 0;
    member.contradicted.clear();
    this.#clear(member);
  }

  #clear(member: Tracked): void {
    member.suspicion = undefined;
    member.ownClaim = undefined;
    member.accusers.clear();
  }

  #suspect(member: Tracked, isRefused: boolean, now: Now): void {
    const { suspicion } = member;
    this.#checkLater(member, now);
    if (suspicion !== undefined) {
      suspicion.failedMonoMs = now.monoMs;
      if (!isRefused || suspicion.refusedMonoMs !== undefined) return;
      suspicion.refusedMonoMs = now.monoMs;
      member.isSilent = false;
      this.#census = undefined;
      this.#accuse(member, 'suspect', true, now);
      return;
    }
    member.suspicion = {
      sinceMonoMs: now.monoMs,
      refusedMonoMs: isRefused ? now.monoMs : undefined,
      failedMonoMs: now.monoMs,
    };
    member.isSilent = !isRefused;
    member.isHearsay = false;
    this.#census = undefined;
    this.#checkHttp(member);
    this.#accuse(member, 'suspect', isRefused, now);
    this.#become(member, 'suspect', now);
    if (member.isSilent) this.#sweep(now);
  }

  /** Says what we found; only the first few voices about a member are spread. */
  #accuse(member: Tracked, kind: 'suspect' | 'dead', refused: boolean, now: Now): void {
    const { self } = this.#options;
    member.ownClaim = this.#seal({ kind, subject: member.peer, refused, ...member.life });
    const others = [...member.accusers.keys()].filter(peer => peer !== self).length;
    member.accusers.set(self, { says: kind, refused, atMonoMs: now.monoMs });
    if (others > this.#settings.confirmationsCount) return;
    this.#news.add(member.ownClaim);
    this.#pushNews(now);
  }

  #passVerdicts(now: Now): void {
    if (now.monoMs < this.#stalledUntilMonoMs) return;
    const freshMs = 3 * this.#settings.probeIntervalMs * this.#stretch;
    const silentMs = silentLinkIntervals * this.#settings.probeIntervalMs;
    for (const member of this.#members.values()) {
      if (member.state !== 'suspect' || member.suspicion === undefined) continue;
      if (now.monoMs - member.suspicion.sinceMonoMs > silentMs) this.#hangUp(member);
      const leftMs = this.verdictLeftMs(member, now.monoMs);
      if (leftMs === undefined || leftMs > 0) continue;
      if (now.monoMs - member.suspicion.failedMonoMs > freshMs) {
        this.#startProbe(member, true, now);
        continue;
      }
      this.#accuse(member, 'dead', member.suspicion.refusedMonoMs !== undefined, now);
      this.#become(member, 'dead', now);
      this.#checkLater(member, now);
      this.#hangUp(member);
    }
  }

  /** A connection that nothing comes through any more would stand in the way of a new one. */
  #hangUp(member: Tracked): void {
    if (this.#parts.isLinked(member.peer)) this.#effects.push({ type: 'hang-up', peer: member.peer });
  }

  /** Several fell silent at once: look at everybody, to know how far it goes. */
  #sweep(now: Now): void {
    const suspects = [...this.#members.values()].filter(
      ({ state, isSilent }) => state === 'suspect' && isSilent,
    );
    if (suspects.length < 2 || now.monoMs - this.#sweptMonoMs < sweepIntervalMs) return;
    this.#sweptMonoMs = now.monoMs;
    for (const member of shuffled(this.#parts.random, this.#alive()).slice(0, sweepMaxCount)) {
      this.#checkSoon(member, 0, now);
    }
  }

  /** One of the lost is back: the others may be as well. */
  #lookForOthers(now: Now): void {
    for (const member of this.#members.values()) {
      if (member.state !== 'dead' && member.state !== 'suspect') continue;
      if (member.probe === undefined) this.#checkSoon(member, 0, now);
    }
  }

  #add(fields: MemberFields, life: Life, state: LivenessState, now: Now): void {
    const reach = new Reachability(this.#stored.get(fields.peer), now.monoMs);
    const member = track(fields, { state, life, monoMs: now.monoMs, reach });
    if (this.#parts.isLinked(fields.peer)) member.reach.layer('tcp', true, now.monoMs);
    this.#members.set(fields.peer, member);
    this.#census = undefined;
    this.#order.add(fields.peer);
    this.#lookOrder.add(fields.peer);
    this.#report(member, undefined);
    // Known from a record that may be old: nobody is taken for alive on that.
    if (state === 'suspect') this.#checkSoon(member, 0, now);
  }

  #become(member: Tracked, state: LivenessState, now: Now): void {
    const from = member.state;
    if (from === state) return;
    member.state = state;
    member.sinceMonoMs = now.monoMs;
    this.#census = undefined;
    this.#report(member, from);
    if (state === 'left' && member.probe !== undefined) this.#probes.delete(member.probe);
    if (state !== 'alive') return;
    const wasLost = member.isSilent && (from === 'suspect' || from === 'dead');
    member.isSilent = false;
    if (wasLost) this.#lookForOthers(now);
  }

  #report(member: Tracked, from: LivenessState | undefined): void {
    const by = [...member.accusers.keys()].map(peer => this.#nameOf(peer)).sort(compareText);
    const { state } = member;
    this.#changed.push({ member, from, by: state === 'suspect' || state === 'dead' ? by : [] });
  }

  #nameOf(peer: PeerId): NodeId {
    return peer === this.#options.self ? this.#options.selfId : (this.#members.get(peer)?.id ?? peer);
  }

  // --- claims --------------------------------------------------------------------------------------

  #hearAll(claims: readonly VerifiedClaim[], sender: PeerId, now: Now): void {
    // Some may have become old through those before them.
    for (const claim of claims) if (this.wants(claim, sender, now)) this.#hear(claim, now);
  }

  #hear(claim: VerifiedClaim, now: Now): void {
    if (claim.kind === 'removed') {
      this.#removals.push(claim);
      return;
    }
    if (claim.subject === this.#options.self) return this.#refute(claim, now);
    const member = this.#members.get(claim.subject);
    if (member === undefined) return;
    if (isAccusation(claim.kind)) return this.#hearAccusation(member, claim, claim.kind, now);
    this.#news.add(claim);
    this.#pushNews(now);
    if (claim.kind === 'alive') return this.#newLife(member, claim, now);
    this.#begin(member, claim);
    this.#become(member, 'left', now);
  }

  #hearAccusation(member: Tracked, claim: VerifiedClaim, says: Accusation['says'], now: Now): void {
    if (compareLives(claim, member.life) > 0) {
      // A life that we have not heard of: only its owner can tell.
      this.#checkSoon(member, 0, now);
      return;
    }
    const { confirmationsCount, probeIntervalMs } = this.#settings;
    const isEarly = member.accusers.size <= confirmationsCount + 1;
    member.accusers.set(claim.issuer, { says, refused: claim.refused, atMonoMs: now.monoMs });
    if (isEarly) {
      this.#news.add(claim);
      this.#pushNews(now);
    }
    if (member.state !== 'alive') return;
    member.isHearsay = true;
    const spreadMs = checkSpreadMs(probeIntervalMs, this.#counted.participants);
    this.#checkSoon(member, spreadMs * this.#parts.random.next(), now);
  }

  /** Source: SWIM, section 4.2: only the subject raises its incarnation. */
  #refute(claim: VerifiedClaim, now: Now): void {
    // Of an epoch that we never opened: a liar's, or a copy of our key, which records will show.
    if (claim.epoch > this.#life.epoch) return;
    this.#health.change(1);
    this.#assertAlive(Math.max(claim.incarnation, this.#life.incarnation) + 1, now);
  }

  #assertAlive(incarnation: number, now: Now): void {
    this.#life = { epoch: this.#life.epoch, incarnation };
    this.#news.add(this.#seal({ kind: 'alive', subject: this.#options.self, refused: false, ...this.#life }));
    this.#pushNews(now);
  }

  /** Members that accuse falsely too often are heard only in their own datagrams, by whom they accuse. */
  #isHeard(issuer: PeerId, sender: PeerId, now: Now): boolean {
    const accuser = this.#members.get(issuer);
    if (accuser === undefined || accuser.state === 'left' || accuser.state === 'dead') return false;
    return issuer === sender || accuser.reach.credibility(now.monoMs) >= credibilityMin;
  }

  #pushNews(now: Now): void {
    if (this.#isNewsDue || this.#news.size === 0) return;
    const receivers = shuffled(this.#parts.random, this.#alive()).slice(0, this.#settings.gossipFanout);
    for (const member of receivers) this.#mail(member, { type: 'news' }, now);
    if (this.#news.size === 0) return;
    this.#isNewsDue = true;
    this.#wakeAfter(this.#settings.gossipIntervalMs, { type: 'news-due' });
  }

  #claimsForLink(member: Tracked | undefined): readonly VerifiedClaim[] {
    const claims: VerifiedClaim[] = [];
    if (member?.ownClaim !== undefined) claims.push(member.ownClaim);
    if (this.#life.incarnation > 0) {
      claims.push(this.#seal({ kind: 'alive', subject: this.#options.self, refused: false, ...this.#life }));
    }
    return claims;
  }

  // --- ourselves -----------------------------------------------------------------------------------

  /** A late tick: this process did not run, and what it missed proves nothing. */
  #noticeLateness(now: Now): void {
    const late = this.#lastTickMonoMs === undefined ? 0 : now.monoMs - this.#lastTickMonoMs - this.#tickMs;
    this.#lastTickMonoMs = now.monoMs;
    if (late < lateMs) return;
    // Once an interval, as often as an answered probe makes up for it.
    if (now.monoMs - this.#lateMonoMs >= this.#settings.probeIntervalMs) {
      this.#lateMonoMs = now.monoMs;
      this.#health.change(1);
    }
    const waitMs = this.#waitMs();
    if (late < this.ackTimeoutMs) return;
    this.#stalledUntilMonoMs = now.monoMs + 3 * waitMs;
    // The others may have given us up meanwhile.
    if (late >= this.#settings.probeIntervalMs) this.#assertAlive(this.#life.incarnation + 1, now);
  }

  #waitMs(): number {
    return this.ackTimeoutMs * this.#stretch;
  }

  /** Cut off from everybody there is nothing to be careful about, and being slow would only delay the return. */
  get #stretch(): number {
    return this.#counted.alive === 0 ? 1 : this.#health.multiplier;
  }

  #alive(): Tracked[] {
    return [...this.#members.values()].filter(({ state }) => state === 'alive');
  }

  get #counted(): Census {
    this.#census ??= this.#count();
    return this.#census;
  }

  #count(): Census {
    let alive = 0;
    let suspect = 0;
    let silent = 0;
    for (const { state, suspicion, isSilent } of this.#members.values()) {
      if (state === 'alive') alive += 1;
      if (state !== 'suspect') continue;
      suspect += 1;
      if (suspicion !== undefined && isSilent) silent += 1;
    }
    return { participants: 1 + alive + suspect, alive, silent };
  }

  // --- small parts ---------------------------------------------------------------------------------

  #probeOf(member: Tracked): Probe | undefined {
    return member.probe === undefined ? undefined : this.#probes.get(member.probe);
  }

  #endProbe(probe: Probe): void {
    this.#probes.delete(probe.nonce);
    const member = this.#members.get(probe.target);
    if (member !== undefined) member.probe = undefined;
  }

  #seal(draft: Omit<ClaimDraft, 'issuer'>): VerifiedClaim {
    return this.#parts.sealClaim({ ...draft, issuer: this.#options.self });
  }

  #mail(
    member: Tracked,
    body: ProbeBody,
    now: Now,
    options: {
      readonly first?: readonly VerifiedClaim[];
      readonly budgetBytes?: number;
      readonly address?: string;
      readonly asks?: boolean;
      readonly tableSince?: number | undefined;
    } = {},
  ): void {
    const limit = retransmitLimit(this.#settings.retransmitMult, this.#counted.participants);
    const budgetBytes = options.budgetBytes ?? datagramMaxBytes - datagramBaseBytes;
    const claims = this.#news.take(budgetBytes, limit, options.first);
    if (body.type === 'news' && claims.length === 0) return;
    const { address = member.address, asks = false, tableSince } = options;
    this.#send(member.peer, address, body, claims, asks, tableSince, now);
  }

  #send(
    to: PeerId,
    address: string,
    body: ProbeBody,
    claims: readonly VerifiedClaim[],
    asks: boolean,
    tableSince: number | undefined,
    now: Now,
  ): void {
    this.#counter += 1;
    const hasTable = body.type === 'ping' || body.type === 'ack';
    const table = hasTable ? this.#parts.tableRoot?.(now, tableSince) : undefined;
    const heading = {
      from: this.#options.self,
      to,
      ...this.#life,
      counter: this.#counter,
      wallMs: now.wallMs,
      ...(table === undefined ? {} : { table }),
    };
    this.#effects.push({ type: 'datagram', address, asks, message: { ...heading, body, claims } });
  }

  #wakeAfter(afterMs: number, input: Wake): void {
    this.#effects.push({ type: 'wake', afterMs, input, afterPoll: true });
  }

  #flush(): SwimStep {
    const step = { changed: this.#changed, effects: this.#effects, removals: this.#removals };
    this.#changed = [];
    this.#effects = [];
    this.#removals = [];
    return step;
  }
}
