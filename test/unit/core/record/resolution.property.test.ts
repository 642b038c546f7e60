import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { authorities, type VerifiedRecord } from '../../../../src/core/record/record.ts';
import { covers, resolve } from '../../../../src/core/record/resolution.ts';
import { honestHistory, hostileHistory, latestOfEach, type Shape } from './histories.ts';
import { naiveResolution } from './naive-resolution.ts';

const shape: Shape = { authorsCount: 6, subjects: ['svc'], stepsMaxCount: 20 };
const sets = fc
  .oneof(honestHistory(shape), hostileHistory(shape))
  .map(history => latestOfEach(history, 'svc'));

describe('core/record/resolution', () => {
  it('decides as the naive second implementation does', () => {
    fc.assert(
      fc.property(sets, records => {
        const { winner, vouchers, conflict } = resolve(records);

        assert.deepEqual(
          { winner: winner?.digest, vouchers: vouchers.map(each => each.digest).sort(), conflict },
          naiveResolution(records),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('does not depend on the order of the set', () => {
    fc.assert(
      fc.property(
        sets.chain(records =>
          fc.tuple(fc.constant(records), fc.shuffledSubarray([...records], { minLength: records.length })),
        ),
        ([records, shuffled]) => {
          assert.deepEqual(resolve(shuffled), resolve(records));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('shows nothing of less authority than an entry that nobody of its rank had seen', () => {
    fc.assert(
      fc.property(sets, records => {
        const { winner } = resolve(records);

        const rankOf = ({ authority }: VerifiedRecord) => authorities.indexOf(authority);
        for (const entry of records.filter(({ body }) => body.type === 'entry')) {
          const isContested = records.some(other => rankOf(other) <= rankOf(entry) && covers(other, entry));
          if (!isContested) assert.isAtMost(rankOf(winner as VerifiedRecord), rankOf(entry));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('accounts for each record: it wins, vouches, or has lost for a reason', () => {
    fc.assert(
      fc.property(sets, records => {
        const { winner, vouchers, losses } = resolve(records);

        assert.isTrue(winner !== undefined && vouchers.includes(winner));
        for (const each of records) {
          assert.equal(vouchers.includes(each), !losses.has(each.digest), each.author);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
