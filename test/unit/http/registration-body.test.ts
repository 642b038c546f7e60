import { assert, describe, it } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { parseRegistration } from '../../../src/http/registration-body.ts';

const nowMs = 1_765_000_000_500;
const nowS = 1_765_000_000;
const legacy = { id: 'b1', address: '10.0.0.1:8080', metrics_port: 9_090 };
const parse = (body: unknown) => parseRegistration(JSON.stringify(body), nowMs).registration;

function refusal(text: string): FirsthandError {
  try {
    parseRegistration(text, nowMs);
  } catch (error) {
    if (error instanceof FirsthandError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe('http/registration-body', () => {
  it('takes the legacy form as a backend that registers now', () => {
    assert.deepEqual(parse(legacy), {
      action: 'register',
      id: 'b1',
      node: {
        address: '10.0.0.1:8080',
        metricsPort: 9_090,
        nodeType: 'backend',
        isLoadBalancer: false,
        capabilities: ['inference', 'model_serving', 'metrics_reporting'],
        lastUpdatedS: nowS,
      },
    });
  });

  it('takes the flat form with its optional fields', () => {
    const request = parse({
      ...legacy,
      action: ' UPDATE ',
      node_type: 'Governator',
      is_load_balancer: true,
      capabilities: ['x', ' y ', 'x'],
      timestamp: '2025-12-06T05:46:40.9Z',
    });

    assert.equal(request.action, 'update');
    assert.equal(request.node.nodeType, 'governator');
    assert.equal(request.node.isLoadBalancer, true);
    assert.deepEqual(request.node.capabilities, ['x', 'y']);
    assert.equal(request.node.lastUpdatedS, nowS);
  });

  it('takes the envelope form and ignores the flat fields beside it', () => {
    const request = parse({
      action: 'update',
      node: { ...legacy, id: ' inner ' },
      id: 'outer',
      node_type: 'proxy',
    });

    assert.equal(request.id, 'inner');
    assert.equal(request.action, 'update');
    assert.equal(request.node.nodeType, 'backend');
  });

  it('tries the flat form when what is in `node` is no envelope', () => {
    assert.equal(parse({ ...legacy, action: 'register', node: { id: 7 } }).id, 'b1');
    assert.equal(parse({ ...legacy, node: 'rack 4' }).id, 'b1');
  });

  it('makes a proxy a load balancer unless it says otherwise', () => {
    assert.isTrue(parse({ ...legacy, node_type: 'proxy' }).node.isLoadBalancer);
    assert.isFalse(parse({ ...legacy, node_type: 'proxy', is_load_balancer: false }).node.isLoadBalancer);
    assert.isFalse(parse({ ...legacy, node_type: 'governator' }).node.isLoadBalancer);
  });

  it("gives the type's default capabilities, but keeps an empty list empty", () => {
    assert.deepEqual(parse({ ...legacy, node_type: 'governator' }).node.capabilities, [
      'cost_analysis',
      'resource_optimization',
      'scaling_decisions',
      'cluster_monitoring',
    ]);
    assert.deepEqual(parse({ ...legacy, capabilities: [] }).node.capabilities, []);
  });

  it('shares one array between nodes that list exactly the defaults', () => {
    const listed = parse({ ...legacy, capabilities: ['inference', 'model_serving', 'metrics_reporting'] });

    assert.strictEqual(listed.node.capabilities, parse(legacy).node.capabilities);
  });

  it('takes null for a field left out', () => {
    const request = parse({
      ...legacy,
      node_type: null,
      capabilities: null,
      last_updated: null,
      action: null,
    });

    assert.deepEqual(request, parse(legacy));
  });

  it('prefers last_updated to timestamp', () => {
    assert.equal(
      parse({ ...legacy, last_updated: 5, timestamp: '2025-12-06T05:46:40Z' }).node.lastUpdatedS,
      5,
    );
  });

  it('accepts a time 60 s ahead and refuses 61 s', () => {
    assert.equal(parse({ ...legacy, last_updated: nowS + 60 }).node.lastUpdatedS, nowS + 60);
    assert.equal(refusal(JSON.stringify({ ...legacy, last_updated: nowS + 61 })).code, 'INVALID_TIMESTAMP');
  });

  it('folds duplicates before it counts to 32 capabilities', () => {
    const names = Array.from({ length: 32 }, (_, i) => `c${i}`);

    assert.equal(parse({ ...legacy, capabilities: [...names, ...names] }).node.capabilities.length, 32);
    assert.equal(
      refusal(JSON.stringify({ ...legacy, capabilities: [...names, 'c32'] })).code,
      'INVALID_CAPABILITY',
    );
  });

  const refusals: readonly (readonly [unknown, string, string | undefined])[] = [
    [null, 'INVALID_FORMAT', undefined],
    [[], 'INVALID_FORMAT', undefined],
    ['text', 'INVALID_FORMAT', undefined],
    [{}, 'INVALID_FORMAT', 'id'],
    [{ ...legacy, id: 7 }, 'INVALID_FORMAT', 'id'],
    [{ id: 'b1', metrics_port: 9_090 }, 'INVALID_FORMAT', 'address'],
    [{ ...legacy, metrics_port: '9090' }, 'INVALID_FORMAT', 'metrics_port'],
    [{ ...legacy, capabilities: 'inference' }, 'INVALID_FORMAT', 'capabilities'],
    [{ ...legacy, capabilities: [1] }, 'INVALID_FORMAT', 'capabilities'],
    [{ ...legacy, is_load_balancer: 'yes' }, 'INVALID_FORMAT', 'is_load_balancer'],
    [{ ...legacy, node_type: 1 }, 'INVALID_FORMAT', 'node_type'],
    [{ ...legacy, last_updated: {} }, 'INVALID_FORMAT', 'last_updated'],
    [{ ...legacy, action: 5 }, 'INVALID_FORMAT', 'action'],
    [{ node: legacy }, 'INVALID_FORMAT', 'action'],
    [{ action: 'register', node: {} }, 'INVALID_FORMAT', 'id'],
    [{ ...legacy, id: '' }, 'INVALID_ID', 'id'],
    [{ ...legacy, id: 'a b' }, 'INVALID_ID', 'id'],
    [{ ...legacy, id: 'x'.repeat(129) }, 'INVALID_ID', 'id'],
    [{ ...legacy, address: 'nowhere' }, 'INVALID_ADDRESS', 'address'],
    [{ ...legacy, address: 'host:70000' }, 'INVALID_ADDRESS', 'address'],
    [{ ...legacy, metrics_port: 80 }, 'INVALID_METRICS_PORT', 'metrics_port'],
    [{ ...legacy, metrics_port: 65_536 }, 'INVALID_METRICS_PORT', 'metrics_port'],
    [{ ...legacy, metrics_port: 9_090.5 }, 'INVALID_METRICS_PORT', 'metrics_port'],
    [{ ...legacy, node_type: 'router' }, 'INVALID_NODE_TYPE', 'node_type'],
    [{ ...legacy, node_type: 'toString' }, 'INVALID_NODE_TYPE', 'node_type'],
    [{ ...legacy, capabilities: ['a b'] }, 'INVALID_CAPABILITY', 'capabilities'],
    [{ ...legacy, capabilities: [''] }, 'INVALID_CAPABILITY', 'capabilities'],
    [{ ...legacy, last_updated: -1 }, 'INVALID_TIMESTAMP', 'last_updated'],
    [{ ...legacy, last_updated: 1.5 }, 'INVALID_TIMESTAMP', 'last_updated'],
    [{ ...legacy, timestamp: 'yesterday' }, 'INVALID_TIMESTAMP', 'timestamp'],
    [{ ...legacy, timestamp: '2099-01-01T00:00:00Z' }, 'INVALID_TIMESTAMP', 'timestamp'],
    [{ ...legacy, action: 'delete' }, 'INVALID_ACTION', 'action'],
    [{ action: 'remove', node: legacy }, 'INVALID_ACTION', 'action'],
  ];
  for (const [body, code, field] of refusals) {
    it(`refuses ${JSON.stringify(body).slice(0, 90)} as ${code} in ${field ?? 'no field'}`, () => {
      const error = refusal(JSON.stringify(body));

      assert.deepEqual([error.code, error.details.field], [code, field]);
    });
  }

  it('refuses what is not JSON, and keys that pollute prototypes, with the same sentence', () => {
    const bodies = [
      '',
      '{',
      'null,',
      '{"id":"a"',
      `{"__proto__":{"id":"x"}}`,
      `{"node":{"\\u005f_proto__":1}}`,
    ];

    for (const body of bodies) {
      assert.equal(refusal(body).message, 'Invalid JSON format', body);
    }
    assert.isUndefined(({} as { id?: unknown }).id);
  });

  it('survives nesting as deep as a body can hold', () => {
    assert.equal(refusal('['.repeat(32_768)).code, 'INVALID_JSON');
    assert.equal(refusal('['.repeat(16_384) + ']'.repeat(16_384)).code, 'INVALID_FORMAT');
    assert.equal(refusal(`${'{"node":'.repeat(3_000)}1${'}'.repeat(3_000)}`).code, 'INVALID_FORMAT');
  });

  it('names the first field at fault in the order of the contract', () => {
    const wrong = { id: '', address: '', metrics_port: 0, node_type: '?', action: '?' };

    assert.equal(refusal(JSON.stringify(wrong)).code, 'INVALID_ID');
    assert.equal(refusal(JSON.stringify({ ...wrong, id: 'x' })).code, 'INVALID_ADDRESS');
  });
});
