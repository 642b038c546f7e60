/** From answers to a verdict: how many failures take a backend out, and how many good answers bring it back. */
import type { HealthState } from '../view.ts';
import type { CheckOutcome } from './outcome.ts';

export interface Thresholds {
  /** Failures in a row that take a backend out; one is enough when it says itself that it is not ready. */
  readonly failureThreshold: number;
  /** Good answers in a row that take it back in. */
  readonly recoveryThreshold: number;
}

export interface Tally {
  readonly state: HealthState;
  readonly failuresInRow: number;
  readonly passesInRow: number;
}

export function counted(tally: Tally, outcome: CheckOutcome, thresholds: Thresholds): Tally {
  if (outcome.ok) {
    const passesInRow = tally.passesInRow + 1;
    const isBack = tally.state === 'healthy' || passesInRow >= thresholds.recoveryThreshold;
    return { state: isBack ? 'healthy' : 'unhealthy', failuresInRow: 0, passesInRow };
  }
  const failuresInRow = tally.failuresInRow + 1;
  const isOut =
    tally.state === 'unhealthy' ||
    outcome.reason === 'not-ready' ||
    failuresInRow >= thresholds.failureThreshold;
  return { state: isOut ? 'unhealthy' : 'healthy', failuresInRow, passesInRow: 0 };
}
