/**
 * How well this agent itself is: a lagging agent takes its own lateness for the silence of others.
 *
 * A score from 0 (well) upwards, fed by probes that failed without a nack, by having to refute an
 * accusation, and by a late event loop; each answered probe takes one off. All timeouts stretch with it.
 *
 * Source: Lifeguard (2017), section IV-A, "Local Health Aware Probe".
 */
export class LocalHealth {
  readonly #max: number;
  #score = 0;

  /** @param max - Highest score; integer >= 0. */
  constructor(max: number) {
    this.#max = max;
  }

  get score(): number {
    return this.#score;
  }

  /** Factor on timeouts: 1 when well. */
  get multiplier(): number {
    return this.#score + 1;
  }

  /** Negative is good news. */
  change(by: number): void {
    this.#score = Math.min(this.#max, Math.max(0, this.#score + by));
  }
}
