import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { ConnectionPools } from '../../../src/bridge/connection-pools.ts';

class FakePool {
  readonly origin: string;
  isDestroyed = false;

  constructor(origin: string) {
    this.origin = origin;
  }

  destroy(): Promise<void> {
    this.isDestroyed = true;
    return Promise.resolve();
  }
}

function pools(connectionsMaxCount: number, connectionsPerHost: number) {
  const opened: FakePool[] = [];
  const open = (origin: string) => {
    const pool = new FakePool(origin);
    opened.push(pool);
    return pool;
  };
  return {
    opened,
    pools: new ConnectionPools<FakePool>({ connectionsMaxCount, connectionsPerHost }, { open }),
  };
}

const longMs = 30_000;

describe('bridge/connection-pools', () => {
  it('opens one pool a host and uses it again', async () => {
    const { opened, pools: all } = pools(4, 2);

    const first = await all.acquire('a', longMs);
    all.release('a');
    const again = await all.acquire('a', longMs);

    assert.equal(first, again);
    assert.equal(opened.length, 1);
  });

  it('lets the third request to a host wait for one of two connections', async () => {
    const { pools: all } = pools(4, 2);
    await all.acquire('a', longMs);
    await all.acquire('a', longMs);
    const third = all.acquire('a', longMs);
    assert.equal(all.waitingCount, 1);

    all.release('a');

    assert.equal((await third)?.origin, 'a');
    assert.deepEqual([all.waitingCount, all.waitsCount, all.inUseCount], [0, 1, 2]);
  });

  it('closes the pool that was idle for longest where a further host needs room', async () => {
    const { opened, pools: all } = pools(4, 2);
    for (const origin of ['a', 'b', 'a']) {
      await all.acquire(origin, longMs);
      all.release(origin);
    }

    await all.acquire('c', longMs);

    assert.deepEqual(
      opened.map(({ origin, isDestroyed }) => `${origin} ${isDestroyed}`),
      ['a false', 'b true', 'c false'],
    );
  });

  it('lets a request for a further host wait while all are in use, and does not hold up the others', async () => {
    const { pools: all } = pools(2, 1);
    await all.acquire('a', longMs);
    await all.acquire('b', longMs);
    const stranger = all.acquire('c', longMs);
    const known = all.acquire('a', longMs);

    all.release('a');

    // First come, first served: the place of a goes to c.
    assert.equal((await stranger)?.origin, 'c');
    all.release('b');
    assert.equal((await known)?.origin, 'a');
  });

  it('gives up waiting in time', async () => {
    const { pools: all } = pools(1, 1);
    await all.acquire('a', longMs);

    assert.isUndefined(await all.acquire('a', 1));
    assert.equal(all.waitingCount, 0);
  });

  it('ends all connections and all waiting when it is stopped, twice if need be', async () => {
    const { opened, pools: all } = pools(1, 1);
    await all.acquire('a', longMs);
    const waiting = all.acquire('a', longMs);

    await Promise.all([all.stop(), all.stop()]);

    assert.isUndefined(await waiting);
    assert.isTrue(opened.every(({ isDestroyed }) => isDestroyed));
    assert.isUndefined(await all.acquire('b', longMs));
    all.release('a');
  });

  it('never has more connections than it may, and serves everybody', async () => {
    const step = fc.record({ origin: fc.constantFrom('a', 'b', 'c', 'd'), releases: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        async (steps, max) => {
          const perHost = Math.min(2, max);
          const { opened, pools: all } = pools(max, perHost);
          const served: FakePool[] = [];
          let askedCount = 0;
          for (const { origin, releases } of steps) {
            askedCount += 1;
            all.acquire(origin, longMs).then(pool => pool && served.push(pool));
            await Promise.resolve();
            if (releases && served.length > 0) all.release((served.shift() as FakePool).origin);
            await Promise.resolve();
            const possible = opened.filter(({ isDestroyed }) => !isDestroyed).length * perHost;
            assert.isAtMost(possible, max);
            for (const pool of served) assert.isFalse(pool.isDestroyed, 'what is in use stays');
          }
          let servedCount = 0;
          for (let i = 0; i < 10 * askedCount && (all.inUseCount > 0 || all.waitingCount > 0); i++) {
            const next = served.shift();
            if (next !== undefined) {
              servedCount += 1;
              all.release(next.origin);
            }
            await Promise.resolve();
            await Promise.resolve();
          }
          assert.deepEqual([all.inUseCount, all.waitingCount], [0, 0], String(servedCount));
          await all.stop();
        },
      ),
    );
  });
});
