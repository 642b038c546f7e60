/**
 * Looks for seeds that catch planted bugs: by hand, when a bug is new or plans are drawn otherwise than before.
 *
 *     node test/sim/planted/search.ts [--count 40] [--from 1] [--only PATTERN] [--all]
 *
 * For each bug: what caught it, after how many seeds, and seeds to put into the list. `--all` goes on after
 * the first seed that catches it, and tells how many do.
 */
import { parseArgs } from 'node:util';
import { plantedBugs } from '../planted-bugs.ts';
import { drawFor, type PlantedBug } from './bug.ts';
import { hunt, inTurns } from './hunt.ts';
import { patched } from './patch.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '40' },
    from: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '60' },
    all: { type: 'boolean', default: false },
  },
});
const seeds = Array.from({ length: Number(values.count) }, (_, i) => Number(values.from) + i);
const timeoutMs = 1_000 * Number(values.seconds);
const chosen = plantedBugs.filter(({ name, file }) => new RegExp(values.only).test(`${file} ${name}`));
for (const bug of chosen) patched(bug); // Throws for one that does not fit.

// Only what passes with the source as it is proves anything.
const passing = new Map<string, Promise<readonly number[]>>();
const neededBy = (bug: PlantedBug) => JSON.stringify(bug.needs ?? {});
const passingFor = (bug: PlantedBug) => {
  const key = neededBy(bug);
  let found = passing.get(key);
  if (found === undefined) {
    found = hunt(
      undefined,
      seeds.map(seed => drawFor(bug, seed)),
      { isOneEnough: false, timeoutMs: 4 * timeoutMs },
    ).then(({ runs }) => {
      const failing = runs.filter(({ violations }) => violations.length > 0);
      if (failing.length > 0) console.log(`  unchanged fails ${failing.length} of ${runs.length}: ${key}`);
      for (const { seed, violations } of failing)
        console.log(`    ${seed}: ${violations[0]?.split('\n', 1)[0]?.slice(0, 150)}`);
      return runs.filter(({ violations }) => violations.length === 0).map(({ seed }) => seed);
    });
    passing.set(key, found);
  }
  return found;
};

await inTurns(chosen, 2, async bug => {
  const good = await passingFor(bug);
  const draws = good.map(seed => drawFor(bug, seed));
  const { runs, caught, isOverdue } = await hunt(bug, draws, { isOneEnough: !values.all, timeoutMs });
  const catching = runs.filter(({ violations }) => violations.length > 0);
  const quickest = catching.toSorted((a, b) => a.tookMs - b.tookMs).slice(0, 4);
  const result = caught === undefined ? 'NOT CAUGHT' : `${caught.invariant} at seed ${caught.seed}`;
  console.log(
    [
      `${bug.breaks.padEnd(4)} ${bug.name}: ${result}, ${catching.length} of ${runs.length} seeds`,
      isOverdue ? ', out of time' : '',
      `\n       seeds: [${quickest.map(({ seed }) => seed).join(', ')}]  ${quickest.map(({ tookMs }) => `${tookMs} ms`).join(', ')}`,
      caught === undefined ? '' : `\n       ${caught.text.slice(0, 200)}`,
    ].join(''),
  );
});
