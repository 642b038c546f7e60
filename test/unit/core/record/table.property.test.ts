/** The set of records behaves as a set: what matters is what was said, not when or how often it came. */
import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { compareDots, type VerifiedRecord } from '../../../../src/core/record/record.ts';
import { Table } from '../../../../src/core/record/table.ts';
import { at, heldIn } from '../../../record-builder.ts';
import { honestHistory, hostileHistory, latestOfEach, type Shape } from './histories.ts';
import { naiveResolution } from './naive-resolution.ts';

const subjects = ['svc', 'other'] as const;
const shape: Shape = { authorsCount: 4, subjects, stepsMaxCount: 20 };
const histories = fc.oneof(honestHistory(shape), hostileHistory(shape));

/** Nobody is alive, so nothing waits for anybody's death. */
function emptyTable(): Table {
  return new Table({}, { self: 'me', livenessOf: () => 'dead' });
}

function take(table: Table, record: VerifiedRecord, monoMs: number): void {
  const taken = table.take(record, at(monoMs));
  if (taken.type === 'equivocation') table.quarantine(taken.proof);
}

/** Two agents that sync with each other until nothing changes; parked records get their time. */
function exchangeUntilQuiet(tables: readonly Table[]): void {
  let before = '';
  for (let round = 1; ; round++) {
    assert.isBelow(round, 60, 'the exchange never ends');
    const monoMs = round * 20_000;
    for (const table of tables) {
      for (const other of tables) {
        for (const proof of other.ledger.proofs.values()) table.quarantine(proof);
        for (const record of [...other.ledger.records()]) take(table, record, monoMs);
      }
      for (const record of table.parking.records()) take(table, record, monoMs);
    }
    const state = tables
      .map(({ ledger, parking }) => `${heldIn(ledger)} ${ledger.proofs.size} ${parking.count}`)
      .join();
    if (state === before && tables.every(({ parking }) => parking.count === 0)) return;
    before = state;
  }
}

function winners(table: Table): readonly (string | undefined)[] {
  return subjects.map(subject => table.ledger.resolution(subject).winner?.digest);
}

const twoOrders = (source: fc.Arbitrary<readonly VerifiedRecord[]>) =>
  source.chain(history =>
    fc.tuple(
      fc.constant(history),
      fc.shuffledSubarray([...history], { minLength: history.length }),
      fc.array(fc.constantFrom(...history), { maxLength: 10 }),
    ),
  );

describe('core/record/table', () => {
  it('ends the same for every order of arrival and however often things arrive', () => {
    fc.assert(
      fc.property(twoOrders(histories), ([history, shuffled, again]) => {
        const [a, b] = [emptyTable(), emptyTable()];
        for (const record of history) take(a, record, 0);
        for (const record of [...shuffled, ...again]) take(b, record, 0);

        exchangeUntilQuiet([a]);
        exchangeUntilQuiet([b]);
        exchangeUntilQuiet([a, b]);

        assert.equal(heldIn(a.ledger), heldIn(b.ledger));
        assert.deepEqual(winners(a), winners(b));
        assert.equal(a.parking.count + b.parking.count, 0);
      }),
      { numRuns: 500 },
    );
  });

  it('of honest agents needs no exchange to end the same', () => {
    fc.assert(
      fc.property(twoOrders(honestHistory(shape)), ([history, shuffled, again]) => {
        const [a, b] = [emptyTable(), emptyTable()];
        for (const record of history) take(a, record, 0);
        for (const record of [...shuffled, ...again]) take(b, record, 0);

        exchangeUntilQuiet([a]);
        exchangeUntilQuiet([b]);

        assert.equal(heldIn(a.ledger), heldIn(b.ledger));
        assert.deepEqual(winners(a), winners(b));
      }),
      { numRuns: 500 },
    );
  });

  it('shows of honest agents what the naive resolution of their latest words shows', () => {
    fc.assert(
      fc.property(twoOrders(honestHistory(shape)), ([history, shuffled]) => {
        const table = emptyTable();
        for (const record of shuffled) take(table, record, 0);
        exchangeUntilQuiet([table]);

        for (const subject of subjects) {
          const latest = latestOfEach(history, subject);
          assert.equal(
            table.ledger.resolution(subject).winner?.digest,
            naiveResolution(latest).winner,
            subject,
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  it('of honest agents ends the same also where more speak than siblings are kept', () => {
    const crowd: Shape = { authorsCount: 12, subjects: ['svc'], stepsMaxCount: 30 };
    fc.assert(
      fc.property(twoOrders(honestHistory(crowd)), ([history, shuffled]) => {
        const [a, b] = [emptyTable(), emptyTable()];
        for (const record of history) take(a, record, 0);
        for (const record of shuffled) take(b, record, 0);

        exchangeUntilQuiet([a, b]);

        assert.isAtMost(a.ledger.recordsOf('svc').length, 8);
        assert.equal(heldIn(a.ledger), heldIn(b.ledger));
      }),
      { numRuns: 500 },
    );
  });

  it('never takes an author back, one dot after the other', () => {
    fc.assert(
      fc.property(twoOrders(histories), ([, shuffled]) => {
        const table = emptyTable();
        const last = new Map<string, VerifiedRecord>();
        for (const record of shuffled) {
          take(table, record, 0);
          for (const held of table.ledger.records()) {
            const key = `${held.subject} ${held.author}`;
            const before = last.get(key);
            assert.isTrue(before === undefined || compareDots(held, before) >= 0, key);
            last.set(key, held);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('brings nothing back once a departure was reaped', () => {
    fc.assert(
      fc.property(twoOrders(honestHistory(shape)), ([history, shuffled]) => {
        const table = emptyTable();
        for (const record of shuffled) take(table, record, 0);
        exchangeUntilQuiet([table]);
        const departed = subjects.filter(
          subject => table.ledger.resolution(subject).winner?.body.type === 'departure',
        );

        const dayLater = 25 * 3_600_000;
        table.reapTombstones(at(dayLater));
        for (const record of [...shuffled, ...history]) take(table, record, dayLater);
        for (const record of table.parking.records()) take(table, record, 2 * dayLater);

        for (const subject of departed) {
          assert.equal(table.ledger.recordsOf(subject).length, 0, subject);
          assert.isUndefined(table.listing.get(subject));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('comes back from the store as it was', () => {
    fc.assert(
      fc.property(twoOrders(histories), ([, shuffled]) => {
        const table = emptyTable();
        for (const record of shuffled) take(table, record, 0);
        exchangeUntilQuiet([table]);

        const restored = emptyTable();
        for (const proof of table.ledger.proofs.values()) restored.quarantine(proof);
        restored.restore([...table.ledger.records()].reverse());

        assert.equal(heldIn(restored.ledger), heldIn(table.ledger));
        assert.deepEqual(winners(restored), winners(table));
      }),
      { numRuns: 300 },
    );
  });
});
