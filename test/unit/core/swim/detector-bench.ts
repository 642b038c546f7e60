/**
 * One failure detector on a table, with members that answer or not, and time by hand.
 *
 * Datagrams are real ones, so that their sizes are; a member that is `well` answers within two milliseconds,
 * a member that is `helpful` also asks others, and reaches whoever is well or `reachedByOthers`.
 */
import type { Effect, Wake } from '../../../../src/core/effects.ts';
import type { ClaimDraft, VerifiedClaim } from '../../../../src/core/swim/claim.ts';
import { Detector, type SwimStep } from '../../../../src/core/swim/detector.ts';
import type { Tracked } from '../../../../src/core/swim/member.ts';
import type { ProbeBody, ProbeMessage } from '../../../../src/core/swim/message.ts';
import type { SwimSettings } from '../../../../src/core/swim/settings.ts';
import type { Now } from '../../../../src/core/time.ts';
import { seededRandom } from '../../../../src/runtime/seeded-random.ts';
import { asReceived, at, Speaker } from '../../../record-builder.ts';

export interface Sent {
  readonly atMs: number;
  readonly to: Speaker | undefined;
  readonly address: string;
  readonly asks: boolean;
  readonly message: ProbeMessage;
  readonly bytes: Uint8Array;
}

interface Later {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

interface BenchOptions {
  /** Members besides this agent, numbered from 2. */
  readonly others: number;
  readonly settings?: Partial<SwimSettings>;
  readonly seed?: number;
  readonly epoch?: number;
}

const pongMs = 1;
const linkMs = 3;
const nackMs = 150;

export class DetectorBench {
  readonly me = new Speaker(1);
  readonly others: readonly Speaker[];
  readonly detector: Detector;
  readonly linked = new Set<Speaker>();
  readonly well = new Set<Speaker>();
  readonly helpful = new Set<Speaker>();
  readonly reachedByOthers = new Set<Speaker>();
  /** Who answers pings over the link. */
  readonly onLink = new Set<Speaker>();
  readonly sent: Sent[] = [];
  readonly effects: Effect[] = [];
  /** `agent-2 alive>suspect`, in order. */
  readonly changes: string[] = [];
  readonly removals: VerifiedClaim[] = [];
  monoMs = 0;
  readonly #later: Later[] = [];
  #order = 0;
  #nextTickMs: number;

  constructor({ others, settings = {}, seed = 1, epoch = 10 }: BenchOptions) {
    this.others = Array.from({ length: others }, (_, i) => new Speaker(i + 2));
    this.detector = new Detector(
      { self: this.me.peer, selfId: 'agent-1', epoch, settings },
      {
        random: seededRandom(seed),
        sealClaim: draft => this.me.probeCodec.sealClaim(draft),
        isLinked: peer => [...this.linked].some(speaker => speaker.peer === peer),
        links: () => [...this.linked].map(({ peer }) => peer),
        isRemoved: () => false,
      },
    );
    this.#nextTickMs = this.detector.nextTickMs();
    for (const speaker of this.others) {
      this.well.add(speaker);
      this.helpful.add(speaker);
      this.meet(speaker);
    }
    this.changes.length = 0;
  }

  get now(): Now {
    return at(this.monoMs);
  }

  /** The member number `n`; the first is number 2. */
  speaker(n: number): Speaker {
    const found = this.others[n - 2];
    if (found === undefined) throw new RangeError(`there is no agent-${n}`);
    return found;
  }

  idOf(speaker: Speaker): string {
    return `agent-${this.others.indexOf(speaker) + 2}`;
  }

  member(speaker: Speaker): Tracked {
    const member = this.detector.member(speaker.peer);
    if (member === undefined) throw new RangeError(`${this.idOf(speaker)} is not known`);
    return member;
  }

  stateOf(speaker: Speaker): string {
    return this.member(speaker).state;
  }

  states(): readonly string[] {
    return this.others.map(speaker => this.stateOf(speaker));
  }

  fieldsOf(speaker: Speaker) {
    const { peer, probeAddress: address } = speaker;
    const metrics = { host: '10.0.0.1', port: 9_090 };
    return {
      peer,
      id: this.idOf(speaker),
      nodeType: 'backend',
      isBootstrap: false,
      address,
      metrics,
    } as const;
  }

  meet(speaker: Speaker, epoch = 1, isFresh = true): void {
    this.do(this.detector.known(this.fieldsOf(speaker), epoch, isFresh, this.now));
  }

  /** It neither answers nor helps, and nobody reaches it. */
  silence(...speakers: readonly Speaker[]): void {
    for (const speaker of speakers) {
      this.well.delete(speaker);
      this.helpful.delete(speaker);
    }
  }

  do(step: SwimStep): void {
    for (const { member, from } of step.changed)
      this.changes.push(`${member.id} ${from ?? ''}>${member.state}`);
    this.removals.push(...step.removals);
    for (const effect of step.effects) this.#carryOut(effect);
  }

  /** It sends us a datagram, which is verified. */
  send(from: Speaker, body: ProbeBody, fields: Partial<ProbeMessage> = {}): void {
    this.do(this.detector.received(from.probe(this.me.peer, body, fields), this.now));
  }

  /** The accuser says this of the victim, in a datagram of its own; what the detector does not want is dropped. */
  accuse(
    accuser: Speaker,
    victim: Speaker,
    fields: Partial<ClaimDraft> = {},
    kind: ClaimDraft['kind'] = 'suspect',
  ): void {
    const claim = accuser.claim(kind, victim.peer, fields);
    const claims = this.detector.wants(claim, accuser.peer, this.now) ? [claim] : [];
    this.send(accuser, { type: 'news' }, { claims });
  }

  wake(input: DetectorWake): void {
    this.do(this.detector.wake(input, this.now));
  }

  /** Lets time go by, with ticks, timers, and the answers of those who are well. */
  pass(ms: number): void {
    const endMs = this.monoMs + ms;
    for (;;) {
      const next = [...this.#later].sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if ((next?.atMs ?? Number.POSITIVE_INFINITY) > Math.min(endMs, this.#nextTickMs)) {
        if (this.#nextTickMs > endMs) break;
        this.monoMs = this.#nextTickMs;
        this.#nextTickMs += this.detector.nextTickMs();
        this.do(this.detector.tick(this.now));
      } else if (next !== undefined) {
        this.#later.splice(this.#later.indexOf(next), 1);
        this.monoMs = Math.max(this.monoMs, next.atMs);
        next.happen();
      }
    }
    this.monoMs = endMs;
  }

  /** The process does not run; then its timers come first, as they do in a loop. */
  stall(ms: number): void {
    this.monoMs += ms;
    this.do(this.detector.tick(this.now));
    this.#nextTickMs = this.monoMs + this.detector.nextTickMs();
  }

  /** Passes time until it holds. @returns How long that took, ms. */
  until(holds: () => boolean, maxMs = 120_000): number {
    const startMs = this.monoMs;
    while (!holds()) {
      if (this.monoMs - startMs >= maxMs) throw new Error(`not within ${maxMs} ms`);
      this.pass(10);
    }
    return this.monoMs - startMs;
  }

  /** Datagrams of one kind that went to one member, or to all. */
  sentTo(to: Speaker | undefined, type: ProbeBody['type']): readonly Sent[] {
    return this.sent.filter(each => (to === undefined || each.to === to) && each.message.body.type === type);
  }

  clear(): void {
    this.sent.length = 0;
    this.effects.length = 0;
    this.changes.length = 0;
  }

  #carryOut(effect: Effect): void {
    if (effect.type === 'wake') {
      const { input } = effect;
      if (!isOfDetector(input)) return;
      return this.#after(effect.afterMs, () => this.wake(input));
    }
    this.effects.push(effect);
    if (effect.type === 'ping') this.#answerOverLink(effect.peer);
    if (effect.type !== 'datagram') return;
    const { address, asks, message } = effect;
    const to = this.others.find(({ peer }) => peer === message.to);
    const bytes = this.me.probeCodec.encodeProbe(message);
    this.sent.push({ atMs: this.monoMs, to, address, asks, message, bytes });
    if (to !== undefined) this.#answer(to, message.body);
  }

  #answer(to: Speaker, body: ProbeBody): void {
    if (body.type === 'ping' && this.well.has(to)) {
      const origin = body.origin === undefined ? {} : { origin: body.origin };
      this.#after(pongMs, () =>
        this.send(to, { type: 'ack', nonce: body.nonce, ...origin }, this.#lifeOf(to)),
      );
    }
    if (body.type !== 'ping-request' || !this.helpful.has(to)) return;
    const target = this.others.find(({ peer }) => peer === body.target);
    const isReached = target !== undefined && (this.well.has(target) || this.reachedByOthers.has(target));
    if (isReached) this.#after(2 * pongMs, () => this.#relay(to, target, body.nonce));
    else this.#after(nackMs, () => this.send(to, { type: 'nack', nonce: body.nonce }, this.#lifeOf(to)));
  }

  #answerOverLink(peer: string): void {
    if (![...this.onLink].some(speaker => speaker.peer === peer)) return;
    this.#after(linkMs, () => this.do(this.detector.pinged(peer, linkMs, this.now)));
  }

  #relay(helper: Speaker, target: Speaker, nonce: number): void {
    const origin = { peer: this.me.peer, nonce };
    const ack = target.datagram(helper.peer, { type: 'ack', nonce: 1, origin }, this.#lifeOf(target));
    this.send(helper, { type: 'relay', ack }, this.#lifeOf(helper));
  }

  /** They know their own life as well as we do. */
  #lifeOf(speaker: Speaker): Partial<ProbeMessage> {
    return this.detector.member(speaker.peer)?.life ?? {};
  }

  #after(ms: number, happen: () => void): void {
    this.#order += 1;
    this.#later.push({ atMs: this.monoMs + ms, order: this.#order, happen });
  }
}

/** The datagram as its receiver sees it. */
export function received(from: DetectorBench, { bytes }: Sent) {
  return asReceived(from.me.probeCodec, bytes, from.me.probeAddress);
}

type DetectorWake = Parameters<Detector['wake']>[0];

function isOfDetector(input: Wake): input is DetectorWake {
  return /^(probe|errand|news|accusation)-/.test(input.type);
}
