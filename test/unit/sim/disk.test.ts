import { assert, describe, it } from 'vitest';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';
import { SimDisk } from '../../../src/sim/disk.ts';
import { Scheduler } from '../../../src/sim/scheduler.ts';

const epoch = (value: number) => ({ type: 'put-meta', name: 'epoch', value }) as const;

describe('sim/disk', () => {
  it('keeps what was written for the next process', async () => {
    const scheduler = new Scheduler();
    const disk = new SimDisk({ syncs: false }, { scheduler, random: seededRandom(1) });
    const write = disk.open().write([epoch(7)]);
    await scheduler.run(1);
    await write;

    assert.equal((await disk.open().load()).meta.epoch, 7);
  });

  it('takes its time, and loses what a crash interrupts', async () => {
    const scheduler = new Scheduler();
    const disk = new SimDisk({ syncs: false }, { scheduler, random: seededRandom(1) });
    let isDone = false;
    void disk
      .open()
      .write([epoch(7)])
      .then(() => {
        isDone = true;
      });

    await scheduler.run(0.1);
    disk.crash();
    await scheduler.run(10);

    assert.isFalse(isDone);
    assert.isUndefined((await disk.open().load()).meta.epoch);
  });
});
