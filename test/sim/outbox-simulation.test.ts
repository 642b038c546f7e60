import { assert, describe, it } from 'vitest';
import { simulateOutbox } from '../../src/sim/outbox-simulation.ts';

describe('sim/outbox-simulation', { timeout: 60_000 }, () => {
  const start = Math.floor(Math.random() * 2 ** 31);

  for (const seed of [1, 2, 3, start, start + 1, start + 2]) {
    it(`loses and reorders nothing through crashes, full disks and absent receivers; SEED=${seed}`, async () => {
      const result = await simulateOutbox({ seed, agentsCount: 3, minutes: 10 });

      assert.deepEqual(result.violations, [], `SEED=${seed}`);
      assert.isAbove(result.acceptedCount, 300, JSON.stringify(result));
      assert.isAbove(result.deadCount, 0, JSON.stringify(result));
    });
  }

  it('is the same for the same seed', async () => {
    const [first, second] = [
      await simulateOutbox({ seed: 5, agentsCount: 2, minutes: 3 }),
      await simulateOutbox({ seed: 5, agentsCount: 2, minutes: 3 }),
    ];

    assert.deepEqual(first, second);
  });
});
