import { assert, describe, it } from 'vitest';
import { PartitionWatch, settleMs, type Watched } from '../../../../src/core/membership/partition.ts';

const hourMs = 3_600_000;

type Kind = 'alive' | 'left' | 'silent' | 'refused' | 'unheard' | 'silent-dead' | 'refused-dead';

function member(kind: Kind, id: string, sinceMonoMs = 0): Watched {
  const state = kind.endsWith('dead') ? 'dead' : kind === 'alive' || kind === 'left' ? kind : 'suspect';
  const suspicion = kind === 'silent' || kind === 'refused' ? {} : undefined;
  return { id, state, sinceMonoMs, isSilent: kind.startsWith('silent'), suspicion };
}

/** `3 alive, 2 silent` */
function members(text: string): readonly Watched[] {
  return text
    .split(', ')
    .filter(part => part !== '')
    .flatMap(part => {
      const [count = '0', kind = ''] = part.split(' ');
      return Array.from({ length: Number(count) }, (_, i) => member(kind as Kind, `${kind}-${i}`));
    });
}

/** Looked at until every change is told. */
function settled(watched: readonly Watched[], monoMs = 0): PartitionWatch {
  const watch = new PartitionWatch({ selfId: 'me' });
  watch.look(watched, monoMs);
  watch.look(watched, monoMs + settleMs);
  return watch;
}

describe('core/membership/partition', () => {
  it.each([
    ['', 'whole', 1, 1, true],
    ['3 alive', 'whole', 4, 4, true],
    ['3 alive, 1 silent', 'whole', 4, 5, true],
    ['3 alive, 2 silent', 'suspected', 4, 6, true],
    ['2 alive, 2 silent', 'suspected', 3, 5, true],
    ['1 alive, 2 silent', 'suspected', 2, 4, false],
    ['1 alive, 3 silent', 'suspected', 2, 5, false],
    ['1 silent', 'isolated', 1, 2, false],
    ['3 silent', 'isolated', 1, 4, false],
    ['3 silent-dead', 'isolated', 1, 4, false],
    ['1 alive, 1 silent, 1 silent-dead', 'suspected', 2, 4, false],
    // Who left, or whose process has ended, is not missed.
    ['1 alive, 5 left', 'whole', 2, 2, true],
    ['5 left', 'whole', 1, 1, true],
    ['5 refused-dead', 'whole', 1, 1, true],
    ['2 alive, 5 refused-dead', 'whole', 3, 3, true],
    // Expected back at any moment, or not heard of yet: reachable they are not, but nothing says that they are cut off.
    ['1 alive, 2 refused', 'whole', 2, 4, false],
    ['1 alive, 3 unheard', 'whole', 2, 5, false],
    ['3 unheard', 'whole', 1, 4, false],
    // In a large cluster two may die at the same time.
    ['18 alive, 2 silent', 'suspected', 19, 21, true],
    ['19 alive, 2 silent', 'whole', 20, 22, true],
    ['99 alive, 10 silent', 'whole', 100, 110, true],
    ['99 alive, 11 silent', 'suspected', 100, 111, true],
  ] as const)('of %j is %s: %i of %i, majority %s', (text, state, reachable, known, isMajority) => {
    const watched = members(text);

    const view = settled(watched).view(watched, settleMs);

    assert.deepInclude(view, { state, reachable, known, isMajority });
  });

  it('names both sides, in order, and only then', () => {
    const watched = [
      member('alive', 'b'),
      member('silent', 'z'),
      member('silent-dead', 'a'),
      member('alive', 'm'),
    ];

    const view = settled(watched).view(watched, 5_000 + settleMs);

    assert.deepInclude(view, { here: ['b', 'm', 'me'], there: ['a', 'z'], sinceMs: 5_000 });
    const whole = members('2 alive, 1 silent');
    assert.deepInclude(settled(whole).view(whole, 0), { here: [], there: [] });
    assert.notProperty(settled(whole).view(whole, 0), 'sinceMs');
  });

  it('is told once it has held for a second, and then not again', () => {
    const watch = new PartitionWatch({ selfId: 'me' });
    const watched = members('1 alive, 2 silent');

    const told = [0, 500, settleMs - 1, settleMs, 5_000].map(monoMs => watch.look(watched, monoMs)?.state);

    assert.deepEqual(told, [undefined, undefined, undefined, 'suspected', undefined]);
  });

  it('tells who is reachable of members that can be walked once', () => {
    const watch = new PartitionWatch({ selfId: 'me' });
    const watched = () => members('1 alive, 2 silent').values();
    watch.look(watched(), 0);

    const change = watch.look(watched(), settleMs);

    assert.deepInclude(change?.view, { reachable: 2, known: 4, there: ['silent-0', 'silent-1'] });
  });

  it('is not told for a hiccup', () => {
    const watch = new PartitionWatch({ selfId: 'me' });
    const [well, ill] = [members('3 alive'), members('1 alive, 2 silent')];

    const told = [ill, well, ill, well].map((watched, i) => watch.look(watched, i * 600));

    assert.deepEqual(told, Array(4).fill(undefined));
  });

  it('goes from suspected to isolated, and heals', () => {
    const watch = new PartitionWatch({ selfId: 'me' });
    const stages = ['1 alive, 2 silent', '3 silent', '3 alive'].map(members);

    const told = stages.map((watched, i) => {
      watch.look(watched, i * 10_000);
      return watch.look(watched, i * 10_000 + settleMs);
    });

    assert.deepEqual(
      told.map(change => change?.state),
      ['suspected', 'isolated', 'healed'],
    );
    assert.deepInclude(told[2]?.view, { state: 'whole', reachable: 4, known: 4 });
  });

  it('misses the silent dead for an hour', () => {
    const watched = [
      member('silent-dead', 'a', 1_000),
      member('silent-dead', 'b', 1_000),
      member('alive', 'c'),
    ];
    const watch = settled(watched, 1_000);

    assert.equal(watch.look(watched, 1_000 + hourMs), undefined);
    watch.look(watched, 1_001 + hourMs);

    assert.equal(watch.look(watched, 1_001 + hourMs + settleMs)?.state, 'healed');
  });

  it('does not miss whose name has a new holder', () => {
    const watched = [
      member('silent-dead', 'a'),
      member('alive', 'a'),
      member('silent-dead', 'b'),
      member('alive', 'b'),
      member('alive', 'c'),
    ];

    assert.deepInclude(settled(watched).view(watched, settleMs), { state: 'whole', reachable: 4, known: 4 });
  });
});
