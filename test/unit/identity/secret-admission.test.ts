import { assert, describe, it } from 'vitest';
import { ClusterKey } from '../../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../../src/identity/cluster-keyring.ts';
import { SecretAdmission } from '../../../src/identity/secret-admission.ts';
import type { AdmissionExchange, AdmissionStep } from '../../../src/runtime/admission.ts';

const good = 'a secret that all members know';

interface SideOptions {
  readonly self?: string;
  readonly remote?: string;
  readonly cluster?: string;
  readonly secrets?: readonly string[];
  readonly challenge?: number;
}

function authority({ cluster = 'blue', secrets = [good], challenge }: SideOptions = {}): SecretAdmission {
  const keys = secrets.map(secret => new ClusterKey({ cluster, secret, source: '--secret-file /s' }));
  const components = { keyring: new ClusterKeyring(keys.map(key => ({ key }))) };
  return new SecretAdmission(
    { cluster },
    challenge === undefined ? components : { ...components, challenge: () => Buffer.alloc(32, challenge) },
  );
}

function dialer(options: SideOptions = {}): AdmissionExchange {
  const { self = 'dialer', remote = 'listener' } = options;
  return authority({ challenge: 1, ...options }).begin({ role: 'dialer', self, remote });
}

function listener(options: SideOptions = {}): AdmissionExchange {
  const { self = 'listener', remote = 'dialer' } = options;
  return authority({ challenge: 2, ...options }).begin({ role: 'listener', self, remote });
}

function step(side: AdmissionExchange, message: Uint8Array): AdmissionStep {
  const taken = side.take(message);
  if (taken instanceof Promise) throw new TypeError('a secret needs no waiting');
  return taken;
}

function wordsOf(taken: AdmissionStep): Uint8Array {
  const words =
    taken.type === 'admitted' ? taken.lastWords : taken.type === 'go-on' ? taken.message : undefined;
  if (words === undefined) throw new TypeError(`${taken.type} without words`);
  return words;
}

/** The dialer's proof for this listener, after the openings. */
function proofOf(a: AdmissionExchange, b: AdmissionExchange): Uint8Array {
  assert.deepEqual(step(b, a.opening), { type: 'go-on' });
  return wordsOf(step(a, b.opening));
}

/** What each side finds in the end. */
function run(a: AdmissionExchange, b: AdmissionExchange) {
  const heard = step(b, proofOf(a, b));
  return { listener: heard, dialer: heard.type === 'admitted' ? step(a, wordsOf(heard)) : undefined };
}

const refused: AdmissionStep = { type: 'refused', reason: 'wrong-secret' };
const malformed: AdmissionStep = { type: 'refused', reason: 'malformed' };

describe('identity/secret-admission', () => {
  it('admits on both sides two that know the same secret', () => {
    const ends = run(dialer(), listener());

    assert.equal(ends.listener.type, 'admitted');
    assert.equal(ends.dialer?.type, 'admitted');
  });

  it('says nothing that depends on the secret before the dialer has proved', () => {
    const [one, other] = [listener(), listener({ secrets: ['another secret altogether'] })];

    assert.deepEqual(one.opening, other.opening);
    assert.deepEqual(step(one, dialer().opening), { type: 'go-on' });
  });

  it('finds the one secret that two keyrings share, whatever else is in them', () => {
    const old = ['an older secret of mine', good, 'an even older secret'];
    const ends = run(dialer({ secrets: old }), listener({ secrets: ['the newest secret of all', good] }));

    const { id } = new ClusterKey({ cluster: 'blue', secret: good, source: '' });
    for (const end of [ends.listener, ends.dialer]) {
      assert.deepEqual(end?.type === 'admitted' ? end.facts : undefined, { keyIds: [id] });
    }
  });

  it.each([
    ['another secret', { secrets: ['another secret altogether'] }, {}],
    ['the same secret for another cluster', { cluster: 'red' }, {}],
    ['a dialer that somebody in the middle stands for', {}, { remote: 'middle' }],
    ['a listener that somebody in the middle stands for', { remote: 'middle' }, {}],
  ] as const)('refuses %s', (_what, forDialer, forListener) => {
    const ends = run(dialer(forDialer), listener(forListener));

    assert.deepEqual(ends.listener, refused);
  });

  it('refuses a proof that was heard in an earlier exchange', () => {
    const heard = proofOf(dialer(), listener());
    const later = listener({ challenge: 3 });

    step(later, dialer().opening);

    assert.deepEqual(step(later, heard), refused);
  });

  it('refuses its own challenge when it comes back', () => {
    const side = listener();

    assert.deepEqual(step(side, side.opening), malformed);
  });

  it('refuses its own proof when it comes back', () => {
    const [a, b] = [dialer(), listener()];
    const own = proofOf(a, b);

    assert.deepEqual(step(a, own), refused);
  });

  it('refuses a listener that proves without knowing the secret', () => {
    const [a, b] = [dialer(), listener({ secrets: ['another secret altogether'] })];
    proofOf(a, b);

    assert.deepEqual(step(a, Buffer.alloc(32)), refused);
  });

  it('refuses everything after its decision', () => {
    const [a, b] = [dialer(), listener()];
    const proof = proofOf(a, b);
    step(b, proof);

    assert.deepEqual(step(b, proof), malformed);
  });

  it('names the place that a refused secret came from, and not the secret', () => {
    const text = authority().explain({ reason: 'wrong-secret', by: 'peer' });

    assert.match(text, /--secret-file \/s/);
    assert.notInclude(text, good);
  });
});
