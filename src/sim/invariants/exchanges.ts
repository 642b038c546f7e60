/** R12: where nothing is wrong, an exchange comes to an end by itself, and soon. */
import type { Effect } from '../../core/effects.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

/** It began so long after all trouble, at least. */
const marginMs = 1_000;

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
    const { outcome, tookMs } = effect.end;
    if (this.#world.trouble.calmMs([agent.place, peer.place]) < tookMs + marginMs) return;
    if (outcome === 'stalled' || outcome === 'lied')
      this.#report(
        'R12',
        `the exchange of ${agent.id} with ${peer.id} has ${outcome} after ${Math.round(tookMs)} ms`,
      );
  }
}
