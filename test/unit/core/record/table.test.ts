import { assert, describe, it } from 'vitest';
import type { Effect } from '../../../../src/core/effects.ts';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { Table, type TableSettings } from '../../../../src/core/record/table.ts';
import type { LivenessState } from '../../../../src/core/view.ts';
import { agentEntry, at, departure, entryAt, record, seen, time } from '../../../record-builder.ts';

const x = entryAt('x:1');
const y = entryAt('y:1');
const dayMs = 24 * 3_600_000;

function table(
  liveness: Readonly<Record<string, LivenessState>> = {},
  settings: Partial<TableSettings> = {},
): Table {
  return new Table(settings, { self: 'me', livenessOf: author => liveness[author] ?? 'alive' });
}

function effectsOf(taken: ReturnType<Table['take']>): readonly Effect[] {
  return taken.type === 'admitted' ? taken.effects : [];
}

function changes(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap(effect =>
    effect.type === 'event' && effect.event.event === 'record' ? [effect.event.data.change] : [],
  );
}

describe('core/record/table', () => {
  it('writes what it admits, lists it and says what changed', () => {
    const known = table();
    const first = record({ body: x });

    const effects = effectsOf(known.take(first, at(0)));

    assert.deepEqual(effects[0], {
      type: 'persist',
      operations: [{ type: 'put-record', record: first }],
      then: [],
    });
    assert.deepEqual(changes(effects), ['added']);
    assert.equal(known.listing.get('svc')?.address, 'x:1');
    assert.deepEqual(changes(effectsOf(known.take(record({ sequence: 2, body: y }), at(0)))), ['updated']);
    const gone = record({ sequence: 3, body: departure('deregistered') });
    assert.deepEqual(changes(effectsOf(known.take(gone, at(0)))), ['departed']);
    assert.isUndefined(known.listing.get('svc'));
  });

  it('tells of a conflict once', () => {
    const known = table();
    known.take(record({ author: 'a', body: x }), at(0));

    const first = effectsOf(known.take(record({ author: 'b', body: y }), at(0)));
    const again = effectsOf(known.take(record({ author: 'b', sequence: 2, body: y, time: time(1) }), at(0)));

    const conflicts = (effects: readonly Effect[]) =>
      effects.filter(effect => effect.type === 'event' && effect.event.event === 'conflict').length;
    assert.deepEqual([conflicts(first), conflicts(again)], [1, 0]);
  });

  it('waits with a record from more than two seconds ahead until its time has come', () => {
    const known = table();
    const ahead = record({ time: time(2_001) });

    assert.deepEqual(known.take(ahead, at(0)), { type: 'parked', reason: 'future', isNew: true });
    assert.deepEqual(known.take(ahead, at(0)), { type: 'parked', reason: 'future', isNew: false });
    assert.equal(known.take(ahead, at(1)).type, 'admitted');
    assert.equal(known.parking.count, 0);
  });

  it('gives up a record whose time does not come', () => {
    const known = table();
    const ahead = record({ time: time(3_600_000) });
    known.take(ahead, at(0));
    known.take(ahead, at(29_999));

    assert.deepEqual(known.take(ahead, at(30_000)), { type: 'refused', reason: 'future' });
    assert.equal(known.parking.count, 0);
  });

  it('takes our own record however far ahead', () => {
    assert.equal(table().take(record({ author: 'me', time: time(9_000) }), at(0)).type, 'admitted');
  });

  it('believes nobody who claims to be a delegate', () => {
    assert.deepEqual(table().take(record({ authority: 'delegate' }), at(0)), {
      type: 'refused',
      reason: 'ungranted',
    });
  });

  describe('context', () => {
    const named = record({ author: 'b', sequence: 1, body: y });
    const naming = record({ author: 'a', body: x, context: seen(named) });

    it('parks a record until what it names is here', () => {
      const known = table();

      assert.deepEqual(known.take(naming, at(0)), { type: 'parked', reason: 'unknown-context', isNew: true });
      assert.isUndefined(known.listing.get('svc'));
      known.take(named, at(1));
      assert.equal(known.take(naming, at(2)).type, 'admitted');
      assert.equal(known.ledger.resolution('svc').winner, naming);
    });

    it('takes it after half a minute all the same, so that what was reaped everywhere holds up nobody', () => {
      const known = table();
      known.take(naming, at(0));

      assert.equal(known.take(naming, at(29_999)).type, 'parked');
      assert.equal(known.take(naming, at(30_000)).type, 'admitted');
      assert.equal(known.ledger.resolution('svc').winner, naming);
    });

    it('takes it sooner when it came from a peer that has it in its table', () => {
      const known = table();
      known.take(naming, at(0), true);

      assert.equal(known.take(naming, at(4_999)).type, 'parked');
      assert.equal(known.take(naming, at(5_000)).type, 'admitted');
    });

    it('takes it at once where there is no room to wait', () => {
      const known = table({}, { perAuthorMaxCount: 0 });

      assert.equal(known.take(naming, at(0)).type, 'admitted');
    });

    it('takes a circle of records in together', () => {
      const known = table();
      const [a1, b1] = [record({ author: 'a' }), record({ author: 'b', body: y })];
      const a2 = record({ author: 'a', sequence: 2, context: seen(b1) });
      const b2 = record({ author: 'b', sequence: 2, body: y, context: seen(a1) });
      assert.equal(known.take(a2, at(0)).type, 'parked');

      const taken = known.take(b2, at(0));

      assert.deepEqual(taken.type === 'admitted' && taken.records, [a2, b2]);
      assert.equal(known.parking.count, 0);
      assert.equal(effectsOf(taken).filter(effect => effect.type === 'persist').length, 2);
    });

    it('keeps a record waiting whose arrival let others in', () => {
      const known = table();
      const [a1, c1] = [record({ author: 'a' }), record({ author: 'c' })];
      const b1 = record({ author: 'b', context: seen(a1) });
      const a2 = record({ author: 'a', sequence: 2, context: seen(c1) });
      known.take(b1, at(0));
      known.ledger.admit(a1);

      const taken = known.take(a2, at(0));

      assert.deepEqual(taken.type === 'admitted' && taken.records, [b1]);
      assert.deepEqual(known.parking.records(), [a2]);
    });
  });

  describe('succession', () => {
    const holder = record({ author: 'old', authority: 'self', body: agentEntry('x:1') });
    const successor = record({
      author: 'new',
      authority: 'self',
      body: agentEntry('y:1'),
      context: seen(holder),
      time: time(5),
    });

    for (const state of ['alive', 'suspect'] as const) {
      it(`waits while we see the holder as ${state}`, () => {
        const known = table({ old: state });
        known.take(holder, at(0));

        assert.deepEqual(known.take(successor, at(0)), { type: 'parked', reason: 'succession', isNew: true });
        assert.equal(known.ledger.resolution('svc').winner, holder);
      });
    }

    for (const state of ['dead', 'left'] as const) {
      it(`goes through once we see the holder as ${state}`, () => {
        const liveness: Record<string, LivenessState> = { old: 'alive' };
        const known = table(liveness);
        known.take(holder, at(0));
        known.take(successor, at(0));

        liveness.old = state;

        assert.equal(known.take(successor, at(1)).type, 'admitted');
        assert.equal(known.ledger.resolution('svc').winner, successor);
      });
    }

    it('is not needed after a holder that departed', () => {
      const known = table({ old: 'alive' });
      const left = record({ ...holder, sequence: 2, body: departure('left') });
      known.take(left, at(0));

      const next = record({ ...successor, context: seen(left) });

      assert.equal(known.take(next, at(0)).type, 'admitted');
    });

    it('is not what a concurrent later claim asks for: that is kept as a conflict', () => {
      const known = table({ old: 'alive' });
      known.take(holder, at(0));

      assert.equal(known.take(record({ ...successor, context: [] }), at(0)).type, 'admitted');
      assert.equal(known.ledger.resolution('svc').winner, holder);
      assert.isTrue(known.ledger.resolution('svc').conflict);
    });
  });

  describe('reaping', () => {
    const entry = record({ author: 'a', sequence: 1 });
    const gone = record({ author: 'a', sequence: 2, body: departure('deregistered') });

    it('drops departures after their retention and keeps the floor', () => {
      const known = table();
      known.take(entry, at(0));
      known.take(gone, at(0));

      assert.deepEqual(known.reapTombstones(at(dayMs)), [], 'not yet');
      assert.deepEqual(known.reapTombstones(at(dayMs + 1)), [
        { type: 'delete-record', subject: 'svc', author: 'a' },
        { type: 'put-floor', subject: 'svc', floor: [{ author: 'a', epoch: 1, sequence: 2 }] },
      ]);
      assert.deepEqual(known.take(entry, at(dayMs + 2)), { type: 'refused', reason: 'stale' });
      assert.deepEqual(known.reapTombstones(at(3 * dayMs)), [], 'only once');
    });

    it('leaves what came back', () => {
      const known = table();
      known.take(gone, at(0));
      known.take(record({ author: 'a', sequence: 3 }), at(0));

      assert.deepEqual(known.reapTombstones(at(dayMs + 1)), []);
      assert.isDefined(known.listing.get('svc'));
    });

    it('finds departures that were restored from the store', () => {
      const known = table();
      known.restore([gone]);

      assert.equal(known.reapTombstones(at(dayMs + 1)).length, 2);
    });

    it('tells the store of floors beyond the limit', () => {
      const known = table({}, { floorsMaxCount: 0 });
      known.take(gone, at(0));

      assert.deepEqual(known.reapTombstones(at(dayMs + 1)).at(-1), { type: 'delete-floor', subject: 'svc' });
    });
  });

  it('takes our own word in at once, whatever it names', () => {
    const known = table();
    const unheard = record({ author: 'z' });
    const names = (author: string) => record({ author, subject: 'svc', context: seen(unheard) });

    assert.equal(known.take(names('a'), at(0)).type, 'parked');
    assert.equal(known.take(names('me'), at(0)).type, 'admitted');
  });

  it('closes the epoch of an author: its records go, are reported gone, and stay out', () => {
    const known = table();
    const entry = record({ author: 'a' });
    known.take(entry, at(0));
    known.take(record({ author: 'b', subject: 'other' }), at(0));

    const effects = known.closeEpoch('a', entry.epoch);

    const [written] = effects;
    assert.deepEqual(written?.type === 'persist' && written.operations, [
      { type: 'delete-record', subject: 'svc', author: 'a' },
    ]);
    assert.deepEqual(changes(effects), ['departed']);
    assert.equal(known.ledger.recordsCount, 1);
    assert.deepEqual(known.take(entry, at(1)), { type: 'refused', reason: 'stale' });
    assert.deepEqual(known.closeEpoch('a', entry.epoch), []);
  });

  it('drops a liar’s records on proof, stores it, and reports what comes to light', () => {
    const known = table();
    known.take(record({ author: 'b', body: y, time: time(0) }), at(0));
    known.take(record({ author: 'liar', body: x, time: time(1) }), at(0));
    const [first, second] = [
      record({ author: 'liar', sequence: 9 }),
      record({ author: 'liar', sequence: 9, body: y }),
    ];

    const effects = known.quarantine({ author: 'liar', first, second });

    const [written] = effects;
    assert.deepEqual(written?.type === 'persist' && written.operations.map(operation => operation.type), [
      'put-proof',
      'delete-record',
    ]);
    assert.deepEqual(changes(effects), ['updated']);
    assert.equal(known.listing.get('svc')?.address, 'y:1');
    assert.deepEqual(known.quarantine({ author: 'liar', first, second }), []);
  });

  it('restores an own record although what it names was lost', () => {
    const known = table();
    const named = record({ author: 'b' });
    const own: VerifiedRecord = record({ author: 'me', context: seen(named) });

    known.restore([own]);

    assert.equal(known.listing.get('svc')?.address, '10.0.0.1:8080');
  });

  it('lists a service as well as the best of its hosts, and reports when that changes', () => {
    const liveness: Record<string, LivenessState> = { a: 'alive', b: 'suspect' };
    const known = table(liveness);
    known.take(record({ author: 'a' }), at(0));
    known.take(record({ author: 'b' }), at(0));
    assert.equal(known.listing.get('svc')?.status, 'alive');

    liveness.a = 'dead';
    const effects = known.livenessChanged('a', 'dead', ['me']);

    assert.deepEqual(effects, [
      {
        type: 'event',
        event: { event: 'liveness', data: { id: 'svc', from: 'alive', to: 'suspect', by: ['me'] } },
      },
    ]);
    liveness.b = 'dead';
    known.livenessChanged('b', 'dead', ['me']);
    assert.isUndefined(known.listing.get('svc'));
  });
});
