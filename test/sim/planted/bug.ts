/** What a planted bug is: one small change of the source, such as a tired colleague would make. */
import type { DrawOptions } from '../../../src/sim/plan-draw.ts';

export interface PlantedBug {
  /** What has gone wrong, in a few words; of this list only. */
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  /** Occurs exactly once in that file. */
  readonly find: string;
  readonly replace: string;
  /** The invariant that it breaks; another one may notice first. */
  readonly breaks: string;
  /** What the drawn plans must have for the bug to matter; absent: nothing in particular. */
  readonly needs?: Omit<Partial<DrawOptions>, 'seed'>;
  /** Seeds that are known to catch it, the quickest first. */
  readonly seeds: readonly number[];
  /** Why the simulator does not notice, where that is known and accepted. */
  readonly survives?: string;
}

/** Small clusters on short days: a bug that does not show there within a few of them is looked into. */
export function drawFor(bug: PlantedBug | undefined, seed: number): DrawOptions {
  return { agentsCount: 4 + (seed % 5), minutes: 1, realSignatures: false, ...bug?.needs, seed };
}
