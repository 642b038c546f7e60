import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { parseRegistrationAnswer } from '../../../src/bridge/registration-answer.ts';
import { listedMaxCount } from '../../../src/core/bridge/outcome.ts';
import { capabilitiesOf, isNodeId, nodeProblem } from '../../../src/core/record/node.ts';

const nowS = 1_764_000_000;
const full = {
  id: 'old-1',
  address: '10.0.0.1:8080',
  metrics_port: 9_090,
  node_type: 'proxy',
  is_load_balancer: false,
  capabilities: ['a', 'b'],
  last_updated: nowS - 5,
};

function parsed(peers: unknown, rest: object = { status: 'registered', message: 'welcome' }) {
  return parseRegistrationAnswer(JSON.stringify({ ...rest, peers }), nowS);
}

describe('bridge/registration-answer', () => {
  it('takes every field as it is', () => {
    assert.deepEqual(parsed([full]), {
      peers: [
        {
          id: 'old-1',
          node: {
            address: '10.0.0.1:8080',
            metricsPort: 9_090,
            nodeType: 'proxy',
            isLoadBalancer: false,
            capabilities: ['a', 'b'],
            lastUpdatedS: nowS - 5,
          },
        },
      ],
      leftOutCount: 0,
    });
  });

  it.each([
    ['backend', undefined],
    ['proxy', 'proxy'],
    ['proxy', ' Proxy '],
    ['governator', 'GOVERNATOR'],
  ] as const)('fills in what a %s leaves out when it says %j', (nodeType, said) => {
    const node = parsed([
      { id: ' a ', address: ' x:1 ', metrics_port: 9_000, node_type: said, capabilities: null },
    ])?.peers[0];

    assert.deepEqual(node, {
      id: 'a',
      node: {
        address: 'x:1',
        metricsPort: 9_000,
        nodeType,
        isLoadBalancer: nodeType === 'proxy',
        capabilities: capabilitiesOf(nodeType),
        lastUpdatedS: nowS,
      },
    });
  });

  it.each([
    ['no id', { id: undefined }],
    ['an id that is none', { id: 'a/b' }],
    ['a number for an id', { id: 7 }],
    ['an address without port', { address: 'x' }],
    ['an address of 257 characters', { address: `${'a'.repeat(255)}:1` }],
    ['a metrics port below 1024', { metrics_port: 80 }],
    ['a metrics port in quotes', { metrics_port: '9090' }],
    ['an unknown type', { node_type: 'queen' }],
    ['a word for a truth', { is_load_balancer: 'yes' }],
    ['33 capabilities', { capabilities: Array.from({ length: 33 }, (_, i) => `c${i}`) }],
    ['a capability that is none', { capabilities: ['a b'] }],
    ['capabilities that are no list', { capabilities: 'a' }],
    ['capabilities that are no names', { capabilities: [7] }],
    ['a time in words', { last_updated: 'now' }],
    ['half a second', { last_updated: 0.5 }],
    ['a time more than a minute ahead', { last_updated: nowS + 61 }],
  ])('leaves out a node with %s, and takes the others', (_, change) => {
    const answer = parsed([
      { ...full, ...change },
      { ...full, id: 'good' },
    ]);

    assert.deepEqual(
      answer?.peers.map(({ id }) => id),
      ['good'],
    );
    assert.equal(answer?.leftOutCount, 1);
  });

  it.each([[[null]], [[7]], [['a']], [[[]]], [[{}]]])('leaves out what is no node at all: %j', peers => {
    assert.deepEqual(parsed(peers), { peers: [], leftOutCount: 1 });
  });

  it('takes the first of several with one id', () => {
    const answer = parsed([full, { ...full, address: 'x:1' }]);

    assert.equal(answer?.peers[0]?.node.address, '10.0.0.1:8080');
    assert.equal(answer?.leftOutCount, 1);
  });

  it('takes no more nodes than it may', () => {
    const answer = parsed(Array.from({ length: listedMaxCount + 5 }, (_, i) => ({ ...full, id: `n${i}` })));

    assert.equal(answer?.peers.length, listedMaxCount);
    assert.equal(answer?.leftOutCount, 5);
  });

  it.each([
    ['nothing', ''],
    ['text', 'OK'],
    ['a web page', '<html></html>'],
    ['half an answer', '{"status":"registered","peers":[{"id":"a"'],
    ['an array', '[]'],
    ['null', 'null'],
    ['no status', '{"peers":[]}'],
    ['no peers', '{"status":"registered"}'],
    ['peers that are no list', '{"status":"registered","peers":{"a":1}}'],
    // The metrics of some other service, say.
    ['something else', '{"ready":true,"cpu_usage":3}'],
  ])('is none when it is %s', (_, text) => {
    assert.isUndefined(parseRegistrationAnswer(text, nowS));
  });

  it('lets nothing pass that is out of bounds, whatever is sent, and never throws', () => {
    const odd = fc.oneof(
      fc.anything(),
      fc.constantFrom('x:1', 'proxy', ' a ', '__proto__', 9_090, true, ['a'], null),
    );
    const node = fc.oneof(
      fc.record(
        {
          id: fc.oneof(fc.constantFrom('a', 'b', 'c d', '__proto__', 'constructor'), odd),
          address: fc.oneof(fc.constantFrom('x:1', '[::1]:2', 'x'), odd),
          metrics_port: fc.oneof(fc.integer(), odd),
          node_type: odd,
          is_load_balancer: odd,
          capabilities: fc.oneof(fc.array(fc.string()), odd),
          last_updated: fc.oneof(fc.integer(), odd),
        },
        { requiredKeys: [] },
      ),
      odd,
    );
    const texts = fc.oneof(
      fc
        .record({ status: fc.oneof(fc.constant('registered'), odd), peers: fc.oneof(fc.array(node), odd) })
        .map(asText),
      fc.json(),
      fc.string(),
    );
    fc.assert(
      fc.property(texts, text => {
        const answer = parseRegistrationAnswer(text, nowS);

        if (answer === undefined) return;
        const sentCount = (JSON.parse(text) as { peers: unknown[] }).peers.length;
        assert.equal(answer.peers.length + answer.leftOutCount, sentCount);
        assert.equal(new Set(answer.peers.map(({ id }) => id)).size, answer.peers.length);
        for (const { id, node: fields } of answer.peers) {
          assert.isTrue(isNodeId(id));
          assert.isUndefined(nodeProblem(fields));
          assert.isAtMost(fields.lastUpdatedS, nowS + 60);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** What JSON cannot say is left out. */
function asText(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ?? '';
}
