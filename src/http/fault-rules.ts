/** Fault rules as a caller sends them: complete and within bounds, or refused with the rule that is not. */
import { FirsthandError } from '../errors.ts';
import type { FaultRule } from '../runtime/agent-port.ts';

export const rulesMaxCount = 1_000;
/** Above a minute everything has timed out anyway. */
export const delayMaxMs = 60_000;

const fields = ['from', 'cut', 'loss', 'latency_ms', 'jitter_ms'];

/** @throws FirsthandError INVALID_JSON, INVALID_FAULTS */
export function parseFaultRules(body: string): readonly FaultRule[] {
  const rules = (parsed(body) as { readonly rules?: unknown } | null)?.rules;
  if (!Array.isArray(rules)) throw refused('the body must be {"rules": [...]}');
  if (rules.length > rulesMaxCount) throw refused(`at most ${rulesMaxCount} rules`);
  return rules.map(parseRule);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new FirsthandError('INVALID_JSON', {}, cause);
  }
}

function parseRule(rule: unknown, index: number): FaultRule {
  const where = `rules[${index}]`;
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule))
    throw refused(`${where} must be an object`);
  // A misspelt fault would be a drill without it.
  const unknown = Object.keys(rule).find(key => !fields.includes(key));
  if (unknown !== undefined)
    throw refused(`${where} has no field ${JSON.stringify(unknown)}; there are ${fields.join(', ')}`);
  const { from, cut = false, loss, latency_ms, jitter_ms } = rule as Readonly<Record<string, unknown>>;
  if (typeof cut !== 'boolean') throw refused(`${where}.cut must be true or false`);
  if (from !== undefined && !isTexts(from)) throw refused(`${where}.from must be a list of peer ids`);
  return {
    ...(from === undefined ? {} : { from }),
    cut,
    loss: amount(loss, 1, `${where}.loss`),
    latencyMs: amount(latency_ms, delayMaxMs, `${where}.latency_ms`),
    jitterMs: amount(jitter_ms, delayMaxMs, `${where}.jitter_ms`),
  };
}

function amount(value: unknown, max: number, where: string): number {
  if (value === undefined) return 0;
  if (typeof value === 'number' && value >= 0 && value <= max) return value;
  throw refused(`${where} must be a number from 0 to ${max}`);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string');
}

function refused(text: string): FirsthandError {
  return new FirsthandError('INVALID_FAULTS', { text });
}
