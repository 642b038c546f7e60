import { assert, describe, it } from 'vitest';
import { RateLimit } from '../../../src/http/rate-limit.ts';

describe('http/rate-limit', () => {
  it('grants a burst, then as many as were refilled, and says how long to wait', () => {
    const limit = new RateLimit({ perSecond: 2, burst: 3, keysMaxCount: 10 });
    const waits = [0, 0, 0, 0, 250, 500, 500].map(nowMs => limit.take('a', nowMs));

    assert.deepEqual(waits, [0, 0, 0, 0.5, 0.25, 0, 0.5]);
  });

  it('never saves up more than a burst', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 2, keysMaxCount: 10 });
    limit.take('a', 0);

    assert.deepEqual(
      [1e6, 1e6, 1e6].map(nowMs => limit.take('a', nowMs)),
      [0, 0, 1],
    );
  });

  it('counts each key by itself', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 1, keysMaxCount: 10 });

    assert.deepEqual([limit.take('a', 0), limit.take('b', 0), limit.take('a', 0)], [0, 0, 1]);
  });

  it('forgets the key that was quiet longest, and no other', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 1, keysMaxCount: 2 });
    for (const key of ['a', 'b', 'a', 'c']) limit.take(key, 0);

    assert.equal(limit.take('a', 0), 1, 'a was heard of after b');
    assert.equal(limit.take('b', 0), 0, 'b was forgotten');
  });
});
