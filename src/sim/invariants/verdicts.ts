/**
 * F2 and F9: on what grounds a member may be suspected and given up.
 *
 * Nobody is suspected on the word of others alone.
 *
 * Who is cut off from most of the others gives none of them up for being silent, and a suspicion lasts as long
 * as the number of different accusers asks for. Both are reckoned here from what the network does and from
 * the formula in the paper, not by the code that is looked at.
 */
import type { AgentEvent } from '../../core/view.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

/** By then whoever is cut off has found out: a round of probes, and their waits. */
const noticedMs = 6_000;
/** Whoever has been undisturbed for so long is not suspected any more for what was before. */
const excusedMs = 30_000;
/** Of rounding, and of timers that come a little early. */
const slackMs = 5;

export class VerdictInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  /** Since when an agent has been cut off from most of the others. */
  readonly #cutOffSinceMs = new Map<SimAgent, number>();

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
  }

  event(agent: SimAgent, { event, data }: AgentEvent): void {
    if (event !== 'liveness' || !this.#world.honest.includes(agent)) return;
    const subject = this.#world.honest.find(({ id }) => id === data.id);
    const isOneKey = this.#world.owners.get(data.id)?.keys.length === 1;
    if (subject === undefined || subject === agent || !isOneKey) return;
    if (data.to === 'suspect') this.#checkSuspicion(agent, subject);
    if (data.to !== 'dead') return;
    this.#checkIsolation(agent, subject);
    this.#checkPatience(agent, subject);
  }

  restored(agent: SimAgent): void {
    this.#cutOffSinceMs.delete(agent);
  }

  look(): void {
    const { nowMs, honest } = this.#world;
    for (const agent of honest) {
      if (!agent.isUp || !this.#isCutOff(agent)) this.#cutOffSinceMs.delete(agent);
      else if (!this.#cutOffSinceMs.has(agent)) this.#cutOffSinceMs.set(agent, nowMs);
    }
  }

  /** A probe of one's own has to fail before, and there is nothing that could have made it. */
  #checkSuspicion(observer: SimAgent, subject: SimAgent): void {
    const calmMs = this.#world.trouble.calmMs([observer.place, subject.place]);
    if (subject.isUp && calmMs > excusedMs)
      this.#report('F2', `${observer.id} suspects ${subject.id}, which has been well for ${calmMs} ms`);
  }

  #checkIsolation(observer: SimAgent, subject: SimAgent): void {
    const sinceMs = this.#cutOffSinceMs.get(observer);
    const wasRefused =
      observer.protocol.detector.member(subject.peer)?.suspicion?.refusedMonoMs !== undefined;
    if (sinceMs === undefined || wasRefused || !subject.isUp || !this.#isCutOff(observer)) return;
    const cutOffMs = this.#world.nowMs - sinceMs;
    if (cutOffMs < noticedMs) return;
    const text = `${observer.id} gave up ${subject.id}, ${cutOffMs} ms after it was cut off from most others`;
    this.#report('F2', text);
  }

  /** Of those that it expects to be there. */
  #isCutOff(observer: SimAgent): boolean {
    const { agents, hub } = this.#world;
    const expected = agents.filter(other => {
      const member = other === observer ? undefined : observer.protocol.detector.member(other.peer);
      if (member === undefined || member.state === 'left') return false;
      return member.state !== 'dead' || member.isSilent;
    });
    const helpers = expected.filter(({ place, isUp }) => isUp && hub.connects(observer.place, place));
    // Who has ended is refused, and says so.
    const cutOff = expected.filter(
      other =>
        other.isUp &&
        !helpers.includes(other) &&
        !helpers.some(({ place }) => hub.connects(place, other.place)),
    );
    // A key that was lost with its disk is expected for a while as well.
    const lostKeys = [...observer.protocol.detector.members()].filter(
      ({ peer, state }) => state !== 'dead' && state !== 'left' && !agents.some(agent => agent.peer === peer),
    );
    return cutOff.length * 2 > expected.length + lostKeys.length;
  }

  #checkPatience(observer: SimAgent, subject: SimAgent): void {
    const { detector } = observer.protocol;
    const member = detector.member(subject.peer);
    const { suspicion, accusers } = member ?? {};
    if (suspicion === undefined || accusers === undefined || suspicion.refusedMonoMs !== undefined) return;
    const elapsedMs = (observer.process?.clock.now().monoMs ?? 0) - suspicion.sinceMonoMs;
    const othersCount = [...accusers.keys()].filter(peer => peer !== observer.peer).length;
    const { suspicionMult, suspicionMaxMult, confirmationsCount, probeIntervalMs } = detector.settings;
    const aliveCount = [...detector.members()].filter(({ state }) => state === 'alive').length;
    // The one that was given up just now took part until then.
    const minMs = suspicionMult * Math.max(1, Math.log10(aliveCount + 2)) * probeIntervalMs;
    const share = Math.min(1, Math.log(othersCount + 1) / Math.log(confirmationsCount + 1));
    const canConfirm = aliveCount >= confirmationsCount;
    const neededMs = canConfirm ? minMs * (suspicionMaxMult - (suspicionMaxMult - 1) * share) : minMs;
    if (elapsedMs < neededMs - slackMs)
      this.#report(
        'F9',
        `${observer.id} gave up ${subject.id} after ${Math.round(elapsedMs)} ms on the word of ${othersCount} others`,
      );
  }
}
