import { readFileSync } from 'node:fs';
import { assert, describe, it } from 'vitest';
import { parse } from 'yaml';
import { parseScenario } from '../../../src/cli/scenario-file.ts';

const problems = (value: unknown) => parseScenario(value) as readonly string[];
const fault = (each: object) => ({ agents: { count: 5 }, faults: [{ at: '1s', for: '2s', ...each }] });

describe('cli/scenario-file', () => {
  it('is ten agents for five minutes in a calm network when it says nothing', () => {
    assert.deepEqual(parseScenario({}), {
      seed: 1,
      repeat: 1,
      minutes: 5,
      agentsCount: 10,
      nodeTypes: [],
      conditions: { loss: 0, delayMinMs: 0.5, delayMaxMs: 3 },
      faults: [],
      settings: {},
    });
  });

  it('takes settings by the names and within the bounds of the configuration file', () => {
    const { settings } = parseScenario({
      settings: { sync_interval_ms: 5_000, detector_profile: 'fast' },
    }) as { readonly settings: unknown };

    assert.deepEqual(settings, { syncIntervalMs: 5_000, detectorProfile: 'fast' });
  });

  it.each([
    [
      { kind: 'crash', agent: 2 },
      { type: 'crash', agent: 2, forMs: 2_000, atMs: 1_000 },
    ],
    [
      { kind: 'power-loss', agents: [1, 2], for: '1m' },
      { type: 'power loss', agents: [1, 2], forMs: 60_000, atMs: 1_000 },
    ],
    [
      { kind: 'partition', agents: [3], at: 1.5, for: '500ms' },
      { type: 'partition', side: [3], forMs: 500, atMs: 1_500 },
    ],
    [
      { kind: 'weather', loss: 0.2 },
      {
        type: 'weather',
        agents: undefined,
        loss: 0.2,
        duplicates: 0,
        delayMinMs: 0,
        delayMaxMs: 0,
        forMs: 2_000,
        atMs: 1_000,
      },
    ],
  ])('reads %j', (given, expected) => {
    const { faults } = parseScenario(fault(given)) as { readonly faults: readonly unknown[] };

    assert.deepEqual(faults, [expected]);
  });

  it.each<[unknown, string]>([
    [[], 'must be a map of seed, repeat'],
    [{ agent: 5 }, 'agent: is not known here; did you mean agents?; allowed: seed, repeat'],
    [{ agents: { count: 1 } }, 'agents.count: must be a whole number from 2 to 2000, not 1'],
    [
      { agents: { count: 2, types: { proxy: 2, backend: 1 } } },
      'agents.types: names 3 agents; agents.count is 2',
    ],
    [
      { network: { latency_min_ms: 9, latency_max_ms: 5 } },
      'network.latency_max_ms: must be a number from 9 to',
    ],
    [{ network: { loss: '1%' } }, 'network.loss: must be a number from 0 to 0.9, not "1%"'],
    [{ faults: {} }, 'faults: must be a list'],
    [fault({ kind: 'crush', agent: 1 }), 'faults[0].kind: must be one of crash, stop'],
    [fault({ kind: 'crash' }), 'faults[0].agent: must be an agent, 1 to 5, not nothing'],
    [fault({ kind: 'crash', agent: 6 }), 'faults[0].agent: must be an agent, 1 to 5, not 6'],
    [
      fault({ kind: 'crash', agent: 1, at: '6m' }),
      'faults[0].at: must be a time as 30s, 2m or 500ms, at most 300s',
    ],
    [
      fault({ kind: 'partition', agent: 1 }),
      'faults[0].agent: has no meaning for partition, which takes agents',
    ],
    [fault({ kind: 'weather' }), 'faults[0].loss: is missing'],
    [{ settings: { http: '127.0.0.1:1' } }, 'settings.http: is not known here'],
    [{ settings: { sync_interval_ms: 1 } }, 'settings.sync_interval_ms: 1 is not a whole number from 100'],
  ])('refuses %j', (value, expected) => {
    assert.include(problems(value)[0], expected);
  });

  it('takes the example in docs, with all its faults', () => {
    const example = parseScenario(parse(readFileSync('docs/examples/simulation.yaml', 'utf8')));

    assert.nestedProperty(example, 'faults[2]');
  });

  it('names every problem, not only the first', () => {
    assert.lengthOf(problems({ seed: -1, repeat: 0, minutes: 'long', nonsense: 1 }), 4);
  });
});
