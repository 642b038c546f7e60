import { assert, describe, it } from 'vitest';
import { Leases } from '../../../../src/core/hosting/leases.ts';

describe('core/hosting/leases', () => {
  it('run out in order, each after its whole time', () => {
    const leases = new Leases(100);
    leases.renew('a', 0);
    leases.renew('b', 50);

    assert.deepEqual(leases.takeExpired(99), []);
    assert.deepEqual(leases.takeExpired(100), ['a']);
    assert.deepEqual(leases.takeExpired(100), []);
    assert.deepEqual(leases.takeExpired(150), ['b']);
    assert.equal(leases.count, 0);
  });

  it('start again when renewed, also in the order of expiry', () => {
    const leases = new Leases(100);
    leases.renew('a', 0);
    leases.renew('b', 10);
    leases.renew('a', 90);

    assert.deepEqual(leases.takeExpired(110), ['b']);
    assert.deepEqual([...leases.ids()], ['a']);
    assert.deepEqual(leases.takeExpired(190), ['a']);
  });

  it('end before their time when told so', () => {
    const leases = new Leases(100);
    leases.renew('a', 0);

    leases.end('a');

    assert.isFalse(leases.has('a'));
    assert.deepEqual(leases.takeExpired(1_000), []);
  });
});
