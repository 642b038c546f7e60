/** `npm run simulate -- --seed N --agents N --minutes N`: one run; exit 7 when an invariant broke. */
import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    agents: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '5' },
  },
});

function whole(name: 'seed' | 'agents' | 'minutes', min: number, max: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  console.error(`--${name} must be a whole number from ${min} to ${max}, not ${values[name]}`);
  process.exit(2);
}

const seed = whole('seed', 0, Number.MAX_SAFE_INTEGER);
const agentsCount = whole('agents', 2, 1_000);
const minutes = whole('minutes', 1, 1_440);

console.log(`SEED=${seed} agents=${agentsCount} minutes=${minutes}`);
const startedMs = performance.now();
const result = await simulate({ seed, agentsCount, minutes });
const wallS = (performance.now() - startedMs) / 1_000;

console.log(
  Object.entries(result.happened)
    .map(([name, count]) => `${name} ${count}`)
    .join(', '),
);
console.log(`${result.inputsCount} inputs, trace ${result.traceHash}`);
console.log(`${minutes} virtual minutes in ${wallS.toFixed(1)} s`);
if (result.violations.length === 0) {
  console.log(`passed: all tables equal ${(result.settledAfterMs ?? 0) / 1_000} s after the last fault`);
} else {
  for (const violation of result.violations) console.log(`violated: ${violation}`);
  console.log(`SEED=${seed}`);
  process.exitCode = 7;
}
