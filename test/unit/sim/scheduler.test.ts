import { assert, describe, it } from 'vitest';
import { Scheduler, VirtualClock } from '../../../src/sim/scheduler.ts';

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

describe('sim/virtual-clock', () => {
  it('counts from its own start, and tells the wall time of the simulation', async () => {
    const scheduler = new Scheduler();
    await scheduler.run(1_000);

    const clock = new VirtualClock({ wallAtZeroMs: 5_000 }, { scheduler });
    await scheduler.run(1_250);

    assert.deepEqual(clock.now(), { monoMs: 250, wallMs: 6_250 });
  });

  it('calls nobody back once its agent is dead', async () => {
    const scheduler = new Scheduler();
    const clock = new VirtualClock({ wallAtZeroMs: 0 }, { scheduler });
    const called: string[] = [];
    clock.after(10, () => called.push('late'));
    clock.soon(() => called.push('soon'));

    await scheduler.run(5);
    clock.stop();
    await scheduler.run(20);

    assert.deepEqual(called, ['soon']);
  });

  it('holds timers and arrivals while its process does not run, and then brings the timers first', async () => {
    const scheduler = new Scheduler();
    const clock = new VirtualClock({ wallAtZeroMs: 0 }, { scheduler });
    const called: string[] = [];
    clock.after(10, () => called.push(`timer at ${scheduler.nowMs}`));
    clock.after(50, () => called.push(`later timer at ${scheduler.nowMs}`));
    scheduler.at(5, () => clock.arrive(() => called.push(`arrival at ${scheduler.nowMs}`)));

    clock.pause();
    await scheduler.run(20);
    const whilePaused = [...called];
    clock.resume();
    await scheduler.run(100);

    assert.deepEqual(whilePaused, []);
    assert.deepEqual(called, ['timer at 20', 'arrival at 20', 'later timer at 50']);
  });

  it('lets its time go on while its process does not run', async () => {
    const scheduler = new Scheduler();
    const clock = new VirtualClock({ wallAtZeroMs: 0 }, { scheduler });

    clock.pause();
    await scheduler.run(5_000);

    assert.equal(clock.now().monoMs, 5_000);
  });

  it('does not bring what was cancelled meanwhile, nor anything to the dead', async () => {
    const scheduler = new Scheduler();
    const [clock, dead] = [1, 2].map(() => new VirtualClock({ wallAtZeroMs: 0 }, { scheduler })) as [
      VirtualClock,
      VirtualClock,
    ];
    const called: string[] = [];
    const cancel = clock.after(10, () => called.push('cancelled'));
    dead.after(10, () => called.push('dead'));
    for (const each of [clock, dead]) each.pause();

    await scheduler.run(20);
    cancel();
    dead.stop();
    dead.arrive(() => called.push('arrival of the dead'));
    for (const each of [clock, dead]) each.resume();

    assert.deepEqual(called, []);
  });

  it('brings an arrival at once while it runs', () => {
    const clock = new VirtualClock({ wallAtZeroMs: 0 }, { scheduler: new Scheduler() });
    const called: string[] = [];

    clock.arrive(() => called.push('here'));

    assert.deepEqual(called, ['here']);
  });
});
