import { assert, describe, it } from 'vitest';
import type { Fault } from '../../src/sim/plan.ts';
import { type RevocationOptions, runRevocation } from '../../src/sim/revocation.ts';

const dayMs = 24 * 3_600_000;
const calm = { agentsCount: 8, lifetimeMs: dayMs, beforeMs: 5_000 } as const;

function run(options: RevocationOptions) {
  console.log(`SEED=${options.seed} agents=${options.agentsCount}`);
  return runRevocation(options);
}

const faults: readonly (readonly [string, number, readonly Fault[]])[] = [
  ['while half of the cluster is cut off', 31, [{ type: 'partition', forMs: 20_000, side: [4, 5, 6] }]],
  [
    'while the revoked one is in the other half',
    32,
    [{ type: 'partition', forMs: 20_000, side: [5, 6, 7, 8] }],
  ],
  ['while a member is down', 33, [{ type: 'crash', forMs: 15_000, agent: 3 }]],
  ['while a member is stopped', 34, [{ type: 'pause', forMs: 8_000, agent: 4 }]],
  [
    'while a fifth of everything is lost',
    35,
    [
      {
        type: 'weather',
        agents: undefined,
        forMs: 20_000,
        loss: 0.2,
        duplicates: 0.1,
        delayMinMs: 1,
        delayMaxMs: 50,
      },
    ],
  ],
  ['while a clock is an hour behind', 36, [{ type: 'clock', forMs: 10_000, agent: 3, byMs: -3_600_000 }]],
  ['while the one that has the list restarts', 37, [{ type: 'stop', forMs: 5_000, agent: 2 }]],
];

describe('sim/revocation', { timeout: 120_000 }, () => {
  it.each([1, 2, 3])(
    'shuts a member out at 20 agents within 2 s, its links, datagrams and records: seed %i',
    async seed => {
      const { effectiveAfterMs, complaints } = await run({ ...calm, seed, agentsCount: 20 });

      assert.isDefined(effectiveAfterMs);
      assert.isBelow(effectiveAfterMs ?? Number.POSITIVE_INFINITY, 2_000, `SEED=${seed}`);
      assert.deepEqual(complaints, [], `SEED=${seed}`);
    },
  );

  it.each(faults)('reaches everybody %s, in the end: seed %i', async (_, seed, given) => {
    const { effectiveAfterMs, agreedAfterMs, complaints } = await run({ ...calm, seed, faults: given });

    assert.deepEqual(complaints, [], `SEED=${seed}`);
    assert.isDefined(effectiveAfterMs, `SEED=${seed}`);
    assert.isDefined(agreedAfterMs, `SEED=${seed}`);
  });

  it('renews certificates of four minutes again and again, and nobody is shut out but who was revoked', async () => {
    const seed = 41;
    const options = { ...calm, seed, lifetimeMs: 240_000, beforeMs: 900_000 };

    const { complaints, renewedCount, effectiveAfterMs } = await run(options);

    assert.deepEqual(complaints, [], `SEED=${seed}`);
    assert.equal(renewedCount, 7);
    assert.isDefined(effectiveAfterMs);
  });
});
