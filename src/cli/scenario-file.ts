/**
 * The file of `firsthand simulate`: a cluster and what befalls it, as an operator would say it.
 *
 * Everything is checked before anything runs, and each problem is named with its place and with what is allowed.
 */

import { simulatedKeys } from '../config/protocol-settings.ts';
import { fileKeyOf } from '../config/setting.ts';
import { definitions, type SettingKey } from '../config/settings.ts';
import { hint } from '../config/suggestion.ts';
import { type NodeType, nodeTypes } from '../core/record/node.ts';
import type { NetworkConditions } from '../sim/network.ts';
import type { Fault, Happening } from '../sim/plan.ts';

export interface ScenarioFile {
  readonly seed: number;
  readonly repeat: number;
  readonly minutes: number;
  readonly agentsCount: number;
  readonly nodeTypes: readonly NodeType[];
  readonly conditions: NetworkConditions;
  readonly faults: readonly Happening[];
  /** By the names of the configuration file, checked. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** How a fault is written down: what it needs beside `kind`, `at` and `for`. */
const faultKinds = {
  crash: 'agent',
  stop: 'agent',
  pause: 'agent',
  wipe: 'agent',
  'power-loss': 'agents',
  partition: 'agents',
  weather: 'loss',
} as const;

const agentsMaxCount = 2_000;
const minutesMax = 1_440;
const delayMaxMs = 10_000;
const day = 86_400;

export function parseScenario(value: unknown): ScenarioFile | readonly string[] {
  const reader = new Reader();
  const top = reader.object('', value, [
    'seed',
    'repeat',
    'minutes',
    'agents',
    'network',
    'faults',
    'settings',
  ]);
  const number = (of: Fields, path: string, range: Range, fallback: number) =>
    reader.number(of, path, range, fallback);
  const seed = number(top, 'seed', { min: 0, max: 2 ** 48, isWhole: true }, 1);
  const repeat = number(top, 'repeat', { min: 1, max: 1_000, isWhole: true }, 1);
  const minutes = number(top, 'minutes', { min: 0.5, max: minutesMax }, 5);
  const agents = reader.object('agents', top.agents ?? {}, ['count', 'types']);
  const agentsCount = number(agents, 'agents.count', { min: 2, max: agentsMaxCount, isWhole: true }, 10);
  const types = reader.types(agents.types, agentsCount);
  const network = reader.object('network', top.network ?? {}, ['latency_min_ms', 'latency_max_ms', 'loss']);
  const delayMinMs = number(network, 'network.latency_min_ms', { min: 0, max: delayMaxMs }, 0.5);
  const delayMaxMsGiven = number(
    network,
    'network.latency_max_ms',
    { min: delayMinMs, max: delayMaxMs },
    Math.max(3, delayMinMs),
  );
  const loss = number(network, 'network.loss', { min: 0, max: 0.9 }, 0);
  const faults = reader.faults(top.faults, agentsCount, minutes * 60);
  const settings = reader.settings(top.settings);
  if (reader.problems.length > 0) return reader.problems;
  return {
    seed,
    repeat,
    minutes,
    agentsCount,
    nodeTypes: types,
    conditions: { loss, delayMinMs, delayMaxMs: delayMaxMsGiven },
    faults,
    settings,
  };
}

type Fields = Readonly<Record<string, unknown>>;

interface Range {
  readonly min: number;
  readonly max: number;
  readonly isWhole?: boolean;
}

class Reader {
  readonly problems: string[] = [];

  object(path: string, value: unknown, allowed: readonly string[]): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#complain(path, `must be a map of ${allowed.join(', ')}`);
      return {};
    }
    for (const key of Object.keys(value)) {
      if (allowed.includes(key)) continue;
      const what = `is not known here${hint(key, allowed)}`;
      this.#complain(path === '' ? key : `${path}.${key}`, `${what}; allowed: ${allowed.join(', ')}`);
    }
    return value as Fields;
  }

  /** @param path - Its last part is the key in `of`. */
  number(of: Fields, path: string, { min, max, isWhole = false }: Range, fallback: number): number {
    const value = of[path.slice(path.lastIndexOf('.') + 1)];
    if (value === undefined || value === null) return fallback;
    const isGood = typeof value === 'number' && value >= min && value <= max;
    if (isGood && (!isWhole || Number.isInteger(value))) return value;
    this.#complain(
      path,
      `must be a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}, not ${shown(value)}`,
    );
    return fallback;
  }

  types(value: unknown, agentsCount: number): readonly NodeType[] {
    const counts = this.object('agents.types', value ?? {}, nodeTypes);
    const all = nodeTypes.flatMap(type =>
      Array<NodeType>(
        this.number(counts, `agents.types.${type}`, { min: 0, max: agentsCount, isWhole: true }, 0),
      ).fill(type),
    );
    if (all.length > agentsCount)
      this.#complain('agents.types', `names ${all.length} agents; agents.count is ${agentsCount}`);
    return all;
  }

  faults(value: unknown, agentsCount: number, endS: number): readonly Happening[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) {
      this.#complain('faults', 'must be a list');
      return [];
    }
    return value.flatMap((each: unknown, index) => {
      const fault = this.#fault(`faults[${index}]`, each, agentsCount, endS);
      return fault === undefined ? [] : [fault];
    });
  }

  #fault(path: string, value: unknown, agentsCount: number, endS: number): Happening | undefined {
    const problemsCount = this.problems.length;
    const fields = this.object(path, value, ['kind', 'at', 'for', 'agent', 'agents', 'loss']);
    if (this.problems.length > problemsCount) return undefined;
    const { kind } = fields;
    if (typeof kind !== 'string' || !Object.hasOwn(faultKinds, kind)) {
      const allowed = Object.keys(faultKinds);
      const guess = typeof kind === 'string' ? hint(kind, allowed) : '';
      this.#complain(`${path}.kind`, `must be one of ${allowed.join(', ')}, not ${shown(kind)}${guess}`);
      return undefined;
    }
    const needed = faultKinds[kind as keyof typeof faultKinds];
    for (const key of ['agent', 'agents', 'loss'] as const)
      if (fields[key] !== undefined && key !== needed && !(kind === 'weather' && key === 'agents'))
        this.#complain(`${path}.${key}`, `has no meaning for ${kind}, which takes ${needed}`);
    const atMs = this.#seconds(`${path}.at`, fields.at, endS);
    const forMs = this.#seconds(`${path}.for`, fields.for, day);
    const happening = this.#made(path, kind as keyof typeof faultKinds, fields, forMs, agentsCount);
    if (happening === undefined || this.problems.length > problemsCount) return undefined;
    return { ...happening, atMs };
  }

  #made(
    path: string,
    kind: keyof typeof faultKinds,
    fields: Fields,
    forMs: number,
    agentsCount: number,
  ): Fault | undefined {
    switch (kind) {
      case 'crash':
      case 'stop':
      case 'pause':
      case 'wipe':
        return { type: kind, agent: this.#place(`${path}.agent`, fields.agent, agentsCount), forMs };
      case 'power-loss':
        return { type: 'power loss', agents: this.#places(path, fields.agents, agentsCount), forMs };
      case 'partition':
        return { type: 'partition', side: this.#places(path, fields.agents, agentsCount), forMs };
      case 'weather': {
        const agents =
          fields.agents === undefined ? undefined : this.#places(path, fields.agents, agentsCount);
        if (fields.loss === undefined) this.#complain(`${path}.loss`, 'is missing; a number from 0 to 0.9');
        const loss = this.number(fields, `${path}.loss`, { min: 0, max: 0.9 }, 0);
        return { type: 'weather', agents, loss, duplicates: 0, delayMinMs: 0, delayMaxMs: 0, forMs };
      }
    }
  }

  #places(path: string, value: unknown, agentsCount: number): readonly number[] {
    if (!Array.isArray(value) || value.length === 0) {
      this.#complain(`${path}.agents`, `must be a list of agents, 1 to ${agentsCount}`);
      return [];
    }
    return value.map((each, index) => this.#place(`${path}.agents[${index}]`, each, agentsCount));
  }

  #place(path: string, value: unknown, agentsCount: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= agentsCount)
      return value;
    this.#complain(path, `must be an agent, 1 to ${agentsCount}, not ${shown(value)}`);
    return 1;
  }

  /** `30`, `30s`, `2m` or `500ms`. @returns Milliseconds. */
  #seconds(path: string, value: unknown, maxS: number): number {
    const parts = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(String(value ?? ''));
    const unitMs = { ms: 1, s: 1_000, m: 60_000 }[parts?.[2] ?? 's'] ?? 1_000;
    const ms = Number(parts?.[1]) * unitMs;
    if (parts !== null && ms <= maxS * 1_000) return ms;
    this.#complain(path, `must be a time as 30s, 2m or 500ms, at most ${maxS}s, not ${shown(value)}`);
    return 0;
  }

  settings(value: unknown): Fields {
    const allowed = simulatedKeys.map(fileKeyOf);
    const given = this.object('settings', value ?? {}, allowed);
    const found: Record<string, unknown> = {};
    for (const key of simulatedKeys) {
      const raw = given[fileKeyOf(key)];
      if (raw === undefined || raw === null) continue;
      const parsed = definitions.get(key satisfies SettingKey)?.kind.parse(raw);
      if (parsed?.ok === true) found[key] = parsed.value;
      else this.#complain(`settings.${fileKeyOf(key)}`, parsed?.problem ?? 'is not known');
    }
    return found;
  }

  #complain(path: string, text: string): void {
    this.problems.push(path === '' ? text : `${path}: ${text}`);
  }
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
