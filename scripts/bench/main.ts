/**
 * `npm run bench [-- NAME …]`: measures, prints a table, and writes the figures as JSON to standard output
 * with `--json`. Exit code 0 also when a goal is missed: the machine may be busy, and figures are for reading;
 * 1 when a benchmark could not be carried through.
 *
 * Without a name: all but those of the failure detector, which wait for timeouts most of the time; `liveness`
 * is all of these (half an hour). `crash` (100 kills) and `churn` (1,000 joins) take minutes, `simulate`
 * (1,000 simulated agents) longer, and all run only by name; so does `flood`. `--agents`, `--repetitions` and `--seconds` make them shorter or longer, for
 * instance `npm run bench -- kill --agents 5 --repetitions 3`.
 */
import { type Figure, printTable } from './figures.ts';
import { type BenchOptions, type CommandLine, readCommandLine } from './options.ts';

type Bench = (options: BenchOptions) => Promise<readonly Figure[]> | readonly Figure[];

const benches: Readonly<Record<string, Bench>> = {
  registration: async () => (await import('./in-process.ts')).registration(),
  listing: async () => (await import('./in-process.ts')).listing(),
  resolution: async () => (await import('./in-process.ts')).resolution(),
  memory: async () => (await import('./in-process.ts')).memory(),
  http: async () => (await import('./http.ts')).registrationOverHttp(),
  access: async () => (await import('./access.ts')).access(),
  outbox: async () => (await import('./outbox.ts')).outbox(),
  ready: async () => (await import('./processes.ts')).readyTime(),
  'one-process': async () => (await import('./in-process.ts')).propagation(),
  processes: async () => (await import('./processes.ts')).propagation(),
  newcomer: async () => (await import('./processes.ts')).newcomer(),
  sync: async () => (await import('./sync.ts')).sync(),
  updates: async options => (await import('./updates.ts')).updates(options),
  admission: async options => (await import('./admission.ts')).admission(options),
  'mass-join': async () => (await import('./processes.ts')).massJoin(),
};

/** Of the failure detector. */
const livenessBenches: Readonly<Record<string, Bench>> = {
  kill: async options => (await import('./liveness.ts')).kill(options),
  freeze: async options => (await import('./liveness.ts')).freeze(options),
  leave: async options => (await import('./liveness.ts')).leave(options),
  flapping: async options => (await import('./liveness.ts')).flapping(options),
  loss: async options => (await import('./liveness-network.ts')).loss(options),
  liar: async options => (await import('./liveness-liar.ts')).liar(options),
  idle: async options => (await import('./idle.ts')).idle(options),
  partition: async options => (await import('./liveness-network.ts')).partition(options),
  reunion: async options => (await import('./liveness-network.ts')).reunion(options),
};

/** Long, and asked for by name only. */
const endurance: Readonly<Record<string, Bench>> = {
  revocation: async options => (await import('./revocation.ts')).revocation(options),
  churn: async options => (await import('./in-process.ts')).churn(options),
  simulate: async options => (await import('./simulate.ts')).simulate(options),
  flood: async options => (await import('./flood.ts')).flood(options),
  crash: async options => (await import('./crash.ts')).crash(options),
};

const group = 'liveness';
const everything = { ...benches, ...livenessBenches, ...endurance };

// Whatever was started and made is taken away on exit.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const { names, json, options } = commandLine();
const chosen = names.flatMap(name => (name === group ? Object.keys(livenessBenches) : [name]));
const unknown = chosen.filter(name => !(name in everything));
if (unknown.length > 0) {
  const known = [...Object.keys(everything), group].join(', ');
  fail(`no such benchmark: ${unknown.join(', ')}; there are: ${known}`);
}

const figures: Figure[] = [];
let failed = false;
for (const name of chosen.length > 0 ? chosen : Object.keys(benches)) {
  console.error(`${name} …`);
  try {
    figures.push(...((await everything[name]?.(options)) ?? []));
  } catch (error) {
    // What the others measured took long enough not to be lost.
    console.error(`${name} failed:`, error);
    failed = true;
  }
}
if (json) console.log(JSON.stringify(figures, null, 2));
else printTable(figures);
process.exit(failed ? 1 : 0);

function commandLine(): CommandLine {
  try {
    return readCommandLine(process.argv.slice(2));
  } catch (error) {
    return fail((error as Error).message);
  }
}

function fail(text: string): never {
  console.error(text);
  process.exit(2);
}
