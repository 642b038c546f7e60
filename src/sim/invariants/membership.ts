/** F1 to F9: who is taken for dead, and who is not. */
import { compareLives, type Life } from '../../core/swim/claim.ts';
import type { AgentEvent } from '../../core/view.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

/** Whoever has been undisturbed for so long is not given up any more for what was before. */
const excusedMs = 60_000;
/** Far above the longest suspicion of such a cluster. */
const noticedMs = 60_000;

export class MembershipInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  readonly #downSinceMs = new Map<SimAgent, number>();
  /** The life in which an agent was given up, by who gave up whom. */
  readonly #gone = new Map<string, Life>();

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
  }

  event(agent: SimAgent, { event, data }: AgentEvent): void {
    if (event !== 'liveness' || !this.#world.honest.includes(agent)) return;
    const subject = this.#world.honest.find(({ id }) => id === data.id);
    // A name whose key was lost with its disk is two members for a while.
    const isOneKey = this.#world.owners.get(data.id)?.keys.length === 1;
    if (subject === undefined || subject === agent || !isOneKey) return;
    if (data.to === 'dead') this.#checkVerdict(agent, subject);
    this.#checkReturn(agent, subject, data.to);
  }

  restored(agent: SimAgent): void {
    for (const { id } of this.#world.agents) this.#gone.delete(`${agent.id} ${id}`);
  }

  look(): void {
    const { nowMs, honest } = this.#world;
    for (const agent of honest) {
      if (agent.isUp) this.#downSinceMs.delete(agent);
      else if (!this.#downSinceMs.has(agent)) this.#downSinceMs.set(agent, nowMs);
    }
    for (const observer of honest) {
      if (!observer.isUp) continue;
      for (const subject of honest) this.#compare(observer, subject);
    }
  }

  #compare(observer: SimAgent, subject: SimAgent): void {
    const member = observer.protocol.detector.member(subject.peer);
    if (member === undefined || subject === observer) return;
    if (subject.isUp && compareLives(member.life, lifeOf(subject)) > 0)
      this.#report('F3', `${observer.id} has seen a life of ${subject.id} that it never had`);
    const downMs = this.#world.nowMs - (this.#downSinceMs.get(subject) ?? this.#world.nowMs);
    const calmMs = this.#world.trouble.calmMs([observer.place]);
    if (Math.min(downMs, calmMs) < noticedMs || observer.protocol.detector.isFrozen) return;
    if (member.state !== 'dead' && member.state !== 'left')
      this.#report(
        'F1',
        `${observer.id} takes ${subject.id} for ${member.state}, which ended ${downMs} ms ago`,
      );
  }

  #checkVerdict(observer: SimAgent, subject: SimAgent): void {
    if (observer.process?.clock.isCatchingUp === true)
      this.#report('F8', `${observer.id} gave up ${subject.id} before it read what had come in`);
    const calmMs = this.#world.trouble.calmMs([observer.place, subject.place]);
    if (subject.isUp && calmMs > excusedMs)
      this.#report('F2', `${observer.id} gave up ${subject.id}, which has been well for ${calmMs} ms`);
  }

  #checkReturn(observer: SimAgent, subject: SimAgent, to: string): void {
    const key = `${observer.id} ${subject.id}`;
    const member = observer.protocol.detector.member(subject.peer);
    if (member === undefined) return;
    const { life, state } = member;
    // Its name may be gone, or back, for another reason: the last who had heard of it from a predecessor is.
    if ((to === 'dead' || to === 'left') && state !== 'alive') this.#gone.set(key, life);
    if (to !== 'alive' || state !== 'alive') return;
    const before = this.#gone.get(key);
    this.#gone.delete(key);
    if (before !== undefined && compareLives(life, before) <= 0)
      this.#report(
        'F5',
        `${observer.id} takes ${subject.id} for alive again in the life in which it was gone`,
      );
  }
}

/** One that leaves has opened the epoch of its departure already. */
function lifeOf({ protocol }: SimAgent): Life {
  const { life } = protocol.detector;
  const { epoch } = protocol.author.dot;
  return epoch > life.epoch ? { epoch, incarnation: 0 } : life;
}
