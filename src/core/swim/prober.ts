/**
 * Asks members whether they are there: one per interval in rounds, others out of turn, and for others.
 *
 * A question goes to the member itself; when no answer comes in time, to helpers and over the libp2p
 * connection at once; when that brings nothing either, it has failed. Who had been accused by others is
 * asked over UDP and the connection at once, because others have been the helpers already.
 *
 * A timer that comes late says that this process did not run when the answer may have come, so it is armed
 * once more. Sources: SWIM, sections 3 and 4.3; Lifeguard, section IV-A.
 */
import type { Effect, Wake } from '../effects.ts';
import { RateLimit } from '../gossip/rate-limit.ts';
import { drawn, type Random } from '../random.ts';
import type { PeerId } from '../record/record.ts';
import type { Now } from '../time.ts';
import type { LocalHealth } from './local-health.ts';
import type { Letter, Mailer } from './mailer.ts';
import type { Tracked } from './member.ts';
import {
  claimOverheadBytes,
  type Nonce,
  type Origin,
  type ProbeBody,
  type ReceivedProbe,
  type RelayedAck,
} from './message.ts';
import { ProbeOrder } from './probe-order.ts';
import type { SwimSettings } from './settings.ts';
import { ackTimeoutMs, checkSpreadMs } from './timing.ts';

export interface Probe {
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

export interface ProberComponents {
  readonly random: Random;
  readonly health: LocalHealth;
  readonly mailer: Mailer;
  readonly isLinked: (peer: PeerId) => boolean;
  readonly member: (peer: PeerId) => Tracked | undefined;
  readonly members: () => Iterable<Tracked>;
  readonly alive: () => readonly Tracked[];
  readonly aliveCount: () => number;
  readonly participantsCount: () => number;
  readonly emit: (effect: Effect) => void;
}

/** Timers of Node.js count whole milliseconds and may be this much early by a finer clock. */
const timerSlackMs = 2;
/** Checks begun at once, and per second; the rest waits for later ticks. */
const checksBurstCount = 64;
const checksPerSecond = 100;
const errandsMaxCount = 64;
/** Of the questions to one dead member by all others together, ms between two. Guess: no burden for a host. */
const deadTurnMs = 20;
const rttsKeptCount = 64;
const nonceBound = 2 ** 48;
/** Conservative: what an ack for somebody else takes, which never has claims. */
const relayedAckMaxBytes = 240;

export class Prober {
  readonly #settings: SwimSettings;
  readonly #parts: ProberComponents;
  readonly #order: ProbeOrder;
  readonly #probes = new Map<Nonce, Probe>();
  readonly #errands = new Map<Nonce, Errand>();
  readonly #checkRate = new RateLimit({
    perSecond: checksPerSecond,
    burstCount: checksBurstCount,
    bucketsMaxCount: 1,
  });
  readonly #rtts: number[] = [];
  #rttMaxMs: number | undefined;
  #nextProbeMonoMs: number | undefined;
  /** Those to be looked at outside the round; some may have been meanwhile. */
  readonly #checks = new Set<Tracked>();
  /** No check is due before. */
  #nextCheckMonoMs = Number.POSITIVE_INFINITY;

  constructor(settings: SwimSettings, components: ProberComponents) {
    this.#settings = settings;
    this.#parts = components;
    this.#order = new ProbeOrder(components.random);
  }

  /** The present wait for a direct ack, ms, without the stretch of local health. */
  get ackTimeoutMs(): number {
    return ackTimeoutMs(this.#settings, this.#rttMaxMs);
  }

  /** The same with it. */
  get waitMs(): number {
    return this.ackTimeoutMs * this.stretch;
  }

  /** Cut off from everybody there is nothing to be careful about, and being slow would only delay the return. */
  get stretch(): number {
    return this.#parts.aliveCount() === 0 ? 1 : this.#parts.health.multiplier;
  }

  /** Members that count as alive and have not answered within an ordinary wait. */
  doubtfulCount(monoMs: number): number {
    let count = 0;
    for (const { target, startedMonoMs } of this.#probes.values()) {
      const isLate = monoMs - startedMonoMs > this.ackTimeoutMs;
      if (isLate && this.#parts.member(target)?.state === 'alive') count += 1;
    }
    return count;
  }

  add(peer: PeerId): void {
    this.#order.add(peer);
  }

  remove(member: Tracked): void {
    this.end(member);
    this.#checks.delete(member);
    this.#order.remove(member.peer);
  }

  pending(member: Tracked): Probe | undefined {
    return member.probe === undefined ? undefined : this.#probes.get(member.probe);
  }

  /** Whatever was asked counts no more. */
  end(member: Tracked): void {
    if (member.probe !== undefined) this.#probes.delete(member.probe);
    member.probe = undefined;
  }

  /** To be called at each tick: the round goes on, and so do checks whose time has come. */
  tick(now: Now): void {
    this.#probeNext(now);
    if (now.monoMs < this.#nextCheckMonoMs) return;
    this.#nextCheckMonoMs = Number.POSITIVE_INFINITY;
    for (const member of this.#checks) {
      if (member.checkDueMonoMs <= now.monoMs && this.#mayCheck(now)) this.ask(member, now);
      if (member.checkDueMonoMs === Number.POSITIVE_INFINITY) this.#checks.delete(member);
      else this.#nextCheckMonoMs = Math.min(this.#nextCheckMonoMs, member.checkDueMonoMs);
    }
  }

  checkAt(member: Tracked, monoMs: number): void {
    member.checkDueMonoMs = monoMs;
    this.#checks.add(member);
    this.#nextCheckMonoMs = Math.min(this.#nextCheckMonoMs, monoMs);
  }

  /** Looks at a member now, from a socket of its own, also when an answer is awaited already. */
  ask(member: Tracked, now: Now): void {
    this.#start(member, true, now);
  }

  checkSoon(member: Tracked, afterMs: number, now: Now): void {
    if (afterMs === 0 && member.probe === undefined && this.#mayCheck(now)) this.ask(member, now);
    else this.checkAt(member, Math.min(member.checkDueMonoMs, now.monoMs + afterMs));
  }

  /**
   * After some failures in a row ever more rarely, with jitter. All others ask the dead as well: in a large cluster
   * each asks more rarely.
   */
  checkLater(member: Tracked, now: Now): void {
    const { strikesMaxCount, strikeBackoffMinMs, strikeBackoffMaxMs, probeIntervalMs } = this.#settings;
    const over = member.reach.strikes - strikesMaxCount;
    const spreadMs = checkSpreadMs(probeIntervalMs, this.#parts.participantsCount());
    const backoffMs =
      over <= 0
        ? probeIntervalMs + spreadMs
        : Math.min(strikeBackoffMaxMs, strikeBackoffMinMs * 2 ** Math.min(over - 1, 20));
    const turnMs = member.state === 'dead' ? this.#parts.participantsCount() * deadTurnMs : 0;
    const pauseMs = Math.max(backoffMs, Math.min(strikeBackoffMaxMs, turnMs));
    this.checkAt(member, now.monoMs + pauseMs * (0.5 + this.#parts.random.next() / 2));
  }

  /** The timer of a probe. @returns The probe, when it has failed by that. */
  overdue(nonce: Nonce, now: Now): { readonly member: Tracked; readonly probe: Probe } | undefined {
    const probe = this.#probes.get(nonce);
    const member = probe && this.#parts.member(probe.target);
    if (probe === undefined || member === undefined) return undefined;
    const { waitMs } = this;
    if (now.monoMs < probe.dueMonoMs - timerSlackMs) return undefined; // Of the stage before: it went on early.
    if (now.monoMs - probe.dueMonoMs > waitMs / 2 && !probe.wasRearmed) {
      probe.wasRearmed = true;
      probe.dueMonoMs = now.monoMs + waitMs;
      this.#wakeAfter(waitMs, { type: 'probe-overdue', nonce });
      return undefined;
    }
    if (probe.stage === 'direct') {
      this.askOthers(probe, member, now);
      return undefined;
    }
    this.end(member);
    return { member, probe };
  }

  /** Helpers over UDP, and the libp2p connection, at the same time. */
  askOthers(probe: Probe, member: Tracked, now: Now): void {
    const { random, alive, mailer, isLinked, emit } = this.#parts;
    const { waitMs } = this;
    probe.stage = 'indirect';
    probe.wasRearmed = false;
    probe.dueMonoMs = now.monoMs + waitMs;
    const { helpersCount } = this.#settings;
    const helpers = drawn(random, alive(), helpersCount + 1)
      .filter(({ peer }) => peer !== member.peer)
      .slice(0, helpersCount);
    probe.helpersCount = helpers.length;
    for (const helper of helpers) {
      mailer.mail(helper, { type: 'ping-request', nonce: probe.nonce, target: member.peer }, now);
    }
    if (isLinked(member.peer)) emit({ type: 'ping', peer: member.peer });
    this.#wakeAfter(waitMs, { type: 'probe-overdue', nonce: probe.nonce });
  }

  /** An ack for us or for somebody whom we help. @returns Whether it answers a question of ours. */
  acked(
    member: Tracked,
    received: ReceivedProbe,
    { nonce, origin }: Extract<ProbeBody, { readonly type: 'ack' }>,
    now: Now,
  ): boolean {
    const errand = this.#errands.get(nonce);
    if (errand !== undefined) {
      const isAnswer = errand.target === member.peer && origin?.peer === errand.origin.peer;
      if (isAnswer && received.wire.length <= relayedAckMaxBytes)
        this.#answerErrand(nonce, errand, { type: 'relay', ack: received.wire }, now);
      return false;
    }
    const probe = this.#probes.get(nonce);
    // Nobody answers for others: the sender has to be the one that was asked.
    if (probe === undefined || probe.target !== member.peer || origin !== undefined) return false;
    this.end(member);
    const rttMs = now.monoMs - probe.startedMonoMs;
    member.rttMs = rttMs;
    member.skewMs = received.wallMs - (now.wallMs - rttMs / 2);
    this.#rtts.push(rttMs);
    if (this.#rtts.length > rttsKeptCount) this.#rtts.shift();
    this.#rttMaxMs = Math.max(...this.#rtts);
    return true;
  }

  nacked(nonce: Nonce): void {
    const probe = this.#probes.get(nonce);
    if (probe !== undefined && probe.nacksCount < probe.helpersCount) probe.nacksCount += 1;
  }

  /** A helper passes on an ack. @returns The member that has answered by it. */
  relayed({ from, origin }: RelayedAck): Tracked | undefined {
    const probe = this.#probes.get(origin.nonce);
    const member = this.#parts.member(from);
    if (probe === undefined || member === undefined || probe.target !== from) return undefined;
    this.end(member);
    return member;
  }

  /** Somebody asks us to ask. */
  runErrand(
    helped: Tracked,
    { nonce, target }: Extract<ProbeBody, { readonly type: 'ping-request' }>,
    now: Now,
  ): void {
    const member = this.#parts.member(target);
    if (member === undefined || this.#errands.size >= errandsMaxCount) return;
    const own = this.#drawNonce();
    const origin: Origin = { peer: helped.peer, nonce };
    this.#errands.set(own, { target, origin });
    this.#parts.mailer.mail(member, { type: 'ping', nonce: own, origin }, now);
    // Before the one who asks gives up. Source: memberlist, 80 % of the timeout.
    this.#wakeAfter(0.8 * this.ackTimeoutMs, { type: 'errand-overdue', nonce: own });
  }

  errandOverdue(nonce: Nonce, now: Now): void {
    const errand = this.#errands.get(nonce);
    if (errand !== undefined)
      this.#answerErrand(nonce, errand, { type: 'nack', nonce: errand.origin.nonce }, now);
  }

  #answerErrand(own: Nonce, { origin }: Errand, body: ProbeBody, now: Now): void {
    this.#errands.delete(own);
    const helped = this.#parts.member(origin.peer);
    if (helped !== undefined) this.#parts.mailer.mail(helped, body, now, { budgetBytes: 0 });
  }

  #probeNext(now: Now): void {
    const { probeIntervalMs } = this.#settings;
    // Agents that start together must not probe in step.
    this.#nextProbeMonoMs ??= now.monoMs + this.#parts.random.next() * probeIntervalMs;
    if (now.monoMs < this.#nextProbeMonoMs) return;
    this.#nextProbeMonoMs = Math.max(this.#nextProbeMonoMs + probeIntervalMs * this.stretch, now.monoMs);
    const peer = this.#order.next(candidate => this.#parts.member(candidate)?.state === 'alive');
    const member = peer === undefined ? undefined : this.#parts.member(peer);
    if (member !== undefined) this.#start(member, false, now);
  }

  #start(member: Tracked, asks: boolean, now: Now): void {
    member.checkDueMonoMs = Number.POSITIVE_INFINITY;
    if (member.state === 'left') return;
    const pending = this.pending(member);
    if (pending !== undefined && !asks) return;
    const nonce = pending?.nonce ?? this.#drawNonce();
    if (asks) this.#parts.mailer.mail(member, { type: 'ping', nonce, isBrief: true }, now, enclosed(member));
    else this.#parts.mailer.mail(member, { type: 'ping', nonce }, now);
    if (pending !== undefined) return;
    const isSecondLook = member.isHearsay;
    if (isSecondLook && this.#parts.isLinked(member.peer))
      this.#parts.emit({ type: 'ping', peer: member.peer });
    const { waitMs } = this;
    member.probe = nonce;
    this.#probes.set(nonce, {
      nonce,
      target: member.peer,
      startedMonoMs: now.monoMs,
      dueMonoMs: now.monoMs + waitMs,
      stage: isSecondLook ? 'indirect' : 'direct',
      isSecondLook,
      helpersCount: 0,
      nacksCount: 0,
      wasRearmed: false,
    });
    this.#wakeAfter(waitMs, { type: 'probe-overdue', nonce });
  }

  #drawNonce(): Nonce {
    return Math.floor(this.#parts.random.next() * nonceBound);
  }

  #mayCheck(now: Now): boolean {
    return this.#checkRate.take('', now.monoMs);
  }

  #wakeAfter(afterMs: number, input: Wake): void {
    this.#parts.emit({ type: 'wake', afterMs, input, afterPoll: true });
  }
}

/** What goes with a question out of turn: what its receiver should refute, and no news, which could be lost. */
function enclosed({ ownClaim, suspicion }: Tracked): Letter {
  // Where nobody listens there is nobody to refute.
  const first = ownClaim === undefined || suspicion?.refusedMonoMs !== undefined ? [] : [ownClaim];
  const budgetBytes = first.reduce((sum, { wire }) => sum + wire.length + claimOverheadBytes, 0);
  return { first, budgetBytes, asks: true };
}
