/**
 * How one receiver responds, and when it is tried again.
 *
 * After each failure the pause is drawn from the whole range up to a ceiling that doubles ("full jitter"), so
 * that many senders do not come back at once; a receiver that responds slowly gets a higher one from the start.
 * The breaker is open while a receiver that failed several times is left alone, and half open while one
 * delivery tries it. There is one delivery under way per receiver anyway, so nothing else has to be held back.
 *
 * Source: Brooker, "Exponential Backoff And Jitter" (2015); Nygard, "Release It!" (2007).
 */
import { fullJitterMs, type Random } from '../random.ts';
import type { OutboxSettings } from './settings.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** Weight of the latest response in the average. Source: RFC 6298. */
const responseWeight = 1 / 8;

/**
 * Highest pause after so many failures in a row.
 *
 * @param failures - Integer >= 1.
 * @param responseMs - Average time to an answer, `undefined` while unknown.
 */
export function backoffCeilingMs(
  { backoffMinMs, backoffMaxMs }: Pick<OutboxSettings, 'backoffMinMs' | 'backoffMaxMs'>,
  failures: number,
  responseMs: number | undefined,
): number {
  const firstMs = Math.max(backoffMinMs, 2 * (responseMs ?? 0));
  return Math.min(backoffMaxMs, firstMs * 2 ** Math.min(failures - 1, 30));
}

export class ReceiverHealth {
  readonly #settings: OutboxSettings;
  readonly #random: Random;
  #failures: number;
  #nextTryMonoMs: number;
  #responseMs: number | undefined;
  #lastError: string | undefined;
  #attempts = 0;

  /** @param failures - In a row, from an earlier run: the pause goes on as if the last had just been. */
  constructor(settings: OutboxSettings, random: Random, failures: number, monoMs: number) {
    this.#settings = settings;
    this.#random = random;
    this.#failures = failures;
    this.#nextTryMonoMs = monoMs + this.#pauseMs();
  }

  /** In a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Since the agent started. */
  get attempts(): number {
    return this.#attempts;
  }

  get nextTryMonoMs(): number {
    return this.#nextTryMonoMs;
  }

  get responseMs(): number | undefined {
    return this.#responseMs;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  breaker(isTrying: boolean, monoMs: number): BreakerState {
    if (this.#failures < this.#settings.breakerThreshold) return 'closed';
    return isTrying || monoMs >= this.#nextTryMonoMs ? 'half-open' : 'open';
  }

  tried(): void {
    this.#attempts += 1;
  }

  /** It answered, whether it took the delivery or refused it for good. */
  answered(latencyMs: number, error: string | undefined, monoMs: number): void {
    this.#measure(latencyMs);
    this.#failures = 0;
    this.#lastError = error;
    this.#nextTryMonoMs = monoMs;
  }

  failed(error: string, retryAfterMs: number, monoMs: number): void {
    this.#failures += 1;
    this.#lastError = error;
    const askedMs = Math.min(retryAfterMs, this.#settings.retryAfterMaxMs);
    this.#nextTryMonoMs = monoMs + Math.max(askedMs, this.#pauseMs());
  }

  /** Somebody saw it: no reason to wait any longer. */
  seen(monoMs: number): void {
    this.#nextTryMonoMs = Math.min(this.#nextTryMonoMs, monoMs);
  }

  #pauseMs(): number {
    if (this.#failures === 0) return 0;
    return fullJitterMs(this.#random, backoffCeilingMs(this.#settings, this.#failures, this.#responseMs));
  }

  #measure(latencyMs: number): void {
    const before = this.#responseMs ?? latencyMs;
    this.#responseMs = before + responseWeight * (latencyMs - before);
  }
}
