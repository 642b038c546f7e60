import { assert, describe, it } from 'vitest';
import { Ledger } from '../../../../src/core/record/ledger.ts';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { departure, entryAt, heldIn, record, seen, time } from '../../../record-builder.ts';

function ledgerWith(...records: readonly VerifiedRecord[]): Ledger {
  const ledger = new Ledger();
  for (const each of records) assert.equal(ledger.admit(each).type, 'admitted');
  return ledger;
}

function authorsOf(ledger: Ledger, subject = 'svc'): readonly string[] {
  return ledger
    .recordsOf(subject)
    .map(each => each.author)
    .sort();
}

const x = entryAt('x:1');
const y = entryAt('y:1');

describe('core/record/ledger', () => {
  it('admits a record, counts it and resolves to it', () => {
    const first = record();

    const ledger = new Ledger();
    const admission = ledger.admit(first);

    assert.equal(admission.type, 'admitted');
    assert.equal(ledger.resolution('svc').winner, first);
    assert.equal(ledger.recordBy('a', 'svc'), first);
    assert.deepEqual([ledger.recordsCount, ledger.subjectsCount], [1, 1]);
    assert.equal(heldIn(ledger), first.digest);
    assert.deepEqual(ledger.clock.get('a'), { epoch: 1, sequence: 1 });
  });

  it('knows a record that it holds and changes nothing', () => {
    const first = record();
    const ledger = ledgerWith(first);

    assert.equal(ledger.admit(first).type, 'known');
    assert.equal(ledger.recordsCount, 1);
  });

  it('replaces a record by a newer one of its author, by epoch before sequence', () => {
    const ledger = ledgerWith(record({ epoch: 1, sequence: 9 }));
    const newer = record({ epoch: 2, sequence: 1, body: y });

    assert.equal(ledger.admit(newer).type, 'admitted');
    assert.deepEqual(ledger.recordsOf('svc'), [newer]);
    assert.equal(heldIn(ledger), newer.digest);
  });

  it('refuses what its author has overtaken', () => {
    const ledger = ledgerWith(record({ sequence: 2 }));

    assert.equal(ledger.admit(record({ sequence: 1, body: y })).type, 'stale');
  });

  it('lets an author be behind on one subject and ahead on another', () => {
    const ledger = ledgerWith(record({ sequence: 5, subject: 'other' }));

    assert.equal(ledger.admit(record({ sequence: 2 })).type, 'admitted');
    assert.deepEqual(ledger.clock.get('a'), { epoch: 1, sequence: 5 });
  });

  describe('context', () => {
    const named = record({ author: 'b', sequence: 3, body: y });

    it('waits for a record that is not here', () => {
      const admission = new Ledger().admit(record({ context: seen(named) }));

      assert.deepEqual(admission, { type: 'unknown-context', missing: seen(named) });
    });

    it('is content with a later record of the named author', () => {
      const ledger = ledgerWith(record({ author: 'b', sequence: 4, body: y }));

      assert.equal(ledger.admit(record({ context: seen(named) })).type, 'admitted');
    });

    it('is not content with an earlier one, nor with one about another subject', () => {
      const ledger = ledgerWith(
        record({ author: 'b', sequence: 2, body: x }),
        record({ author: 'b', sequence: 9, subject: 'other' }),
      );

      assert.equal(ledger.admit(record({ context: seen(named) })).type, 'unknown-context');
    });

    it('is content with records that come along', () => {
      assert.equal(new Ledger().admit(record({ context: seen(named) }), [named]).type, 'admitted');
    });

    it('is content where the named author is quarantined or its record reaped', () => {
      const quarantined = new Ledger();
      quarantined.quarantine({ author: 'b', first: named, second: record({ author: 'b', sequence: 3 }) });
      const reaped = ledgerWith(named);
      reaped.reap('svc');

      for (const ledger of [quarantined, reaped]) {
        assert.equal(ledger.admit(record({ context: seen(named) })).type, 'admitted');
      }
    });

    it('is not asked for when a record comes from the store', () => {
      assert.equal(new Ledger().admitAnyway(record({ context: seen(named) })).type, 'admitted');
    });

    it('of a new record names the latest of all others, by author', () => {
      const ledger = ledgerWith(
        record({ author: 'c' }),
        record({ author: 'a' }),
        record({ author: 'b', sequence: 1 }),
        record({ author: 'b', sequence: 2, body: y }),
      );

      const context = ledger.contextFor('a', 'svc');

      assert.deepEqual(
        context.map(({ author, sequence }) => `${author}${sequence}`),
        ['b2', 'c1'],
      );
      assert.equal(context[0]?.digest, ledger.recordBy('b', 'svc')?.digest);
    });
  });

  describe('floor', () => {
    it('blocks what was said before, after the subject was reaped', () => {
      const entry = record({ author: 'b', sequence: 4 });
      const gone = record({ sequence: 7, body: departure('deregistered'), context: seen(entry) });
      const ledger = ledgerWith(entry, gone);

      const floor = ledger.reap('svc');

      assert.deepEqual(floor, [
        { author: 'a', epoch: 1, sequence: 7 },
        { author: 'b', epoch: 1, sequence: 4 },
      ]);
      assert.equal(ledger.recordsCount, 0);
      assert.equal(heldIn(ledger), '');
      for (const old of [entry, gone, record({ sequence: 6 })]) {
        assert.equal(ledger.admit(old).type, 'stale');
        assert.isFalse(ledger.wants(old));
      }
      assert.equal(ledger.admit(record({ sequence: 8 })).type, 'admitted');
      assert.equal(ledger.admit(record({ author: 'c' })).type, 'admitted');
    });

    it('covers what a departure had seen and is not here', () => {
      const elsewhere = record({ author: 'b', sequence: 4 });
      const ledger = ledgerWith(record({ author: 'b', sequence: 5, subject: 'other' }));
      ledger.admitAnyway(record({ body: departure('deregistered'), context: seen(elsewhere) }));

      ledger.reap('svc');

      assert.equal(ledger.admit(elsewhere).type, 'stale');
    });

    it('does not silence an author whose future records a liar claimed to have seen', () => {
      const ahead = { author: 'b', epoch: 99, sequence: 1, digest: 'ff'.repeat(32) };
      const ledger = ledgerWith(record({ author: 'b', subject: 'other' }));
      ledger.admitAnyway(record({ body: departure('deregistered'), context: [ahead] }));

      ledger.reap('svc');

      assert.equal(ledger.admit(record({ author: 'b', sequence: 2 })).type, 'admitted');
    });

    it('never sinks: a second reaping keeps the authors of the first', () => {
      const ledger = ledgerWith(record({ author: 'a', sequence: 3 }));
      ledger.reap('svc');
      ledger.admit(record({ author: 'b', body: departure('deregistered') }));

      ledger.reap('svc');

      assert.equal(ledger.admit(record({ author: 'a', sequence: 3 })).type, 'stale');
    });

    it('is kept for a bounded number of subjects, the latest', () => {
      const ledger = new Ledger({ floorsMaxCount: 2 });
      for (const subject of ['one', 'two', 'three']) {
        ledger.admit(record({ subject, sequence: 1 + subject.length }));
        ledger.reap(subject);
      }

      assert.deepEqual(ledger.dropOldFloors(), ['one']);
      assert.deepEqual(ledger.dropOldFloors(), []);
    });
  });

  describe('equivocation', () => {
    it('is proved by two records for one dot about one subject', () => {
      const [first, second] = [record({ body: x }), record({ body: y })];

      const admission = ledgerWith(first).admit(second);

      const [small, large] = [first, second].sort((a, b) => (a.digest < b.digest ? -1 : 1));
      assert.deepEqual(admission, {
        type: 'equivocation',
        proof: { author: 'a', first: small, second: large } as never,
      });
    });

    it('is proved by two records for one dot about two subjects', () => {
      const ledger = ledgerWith(record({ subject: 'one' }));

      assert.equal(ledger.admit(record({ subject: 'two' })).type, 'equivocation');
    });

    it('is proved also after the first of the two was replaced', () => {
      const ledger = ledgerWith(record({ sequence: 1 }), record({ sequence: 2 }));

      assert.equal(ledger.admit(record({ sequence: 1, body: y })).type, 'equivocation');
    });

    it('is looked for among a bounded number of recent records', () => {
      const ledger = new Ledger({ recentRecordsMaxCount: 1 });
      ledger.admit(record({ sequence: 1, subject: 'one' }));
      ledger.admit(record({ sequence: 2, subject: 'two' }));

      assert.equal(ledger.admit(record({ sequence: 1, subject: 'three' })).type, 'admitted');
    });

    it('ends the author’s credit: what it said is dropped and stays out', () => {
      const ledger = ledgerWith(
        record({ author: 'a', sequence: 1, body: x }),
        record({ author: 'a', sequence: 2, subject: 'other' }),
        record({ author: 'b', body: y, time: time(-1) }),
      );
      const [first, second] = [record({ sequence: 9, body: x }), record({ sequence: 9, body: y })];

      const before = ledger.quarantine({ author: 'a', first, second });

      assert.deepEqual([...before.keys()].sort(), ['other', 'svc']);
      assert.equal(before.get('svc')?.winner?.author, 'a');
      assert.deepEqual(authorsOf(ledger), ['b']);
      assert.equal(ledger.recordsCount, 1);
      assert.equal(ledger.conflictsCount, 0);
      assert.equal(heldIn(ledger), ledger.recordBy('b', 'svc')?.digest);
      assert.equal(ledger.admit(record({ sequence: 99 })).type, 'quarantined');
      assert.isFalse(ledger.wants(record({ sequence: 99 })));
      assert.isTrue(ledger.isQuarantined('a'));
      assert.equal(ledger.quarantine({ author: 'a', first, second }).size, 0);
    });
  });

  describe('siblings', () => {
    const hosts = Array.from({ length: 8 }, (_, i) =>
      record({ author: `h${i}`, time: time(i), body: entryAt(`x:${i + 1}`) }),
    );

    it('are at most eight: a host goes before an agent, and the earliest host first', () => {
      const ledger = ledgerWith(...hosts);

      const admission = ledger.admit(record({ author: 'z', authority: 'self', time: time(-9) }));

      assert.deepEqual(admission.type === 'admitted' && admission.evicted, hosts.slice(0, 1));
      assert.deepEqual(authorsOf(ledger), ['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'h7', 'z']);
      assert.equal(ledger.recordsCount, 8);
      assert.equal(ledger.subjectsOf('h0').size, 0);
    });

    it('evict the ninth itself when it is the least', () => {
      const ledger = ledgerWith(...hosts);
      const before = heldIn(ledger);

      const early = record({ author: 'z', time: time(-1) });
      const admission = ledger.admit(early);

      assert.deepEqual(admission.type === 'admitted' && admission.evicted, [early]);
      assert.equal(heldIn(ledger), before);
    });

    it('let the ninth host in a row take over what eight before it had', () => {
      const ledger = ledgerWith(...hosts);

      const ninth = record({ author: 'z', time: time(9), context: seen(...hosts), body: y });
      ledger.admit(ninth);

      assert.equal(ledger.resolution('svc').winner, ninth);
    });
  });

  describe('limits', () => {
    it('refuse a further subject of a full author, but not news about the ones it has', () => {
      const ledger = new Ledger({ subjectsPerAuthorMaxCount: 1 });
      ledger.admit(record({ subject: 'one', sequence: 1 }));

      assert.equal(ledger.admit(record({ subject: 'two', sequence: 2 })).type, 'full');
      assert.equal(ledger.admit(record({ subject: 'one', sequence: 3 })).type, 'admitted');
      assert.equal(ledger.admit(record({ subject: 'two', author: 'b' })).type, 'admitted');
    });

    it('refuse a further subject of a full table, but not a further author about one that is there', () => {
      const ledger = new Ledger({ subjectsMaxCount: 1 });
      ledger.admit(record({ subject: 'one' }));

      assert.equal(ledger.admit(record({ subject: 'two', author: 'b' })).type, 'full');
      assert.equal(ledger.admit(record({ subject: 'one', author: 'b' })).type, 'admitted');
    });

    it('bound the clock, and keep authors that have records', () => {
      const ledger = new Ledger({ clockMaxCount: 2 });
      ledger.restoreClock('idle', { epoch: 1, sequence: 1 });
      ledger.admit(record({ author: 'a', subject: 'one' }));
      ledger.admit(record({ author: 'b', subject: 'two' }));

      assert.deepEqual([...ledger.clock.keys()].sort(), ['a', 'b']);
    });
  });

  it('never moves an author’s clock back', () => {
    const ledger = new Ledger();
    ledger.restoreClock('a', { epoch: 5, sequence: 5 });
    ledger.restoreClock('a', { epoch: 4, sequence: 9 });

    assert.deepEqual(ledger.clock.get('a'), { epoch: 5, sequence: 5 });
  });

  it('wants what it lacks, and another record for a dot it holds', () => {
    const ledger = ledgerWith(record({ sequence: 2 }));

    assert.isTrue(ledger.wants(record({ sequence: 3 })));
    assert.isTrue(ledger.wants(record({ sequence: 2, body: y })));
    assert.isTrue(ledger.wants(record({ author: 'b' })));
    assert.isFalse(ledger.wants(record({ sequence: 1 })));
    assert.isFalse(ledger.wants(record({ sequence: 2 })));
  });

  it('counts conflicts as they come and go', () => {
    const ledger = ledgerWith(record({ author: 'a', body: x }), record({ author: 'b', body: y }));
    assert.equal(ledger.conflictsCount, 1);

    ledger.admit(record({ author: 'b', sequence: 2, body: x }));

    assert.equal(ledger.conflictsCount, 0);
  });

  describe('a closed epoch', () => {
    it('takes with it what the author said up to then, and nothing of others', () => {
      const [old, kept, others] = [
        record({ author: 'a', epoch: 3 }),
        record({ author: 'a', epoch: 4, subject: 'later' }),
        record({ author: 'b', epoch: 1 }),
      ];
      const ledger = ledgerWith(old, kept, others);

      const { removed, before } = ledger.closeEpoch('a', 3);

      assert.deepEqual(removed, [old]);
      assert.deepEqual([...before.keys()], ['svc']);
      assert.deepEqual([...ledger.records()], [kept, others].reverse());
    });

    it('refuses what comes of it afterwards, about any subject, and takes what comes of the next', () => {
      const ledger = ledgerWith();
      ledger.closeEpoch('a', 3);
      const old = record({ author: 'a', epoch: 3, sequence: 99, subject: 'never heard of' });

      assert.isFalse(ledger.wants(old));
      assert.equal(ledger.admit(old).type, 'stale');
      assert.equal(ledger.admit(record({ author: 'a', epoch: 4 })).type, 'admitted');
    });

    it('never opens again', () => {
      const ledger = ledgerWith();
      ledger.closeEpoch('a', 3);

      ledger.closeEpoch('a', 2);

      assert.equal(ledger.admit(record({ author: 'a', epoch: 3 })).type, 'stale');
    });

    it('is waited for by no context that names it', () => {
      const ledger = ledgerWith();
      ledger.closeEpoch('a', 3);

      const follows = record({ author: 'b', context: seen(record({ author: 'a', epoch: 3 })) });

      assert.equal(ledger.admit(follows).type, 'admitted');
    });
  });
});
