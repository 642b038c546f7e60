/**
 * `npm run bench [-- NAME …]`: measures, prints a table, and writes the figures as JSON to standard output
 * with `--json`. Exit code 0 also when a goal is missed: the machine may be busy, and figures are for reading.
 */
import { type Figure, printTable } from './figures.ts';

const benches: Readonly<Record<string, () => Promise<readonly Figure[]> | readonly Figure[]>> = {
  registration: async () => (await import('./in-process.ts')).registration(),
  listing: async () => (await import('./in-process.ts')).listing(),
  resolution: async () => (await import('./in-process.ts')).resolution(),
  memory: async () => (await import('./in-process.ts')).memory(),
  http: async () => (await import('./http.ts')).registrationOverHttp(),
  ready: async () => (await import('./processes.ts')).readyTime(),
  'one-process': async () => (await import('./in-process.ts')).propagation(),
  processes: async () => (await import('./processes.ts')).propagation(),
  newcomer: async () => (await import('./processes.ts')).newcomer(),
  'mass-join': async () => (await import('./processes.ts')).massJoin(),
};

const args = process.argv.slice(2);
const isJson = args.includes('--json');
const chosen = args.filter(arg => arg !== '--json');
const unknown = chosen.filter(name => !(name in benches));
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(', ')}; there are: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}

const figures: Figure[] = [];
for (const name of chosen.length > 0 ? chosen : Object.keys(benches)) {
  console.error(`${name} …`);
  figures.push(...((await benches[name]?.()) ?? []));
}
if (isJson) console.log(JSON.stringify(figures, null, 2));
else printTable(figures);
process.exit(0);
