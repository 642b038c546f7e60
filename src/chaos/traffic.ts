/** Callers who register, change and take out services all the time, while the drill goes on. */
import { type Random, randomIndex } from '../core/random.ts';
import type { Registrations } from './registrations.ts';

export interface TrafficComponents {
  readonly registrations: Registrations;
  /** Of its own: how often callers come must not change what else is left to chance. */
  readonly callersRandom: Random;
  readonly signal: AbortSignal;
}

const pauseMs = 100;
/** Of ten calls, how many make a new service and how many take one out; the rest changes one. */
const newOfTen = 4;
const outOfTen = 7;

export class Traffic {
  readonly #hosts: readonly string[];
  readonly #parts: TrafficComponents;
  #isStopped = false;
  readonly #done: Promise<void>;

  /** @param hosts - Each has a caller of its own: one call at a time, as a service would. */
  constructor(hosts: readonly string[], components: TrafficComponents) {
    this.#hosts = hosts;
    this.#parts = components;
    this.#done = Promise.all(this.#hosts.map(host => this.#call(host))).then(() => {});
  }

  /** Resolves when the calls under way have ended. Safe to call twice. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#done;
  }

  async #call(host: string): Promise<void> {
    const { registrations, callersRandom: random, signal } = this.#parts;
    while (!this.#isStopped && !signal.aborted) {
      const dice = randomIndex(random, 10);
      const own = registrations.of(host);
      const chosen = own[randomIndex(random, Math.max(1, own.length))];
      if (chosen === undefined || dice < newOfTen) await registrations.register(host, signal);
      else if (dice < outOfTen) await registrations.deregister(chosen, signal);
      else await registrations.change(chosen, signal);
      await new Promise(resolve => setTimeout(resolve, pauseMs));
    }
  }
}
