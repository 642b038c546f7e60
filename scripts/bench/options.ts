/** What the command line may say besides the names of benchmarks. */
import { parseArgs } from 'node:util';

/** Each absent one is up to the benchmark; those that have no use for one ignore it. */
export interface BenchOptions {
  readonly agents?: number;
  readonly repetitions?: number;
  /** How long something that lasts is kept up: loss, a partition, flapping, idling. */
  readonly seconds?: number;
}

export interface CommandLine {
  readonly names: readonly string[];
  readonly json: boolean;
  readonly options: BenchOptions;
}

/** @throws Error with a sentence for the person who typed it. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      agents: { type: 'string' },
      repetitions: { type: 'string' },
      seconds: { type: 'string' },
    },
  });
  const countOf = (name: 'agents' | 'repetitions' | 'seconds') => {
    const text = values[name];
    if (text === undefined) return {};
    const count = Number(text);
    if (!Number.isInteger(count) || count < 1)
      throw new Error(`--${name}: ${text} is not a whole number above 0`);
    return { [name]: count };
  };
  return {
    names: positionals,
    json: values.json,
    options: { ...countOf('agents'), ...countOf('repetitions'), ...countOf('seconds') },
  };
}
