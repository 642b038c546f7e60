import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { isNodeId, nodeProblem } from '../../../src/core/record/node.ts';
import { errorCodes, FirsthandError } from '../../../src/errors.ts';
import { parseRegistration } from '../../../src/http/registration-body.ts';
import { fixture } from './fixture.ts';

const nowMs = 1_765_000_000_000;

/** Bodies that are nearly right: each field right, of another type, out of its bounds, or missing. */
const nearlyRight = fc
  .record(
    {
      id: fc.oneof(fc.constant('backend-1'), fc.string({ maxLength: 140 }), fc.integer()),
      address: fc.oneof(fc.constant('10.0.0.1:80'), fc.string(), fc.constant('[::1]:80'), fc.constant(null)),
      metrics_port: fc.oneof(fc.constant(9_090), fc.integer(), fc.double(), fc.string()),
      node_type: fc.oneof(fc.constantFrom('proxy', ' BACKEND ', 'governator'), fc.string(), fc.boolean()),
      is_load_balancer: fc.oneof(fc.boolean(), fc.string()),
      capabilities: fc.oneof(
        fc.array(fc.constantFrom('a', 'b')),
        fc.array(fc.string(), { maxLength: 40 }),
        fc.string(),
      ),
      last_updated: fc.oneof(fc.integer(), fc.double(), fc.string(), fc.constant(1_765_000_000)),
      timestamp: fc.oneof(fc.string(), fc.constant('2025-12-06T05:46:40Z')),
      public_key: fc.oneof(fc.constant(Buffer.alloc(32, 7).toString('base64')), fc.string(), fc.integer()),
      signature: fc.oneof(fc.constant(Buffer.alloc(64, 7).toString('base64url')), fc.string(), fc.boolean()),
      action: fc.oneof(fc.constantFrom('register', 'UPDATE'), fc.string(), fc.integer()),
      __proto__: fc.anything(),
    },
    { requiredKeys: [] },
  )
  .chain(fields => fc.constantFrom<unknown>(fields, { node: fields }, { action: 'register', node: fields }));

const text = fc.oneof(
  nearlyRight.map(body => JSON.stringify(body)),
  fc.json(),
  fc.string(),
  nearlyRight.chain(body => {
    const whole = JSON.stringify(body);
    return fc.nat(whole.length).map(end => whole.slice(0, end));
  }),
);

describe('http/registration-body', () => {
  it('gives only what is within bounds, and refuses the rest with a code of the contract', () => {
    fc.assert(
      fc.property(text, body => {
        try {
          const { action, id, node } = parseRegistration(body, nowMs).registration;
          assert.include(['register', 'update'], action);
          assert.isTrue(isNodeId(id));
          assert.isUndefined(nodeProblem(node));
          assert.isAtMost(node.lastUpdatedS, nowMs / 1_000 + 60);
          assert.equal(new Set(node.capabilities).size, node.capabilities.length);
        } catch (error) {
          assert.instanceOf(error, FirsthandError);
          assert.match((error as FirsthandError).code, /^INVALID_/);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('http/server', () => {
  it('answers any body with 200, 404 or a 400 in the shape of the contract, and goes on', async () => {
    const { app, logged } = fixture();
    const bytes = fc.oneof(
      text.map(body => Buffer.from(body)),
      fc.uint8Array({ maxLength: 200 }).map(array => Buffer.from(array)),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async payload => {
        const response = await app.inject({ method: 'POST', url: '/registration', payload });
        const body = response.json();
        if (response.statusCode === 200) {
          assert.hasAllKeys(body, ['status', 'message', 'peers']);
          return;
        }
        assert.include([400, 403, 404, 409], response.statusCode);
        assert.include(errorCodes, body.code);
        assert.isString(body.error);
        assert.isString(body.request_id);
        const extra = Object.keys(body).filter(
          key => !['error', 'code', 'field', 'request_id', 'last_updated'].includes(key),
        );
        assert.deepEqual(extra, []);
      }),
      { numRuns: 500 },
    );
    assert.deepEqual(logged, []);
  });
});
