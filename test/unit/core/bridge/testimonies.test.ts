import { assert, describe, it } from 'vitest';
import { Testimonies } from '../../../../src/core/bridge/testimonies.ts';
import { nodeFields } from '../../../record-builder.ts';

const leaseMs = 3_000;

function listed(...ids: readonly string[]) {
  return ids.map(id => ({ id, node: nodeFields() }));
}

function heard(maxCount = 100): Testimonies {
  return new Testimonies({ leaseMs, maxCount });
}

function speakers(testimonies: Testimonies, id: string, monoMs: number): readonly string[] {
  return testimonies.about(id, monoMs).map(({ url }) => url);
}

describe('core/bridge/testimonies', () => {
  it('says which nodes an answer changes: those that it lists anew, otherwise, or no longer', () => {
    const testimonies = heard();
    testimonies.hear('p', [...listed('a', 'b'), { id: 'd', node: nodeFields() }], 0);
    const other = { id: 'd', node: nodeFields({ lastUpdatedS: 7 }) };

    const { changed } = testimonies.hear('p', [...listed('b', 'c'), other], 1);

    assert.deepEqual([...changed].sort(), ['a', 'c', 'd']);
    assert.deepEqual(speakers(testimonies, 'a', 1), []);
    assert.equal(testimonies.countOf('p'), 3);
    assert.equal(testimonies.count, 3);
  });

  it('lets a node expire when nobody has listed it for its lease, not before', () => {
    const testimonies = heard();
    testimonies.hear('p', listed('a', 'b'), 0);
    testimonies.hear('q', listed('a'), 1_000);
    testimonies.hear('p', [], 2_000);

    assert.deepEqual(testimonies.takeExpired(2_999), []);
    assert.deepEqual(testimonies.takeExpired(3_000), ['b']);
    assert.deepEqual(testimonies.takeExpired(4_000), ['a']);
    assert.equal(testimonies.count, 0);
  });

  it('does not count the word of a peer that was not heard for the lease', () => {
    const testimonies = heard();
    testimonies.hear('p', listed('a'), 0);
    testimonies.hear('q', listed('a'), 2_000);

    assert.deepEqual(speakers(testimonies, 'a', 3_000), ['q']);
  });

  it('leaves out what is beyond its limit, and what is listed twice', () => {
    const testimonies = heard(3);
    testimonies.hear('p', listed('a', 'b'), 0);

    const { leftOutCount } = testimonies.hear('q', listed('a', 'a', 'b', 'c'), 0);

    assert.equal(leftOutCount, 3);
    assert.equal(testimonies.count, 3);
    assert.equal(
      testimonies.hear('p', listed('c', 'd', 'e'), 0).leftOutCount,
      1,
      'a place of its own is free again',
    );
  });

  it('begins the lease of what it is told to remember, and of nothing that it knows', () => {
    const testimonies = heard();
    testimonies.hear('p', listed('a'), 0);

    testimonies.remember('a', 2_000);
    testimonies.remember('b', 2_000);

    assert.deepEqual(testimonies.takeExpired(3_000), ['a']);
    assert.deepEqual(testimonies.takeExpired(5_000), ['b']);
  });

  it('forgets a peer, and keeps until its lease ends what it listed', () => {
    const testimonies = heard();
    testimonies.hear('p', listed('a'), 0);

    testimonies.forget('p');

    assert.deepEqual(speakers(testimonies, 'a', 0), []);
    assert.equal(testimonies.isListedWithinLease('a', 2_999), true);
    assert.equal(testimonies.count, 0);
  });
});
