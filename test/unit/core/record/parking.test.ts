import { assert, describe, it } from 'vitest';
import { Parking } from '../../../../src/core/record/parking.ts';
import { record } from '../../../record-builder.ts';

describe('core/record/parking', () => {
  it('parks once: a second try neither takes more room nor lengthens the stay', () => {
    const parking = new Parking({ parkedMaxMs: 100 });
    const waiting = record();

    assert.equal(parking.park(waiting, 'unknown-context', 0), 'parked');
    assert.equal(parking.park(waiting, 'unknown-context', 99), 'waiting');
    assert.equal(parking.park(waiting, 'unknown-context', 100), 'overdue');
    assert.equal(parking.count, 1);
  });

  it('has room for a bounded number an author, and gives it back', () => {
    const parking = new Parking({ perAuthorMaxCount: 2 });
    const [one, two, three] = [1, 2, 3].map(sequence => record({ sequence })) as [never, never, never];
    parking.park(one, 'future', 0);
    parking.park(two, 'future', 0);

    assert.equal(parking.park(three, 'future', 0), 'no-room');
    assert.equal(parking.park(record({ author: 'b' }), 'future', 0), 'parked');
    parking.remove(one);
    parking.remove(one);
    assert.equal(parking.park(three, 'future', 0), 'parked');
    assert.equal(parking.park(one, 'future', 0), 'no-room');
  });

  it('has room for a bounded number in all', () => {
    const parking = new Parking({ totalMaxCount: 2 });
    parking.park(record({ author: 'a' }), 'future', 0);
    parking.park(record({ author: 'b' }), 'future', 0);

    assert.equal(parking.park(record({ author: 'c' }), 'future', 0), 'no-room');
  });

  it('tells what waits for news about a subject from what waits for the clock', () => {
    const parking = new Parking();
    const [context, succession, future, other] = [
      record({ sequence: 1 }),
      record({ sequence: 2 }),
      record({ sequence: 3 }),
      record({ sequence: 4, subject: 'other' }),
    ] as const;
    parking.park(context, 'unknown-context', 0);
    parking.park(succession, 'succession', 0);
    parking.park(future, 'future', 0);
    parking.park(other, 'unknown-context', 0);

    assert.deepEqual(parking.waitingFor('svc'), [context, succession]);
    assert.deepEqual(parking.awaitingContext('svc'), [context]);
    assert.deepEqual(parking.records(), [context, succession, future, other]);
    assert.equal(parking.countOf('svc'), 3);
  });

  it('notes when a record comes to wait for something else', () => {
    const parking = new Parking();
    const waiting = record();
    parking.park(waiting, 'future', 0);

    parking.park(waiting, 'unknown-context', 1);

    assert.deepEqual(parking.awaitingContext('svc'), [waiting]);
  });
});
