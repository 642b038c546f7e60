/** R12: where nothing is wrong, an exchange comes to an end by itself, and soon. */
import type { Effect } from '../../core/effects.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

/** Longer than an exchange may stall: one that began in trouble is over by then. */
const undisturbedMs = 15_000;

export class ExchangeInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
  }

  effect(agent: SimAgent, effect: Effect): void {
    if (effect.type !== 'sync-ended') return;
    const peer = this.#world.honest.find(other => other.peer === effect.peer);
    if (peer === undefined || !this.#world.honest.includes(agent)) return;
    if (this.#world.trouble.calmMs([agent.place, peer.place]) < undisturbedMs) return;
    const { outcome, tookMs } = effect.end;
    if (outcome === 'stalled' || outcome === 'lied')
      this.#report('R12', `the exchange of ${agent.id} with ${peer.id} has ${outcome} after ${tookMs} ms`);
  }
}
