import { assert, describe, it } from 'vitest';
import type { PartitionView } from '../../../src/core/view.ts';
import { partitionSentence } from '../../../src/runtime/partition-sentence.ts';

const suspected: PartitionView = {
  state: 'suspected',
  sinceMs: 12_000,
  reachable: 7,
  known: 12,
  isMajority: true,
  here: ['a', 'b'],
  there: ['c', 'd'],
};

describe('runtime/partition-sentence', () => {
  it.each([
    [
      'nothing while the cluster is whole',
      { state: 'whole', sinceMs: undefined, here: [], there: [] },
      undefined,
    ],
    [
      'both sides while a partition is suspected',
      {},
      '7 of 12 known agents reachable; a partition is suspected for 12 s: here a, b; silent: c, d',
    ],
    [
      'that this side is no majority',
      { reachable: 6, isMajority: false },
      '6 of 12 known agents reachable, no majority; a partition is suspected for 12 s: here a, b; silent: c, d',
    ],
    [
      'who is missed by an isolated agent',
      { state: 'isolated', reachable: 1, known: 3, isMajority: false, here: ['a'] },
      'isolated for 12 s: none of the 2 other known agents can be reached (c, d)',
    ],
  ] as const)('says %s', (_what, fields, expected) => {
    assert.equal(partitionSentence({ ...suspected, ...fields } as PartitionView), expected);
  });

  it('names twelve and counts the rest', () => {
    const there = Array.from({ length: 14 }, (_, index) => `silent-${index + 10}`);

    assert.match(partitionSentence({ ...suspected, there }) ?? '', /silent-20, silent-21 and 2 more$/);
  });
});
