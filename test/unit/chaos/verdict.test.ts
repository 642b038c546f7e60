import { assert, describe, it } from 'vitest';
import { aftermathMs, figuresOf, isExplained } from '../../../src/chaos/verdict.ts';
import { allAlive, fault, process, root, said, timeline } from './timelines.ts';

describe('chaos/verdict: detection', () => {
  it('takes the time from the fault to the first and to the last who noticed', () => {
    const { detections } = figuresOf(
      timeline({
        windows: [fault({ toMs: 30_000 })],
        entries: [
          ...allAlive,
          said(11_000, 'a', 'c', 'suspect'),
          said(12_500, 'b', 'c', 'suspect'),
          said(14_000, 'a', 'c', 'dead', 'suspect'),
          said(15_000, 'b', 'c', 'dead', 'suspect'),
        ],
      }),
    );

    assert.deepEqual(detections, [
      {
        title: 'a fault',
        target: 'c',
        observersCount: 2,
        noticedCount: 2,
        firstMs: 1_000,
        lastMs: 2_500,
        firstDeadMs: 4_000,
        lastDeadMs: 5_000,
      },
    ]);
  });

  it('counts who did not notice, and nothing that was said before or after the fault', () => {
    const { detections } = figuresOf(
      timeline({
        windows: [fault({ toMs: 30_000 })],
        entries: [said(9_000, 'a', 'c', 'suspect'), said(31_000, 'b', 'c', 'dead')],
      }),
    );

    assert.deepEqual(detections, [{ title: 'a fault', target: 'c', observersCount: 2, noticedCount: 0 }]);
  });

  it('expects of a cut only those to notice who are on the other side of it', () => {
    const cuts = [
      { from: 'a', to: 'c' },
      { from: 'c', to: 'a' },
    ];

    const { detections } = figuresOf(timeline({ windows: [fault({ fault: 'cut', cuts, toMs: 20_000 })] }));

    assert.deepEqual(
      detections.map(({ observersCount }) => observersCount),
      [1],
    );
  });

  it('does not expect it of those who were gone themselves', () => {
    const windows = [fault({ targets: ['b'], toMs: 30_000 }), fault({ toMs: 30_000 })];

    const { detections } = figuresOf(timeline({ windows }));

    assert.deepEqual(
      detections.map(({ target, observersCount }) => `${target} ${observersCount}`),
      ['b 1', 'c 1'],
    );
  });

  it.each(['loss', 'latency', 'cpu', 'memory', 'disk', 'clock', 'member'] as const)(
    'expects nobody to be missed because of %s',
    kind => {
      assert.deepEqual(figuresOf(timeline({ windows: [fault({ fault: kind })] })).detections, []);
    },
  );
});

describe('chaos/verdict: what is explained', () => {
  const about = (observer: string, subject: string, atMs = 15_000) => ({ observer, subject, atMs });
  const cuts = [{ from: 'a', to: 'b' }];

  it.each([
    ['a kill, of its target', fault({ toMs: 20_000 }), about('a', 'c'), true],
    ['a kill, of somebody else', fault({ toMs: 20_000 }), about('a', 'b'), false],
    ['a pause, of its target', fault({ fault: 'pause', toMs: 20_000 }), about('a', 'c'), true],
    ['a pause, by its target', fault({ fault: 'pause', toMs: 20_000 }), about('c', 'a'), false],
    ['loss, of its target', fault({ fault: 'loss', toMs: 20_000 }), about('a', 'c'), false],
    ['a starved processor, of its target', fault({ fault: 'cpu', toMs: 20_000 }), about('a', 'c'), false],
    ['a cut, along it', fault({ fault: 'cut', cuts, targets: [] }), about('a', 'b'), true],
    ['a cut, against it', fault({ fault: 'cut', cuts, targets: [] }), about('b', 'a'), true],
    ['a cut, beside it', fault({ fault: 'cut', cuts, targets: ['c'] }), about('a', 'c'), false],
    ['a kill that is to come', fault({ fromMs: 15_001 }), about('a', 'c'), false],
    ['a kill just over', fault({ toMs: 14_000 }), about('a', 'c', 14_000 + aftermathMs), true],
    ['a kill long over', fault({ toMs: 14_000 }), about('a', 'c', 14_001 + aftermathMs), false],
  ])('%s: %#', (_, window, verdict, explained) => {
    assert.equal(isExplained([window], verdict), explained);
  });
});

describe('chaos/verdict: false verdicts and blast radius', () => {
  it('names who was suspected or declared dead without a reason, by whom and when', () => {
    const { falseSuspicions, falseDeaths, blastRadius } = figuresOf(
      timeline({
        windows: [fault({ toMs: 20_000 })],
        entries: [
          said(11_000, 'a', 'c', 'suspect'),
          said(12_000, 'a', 'b', 'suspect'),
          said(13_000, 'a', 'b', 'dead', 'suspect'),
        ],
      }),
    );

    assert.deepEqual(falseSuspicions, [{ atMs: 12_000, observer: 'a', subject: 'b' }]);
    assert.deepEqual(falseDeaths, [{ atMs: 13_000, observer: 'a', subject: 'b' }]);
    assert.deepEqual(blastRadius, ['b']);
  });

  it('does not count what an agent only tells when it is asked', () => {
    assert.deepEqual(figuresOf(timeline({ entries: [said(1, 'a', 'b', 'dead', null)] })).falseDeaths, []);
  });

  it('leaves the targets out of the blast radius, wrongly suspected or not', () => {
    const windows = [fault({ fault: 'loss', targets: ['b'] })];

    const figures = figuresOf(timeline({ windows, entries: [said(12_000, 'a', 'b', 'suspect')] }));

    assert.lengthOf(figures.falseSuspicions, 1);
    assert.deepEqual(figures.blastRadius, []);
  });
});

describe('chaos/verdict: healing', () => {
  const dead = [said(15_000, 'a', 'c', 'dead'), said(16_000, 'b', 'c', 'dead')];

  it('lasts from the end of the last fault until the last one sees all alive', () => {
    const windows = [fault({ toMs: 20_000 }), fault({ fault: 'loss', toMs: 25_000 })];
    const entries = [
      ...allAlive,
      ...dead,
      said(21_000, 'a', 'c', 'alive', 'dead'),
      said(27_500, 'b', 'c', 'alive', 'dead'),
    ];

    assert.equal(figuresOf(timeline({ windows, entries })).healedAfterMs, 2_500);
  });

  it('takes no time when nobody was missed', () => {
    assert.equal(
      figuresOf(timeline({ windows: [fault({ toMs: 20_000 })], entries: allAlive })).healedAfterMs,
      0,
    );
  });

  it('never ends when somebody stays dead, or is not spoken of', () => {
    const windows = [fault({ toMs: 20_000 })];

    assert.notProperty(figuresOf(timeline({ windows, entries: [...allAlive, ...dead] })), 'healedAfterMs');
    assert.notProperty(figuresOf(timeline({ windows, entries: allAlive.slice(1) })), 'healedAfterMs');
  });

  it('counts from the last time that all were well', () => {
    const windows = [fault({ toMs: 20_000 })];
    const entries = [
      ...allAlive,
      said(22_000, 'a', 'b', 'suspect'),
      said(24_000, 'a', 'b', 'alive', 'suspect'),
    ];

    assert.equal(figuresOf(timeline({ windows, entries })).healedAfterMs, 4_000);
  });
});

describe('chaos/verdict: divergence', () => {
  const roots = (atMs: number, ...values: readonly string[]) =>
    values.map((value, index) => root(atMs, 'abc'[index] ?? '', value));

  it('lasts from the first difference until all are equal again', () => {
    const entries = [
      ...roots(0, 'x', 'x', 'x'),
      root(5_000, 'a', 'y'),
      root(6_000, 'b', 'z'),
      ...roots(9_000, 'z', 'z', 'z'),
    ];

    const { divergences, divergedMaxMs } = figuresOf(timeline({ entries }));

    assert.deepEqual(divergences, [{ fromMs: 5_000, toMs: 9_000, rootsMaxCount: 3 }]);
    assert.equal(divergedMaxMs, 4_000);
  });

  it('has no end when they still differ', () => {
    const { divergences, divergedMaxMs } = figuresOf(timeline({ entries: roots(50_000, 'x', 'y') }));

    assert.deepEqual(divergences, [{ fromMs: 50_000, rootsMaxCount: 2 }]);
    assert.equal(divergedMaxMs, 10_000);
  });

  it('does not compare with an agent whose process is gone', () => {
    const entries = [...roots(0, 'x', 'x', 'x'), process(1_000, 'c', false), ...roots(2_000, 'y', 'y')];

    assert.deepEqual(figuresOf(timeline({ entries })).divergences, [
      { fromMs: 2_000, toMs: 2_000, rootsMaxCount: 2 },
    ]);
  });
});
