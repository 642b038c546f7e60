import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { agree, type Testimony } from '../../../../src/core/bridge/consensus.ts';
import type { NodeFields } from '../../../../src/core/record/node.ts';
import { nodeFields } from '../../../record-builder.ts';

/** `p x:1@5`: peer p says that the node is at x:1, updated at 5. */
function testimony(text: string): Testimony {
  const [url = '', said = ''] = text.split(' ');
  const [address = '', lastUpdatedS = '0'] = said.split('@');
  return { url, node: nodeFields({ address, lastUpdatedS: Number(lastUpdatedS) }) };
}

function shown(testimonies: readonly string[]): string | undefined {
  const agreement = agree(testimonies.map(testimony));
  if (agreement === undefined) return undefined;
  const { node, source, sides } = agreement;
  return `${node.address}@${node.lastUpdatedS} from ${source}, ${sides.map(({ urls }) => [...urls].sort().join('+')).join(' against ')}`;
}

describe('core/bridge/consensus', () => {
  it.each([
    [[], undefined],
    [['p x:1@5'], 'x:1@5 from p, p'],
    [['q x:1@7', 'p x:1@5'], 'x:1@7 from p, p+q'],
    [['p x:1@5', 'q x:1@6', 'r y:1@9'], 'x:1@6 from p, p+q against r'],
    [['r y:1@9', 'p x:1@5', 'q x:1@5'], 'x:1@5 from p, p+q against r'],
    [['p x:1@5', 'q y:1@6'], 'y:1@6 from q, q against p'],
    [['q y:1@5', 'p x:1@5'], 'x:1@5 from p, p against q'],
    [['p x:1@5', 'q x:1@5', 'r y:1@6', 's y:1@4'], 'y:1@6 from r, r+s against p+q'],
  ])('of %j makes %s', (testimonies, expected) => {
    assert.equal(shown(testimonies), expected);
  });

  it('counts two that list the same capabilities in another order as one content', () => {
    const node = nodeFields({ capabilities: ['a', 'b'] });
    const other = nodeFields({ capabilities: ['b', 'a'] });

    assert.equal(
      agree([
        { url: 'p', node },
        { url: 'q', node: other },
      ])?.sides.length,
      1,
    );
  });

  // The dumb judge: every content's votes counted by its text, and one pass for the best.
  function judged(testimonies: readonly Testimony[]): string | undefined {
    const content = (node: NodeFields) =>
      JSON.stringify([
        node.address,
        node.metricsPort,
        node.nodeType,
        node.isLoadBalancer,
        [...node.capabilities],
      ]);
    let best: { votes: number; latest: number; text: string } | undefined;
    for (const { node } of testimonies) {
      const text = content(node);
      const same = testimonies.filter(each => content(each.node) === text);
      const votes = same.length;
      const latest = Math.max(...same.map(each => each.node.lastUpdatedS));
      const isBetter =
        best === undefined ||
        votes > best.votes ||
        (votes === best.votes && latest > best.latest) ||
        (votes === best.votes && latest === best.latest && text < best.text);
      if (isBetter) best = { votes, latest, text };
    }
    return best && `${best.text} ${best.latest}`;
  }

  it('decides as the plainest count does, whatever the order', () => {
    const arbitraryTestimonies = fc
      .array(
        fc.record({
          address: fc.constantFrom('x:1', 'y:1', 'z:1'),
          metricsPort: fc.constantFrom(9_000, 9_001),
          lastUpdatedS: fc.nat(3),
        }),
        { maxLength: 8 },
      )
      .map(list => list.map((fields, i) => ({ url: `http://p${i}`, node: nodeFields(fields) })));
    fc.assert(
      fc.property(arbitraryTestimonies, fc.nat(100), (testimonies, turn) => {
        const turned = [...testimonies.slice(turn % 8), ...testimonies.slice(0, turn % 8)];

        const agreement = agree(testimonies);

        const other = agree(turned);
        assert.deepEqual([other?.node, other?.source], [agreement?.node, agreement?.source]);
        const { node } = agreement ?? {};
        const text =
          node &&
          `${JSON.stringify([node.address, node.metricsPort, node.nodeType, node.isLoadBalancer, [...node.capabilities]])} ${node.lastUpdatedS}`;
        assert.equal(text, judged(testimonies));
        assert.equal(agreement?.sides.flatMap(({ urls }) => urls).length ?? 0, testimonies.length);
      }),
    );
  });
});
