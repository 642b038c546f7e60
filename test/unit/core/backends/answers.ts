/** What checks find, in one letter each. */
import type { CheckFailure, CheckOutcome } from '../../../../src/core/backends/outcome.ts';

export function failed(reason: CheckFailure): CheckOutcome {
  return { ok: false, reason, detail: `found ${reason}`, latencyMs: 2 };
}

export const passed: CheckOutcome = { ok: true, latencyMs: 2 };

export const answers = { '+': passed, '-': failed('refused'), n: failed('not-ready') } as const;
