import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { ClusterKey } from '../../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../../src/identity/cluster-keyring.ts';
import { SecretAdmission } from '../../../src/identity/secret-admission.ts';
import type { AdmissionRole, AdmissionStep } from '../../../src/runtime/admission.ts';

const secrets = ['the first secret of all', 'the second secret of all', 'the third secret of all'];

function authority(of: readonly string[]): SecretAdmission {
  const keys = of.map(secret => new ClusterKey({ cluster: 'blue', secret, source: 'a test' }));
  return new SecretAdmission(
    { cluster: 'blue' },
    { keyring: new ClusterKeyring(keys.map(key => ({ key }))) },
  );
}

const parties = (role: AdmissionRole) => ({ role, self: `the ${role}`, remote: 'the other' });

describe('identity/secret-admission: laws', () => {
  const one = authority(secrets);

  it('never admits whoever does not know a secret, whatever is said in whatever order', () => {
    const messages = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from([1, ...bytes])),
        fc.constant('echo' as const),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(fc.constantFrom<AdmissionRole>('dialer', 'listener'), messages, (role, said) => {
        const side = one.begin(parties(role));
        let last: Uint8Array = side.opening;
        for (const message of said) {
          const step = side.take(message === 'echo' ? last : message) as AdmissionStep;
          assert.notEqual(step.type, 'admitted');
          if (step.type === 'go-on' && step.message !== undefined) last = step.message;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('admits two exactly when their keyrings share a secret', () => {
    const ring = fc.uniqueArray(fc.constantFrom(...secrets), { minLength: 1 });
    fc.assert(
      fc.property(ring, ring, (ours, theirs) => {
        const a = authority(ours).begin({ role: 'dialer', self: 'a', remote: 'b' });
        const b = authority(theirs).begin({ role: 'listener', self: 'b', remote: 'a' });

        b.take(a.opening);
        const proof = a.take(b.opening) as AdmissionStep;
        const end = b.take((proof.type === 'go-on' && proof.message) || Buffer.alloc(0)) as AdmissionStep;

        assert.equal(
          end.type === 'admitted',
          ours.some(secret => theirs.includes(secret)),
        );
      }),
    );
  });
});
