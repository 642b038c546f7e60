import { assert, describe, it } from 'vitest';
import { RateLimit } from '../../../../src/core/gossip/rate-limit.ts';

describe('core/gossip/rate-limit', () => {
  const take = (limit: RateLimit, name: string, count: number, monoMs: number) =>
    Array.from({ length: count }, () => limit.take(name, monoMs)).filter(Boolean).length;

  it('lets a burst through, then so many a second', () => {
    const limit = new RateLimit({ perSecond: 10, burstCount: 5, bucketsMaxCount: 10 });

    assert.equal(take(limit, 'a', 9, 0), 5);
    assert.equal(take(limit, 'a', 9, 99), 0);
    assert.equal(take(limit, 'a', 9, 100), 1);
    assert.equal(take(limit, 'a', 99, 100_000), 5);
  });

  it('counts each name for itself', () => {
    const limit = new RateLimit({ perSecond: 1, burstCount: 1, bucketsMaxCount: 10 });
    limit.take('a', 0);

    assert.isTrue(limit.take('b', 0));
    assert.isFalse(limit.take('a', 0));
  });

  it('remembers who is over the limit when it has to forget names', () => {
    const limit = new RateLimit({ perSecond: 1, burstCount: 4, bucketsMaxCount: 4 });
    take(limit, 'flooder', 4, 0);

    for (let i = 0; i < 100; i++) limit.take(`name-${i}`, 0);

    assert.isFalse(limit.take('flooder', 0));
  });
});
