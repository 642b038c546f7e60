/** `npm run simulate -- --seed N --agents N --minutes N --predecessors N`: one run; exit 7 when an invariant broke. */
import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    agents: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '5' },
    predecessors: { type: 'string', default: '0' },
  },
});

function whole(name: keyof typeof values, min: number, max: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  console.error(`--${name} must be a whole number from ${min} to ${max}, not ${values[name]}`);
  process.exit(2);
}

const seed = whole('seed', 0, Number.MAX_SAFE_INTEGER);
const agentsCount = whole('agents', 2, 1_000);
const minutes = whole('minutes', 1, 1_440);
const predecessorsCount = whole('predecessors', 0, 200);

const story = `SEED=${seed} agents=${agentsCount} minutes=${minutes} predecessors=${predecessorsCount}`;

console.log(story);
const startedMs = performance.now();
const result = await simulate({ seed, agentsCount, minutes, predecessorsCount });
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
  console.log(story);
  process.exitCode = 7;
}
