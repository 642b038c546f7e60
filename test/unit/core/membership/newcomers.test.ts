import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { Newcomers } from '../../../../src/core/membership/newcomers.ts';

interface Member {
  readonly address: string;
}

describe('core/membership, newcomers', () => {
  it('never lets in more than it may, and everybody for whom there is room, while members come and go', () => {
    const limits = { membersMaxCount: 12, membersPerHostMaxCount: 3, newMembersPerSecond: 1_000 };
    const steps = fc.array(
      fc.oneof(
        fc.record({ type: fc.constant('comes' as const), host: fc.integer({ min: 1, max: 6 }) }),
        fc.record({ type: fc.constant('goes' as const), which: fc.nat(20) }),
      ),
      { maxLength: 100, size: 'max' },
    );
    fc.assert(
      fc.property(steps, happenings => {
        const newcomers = new Newcomers(limits);
        const members: Member[] = [];
        for (const [i, step] of happenings.entries()) {
          if (step.type === 'goes') {
            members.splice(step.which, 1);
            continue;
          }
          const address = `10.0.0.${step.host}:7946`;
          const sameHostCount = members.filter(each => each.address === address).length;
          const hasRoom = members.length < 12 && sameHostCount < 3;

          const isIn = newcomers.admits(address, members, members.length, i * 1_000);

          assert.equal(isIn, hasRoom);
          if (isIn) members.push({ address });
        }
      }),
    );
  });

  it('lets a whole cluster in at once, and then so many a second', () => {
    const newcomers = new Newcomers({
      membersMaxCount: 100,
      membersPerHostMaxCount: 100,
      newMembersPerSecond: 2,
    });
    const letIn = (monoMs: number) =>
      Array.from({ length: 200 }, (_, i) => newcomers.admits(`10.0.${i}.1:1`, [], 0, monoMs)).filter(Boolean)
        .length;

    assert.deepEqual([letIn(0), letIn(500), letIn(2_500)], [100, 1, 4]);
  });

  it('tells once that somebody was refused, and counts them all', () => {
    const newcomers = new Newcomers({ membersMaxCount: 1 });
    newcomers.admits('10.0.0.1:1', [{ address: '10.0.0.2:1' }], 1, 0);
    newcomers.admits('10.0.0.1:1', [{ address: '10.0.0.2:1' }], 1, 0);

    assert.deepEqual(
      [newcomers.takeRefused(), newcomers.takeRefused(), newcomers.refusedCount],
      [true, false, 2],
    );
  });
});
