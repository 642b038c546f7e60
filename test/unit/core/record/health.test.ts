import { assert, describe, it } from 'vitest';
import {
  ailmentIn,
  bucketNamedBy,
  bucketOf,
  type HealthEntry,
  healthChanges,
  healthSubjectOf,
  isHealthSubject,
} from '../../../../src/core/record/health.ts';
import { isNodeId } from '../../../../src/core/record/node.ts';
import { record } from '../../../record-builder.ts';

const a: HealthEntry = { subjectHash: 'ab0000000001', reason: 'timeout' };
const b: HealthEntry = { subjectHash: 'ab0000000002', reason: 'refused' };

describe('core/record/health', () => {
  it('names subjects that no node can have', () => {
    const subject = healthSubjectOf('author', bucketOf(a.subjectHash));

    assert.equal(subject, '~health/ab/author');
    assert.isFalse(isNodeId(subject));
    assert.isTrue(isHealthSubject(subject));
    assert.equal(bucketNamedBy(subject), 'ab');
    assert.isFalse(isHealthSubject('health'));
  });

  it('reads what is said about one service, and nothing from what says nothing', () => {
    const said = record({ body: { type: 'health', entries: [a] } });

    assert.equal(ailmentIn(said, a.subjectHash), 'timeout');
    assert.isUndefined(ailmentIn(said, b.subjectHash));
    assert.isUndefined(ailmentIn(undefined, a.subjectHash));
    assert.isUndefined(ailmentIn(record(), a.subjectHash));
  });

  it.each([
    ['nothing', [], [], []],
    ['the same', [a, b], [a, b], []],
    ['one more', [a], [a, b], [b]],
    ['one less', [a, b], [b], [a]],
    ['one for another', [a], [b], [a, b]],
    ['another reason', [a], [{ ...a, reason: 'status' as const }], [a]],
  ])('finds what differs: %s', (_, before, after, expected) => {
    assert.deepEqual(
      [...healthChanges(before, after)].sort(),
      expected.map(({ subjectHash }) => subjectHash),
    );
  });
});
