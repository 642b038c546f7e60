import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { RecordTree, recordRef } from '../../../../src/core/sync/tree.ts';
import { treeHash } from '../../../../src/identity/tree-hash.ts';
import { record } from '../../../record-builder.ts';
import { type Held, naiveHash, naiveRoot } from './naive-tree.ts';

/** Few subjects with few versions, so that they replace and remove each other. */
const subject = fc.integer({ min: 0, max: 30 }).map(i => `service-${i}`);
const change = fc.record({
  subject,
  sequences: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
  epoch: fc.constantFrom(0, 0, 7, 8, 9),
});
const history = fc.array(change, { maxLength: 60 });

function recordsOf(name: string, sequences: readonly number[]): readonly VerifiedRecord[] {
  return sequences.map(sequence => record({ subject: name, author: `author-${sequence}`, sequence }));
}

function treeOf(changes: readonly { subject: string; sequences: readonly number[]; epoch: number }[]) {
  const tree = new RecordTree({ hash: treeHash });
  const held = new Map<string, readonly Held[]>();
  for (const { subject: name, sequences, epoch } of changes) {
    const records = recordsOf(name, sequences);
    const hash = record({ subject: name }).subjectHash;
    tree.put(hash, name, records, epoch);
    held.set(
      name,
      records.map(each => ({ record: each, epoch })),
    );
  }
  return { tree, held: [...held.values()].flat() };
}

describe('core/sync/tree', () => {
  it('hashes in production as its judge does', () => {
    assert.equal(treeHash(['root', 'ab']), naiveHash(['root', 'ab']));
  });

  it('has after any history the root of a tree that is built from scratch, for every first epoch', () => {
    fc.assert(
      fc.property(
        history,
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 0, max: 60 }),
        (changes, since, look) => {
          // A look half-way makes hashes that later changes have to make void.
          const { tree: early } = treeOf(changes.slice(0, look));
          early.root(since);
          for (const { subject: name, sequences, epoch } of changes.slice(look)) {
            early.put(record({ subject: name }).subjectHash, name, recordsOf(name, sequences), epoch);
          }
          const { held } = treeOf(changes);

          const compared = held.filter(({ epoch }) => epoch === 0 || epoch >= since);
          assert.deepEqual(early.root(since), {
            since,
            root: naiveRoot(held, since),
            entries: compared.length,
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it('has the same root whatever the order in which subjects arrived', () => {
    fc.assert(
      fc.property(history, fc.array(fc.nat(), { minLength: 60, maxLength: 60 }), (changes, order) => {
        const last = new Map(changes.map(each => [each.subject, each]));
        const finals = [...last.values()];
        const shuffled = finals
          .map((each, i) => ({ each, key: order[i] ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ each }) => each);

        assert.equal(treeOf(shuffled).tree.root(1).root, treeOf(finals).tree.root(1).root);
      }),
    );
  });

  it('finds every record that it holds by its reference, and none that it does not', () => {
    fc.assert(
      fc.property(history, changes => {
        const { tree, held } = treeOf(changes);

        for (const { record: each } of held) {
          const ref = recordRef(each.subjectHash.slice(0, 3), each.digest);
          assert.equal(tree.find(ref)?.digest, each.digest);
        }
        assert.isUndefined(tree.find(recordRef('abc', 'f'.repeat(64))));
      }),
    );
  });

  it('lists below the root exactly what it holds', () => {
    fc.assert(
      fc.property(history, changes => {
        const { tree, held } = treeOf(changes);

        const listed = [0, 7, 8, 9].flatMap(epoch => tree.refs(epoch, ''));
        const expected = held.map(({ record: each }) => recordRef(each.subjectHash.slice(0, 3), each.digest));
        assert.deepEqual([...listed].sort(), expected.sort());
      }),
    );
  });
});
