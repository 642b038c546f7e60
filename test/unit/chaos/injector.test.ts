import { assert, describe, it } from 'vitest';
import { halves, Injector, named } from '../../../src/chaos/injector.ts';
import { Recorder } from '../../../src/chaos/recorder.ts';
import type { Stage } from '../../../src/chaos/stage.ts';

/** Remembers what is done on it. */
function fakeStage() {
  const calls: string[] = [];
  const gone = new Set<string>();
  const note =
    (name: string) =>
    async (...args: readonly unknown[]) => {
      calls.push(`${name} ${args.map(String).join(' ')}`);
    };
  const stage = {
    ...Object.fromEntries(
      [
        'cut',
        'loss',
        'latency',
        'heal',
        'pause',
        'resume',
        'starveCpu',
        'fillDisk',
        'freeDisk',
        'skewClock',
      ].map(name => [name, note(name)]),
    ),
    kill: async (ids: readonly string[]) => {
      for (const id of ids) gone.add(id);
    },
    stop: async (ids: readonly string[]) => {
      for (const id of ids) gone.add(id);
      return ids.map(() => 0);
    },
    start: async (ids: readonly string[]) => {
      calls.push(`start ${ids.join()}`);
      for (const id of ids) gone.delete(id);
    },
    isRunning: (id: string) => !gone.has(id),
  } as unknown as Stage;
  const recorder = new Recorder({ agents: ['a', 'b', 'c'], onStep: () => {} });
  return { calls, recorder, inject: new Injector({ stage, recorder }) };
}

describe('chaos/injector', () => {
  it('writes down a partition as the ways that are closed, aimed at the smaller side', async () => {
    const { inject, recorder } = fakeStage();

    await inject.partition([['a', 'b'], ['c']]);
    await inject.heal();

    const [window] = recorder.timeline().windows;
    assert.deepEqual(window?.targets, ['c']);
    assert.sameDeepMembers(window?.cuts as object[], [
      { from: 'a', to: 'c' },
      { from: 'b', to: 'c' },
      { from: 'c', to: 'a' },
      { from: 'c', to: 'b' },
    ]);
    assert.isNumber(window?.toMs);
  });

  it('closes one way only with a cut', async () => {
    const { inject, recorder } = fakeStage();

    await inject.cut(['a', 'b'], ['b', 'c']);

    assert.deepEqual(recorder.timeline().windows[0]?.cuts, [
      { from: 'a', to: 'b' },
      { from: 'a', to: 'c' },
      { from: 'b', to: 'c' },
    ]);
  });

  it('has one window for each agent that is killed, which ends when it is back', async () => {
    const { inject, recorder } = fakeStage();

    await inject.kill(['a', 'b']);
    await inject.start(['b']);

    const open = recorder.timeline().windows.map(({ targets, toMs }) => `${targets} ${toMs === undefined}`);
    assert.deepEqual(open, ['a true', 'b false']);
  });

  it('ends everything that is left, and starts whoever is gone', async () => {
    const { inject, recorder, calls } = fakeStage();
    await inject.pause(['a']);
    await inject.starveCpu(0.2, ['b']);
    await inject.loss(0.1, ['a', 'b']);
    await inject.fillDisk(0, 'b');
    await inject.skewClock(5_000, 'b');
    await inject.kill(['c']);
    calls.length = 0;

    await inject.endAll(['a', 'b', 'c']);

    assert.sameMembers(calls, [
      'resume a',
      'starveCpu 1 b',
      'heal ',
      'freeDisk b',
      'skewClock 0 b',
      'start c',
    ]);
    assert.isTrue(recorder.timeline().windows.every(({ toMs }) => toMs !== undefined));
  });

  it('leaves alone what is well', async () => {
    const { inject, calls } = fakeStage();

    await inject.endAll(['a', 'b', 'c']);

    assert.deepEqual(calls, []);
  });

  it.each([
    [['a', 'b'], 'a, b'],
    [['a', 'b', 'c', 'd', 'e', 'f', 'g'], 'a, b, c, d, e and 2 more'],
  ])('names %j as %s', (ids, text) => {
    assert.equal(named(ids), text);
  });

  it.each([
    [['a', 'b', 'c'], ['a', 'b'], ['c']],
    [['a', 'b'], ['a'], ['b']],
  ])('halves %j into %j and %j', (ids, one, other) => {
    assert.deepEqual(halves(ids), [one, other]);
  });
});
