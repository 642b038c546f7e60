import { assert, describe, it } from 'vitest';
import { simulate } from '../../src/sim/simulation.ts';

/** Nothing that is gossiped is taken in, and nobody exchanges by the clock: only roots in probes tell of a difference. */
const rootsAlone = {
  gossip: { authorRecordsPerSecond: 0, authorBurstCount: 0 },
  sync: { intervalMs: 1e9 },
};

describe('sim/sync', { timeout: 120_000 }, () => {
  it.each([
    { seed: 21, agentsCount: 5 },
    { seed: 22, agentsCount: 8 },
  ])('ends with equal tables where roots in probes alone tell of differences: seed $seed', async run => {
    console.log(`SEED=${run.seed} agents=${run.agentsCount}`);

    const { violations, settledAfterMs } = await simulate({ ...run, minutes: 1, settings: rootsAlone });

    assert.deepEqual(violations, [], `SEED=${run.seed}`);
    assert.isBelow(settledAfterMs ?? Number.POSITIVE_INFINITY, 60_000);
  });
});
