import { freemem } from 'node:os';
import { assert, describe, it } from 'vitest';
import { runLargeCluster } from '../../src/sim/large-cluster.ts';
import { runLargeClusterApart } from '../../src/sim/large-cluster-apart.ts';

/** A thousand tables of a thousand entries: 5.6 GB measured. */
const neededBytes = 9e9;
const freeBytes = freemem();
if (freeBytes < neededBytes)
  console.warn(
    `A thousand agents are skipped: ${(freeBytes / 1e9).toFixed(1)} GB of memory are free, they need 9.`,
  );

describe('sim/large-cluster', { timeout: 1_200_000 }, () => {
  it('two hundred agents agree after minutes of restarts, and one sends hardly more than among a hundred', async () => {
    console.log('SEED=1 agents=100 and 200');
    const run = { seed: 1, churnShare: 0.02, minutes: 2 };

    const few = await runLargeCluster({ ...run, agentsCount: 100 });
    const many = await runLargeCluster({ ...run, agentsCount: 200 });

    console.log(`${few.bytesPerSecond.toFixed(0)} and ${many.bytesPerSecond.toFixed(0)} bytes a second`);
    for (const { joinedAfterMs, agreedAfterMs } of [few, many]) {
      assert.isDefined(joinedAfterMs);
      assert.isDefined(agreedAfterMs);
    }
    assert.equal(many.restartsCount, 8);
    assert.isAtMost(many.bytesPerSecond / few.bytesPerSecond, 1.5);
  });

  it.skipIf(freeBytes < neededBytes)(
    'a thousand agents find each other, and agree again after restarts',
    async () => {
      console.log('SEED=1 agents=1000');

      const { joinedAfterMs, agreedAfterMs, bytesPerSecond, joinCpuMs, cpuMsPerAgentMinute } =
        await runLargeClusterApart({
          seed: 1,
          agentsCount: 1_000,
          minutes: 0.5,
          churnShare: 0.01,
        });

      console.log(
        `joined after ${joinedAfterMs} ms, which took ${(joinCpuMs / 1_000).toFixed(0)} s of processor; then each ` +
          `${bytesPerSecond.toFixed(0)} bytes a second and ${cpuMsPerAgentMinute.toFixed(0)} ms of processor a minute`,
      );
      assert.isDefined(joinedAfterMs);
      assert.isDefined(agreedAfterMs);
    },
  );

  it('says when agents never agree', async () => {
    const phases: string[] = [];

    const { joinedAfterMs } = await runLargeCluster({
      seed: 1,
      agentsCount: 4,
      minutes: 0.1,
      churnShare: 0,
      settings: {
        gossip: { authorRecordsPerSecond: 0, authorBurstCount: 0 },
        sync: { intervalMs: 1e9, wantMaxCount: 0 },
      },
      onPhase: phase => phases.push(phase),
    });

    assert.isUndefined(joinedAfterMs);
    assert.deepEqual(phases, ['join', 'churn', 'settling']);
  });
});
