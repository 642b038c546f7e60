import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { deregistrationText, registrationText } from '../../../../src/core/hosting/signed-text.ts';
import { arbitraryNode } from '../../wire/sample-records.ts';

const key = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map(bytes => Buffer.from(bytes).toString('base64'));
const node = fc.tuple(arbitraryNode, key).map(([fields, publicKey]) => ({ ...fields, publicKey }));
const request = fc.record({
  cluster: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
  id: fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/),
});
const action = fc.constantFrom('register' as const, 'update' as const);

/** A second reader: what was signed, from the text alone. */
function read(text: string) {
  const [domain, cluster, verb, id, publicKey, time, ...rest] = text.split('\n');
  assert.equal(domain, 'firsthand/registration/1');
  assert.equal(rest.pop(), '', 'the last line has its end');
  const [address, metricsPort, nodeType, isLoadBalancer, capabilities] = rest;
  const by = { publicKey, lastUpdatedS: Number(time) };
  if (rest.length === 0) return { cluster, id, verb, by };
  const list = capabilities === '' ? [] : capabilities?.split(',');
  const facts = { address, metricsPort: Number(metricsPort), nodeType, capabilities: list };
  return { cluster, id, verb, node: { ...facts, isLoadBalancer: isLoadBalancer === 'true', ...by } };
}

describe('core/hosting/signed-text', () => {
  it('tells everything, so no two requests have one text', () => {
    fc.assert(
      fc.property(request, action, node, (of, verb, fields) => {
        assert.deepEqual(read(registrationText(of, verb, fields)), { ...of, verb, node: fields } as never);
        const { publicKey, lastUpdatedS } = fields;
        assert.deepEqual(read(deregistrationText(of, fields)), {
          ...of,
          verb: 'deregister',
          by: { publicKey, lastUpdatedS },
        });
      }),
    );
  });

  it('is the text of the documentation', () => {
    const fields = {
      address: '10.0.0.1:8080',
      metricsPort: 9_090,
      nodeType: 'backend',
      isLoadBalancer: false,
      capabilities: ['a', 'b'],
      lastUpdatedS: 1_764_000_000,
      publicKey: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
    } as const;
    const of = { cluster: 'default', id: 'svc' };

    assert.equal(
      registrationText(of, 'register', fields),
      'firsthand/registration/1\ndefault\nregister\nsvc\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n1764000000\n' +
        '10.0.0.1:8080\n9090\nbackend\nfalse\na,b\n',
    );
    assert.equal(
      deregistrationText(of, fields),
      'firsthand/registration/1\ndefault\nderegister\nsvc\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n1764000000\n',
    );
  });
});
