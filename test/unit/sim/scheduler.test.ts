import { assert, describe, it } from 'vitest';
import { Scheduler } from '../../../src/sim/scheduler.ts';

describe('sim/scheduler', () => {
  it('calls back in order of time, then of asking', async () => {
    const scheduler = new Scheduler();
    const called: string[] = [];
    for (const [atMs, name] of [
      [30, 'd'],
      [10, 'a'],
      [20, 'b'],
      [20, 'c'],
      [40, 'e'],
    ] as const) {
      scheduler.at(atMs, () => called.push(`${name}${scheduler.nowMs}`));
    }

    await scheduler.run(30);

    assert.deepEqual(called, ['a10', 'b20', 'c20', 'd30']);
    assert.equal(scheduler.nowMs, 30);
    await scheduler.run(100);
    assert.deepEqual(called.at(-1), 'e40');
    assert.equal(scheduler.nowMs, 100);
  });

  it('keeps any number in order', async () => {
    const scheduler = new Scheduler();
    const times = Array.from({ length: 500 }, (_, i) => (i * 7_919) % 503);
    const called: number[] = [];
    for (const atMs of times) scheduler.at(atMs, () => called.push(scheduler.nowMs));

    await scheduler.run(1_000);

    assert.deepEqual(
      called,
      [...times].sort((a, b) => a - b),
    );
  });

  it('does not go back: what is asked for in the past comes now', async () => {
    const scheduler = new Scheduler();
    await scheduler.run(50);
    const called: number[] = [];

    scheduler.at(10, () => called.push(scheduler.nowMs));
    await scheduler.run(60);

    assert.deepEqual(called, [50]);
  });

  it('does not call what was cancelled', async () => {
    const scheduler = new Scheduler();
    let calls = 0;
    const cancel = scheduler.after(10, () => {
      calls += 1;
    });

    cancel();
    await scheduler.run(20);

    assert.equal(calls, 0);
  });

  it('lets what a settled promise brings about run before the next callback', async () => {
    const scheduler = new Scheduler();
    const order: string[] = [];
    scheduler.at(1, () => {
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => order.push('continuation'));
      scheduler.settled();
    });
    scheduler.at(1, () => order.push('next'));

    await scheduler.run(2);

    assert.deepEqual(order, ['continuation', 'next']);
  });
});
