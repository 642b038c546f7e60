import { assert, describe, it } from 'vitest';
import {
  capabilitiesOf,
  isAddress,
  isCapability,
  isClusterName,
  isMetricsPort,
  isNodeId,
  isNodeType,
  isSameContent,
  type NodeFields,
  nodeProblem,
} from '../../../../src/core/record/node.ts';
import { nodeFields } from '../../../record-builder.ts';

describe('core/record/node', () => {
  const longLabel = 'a'.repeat(63);
  const longName = `${`${longLabel}.`.repeat(3)}${'b'.repeat(61)}`; // 253 characters
  const addresses: readonly (readonly [string, boolean])[] = [
    ['10.0.0.1:80', true],
    ['0.0.0.0:1', true],
    ['255.255.255.255:65535', true],
    ['10.0.0.1:0', false],
    ['10.0.0.1:65536', false],
    ['10.0.0.1:080', false],
    ['10.0.0.1:', false],
    ['10.0.0.1', false],
    [':80', false],
    ['', false],
    ['256.0.0.1:80', false],
    ['1.2.3:80', false],
    ['1.2.3.4.5:80', false],
    ['01.2.3.4:80', false],
    ['10.0.0.1:+80', false],
    ['10.0.0.1:8e1', false],
    ['10.0.0.1: 80', false],
    ['10.0.0.1:80\n', false],
    ['[::1]:80', true],
    ['[::]:80', true],
    ['[2001:db8::1]:443', true],
    ['[1:2:3:4:5:6:7:8]:80', true],
    ['[1:2:3:4:5:6:7::]:80', true],
    ['[::2:3:4:5:6:7:8]:80', true],
    ['[::ffff:10.0.0.1]:80', true],
    ['[1:2:3:4:5:6:10.0.0.1]:80', true],
    ['[FE80::A]:80', true],
    ['[1:2:3:4:5:6:7]:80', false],
    ['[1:2:3:4:5:6:7:8:9]:80', false],
    ['[1::2::3]:80', false],
    ['[:::]:80', false],
    ['[1:2:3:4:5:6:7:8::]:80', false],
    ['[12345::]:80', false],
    ['[::g]:80', false],
    ['[fe80::1%eth0]:80', false],
    ['[::10.0.0.256]:80', false],
    ['[10.0.0.1::]:80', false],
    ['[10.0.0.1]:80', false],
    ['[10.0.0.1::1]:80', false],
    ['[:1:2:3:4:5:6:7]:80', false],
    ['[1:2:3:4:5:6:7:]:80', false],
    ['[::1:80', false],
    ['::1:80', false],
    ['[]:80', false],
    ['a:80', true],
    ['localhost:80', true],
    ['a-b.example:80', true],
    ['xn--bcher-kva.example:80', true],
    ['9lives.example:80', true],
    ['-a.example:80', false],
    ['a-.example:80', false],
    ['a..b:80', false],
    ['a.:80', false],
    ['.a:80', false],
    ['a_b:80', false],
    ['bücher.example:80', false],
    [`${longLabel}:80`, true],
    [`${longLabel}a:80`, false],
    [longName.length === 253 ? `${longName}:1` : 'wrong', true],
    [`${longName}b:1`, false],
  ];
  it.each(addresses)('takes %j as an address: %s', (value, expected) => {
    assert.equal(isAddress(value), expected);
  });

  it('takes no address of more than 256 characters', () => {
    assert.isTrue(isAddress(`${longName}:80`), '256 characters');
    assert.isFalse(isAddress(`${longName}:800`), '257 characters');
  });

  const names: readonly (readonly [(value: string) => boolean, string, boolean])[] = [
    [isNodeId, 'backend-1', true],
    [isNodeId, 'A.b_c-9', true],
    [isNodeId, 'a'.repeat(128), true],
    [isNodeId, 'a'.repeat(129), false],
    [isNodeId, '', false],
    [isNodeId, 'a b', false],
    [isNodeId, 'a\n', false],
    [isNodeId, 'ä', false],
    [isNodeId, 'a/b', false],
    [isClusterName, 'a'.repeat(64), true],
    [isClusterName, 'a'.repeat(65), false],
    [isClusterName, '', false],
    [isCapability, 'a'.repeat(64), true],
    [isCapability, 'a'.repeat(65), false],
    [isCapability, 'a.b', false],
    [isCapability, 'a,b', false],
    [isCapability, '', false],
    [isNodeType, 'proxy', true],
    [isNodeType, 'Proxy', false],
    [isNodeType, '', false],
  ];
  it.each(names)('%o(%j) is %s', (check, value, expected) => {
    assert.equal(check(value), expected);
  });

  it.each([
    [1_023, false],
    [1_024, true],
    [65_535, true],
    [65_536, false],
    [9_090.5, false],
    [Number.NaN, false],
    [-1, false],
  ] as const)('takes %s as a metrics port: %s', (port, expected) => {
    assert.equal(isMetricsPort(port), expected);
  });

  const problems: readonly (readonly [Partial<NodeFields>, string | undefined, string | undefined])[] = [
    [{}, undefined, undefined],
    [{ address: 'nowhere' }, 'INVALID_ADDRESS', 'address'],
    [{ metricsPort: 80 }, 'INVALID_METRICS_PORT', 'metrics_port'],
    [{ nodeType: 'router' as never }, 'INVALID_NODE_TYPE', 'node_type'],
    [{ capabilities: ['a.b'] }, 'INVALID_CAPABILITY', 'capabilities'],
    [{ capabilities: Array.from({ length: 33 }, (_, i) => `c${i}`) }, 'INVALID_CAPABILITY', 'capabilities'],
    [{ capabilities: Array.from({ length: 32 }, (_, i) => `c${i}`) }, undefined, undefined],
    [{ capabilities: [] }, undefined, undefined],
    [{ lastUpdatedS: -1 }, 'INVALID_TIMESTAMP', 'last_updated'],
    [{ lastUpdatedS: 1.5 }, 'INVALID_TIMESTAMP', 'last_updated'],
    [{ lastUpdatedS: 2 ** 53 }, 'INVALID_TIMESTAMP', 'last_updated'],
  ];
  it.each(problems)('finds %o to be %s of %s', (fields, code, field) => {
    const problem = nodeProblem(nodeFields(fields));

    assert.equal(problem?.code, code);
    assert.equal(problem?.field, field);
  });

  it('names the first problem only, in the order of the fields', () => {
    const problem = nodeProblem(nodeFields({ address: '', metricsPort: 0 }));

    assert.equal(problem?.field, 'address');
  });

  describe('isSameContent', () => {
    const same: readonly (readonly [string, Partial<NodeFields>, Partial<NodeFields>, boolean])[] = [
      ['the time of the registration', { lastUpdatedS: 1 }, { lastUpdatedS: 2 }, true],
      ['the order of capabilities', { capabilities: ['a', 'b'] }, { capabilities: ['b', 'a'] }, true],
      ['a capability', { capabilities: ['a'] }, { capabilities: ['a', 'b'] }, false],
      ['a name sent twice', { capabilities: ['a', 'a', 'b'] }, { capabilities: ['a', 'b', 'c'] }, false],
      ['the address', { address: 'a:1' }, { address: 'a:2' }, false],
      ['the metrics port', { metricsPort: 2_000 }, { metricsPort: 2_001 }, false],
      ['the type', { nodeType: 'proxy' }, { nodeType: 'backend' }, false],
      ['the load balancer flag', { isLoadBalancer: true }, { isLoadBalancer: false }, false],
    ];
    it.each(same)('looks at %s as it should, whoever asks', (_, a, b, expected) => {
      assert.equal(isSameContent(nodeFields(a), nodeFields(b)), expected);
      assert.equal(isSameContent(nodeFields(b), nodeFields(a)), expected);
    });
  });

  it('gives each type its own default capabilities, within bounds', () => {
    for (const type of ['proxy', 'backend', 'governator'] as const) {
      assert.isUndefined(nodeProblem(nodeFields({ nodeType: type, capabilities: capabilitiesOf(type) })));
    }
    assert.notDeepEqual(capabilitiesOf('proxy'), capabilitiesOf('backend'));
  });
});
