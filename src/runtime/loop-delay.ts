/** How late the event loop has run lately: the 99th percentile over the last 10 to 20 seconds. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 200; // Measured: at 50 ms its wake-ups are a tenth of what an idle agent costs.
const windowMs = 10_000;

export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #timer: NodeJS.Timeout;
  #lastWindowMs = 0;

  constructor() {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#lastWindowMs = this.#currentMs;
      this.#histogram.reset();
    }, windowMs);
    this.#timer.unref();
  }

  get p99Ms(): number {
    return Math.max(this.#lastWindowMs, this.#currentMs);
  }

  /** What is recorded is the time from one timer to the next. */
  get #currentMs(): number {
    return this.#histogram.count === 0 ? 0 : Math.max(0, this.#histogram.percentile(99) / 1e6 - resolutionMs);
  }

  /** Safe to call twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }
}
