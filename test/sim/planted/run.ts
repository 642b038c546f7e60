/**
 * One process: the simulator with one bug planted, or none, over some seeds.
 *
 *     node test/sim/planted/run.ts '{"draws": [{"seed": 1}], "patch": {"file": …}, "isOneEnough": true}'
 *
 * Prints one line of JSON once everything is loaded, and one for each seed.
 */
import type { DrawOptions } from '../../../src/sim/plan-draw.ts';
import { type Patch, plant } from './patch.ts';

export interface RunOrder {
  readonly draws: readonly DrawOptions[];
  readonly patch?: Patch;
  /** Stop at the first seed that violates something. */
  readonly isOneEnough: boolean;
}

export type RunLine =
  | { readonly type: 'loaded' }
  | {
      readonly type: 'run';
      readonly seed: number;
      /** Empty when the run passed. */
      readonly violations: readonly string[];
      readonly tookMs: number;
    };

const violationsShownMaxCount = 3;

const order = JSON.parse(process.argv[2] ?? '') as RunOrder;
if (order.patch !== undefined) plant(order.patch);
const { simulate } = await import('../../../src/sim/simulation.ts');
say({ type: 'loaded' });
for (const draw of order.draws) {
  const startMs = performance.now();
  const { violations } = await simulate(draw);
  const tookMs = Math.round(performance.now() - startMs);
  say({ type: 'run', seed: draw.seed, violations: violations.slice(0, violationsShownMaxCount), tookMs });
  if (violations.length > 0 && order.isOneEnough) break;
}

function say(line: RunLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
