/** A plan in a file: as JSON, to be replayed on another machine or kept as a regression. */
import { attackKinds, type Plan } from './plan.ts';
import { faultTypes } from './plan-draw.ts';

const workTypes = ['register', 'confirm', 'deregister', 'meddle', 'enqueue', 'predecessor changed'];
const types: ReadonlySet<unknown> = new Set([...faultTypes, ...workTypes]);
const kinds: ReadonlySet<unknown> = new Set(attackKinds);

export function planText(plan: Plan): string {
  const { happenings, ...rest } = plan;
  const lines = happenings.map(each => `    ${JSON.stringify(each)}`).join(',\n');
  const head = JSON.stringify(rest, null, 2).replace(/\n\}$/, '');
  return `${head},\n  "happenings": [\n${lines}\n  ]\n}\n`;
}

/** @returns The plan, or what is wrong with the text, one sentence each. */
export function parsePlan(text: string): Plan | readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return [`is not JSON: ${error instanceof Error ? error.message : error}`];
  }
  if (!isObject(value)) return ['is not an object'];
  const agents = value.agentsCount;
  const problems = [
    ...['seed', 'endMs', 'predecessorsCount'].flatMap(key =>
      isNumber(value[key]) ? [] : [`${key}: expected a number`],
    ),
    ...(isNumber(agents) && Number.isInteger(agents) && agents >= 1
      ? []
      : ['agentsCount: expected a whole number, 1 or more']),
    ...['realSignatures', 'syncs'].flatMap(key =>
      typeof value[key] === 'boolean' ? [] : [`${key}: expected true or false`],
    ),
    ...(isObject(value.settings) ? [] : ['settings: expected an object']),
    ...(Array.isArray(value.attackers) ? [] : ['attackers: expected an array of numbers']),
    ...(Array.isArray(value.happenings)
      ? value.happenings.flatMap((each, index) => problemsOf(each, index, Number(agents)))
      : ['happenings: expected an array']),
  ];
  return problems.length > 0 ? problems : (value as unknown as Plan);
}

function problemsOf(happening: unknown, index: number, agentsCount: number): readonly string[] {
  const name = `happenings[${index}]`;
  if (!isObject(happening)) return [`${name}: expected an object`];
  const { type, atMs, kind, agent, forMs } = happening;
  const isPlace = isNumber(agent) && Number.isInteger(agent) && agent >= 1 && agent <= agentsCount;
  return [
    ...(types.has(type) ? [] : [`${name}.type: expected one of ${[...types].join(', ')}`]),
    ...(isNumber(atMs) && atMs >= 0 ? [] : [`${name}.atMs: expected a number, 0 or more`]),
    ...(type !== 'attack' || kinds.has(kind)
      ? []
      : [`${name}.kind: expected one of ${[...kinds].join(', ')}`]),
    ...(agent === undefined || isPlace ? [] : [`${name}.agent: expected 1 to ${agentsCount}`]),
    ...(forMs === undefined || (isNumber(forMs) && forMs >= 0)
      ? []
      : [`${name}.forMs: expected a number, 0 or more`]),
  ];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
