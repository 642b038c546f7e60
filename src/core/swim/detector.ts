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
import type { Effect, Input, Wake } from '../effects.ts';
import { RateLimit } from '../gossip/rate-limit.ts';
import { drawn, type Random } from '../random.ts';
import type { NodeId } from '../record/node.ts';
import { compareText, type PeerId } from '../record/record.ts';
import type { TreeRoot } from '../sync/tree.ts';
import type { Now } from '../time.ts';
import type { LivenessState } from '../view.ts';
import { type ClaimDraft, compareLives, isAccusation, type Life, type VerifiedClaim } from './claim.ts';
import { LocalHealth } from './local-health.ts';
import { Mailer } from './mailer.ts';
import {
  type Member,
  type MemberFields,
  noteAccusation,
  silentDeadCountMs,
  type Tracked,
  track,
} from './member.ts';
import type { ProbeBody, ReceivedProbe } from './message.ts';
import { OuterLayers } from './outer-layers.ts';
import { type Probe, Prober } from './prober.ts';
import { credibilityMin, type Mark, Reachability, type StoredReachability } from './reachability.ts';
import { lan, type SwimSettings } from './settings.ts';
import { accusationSpreadMs, checkSpreadMs, suspicionLeftMs, suspicionRange } from './timing.ts';

export interface DetectorOptions {
  /** Read anew each time: a key can be replaced. */
  readonly self: PeerId;
  readonly selfId: NodeId;
  readonly epoch: number;
  readonly settings: Partial<SwimSettings>;
}

export interface DetectorComponents {
  readonly random: Random;
  readonly sealClaim: (draft: ClaimDraft) => VerifiedClaim;
  readonly isLinked: (peer: PeerId) => boolean;
  /** Everybody we hold a link to. */
  readonly links: () => Iterable<PeerId>;
  /** Whether a removal that covers this one is known already. */
  readonly isRemoved: (peer: PeerId, epoch: number) => boolean;
  /** Whether anything is held that this key has signed, member or not. */
  readonly hasHeardOf?: (peer: PeerId) => boolean;
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
  /** Claims that an operator took somebody out, or that a key has ended, for the owner to judge. */
  readonly removals: readonly VerifiedClaim[];
  /** Who accused somebody that has answered us just now. */
  readonly falseAccusers: readonly PeerId[];
}

/** Why a datagram was not taken. */
export type ProbeRefusal = 'not-for-us' | 'old-epoch' | 'replayed' | 'sender-rate' | 'stranger-rate' | 'own';

/** How many are in which state; counted anew when somebody changed. */
interface Census {
  /** This agent and everybody who should be there. */
  readonly participants: number;
  readonly alive: number;
  readonly silent: number;
  /** Dead, and all that is known of it is its silence. */
  readonly lost: number;
  /** Counts as alive, but has not answered within an ordinary wait. */
  readonly doubtful: number;
}

const tickMinMs = 100;
export const tickMaxMs = 500;
/** A tick this much late says that the event loop is not well. Source: reliability study, p99 of a healthy loop. */
const lateMs = 100;
/** A contradicted accuser is not looked into again for so long. */
const contradictedMs = 10_000;
/** From several silent members on, everybody is looked at, but not more often than this. */
const sweepMinCount = 2;
const sweepIntervalMs = 5_000;
const sweepMaxCount = 64;
/** A suspect that has not answered over its link either for so many probe intervals loses it. */
const silentLinkIntervals = 5;
/** A wall clock that goes apart from the monotonic one by more between two ticks was set. */
const clockStepMinMs = 500;
/** Farewells sent directly; more than that many agents hear of it from the others. */
const farewellsMaxCount = 64;
/** Conservative: what an ack without claims takes. */
const ackBaseBytes = 242;

export class Detector {
  readonly #options: DetectorOptions;
  readonly #parts: DetectorComponents;
  readonly #settings: SwimSettings;
  readonly #members = new Map<PeerId, Tracked>();
  /** Suspect, dead or gone: few, so what has to be done at each tick is done for these alone. */
  readonly #absent = new Set<Tracked>();
  /** All others. */
  readonly #alive: Tracked[] = [];
  readonly #health: LocalHealth;
  readonly #mailer: Mailer;
  readonly #prober: Prober;
  readonly #outer: OuterLayers;
  readonly #stored = new Map<PeerId, StoredReachability>();
  readonly #senderRate = new RateLimit({ perSecond: 50, burstCount: 200, bucketsMaxCount: 4_096 });
  readonly #strangerRate = new RateLimit({ perSecond: 50, burstCount: 100, bucketsMaxCount: 1 });
  #tickMs = tickMaxMs;
  #lastTickMonoMs: number | undefined;
  #lateMonoMs = Number.NEGATIVE_INFINITY;
  #stalledUntilMonoMs = Number.NEGATIVE_INFINITY;
  #sweptMonoMs = Number.NEGATIVE_INFINITY;
  /** When most members were silent last. */
  #frozenMonoMs = Number.NEGATIVE_INFINITY;
  #census: Census | undefined;
  #clockOffsetMs: number | undefined;
  #changed: MemberChange[] = [];
  #effects: Effect[] = [];
  #removals: VerifiedClaim[] = [];
  #falseAccusers: PeerId[] = [];

  constructor(options: DetectorOptions, components: DetectorComponents) {
    this.#options = options;
    this.#parts = components;
    this.#settings = { ...lan, ...options.settings };
    this.#health = new LocalHealth(this.#settings.localHealthMax);
    const parts = {
      ...components,
      member: (peer: PeerId) => this.#members.get(peer),
      members: () => this.#members.values(),
      alive: () => this.#alive,
      linked: () => this.#linked(),
      aliveCount: () => this.#counted.alive,
      participantsCount: () => this.#counted.participants,
      emit: (effect: Effect) => this.#effects.push(effect),
    };
    const sender = {
      get self() {
        return options.self;
      },
      epoch: options.epoch,
      settings: this.#settings,
    };
    this.#mailer = new Mailer(sender, parts);
    this.#prober = new Prober(this.#settings, { ...parts, health: this.#health, mailer: this.#mailer });
    this.#outer = new OuterLayers(parts);
  }

  // --- what is known -------------------------------------------------------------------------------

  get life(): Life {
    return this.#mailer.life;
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

  /** Somebody is suspect or dead, and nothing says that its process has ended. */
  get isAnybodySilent(): boolean {
    for (const { state, isSilent } of this.#absent) if (isSilent && state !== 'left') return true;
    return false;
  }

  get membersCount(): number {
    return this.#members.size;
  }

  member(peer: PeerId): Tracked | undefined {
    return this.#members.get(peer);
  }

  /** What the clocks of those who answer are ahead of ours, ms: the median; absent while nobody has answered. */
  get clockSkewMs(): number | undefined {
    const skews = this.#alive.flatMap(({ skewMs }) => skewMs ?? []);
    return skews.sort((a, b) => a - b)[skews.length >> 1];
  }

  /** The present wait for a direct ack, ms, without the stretch of local health. */
  get ackTimeoutMs(): number {
    return this.#prober.ackTimeoutMs;
  }

  get suspicionRange() {
    return suspicionRange(this.#settings, this.#counted.participants);
  }

  /**
   * Most members that should be there fell silent: nobody is declared dead for being silent. Those for whom
   * that came too late count as well, or the first verdict would free the way for all others.
   */
  get isFrozen(): boolean {
    const { participants, silent, lost, doubtful } = this.#counted;
    // Whoever was given up a moment too early is missing as well, or one verdict would bring about all others;
    // and an agent that is slow itself is still waiting for the rest when its first suspicion ends.
    return (silent + lost + doubtful) * 2 > participants - 1 + lost;
  }

  /** Time left until the verdict, ms; `undefined` when there is none to come. */
  verdictLeftMs(member: Tracked, monoMs: number): number | undefined {
    const { suspicion } = member;
    if (member.state !== 'suspect' || suspicion === undefined) return undefined;
    if (member.isSilent && this.isFrozen) return undefined;
    const others = [...member.accusers].filter(([peer]) => peer !== this.#options.self);
    const range = this.suspicionRange;
    // What was silent behind a partition is about to speak when the first ones are back.
    const sinceFrozenMs = member.isSilent ? monoMs - this.#frozenMonoMs : Number.POSITIVE_INFINITY;
    const leftMs = Math.max(
      suspicionLeftMs(range, others.length, monoMs - suspicion.sinceMonoMs),
      range.minMs - sinceFrozenMs,
    );
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
    this.#mailer.openEpoch(epoch);
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
      if (!isPresent) this.#checkOnceRunning(member, now);
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
    if (member !== undefined) {
      this.#prober.remove(member);
      this.#absent.delete(member);
      this.#isNotAlive(member);
    }
    this.#members.delete(peer);
    this.#censusChanged();
    this.#outer.remove(peer);
    this.#mailer.forget(peer);
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
      if (member.state === 'alive') this.#prober.ask(member, now);
    }
    return this.#flush();
  }

  /** A dial found nobody. */
  dialFailed(peer: PeerId, isRefused: boolean, text: string, now: Now): SwimStep {
    const member = this.#members.get(peer);
    if (member === undefined || this.#parts.isLinked(peer)) return this.#flush();
    member.reach.layer('tcp', false, now.monoMs, text);
    if (member.state === 'alive') this.#prober.ask(member, now);
    else if (isRefused && member.suspicion !== undefined) this.#wasRefused(member, now);
    return this.#flush();
  }

  /** Answer of the ping over the existing connection; `rttMs` is undefined when there was none. */
  pinged(peer: PeerId, rttMs: number | undefined, now: Now): SwimStep {
    const member = this.#members.get(peer);
    if (member === undefined) return this.#flush();
    member.reach.layer('ping', rttMs !== undefined, now.monoMs);
    if (rttMs !== undefined && this.#prober.pending(member)?.stage === 'indirect') {
      member.rttMs = rttMs;
      this.#prober.end(member);
      member.reach.layer('udp', false, now.monoMs, 'no answer; the link answers');
      this.#proofOfLife(member, 'L', now);
    }
    return this.#flush();
  }

  /** The answer of a member's HTTP shim, or another answer, which is not for us. */
  checked(input: Extract<Input, { readonly type: 'checked' }>, now: Now): SwimStep {
    this.#outer.checked(input, now);
    return this.#flush();
  }

  /** The member's host says that nobody listens at its address. */
  refused(peer: PeerId, now: Now): SwimStep {
    const member = this.#members.get(peer);
    if (member === undefined || member.state === 'left') return this.#flush();
    member.reach.layer('udp', false, now.monoMs, 'refused');
    const probe = this.#prober.pending(member);
    if (probe === undefined) return this.#flush(); // It came too late to say anything about today.
    if (this.#parts.isLinked(peer)) {
      // Somebody is there after all: ask over the link, now rather than after the wait.
      if (probe.stage === 'direct') this.#prober.askOthers(probe, member, now);
      return this.#flush();
    }
    this.#prober.end(member);
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
    if (member !== undefined) this.#prober.checkSoon(member, 0, now);
    return this.#flush();
  }

  wake(
    input: Extract<Wake, { readonly type: `${'probe' | 'errand' | 'news' | 'accusation'}-${string}` }>,
    now: Now,
  ): SwimStep {
    if (input.type === 'news-due') this.#mailer.pushAgain(now);
    else if (input.type === 'accusation-due') this.#speakUp(input.peer, now);
    else if (input.type === 'errand-overdue') this.#prober.errandOverdue(input.nonce, now);
    else {
      const failed = this.#prober.overdue(input.nonce, now);
      if (failed !== undefined) this.#probeFailed(failed.member, failed.probe, now);
    }
    return this.#flush();
  }

  /** When to call `tick` next, ms from now: soon while there is a verdict to come, or twice an interval. */
  nextTickMs(): number {
    const idleMs = Math.min(tickMaxMs, Math.max(tickMinMs, this.#settings.probeIntervalMs / 2));
    this.#tickMs =
      this.#counted.participants > 1 + this.#counted.alive ? Math.min(tickMinMs, idleMs) : idleMs;
    // Agents that start together must not go on in step.
    if (this.#lastTickMonoMs === undefined)
      this.#tickMs = Math.ceil(this.#tickMs * this.#parts.random.next());
    return this.#tickMs;
  }

  /** To be called after `nextTickMs`. */
  tick(now: Now): SwimStep {
    this.#noticeLateness(now);
    this.#noticeClockStep(now);
    this.#prober.tick(now);
    this.#passVerdicts(now);
    this.#outer.tick(now);
    return this.#flush();
  }

  /** We go: told to many directly, for the others may be asked about us before they hear of it. */
  leave(now: Now): SwimStep {
    const farewell = this.#mailer.seal({
      kind: 'left',
      subject: this.#options.self,
      refused: false,
      ...this.life,
    });
    const receivers = drawn(this.#parts.random, this.#alive, farewellsMaxCount);
    this.#mailer.farewell(farewell, receivers, now);
    return this.#flush();
  }

  /** Makes it known that an operator took a member out. */
  remove(peer: PeerId, life: Life, now: Now): { readonly claim: VerifiedClaim; readonly step: SwimStep } {
    const claim = this.#mailer.seal({ kind: 'removed', subject: peer, refused: false, ...life });
    this.forget(peer);
    return { claim, step: this.spread(claim, now) };
  }

  /** Ends our own key; told to many directly, for we do not stay to be asked. */
  revokeSelf(now: Now): { readonly claim: VerifiedClaim; readonly step: SwimStep } {
    const { self } = this.#options;
    const claim = this.#mailer.seal({ kind: 'revoked', subject: self, refused: false, ...this.life });
    this.#mailer.farewell(claim, drawn(this.#parts.random, this.#alive, farewellsMaxCount), now);
    return { claim, step: this.#flush() };
  }

  /** Passes on what its owner found worth knowing. */
  spread(claim: VerifiedClaim, now: Now): SwimStep {
    this.#mailer.spread(claim, now);
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
    if (kind === 'revoked') {
      // Of keys that nobody has heard of anybody could end as many as he likes.
      const isKnown = this.#members.has(subject) || this.#parts.hasHeardOf?.(subject) === true;
      return isKnown && subject !== self && !this.#parts.isRemoved(subject, Number.MAX_SAFE_INTEGER);
    }
    if (subject === self) {
      if (!isAccusation(kind) || compareLives(claim, this.life) < 0) return false;
      // Two that took each other for dead would else never hear that they should refute.
      return (issuer === sender && this.#members.has(issuer)) || this.#isHeard(issuer, sender, now);
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
      if (probe.body.type === 'ping') {
        const { nonce } = probe.body;
        this.#mailer.answerStranger(probe, { type: 'ack', nonce }, now);
      }
      this.#hearAll(probe.claims, probe.from, now);
      return this.#flush();
    }
    if (!member.window.take(probe.epoch, probe.counter)) return this.#flush();
    if (compareLives(probe, member.life) > 0) this.#newLife(member, probe, now);
    this.#mailer.heardAgain(probe.repeats ?? []);
    this.#respond(member, probe, now);
    this.#hearAll(probe.claims, probe.from, now);
    return this.#flush();
  }

  /** Claims that came over a link. `repeats`: those that were no news, as in a datagram. */
  heard({ claims, repeats }: Pick<ReceivedProbe, 'claims' | 'repeats'>, from: PeerId, now: Now): SwimStep {
    if (this.#members.has(from)) this.#mailer.heardAgain(repeats ?? []);
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
        if (member.state === 'suspect' || member.state === 'dead') this.#prober.checkSoon(member, 0, now);
        return;
      case 'ack':
        if (!this.#prober.acked(member, probe, body, now)) return;
        member.lastUdpMonoMs = now.monoMs;
        member.reach.layer('udp', true, now.monoMs);
        this.#health.change(-1);
        return this.#proofOfLife(member, 'U', now);
      case 'ping-request':
        return this.#prober.runErrand(member, body, now);
      case 'nack':
        return this.#prober.nacked(body.nonce);
      case 'relay': {
        const target = this.#prober.relayed(body.relayed);
        if (target === undefined) return;
        if (compareLives(body.relayed, target.life) > 0) this.#newLife(target, body.relayed, now);
        return this.#proofOfLife(target, 'I', now);
      }
      case 'news':
        return;
    }
  }

  /** An answer is never larger than its question; one for somebody else has to fit into a relay. */
  #acknowledge(
    member: Tracked,
    probe: ReceivedProbe,
    { nonce, origin }: Extract<ProbeBody, { readonly type: 'ping' }>,
    now: Now,
  ): void {
    this.#mailer.mail(member, { type: 'ack', nonce, ...(origin === undefined ? {} : { origin }) }, now, {
      address: probe.address,
      budgetBytes: origin === undefined ? probe.wire.length - ackBaseBytes : 0,
      first: member.ownClaim === undefined ? [] : [member.ownClaim],
      tableSince: probe.table?.since,
    });
  }

  #probeFailed(member: Tracked, { helpersCount, nacksCount, isSecondLook }: Probe, now: Now): void {
    member.reach.mark('x');
    member.reach.layer('udp', false, now.monoMs, 'no answer');
    // A helper that does not even say "no" may be fine: then it is we who do not hear. Where several members
    // fell silent the helpers may be among them, and to become slower would only blur the picture.
    if (this.#counted.silent >= sweepMinCount) {
      // Says nothing about us.
    } else if (helpersCount > 0) this.#health.change(nacksCount < helpersCount ? 1 : 0);
    else if (!isSecondLook && this.#counted.alive > 1) this.#health.change(1);
    if (member.state === 'dead') this.#prober.checkLater(member, now);
    else if (member.state !== 'left') this.#suspect(member, false, now);
  }

  #wasRefused(member: Tracked, now: Now): void {
    if (member.state === 'dead') this.#prober.checkLater(member, now);
    else this.#suspect(member, true, now);
  }

  /** Not before this agent runs: a record may come from its store. */
  #checkOnceRunning(member: Tracked, now: Now): void {
    if (this.#lastTickMonoMs !== undefined) this.#prober.checkSoon(member, 0, now);
    else this.#prober.checkAt(member, Math.min(member.checkDueMonoMs, now.monoMs));
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
      if (ownClaim !== undefined) this.#mailer.mail(member, { type: 'news' }, now, { first: [ownClaim] });
      this.#prober.checkLater(member, now);
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
      if (accuser !== this.#options.self) this.#falseAccusers.push(accuser);
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
    this.#mailer.forgetBefore(member.peer, member.life);
    member.isHearsay = false;
    member.reach.strikes = 0;
    member.contradicted.clear();
    this.#clear(member);
  }

  #clear(member: Tracked): void {
    if (member.suspicion !== undefined) this.#censusChanged();
    member.suspicion = undefined;
    member.ownClaim = undefined;
    member.accusers.clear();
  }

  #suspect(member: Tracked, isRefused: boolean, now: Now): void {
    const { suspicion } = member;
    this.#prober.checkLater(member, now);
    if (suspicion !== undefined) {
      suspicion.failedMonoMs = now.monoMs;
      if (!isRefused || suspicion.refusedMonoMs !== undefined) return;
      suspicion.refusedMonoMs = now.monoMs;
      member.isSilent = false;
      this.#censusChanged();
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
    this.#censusChanged();
    this.#outer.checkHttp(member);
    this.#accuse(member, 'suspect', isRefused, now);
    this.#become(member, 'suspect', now);
    if (member.isSilent) this.#sweep(now);
  }

  /**
   * Says what we found, unless enough others have.
   *
   * What everybody finds out at once, as when a process ends and all its connections break, would be said by all:
   * so each waits for a while drawn at random, longer the more they are, and the first one silences the rest.
   * Source: suppression as in SRM (Floyd and others, 1995, section III).
   */
  #accuse(member: Tracked, kind: 'suspect' | 'dead', refused: boolean, now: Now): void {
    const { self } = this.#options;
    const isFirst = member.accusers.size === 0;
    member.ownClaim = this.#mailer.seal({ kind, subject: member.peer, refused, ...member.life });
    noteAccusation(member, self, { says: kind, refused, atMonoMs: now.monoMs, isFirstHand: false });
    for (const accuser of member.accusers.keys()) this.#bearWitness(member, accuser, now);
    if (isFirst && !refused) return this.#speakUp(member.peer, now);
    const waitMs = accusationSpreadMs(this.#settings.gossipIntervalMs, this.#counted.participants);
    this.#effects.push({
      type: 'wake',
      afterMs: Math.floor(waitMs * this.#parts.random.next()),
      input: { type: 'accusation-due', peer: member.peer },
      afterPoll: true,
    });
  }

  /** Who told us first hand that nobody listens there needs a second witness, whom all others do without. */
  #bearWitness({ accusers, ownClaim }: Tracked, to: PeerId, now: Now): void {
    const own = accusers.get(this.#options.self);
    const heard = accusers.get(to);
    const accuser = this.#members.get(to);
    if (accuser === undefined || ownClaim === undefined || own?.refused !== true || own.isSpread) return;
    if (heard?.refused === true && heard.isFirstHand)
      this.#mailer.mail(accuser, { type: 'news' }, now, { first: [ownClaim] });
  }

  #speakUp(peer: PeerId, now: Now): void {
    const member = this.#members.get(peer);
    if (member?.ownClaim === undefined || this.#isAccusedEnough(member)) return;
    this.#spreadAccusation(member, member.ownClaim, now);
  }

  #spreadAccusation(member: Tracked, claim: VerifiedClaim, now: Now): void {
    const accusation = member.accusers.get(claim.issuer);
    if (accusation !== undefined) accusation.isSpread = true;
    this.#mailer.spread(claim, now);
  }

  /** Whether more voices would change nothing for whoever looks himself. */
  #isAccusedEnough({ accusers }: Tracked): boolean {
    let others = 0;
    for (const [peer, { refused, isSpread }] of accusers) {
      // Who looks will be refused as well: that makes two witnesses.
      if (refused && isSpread) return true;
      if (peer !== this.#options.self) others += 1;
    }
    // One more than each needs to hear, for that one may be its own.
    return others > this.#settings.confirmationsCount;
  }

  #passVerdicts(now: Now): void {
    this.#census = undefined; // Who is doubtful, and who was lost long ago, changes with time.
    if (this.isFrozen) this.#frozenMonoMs = now.monoMs;
    if (now.monoMs < this.#stalledUntilMonoMs) return;
    const freshMs = 3 * this.#settings.probeIntervalMs * this.#prober.stretch;
    const silentMs = silentLinkIntervals * this.#settings.probeIntervalMs;
    for (const member of this.#absent) {
      if (member.state !== 'suspect' || member.suspicion === undefined) continue;
      if (now.monoMs - member.suspicion.sinceMonoMs > silentMs) this.#hangUp(member);
      const leftMs = this.verdictLeftMs(member, now.monoMs);
      if (leftMs === undefined || leftMs > 0) continue;
      if (now.monoMs - member.suspicion.failedMonoMs > freshMs) {
        this.#prober.ask(member, now);
        continue;
      }
      this.#accuse(member, 'dead', member.suspicion.refusedMonoMs !== undefined, now);
      this.#become(member, 'dead', now);
      this.#prober.checkLater(member, now);
      this.#hangUp(member);
    }
  }

  /** A connection that nothing comes through any more would stand in the way of a new one. */
  #hangUp(member: Tracked): void {
    if (this.#parts.isLinked(member.peer)) this.#effects.push({ type: 'hang-up', peer: member.peer });
  }

  /** Several fell silent at once: look at everybody, to know how far it goes. */
  #sweep(now: Now): void {
    const suspects = [...this.#absent].filter(({ state, isSilent }) => state === 'suspect' && isSilent);
    if (suspects.length < sweepMinCount || now.monoMs - this.#sweptMonoMs < sweepIntervalMs) return;
    this.#sweptMonoMs = now.monoMs;
    for (const member of drawn(this.#parts.random, this.#alive, sweepMaxCount)) {
      this.#prober.checkSoon(member, 0, now);
    }
  }

  /** One of the lost is back: the others may be as well. */
  #lookForOthers(now: Now): void {
    for (const member of [...this.#absent]) {
      if (member.state === 'left') continue;
      // What was asked while it could not be reached will fail in a moment, and says nothing any more.
      this.#prober.end(member);
      this.#prober.checkSoon(member, 0, now);
    }
  }

  #add(fields: MemberFields, life: Life, state: LivenessState, now: Now): void {
    const reach = new Reachability(this.#stored.get(fields.peer), now.monoMs);
    const member = track(fields, { state, life, monoMs: now.monoMs, reach });
    if (this.#parts.isLinked(fields.peer)) member.reach.layer('tcp', true, now.monoMs);
    this.#members.set(fields.peer, member);
    if (state === 'alive') this.#isAlive(member);
    else this.#absent.add(member);
    this.#censusChanged();
    this.#prober.add(fields.peer);
    this.#outer.add(fields.peer);
    this.#report(member, undefined);
    // Known from a record that may be old: nobody is taken for alive on that.
    if (state === 'suspect') this.#checkOnceRunning(member, now);
  }

  #become(member: Tracked, state: LivenessState, now: Now): void {
    const from = member.state;
    if (from === state) return;
    member.state = state;
    member.sinceMonoMs = now.monoMs;
    if (from === 'alive') this.#isNotAlive(member);
    if (state === 'alive') this.#isAlive(member);
    else this.#absent.add(member);
    this.#censusChanged();
    this.#report(member, from);
    if (state === 'left') this.#prober.end(member);
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
    for (const claim of claims) if (this.wants(claim, sender, now)) this.#hear(claim, sender, now);
  }

  #hear(claim: VerifiedClaim, sender: PeerId, now: Now): void {
    if (claim.kind === 'removed' || claim.kind === 'revoked') {
      this.#removals.push(claim);
      return;
    }
    if (claim.subject === this.#options.self) return this.#refute(claim, now);
    const member = this.#members.get(claim.subject);
    if (member === undefined) return;
    if (isAccusation(claim.kind)) return this.#hearAccusation(member, claim, sender, now);
    this.#mailer.spread(claim, now);
    if (claim.kind === 'alive') return this.#newLife(member, claim, now);
    this.#begin(member, claim);
    this.#become(member, 'left', now);
  }

  #hearAccusation(member: Tracked, claim: VerifiedClaim, sender: PeerId, now: Now): void {
    const accusation = {
      says: claim.kind === 'dead' ? claim.kind : 'suspect',
      refused: claim.refused,
      atMonoMs: now.monoMs,
      isFirstHand: claim.issuer === sender,
    } as const;
    if (compareLives(claim, member.life) > 0) {
      // A life that we have not heard of: only its owner can tell, and if it knows nothing of it, that was a lie.
      if (member.state === 'alive') {
        noteAccusation(member, claim.issuer, accusation);
        member.isHearsay = true;
      }
      this.#prober.checkSoon(member, 0, now);
      return;
    }
    const { probeIntervalMs } = this.#settings;
    const isEarly = !this.#isAccusedEnough(member);
    noteAccusation(member, claim.issuer, accusation);
    if (isEarly) this.#spreadAccusation(member, claim, now);
    this.#bearWitness(member, claim.issuer, now);
    if (member.state !== 'alive') return;
    member.isHearsay = true;
    const spreadMs = checkSpreadMs(probeIntervalMs, this.#counted.participants);
    this.#prober.checkSoon(member, spreadMs * this.#parts.random.next(), now);
  }

  /** Source: SWIM, section 4.2: only the subject raises its incarnation. */
  #refute(claim: VerifiedClaim, now: Now): void {
    // Of a life that we never had: a liar's, who would make us count up to the end, or a copy of our key, which
    // records will show.
    if (compareLives(claim, this.life) > 0) return;
    this.#health.change(1);
    this.#mailer.raiseIncarnation(now);
  }

  /** Members that accuse falsely too often are heard only in their own datagrams, by whom they accuse. */
  #isHeard(issuer: PeerId, sender: PeerId, now: Now): boolean {
    const accuser = this.#members.get(issuer);
    if (accuser === undefined || accuser.state === 'left' || accuser.state === 'dead') return false;
    return issuer === sender || accuser.reach.credibility(now.monoMs) >= credibilityMin;
  }

  #claimsForLink(member: Tracked | undefined): readonly VerifiedClaim[] {
    const claims: VerifiedClaim[] = [];
    if (member?.ownClaim !== undefined) claims.push(member.ownClaim);
    if (this.life.incarnation > 0) {
      claims.push(
        this.#mailer.seal({ kind: 'alive', subject: this.#options.self, refused: false, ...this.life }),
      );
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
    const waitMs = this.#prober.waitMs;
    if (late < this.ackTimeoutMs) return;
    this.#stalledUntilMonoMs = now.monoMs + 3 * waitMs;
    for (const member of this.#absent) {
      if (member.state === 'suspect') this.#prober.checkAt(member, now.monoMs);
    }
    // The others may have given us up meanwhile.
    if (late >= this.#settings.probeIntervalMs) this.#mailer.raiseIncarnation(now);
  }

  /** What other clocks were ahead of ours says nothing once ours has jumped. */
  #noticeClockStep({ wallMs, monoMs }: Now): void {
    const offsetMs = wallMs - monoMs;
    const isStep = Math.abs(offsetMs - (this.#clockOffsetMs ?? offsetMs)) > clockStepMinMs;
    this.#clockOffsetMs = offsetMs;
    if (isStep) for (const member of this.#members.values()) member.skewMs = undefined;
  }

  #isAlive(member: Tracked): void {
    this.#absent.delete(member);
    this.#alive.push(member);
  }

  #isNotAlive(member: Tracked): void {
    const place = this.#alive.indexOf(member);
    if (place >= 0) this.#alive.splice(place, 1);
  }

  #linked(): readonly Tracked[] {
    const linked: Tracked[] = [];
    for (const peer of this.#parts.links()) {
      const member = this.#members.get(peer);
      if (member?.state === 'alive') linked.push(member);
    }
    return linked;
  }

  #censusChanged(): void {
    this.#census = undefined;
  }

  get #counted(): Census {
    this.#census ??= this.#count();
    return this.#census;
  }

  #count(): Census {
    const alive = this.#members.size - this.#absent.size;
    let suspect = 0;
    let silent = 0;
    let lost = 0;
    const nowMonoMs = this.#lastTickMonoMs ?? 0;
    for (const { state, suspicion, isSilent, sinceMonoMs } of this.#absent) {
      if (state === 'dead' && isSilent && nowMonoMs - sinceMonoMs <= silentDeadCountMs) lost += 1;
      if (state !== 'suspect') continue;
      suspect += 1;
      if (suspicion !== undefined && isSilent) silent += 1;
    }
    const doubtful = this.#prober.doubtfulCount(nowMonoMs);
    return { participants: 1 + alive + suspect, alive, silent, lost, doubtful };
  }

  #flush(): SwimStep {
    const step = {
      changed: this.#changed,
      effects: this.#effects,
      removals: this.#removals,
      falseAccusers: this.#falseAccusers,
    };
    this.#changed = [];
    this.#effects = [];
    this.#removals = [];
    this.#falseAccusers = [];
    return step;
  }
}
