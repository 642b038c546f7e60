import { assert, describe, it } from 'vitest';
import { MachineClock, ProcessClock } from '../../../src/sim/clock.ts';
import { Scheduler } from '../../../src/sim/scheduler.ts';

/** The clock of a process that starts now, on a machine whose simulation began at this wall time. */
function processAt(wallAtZeroMs: number, scheduler: Scheduler): ProcessClock {
  return new ProcessClock({ machine: new MachineClock({ wallAtZeroMs }, { scheduler }) });
}

describe('sim/clock', () => {
  it('counts from its own start, and tells the wall time of the simulation', async () => {
    const scheduler = new Scheduler();
    await scheduler.run(1_000);

    const clock = processAt(5_000, scheduler);
    await scheduler.run(1_250);

    assert.deepEqual(clock.now(), { monoMs: 250, wallMs: 6_250 });
  });

  it('calls nobody back once its agent is dead', async () => {
    const scheduler = new Scheduler();
    const clock = processAt(0, scheduler);
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
    const clock = processAt(0, scheduler);
    const called: string[] = [];
    clock.after(10, () => called.push(`timer at ${scheduler.nowMs}`));
    clock.after(50, () => called.push(`later timer at ${scheduler.nowMs}`));
    scheduler.at(5, () => clock.arrive(() => called.push(`arrival at ${scheduler.nowMs}`)));

    clock.block(1_000);
    await scheduler.run(20);
    const whilePaused = [...called];
    clock.unblock();
    await scheduler.run(100);

    assert.deepEqual(whilePaused, []);
    assert.deepEqual(called, ['timer at 20', 'arrival at 20', 'later timer at 50']);
  });

  it('lets its time go on while its process does not run', async () => {
    const scheduler = new Scheduler();
    const clock = processAt(0, scheduler);

    clock.block(10_000);
    await scheduler.run(5_000);

    assert.equal(clock.now().monoMs, 5_000);
  });

  it('does not bring what was cancelled meanwhile, nor anything to the dead', async () => {
    const scheduler = new Scheduler();
    const [clock, dead] = [1, 2].map(() => processAt(0, scheduler)) as [ProcessClock, ProcessClock];
    const called: string[] = [];
    const cancel = clock.after(10, () => called.push('cancelled'));
    dead.after(10, () => called.push('dead'));
    for (const each of [clock, dead]) each.block(1_000);

    await scheduler.run(20);
    cancel();
    dead.stop();
    dead.arrive(() => called.push('arrival of the dead'));
    for (const each of [clock, dead]) each.unblock();

    assert.deepEqual(called, []);
  });

  it('goes on by itself when its time is up, and only when the longest block is over', async () => {
    const scheduler = new Scheduler();
    const clock = processAt(0, scheduler);
    const called: string[] = [];
    clock.after(10, () => called.push(`timer at ${scheduler.nowMs}`));

    clock.block(300);
    clock.block(100);
    await scheduler.run(1_000);

    assert.deepEqual(called, ['timer at 300']);
  });

  it('tells a wrong wall time while its machine is wrong, and the same monotonic time', async () => {
    const scheduler = new Scheduler();
    const machine = new MachineClock({ wallAtZeroMs: 5_000 }, { scheduler });
    const clock = new ProcessClock({ machine });
    await scheduler.run(250);

    machine.offsetMs += 3_600_000;

    assert.deepEqual(clock.now(), { monoMs: 250, wallMs: 3_605_250 });
  });

  it('brings an arrival at once while it runs', () => {
    const clock = processAt(0, new Scheduler());
    const called: string[] = [];

    clock.arrive(() => called.push('here'));

    assert.deepEqual(called, ['here']);
  });
});
