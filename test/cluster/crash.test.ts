import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { Playground } from '../../src/chaos/stages/agent-process.ts';
import { seededRandom } from '../../src/runtime/seeded-random.ts';
import { crashUnderLoad } from './crash-load.ts';

describe('kill -9 at random instants during load', { timeout: 180_000 }, () => {
  let playground: Playground;
  beforeEach(async () => {
    playground = await Playground.open();
  });
  afterEach(() => playground.close());

  it('loses no registration that was answered 200, and writes none twice', async () => {
    const seed = Date.now() % 2 ** 32;
    console.log(`SEED=${seed}`);
    const random = seededRandom(seed, 'crash');

    // `npm run bench -- crash` does it a hundred times.
    const { broken, acknowledged } = await crashUnderLoad(playground, 5, () => random.next());

    assert.deepEqual(broken, [], `SEED=${seed}`);
    assert.isAbove(acknowledged, 100);
  });
});
