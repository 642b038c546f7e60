import { assert, describe, it } from 'vitest';
import { GenerationCache } from '../../../src/wire/generation-cache.ts';

describe('wire/generation-cache', () => {
  it('holds at most two generations', () => {
    const cache = new GenerationCache<number, number>(10);

    for (let i = 0; i < 1_000; i++) cache.set(i, i);

    assert.isAtMost(cache.size, 20);
    assert.equal(cache.get(999), 999);
    assert.equal(cache.get(0), undefined);
  });

  it('keeps what is in use while others come and go', () => {
    const cache = new GenerationCache<number, string>(10);
    cache.set(-1, 'hot');

    for (let i = 0; i < 1_000; i++) {
      cache.set(i, 'cold');
      assert.equal(cache.get(-1), 'hot');
    }
  });
});
