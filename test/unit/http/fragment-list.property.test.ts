import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { FragmentList, type Pieces } from '../../../src/http/fragment-list.ts';

const text = ({ parts, byteLength }: Pieces) => {
  const bytes = Buffer.concat(parts);
  assert.equal(bytes.length, byteLength);
  return `[${bytes.toString('utf8')}]`;
};

const key = fc.integer({ min: 0, max: 40 }).map(n => `k${n}`);
/** Up to 6 KiB, so that a few elements fill a chunk. */
const value = fc
  .oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 6_000 }))
  .map(n => 'é'.repeat(n));
const step = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant('set' as const), key, value) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('delete' as const), key, fc.constant('')) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('lend' as const), key, fc.constant('')) },
);

describe('http/fragment-list', () => {
  it('holds what a map holds, in order of first appearance, and never changes what it lent out', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), steps => {
        const list = new FragmentList();
        const judge = new Map<string, string>();
        const lent: { readonly pieces: Pieces; readonly expected: string }[] = [];
        for (const [name, k, v] of steps) {
          if (name === 'set') {
            list.set(k, JSON.stringify([k, v]));
            judge.set(k, v);
          } else if (name === 'delete') {
            list.delete(k);
            judge.delete(k);
          } else {
            const expected = JSON.stringify([...judge].filter(([other]) => other !== k));
            lent.push({ pieces: list.pieces(k), expected });
          }
        }

        assert.equal(text(list.pieces()), JSON.stringify([...judge]));
        assert.equal(list.size, judge.size);
        for (const { pieces, expected } of lent) assert.equal(text(pieces), expected);
      }),
      { numRuns: 300 },
    );
  });

  it('gives back the memory of elements that went', () => {
    const list = new FragmentList();
    for (let i = 0; i < 2_000; i++) list.set(`k${i}`, JSON.stringify('x'.repeat(200)));
    const full = list.capacityBytes;

    for (let i = 0; i < 2_000; i++) if (i % 100 !== 0) list.delete(`k${i}`);

    assert.isBelow(list.capacityBytes, full / 8);
    assert.equal(JSON.parse(text(list.pieces())).length, 20);
  });

  it('holds 2,000 elements of 200 bytes in less than 10 % more than they need', () => {
    const list = new FragmentList();
    for (let i = 0; i < 2_000; i++) list.set(`k${i}`, JSON.stringify('x'.repeat(197)));

    assert.isBelow(list.capacityBytes, 1.1 * 2_000 * 200);
  });
});
