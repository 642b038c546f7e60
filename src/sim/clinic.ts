/** Who is ill: what the health checks of simulated agents find. */
import { metricsUrl } from '../core/backends/checks.ts';
import type { CheckFailure } from '../core/backends/outcome.ts';
import type { Random } from '../core/random.ts';
import type { Clock, HealthChecker } from '../runtime/ports.ts';

const answerMaxMs = 50;
const timeoutMs = 2_000;

export class Clinic {
  readonly #random: Random;
  /** By the URL that is checked. */
  readonly #ailments = new Map<string, CheckFailure>();

  constructor(components: { readonly random: Random }) {
    this.#random = components.random;
  }

  get patients(): readonly string[] {
    return [...this.#ailments.keys()];
  }

  isWell(url: string): boolean {
    return !this.#ailments.has(url);
  }

  fallsIll(url: string, ailment: CheckFailure): void {
    this.#ailments.set(url, ailment);
  }

  isCured(url: string): void {
    this.#ailments.delete(url);
  }

  /** For one agent; dies with its clock. */
  checker(clock: Clock): HealthChecker {
    return {
      check: (target, onChecked) => {
        const reason = this.#ailments.get(metricsUrl(target));
        const latencyMs = reason === 'timeout' ? timeoutMs : this.#random.next() * answerMaxMs;
        clock.after(latencyMs, () =>
          onChecked(
            reason === undefined ? { ok: true, latencyMs } : { ok: false, reason, detail: reason, latencyMs },
          ),
        );
      },
      stop: () => Promise.resolve(),
    };
  }
}
