import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { ProbeOrder } from '../../../../src/core/swim/probe-order.ts';
import { seededRandom } from '../../../../src/runtime/seeded-random.ts';

const everybody = () => true;

function orderOf(count: number, seed: number): ProbeOrder {
  const order = new ProbeOrder(seededRandom(seed));
  for (let i = 0; i < count; i++) order.add(`p${i}`);
  return order;
}

describe('core/swim/probe-order', () => {
  it('draws everybody once a round, and each round anew', () => {
    const order = orderOf(10, 1);

    const [first, second, third] = [1, 2, 3].map(() =>
      Array.from({ length: 10 }, () => order.next(everybody)),
    );

    assert.equal(new Set(first).size, 10);
    assert.equal(new Set(second).size, 10);
    assert.notDeepEqual(first, second);
    assert.notDeepEqual(second, third);
  });

  it('draws each of N members again within 2N - 1 draws', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(), (count, seed) => {
        const order = orderOf(count, seed);
        const lastDraws = new Map<string, number>();
        for (let draw = 0; draw < 10 * count; draw++) {
          const peer = order.next(everybody) ?? '';
          assert.isAtMost(draw - (lastDraws.get(peer) ?? -1), 2 * count - 1);
          lastDraws.set(peer, draw);
        }
        assert.equal(lastDraws.size, count);
      }),
      { numRuns: 200 },
    );
  });

  it('draws a newcomer within the present round, at a place that cannot be foretold', () => {
    const places = Array.from({ length: 100 }, (_, seed) => {
      const order = orderOf(10, seed);
      order.next(everybody);
      order.add('newcomer');
      for (let draw = 1; ; draw++) if (order.next(everybody) === 'newcomer') return draw;
    });

    assert.isAtMost(Math.max(...places), 10);
    assert.isAtLeast(new Set(places).size, 8);
  });

  it('does not draw who is gone, or may not be probed', () => {
    const order = orderOf(4, 1);
    order.remove('p1');

    const drawn = Array.from({ length: 12 }, () => order.next(peer => peer !== 'p2'));

    assert.sameMembers([...new Set(drawn)], ['p0', 'p3']);
  });

  it('answers nobody when there is nobody', () => {
    assert.isUndefined(orderOf(0, 1).next(everybody));
    assert.isUndefined(orderOf(3, 1).next(() => false));
  });

  it('counts a member once that is added twice', () => {
    const order = orderOf(2, 1);
    order.add('p0');

    assert.equal(new Set([order.next(everybody), order.next(everybody)]).size, 2);
  });
});
