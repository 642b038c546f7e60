import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { refsPerFrameMaxCount } from '../../../../src/core/sync/message.ts';
import { frameMaxBytes } from '../../../../src/runtime/ports.ts';
import { at, departure, record, seen, startWallMs, time } from '../../../record-builder.ts';
import { bytesOf, dayMs, type Message, records, Side, talk } from './side.ts';

const shared = records('shared', 5);

function typesOf(said: ReturnType<typeof talk>): readonly string[] {
  return said.map(
    ({ from, message }) => `${from} ${message.type === 'close' ? message.reason : message.type}`,
  );
}

describe('core/sync/exchange', () => {
  it('ends with one frame each where the tables are equal', () => {
    const [a, b] = [new Side('a', shared), new Side('b', [...shared].reverse())];

    const said = talk(a, b);

    assert.deepEqual(typesOf(said), ['a open', 'b same']);
    assert.isTrue(a.isInStep && b.isInStep);
    assert.isBelow(bytesOf(said), 250);
  });

  for (const [first, second] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    it(`brings each what it lacks when ${first} begins`, () => {
      const one = new Side(first, [...shared, ...records(first, 7)]);
      const other = new Side(second, [...shared, ...records(second, 3)]);

      talk(one, other);

      assert.equal(one.root, other.root);
      assert.equal(one.ledger.recordsCount, 15);
      assert.isTrue(one.isInStep && other.isInStep);
      assert.deepEqual([one.exchange.sessionsCount, other.exchange.sessionsCount], [0, 0]);
    });
  }

  it('fills an empty table, whoever begins', () => {
    for (const isEmptyFirst of [true, false]) {
      const [empty, full] = [new Side('a'), new Side('b', records('many', 3_000))];

      const said = isEmptyFirst ? talk(empty, full) : talk(full, empty);

      assert.equal(empty.root, full.root);
      assert.isTrue(empty.isInStep);
      assert.isBelow(Math.max(...said.map(({ bytes }) => bytes)), frameMaxBytes);
    }
  });

  it('offers in several frames, each only when the one before has been taken', () => {
    const [a, b] = [
      new Side('a', records('many', refsPerFrameMaxCount + 1)),
      new Side('b', records('few', 1)),
    ];

    const said = typesOf(talk(a, b)).filter(each => each === 'a offer' || each === 'b took');

    assert.deepEqual(said, ['a offer', 'b took', 'a offer', 'b took']);
    assert.equal(a.root, b.root);
  });

  for (const [differingCount, maxBytes] of [
    [1, 3 * 1_024],
    [10, 12 * 1_024],
    [100, 70 * 1_024],
  ] as const) {
    it(`takes at most ${maxBytes} bytes and four rounds to bring ${differingCount} of 5,000 records`, () => {
      const base = records('base', 5_000);
      const news = records('news', differingCount);
      const half = Math.ceil(differingCount / 2);
      const [a, b] = [
        new Side('a', [...base, ...news.slice(half)]),
        new Side('b', [...base, ...news.slice(0, half)]),
      ];

      const said = talk(a, b);

      assert.equal(a.root, b.root);
      assert.isBelow(bytesOf(said), maxBytes);
      assert.isAtMost(a.ends[0]?.rounds ?? 99, 4);
    });
  }

  it('brings everything once also when both begin at the same time', () => {
    const [a, b] = [new Side('a', records('x', 700)), new Side('b', records('y', 500))];
    const queue: [Side, Side, Message][] = [
      ...a.begin('b').map(message => [a, b, message] as [Side, Side, Message]),
      ...b.begin('a').map(message => [b, a, message] as [Side, Side, Message]),
    ];
    const brought: string[] = [];

    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [from, to, message] = next;
      if (message.type === 'records') brought.push(...message.records.map(each => each.digest));
      queue.push(...to.hear(from.name, message).map(answer => [to, from, answer] as [Side, Side, Message]));
    }

    assert.equal(a.root, b.root);
    assert.lengthOf(brought, 1_200);
    assert.equal(new Set(brought).size, 1_200);
  });

  it('goes on where it stalled: what has come is not asked for again', () => {
    const [a, b] = [new Side('a'), new Side('b', records('many', 1_000))];
    let framesLeft = 3;
    talk(a, b, a.begin('b'), (_from, message) => {
      if (message.type !== 'records') return message;
      framesLeft -= 1;
      return framesLeft >= 0 ? message : undefined;
    });
    const arrived = a.ledger.recordsCount;
    for (const side of [a, b]) {
      side.monoMs = 6_000;
      side.exchange.tick(side.monoMs);
    }

    const said = talk(a, b);

    assert.isAbove(arrived, 0);
    assert.equal(a.root, b.root);
    const brought = said.flatMap(({ message }) => (message.type === 'records' ? message.records : []));
    assert.lengthOf(brought, 1_000 - arrived);
  });

  it('drops an exchange without progress, and one that takes too long', () => {
    const a = new Side('a', shared);
    a.begin('b');

    assert.isEmpty(a.exchange.tick(4_999));
    assert.deepEqual(
      a.exchange.tick(5_001).map(({ ended }) => ended.outcome),
      ['stalled'],
    );
    assert.equal(a.exchange.sessionsCount, 0);
  });

  it('is twice as patient with a peer after each stall, up to four times, and with nobody who asks', () => {
    const a = new Side('a', shared);
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      a.begin('b');
      a.hear('c', new Side('c').begin('a')[0] as Message);
      const startMs = a.monoMs;
      let ended: readonly string[] = [];
      while (!ended.includes('b')) {
        a.monoMs += 1_000;
        ended = a.exchange.tick(a.monoMs).map(({ peer }) => peer);
        if (ended.includes('c')) assert.equal(a.monoMs - startMs, 6_000);
      }
      waits.push((a.monoMs - startMs) / 1_000);
    }

    a.exchange.peerGone('b');
    a.begin('b');

    assert.deepEqual(waits, [6, 11, 21, 21, 21]);
    assert.lengthOf(a.exchange.tick(a.monoMs + 5_001), 1);
  });

  it('has four exchanges open for others, and no time for a fifth', () => {
    const server = new Side('server', shared);
    const answers = [1, 2, 3, 4, 5].map(i => {
      const [open] = new Side(`peer-${i}`).begin('server');
      return server.hear(`peer-${i}`, open as Message);
    });

    assert.deepEqual(
      answers.map(([message]) => message?.type),
      ['branches', 'branches', 'branches', 'branches', 'close'],
    );
  });

  it('opens at most four of its own at once', () => {
    const a = new Side('a', shared);

    assert.lengthOf(
      [1, 2, 3, 4, 5].flatMap(i => a.begin(`peer-${i}`)),
      4,
    );
  });

  it('answers nobody who has not opened an exchange', () => {
    const server = new Side('server', shared);
    const refs = server.tree.refs(0, '');

    assert.deepEqual(server.hear('b', { type: 'want', refs }), [{ type: 'close', reason: 'busy' }]);
    assert.deepEqual(server.hear('b', { type: 'walk', branches: [] }), [{ type: 'close', reason: 'busy' }]);
    assert.isEmpty(server.hear('b', { type: 'offer', refs }));
  });

  it('takes a record once, and only from whom it asked', () => {
    const [a, b] = [new Side('a'), new Side('b', shared)];
    const wanted: VerifiedRecord[] = [];
    talk(a, b, a.begin('b'), (_from, message) => {
      if (message.type !== 'records') return message;
      wanted.push(...message.records);
      return undefined;
    });
    const [first] = wanted as [VerifiedRecord];

    assert.isFalse(a.exchange.takeAsked('c', first));
    assert.isTrue(a.exchange.takeAsked('b', first));
    assert.isFalse(a.exchange.takeAsked('b', first));
  });

  for (const author of ['host', 'another'])
    it(`tells a peer that lists what has departed, by the word of ${author}, too long ago to be compared`, () => {
      const entry = record({ author: 'host', time: time(-2 * dayMs) });
      const body = departure('deregistered');
      const gone = record({ author, sequence: 2, context: seen(entry), body, time: time(-dayMs) });
      const [knows, lists] = [
        new Side('a', [...shared, entry, gone]),
        new Side('b', [...shared, entry, ...records('b', 1)]),
      ];

      talk(knows, lists);

      assert.equal(lists.ledger.resolution('svc').winner, gone);
      assert.equal(knows.root, lists.root);
    });

  it('does not compare departures that one of the two may have forgotten', () => {
    const old = {
      ...record({
        subject: 'old',
        body: departure('left'),
        time: { wallMs: startWallMs - dayMs, counter: 0 },
      }),
      wire: new Uint8Array(9),
    };
    const recent = {
      ...record({
        subject: 'recent',
        sequence: 2,
        body: departure('left'),
        time: { wallMs: startWallMs - dayMs / 2, counter: 0 },
      }),
      wire: new Uint8Array(9),
    };
    const [a, b] = [new Side('a', [...shared, old]), new Side('b', shared)];
    const [c, d] = [new Side('c', [...shared, recent]), new Side('d', shared)];

    assert.deepEqual(typesOf(talk(a, b)), ['a open', 'b same']);
    talk(c, d);
    assert.equal(c.root, d.root);
  });

  it('answers a flood of questions with two hundred a second', () => {
    const server = new Side('server', shared);
    const [open] = new Side('b').begin('server');
    server.hear('b', open as Message);
    const walk: Message = { type: 'walk', branches: [{ epoch: 0, prefix: '' }] };

    const answered = Array.from({ length: 1_000 }, () => server.hear('b', walk)).filter(
      ({ length }) => length > 0,
    );

    assert.lengthOf(answered, 399);
  });
});

let rootsCount = 0;

function nextRoot(): string {
  rootsCount += 1;
  return rootsCount.toString(16).padStart(32, '0');
}

/** Each twists what an honest peer says in one way. */
const lies: Readonly<
  Record<string, { readonly twist: (message: Message) => Message; readonly lie: string | undefined }>
> = {
  'a root that its parts do not hash to': {
    twist: m => (m.type === 'branches' ? { ...m, root: 'f'.repeat(32) } : m),
    lie: 'root',
  },
  'a branch that does not hash to what was said of it': {
    twist: m =>
      m.type === 'branches'
        ? {
            ...m,
            nodes: m.nodes.map((node, i) =>
              i === 1 ? { ...node, children: ['a'.repeat(32), ...node.children.slice(1)] } : node,
            ),
          }
        : m,
    lie: 'branch',
  },
  'a leaf that does not hash to what was said of it': {
    twist: m =>
      m.type === 'branches'
        ? {
            ...m,
            leaves: m.leaves.map(leaf => ({ ...leaf, digests: [...leaf.digests, 'f'.repeat(32)].sort() })),
          }
        : m,
    lie: 'leaf',
  },
  'the same branch twice': {
    twist: m => (m.type === 'branches' ? { ...m, nodes: [...m.nodes, ...m.nodes] } : m),
    lie: 'unasked',
  },
  'a branch that nobody asked for': {
    twist: m =>
      m.type === 'branches'
        ? {
            ...m,
            nodes: [
              ...m.nodes,
              { epoch: 77, prefix: 'ab', children: Array<string>(16).fill('b'.repeat(32)) },
            ],
          }
        : m,
    lie: 'unasked',
  },
  'parts of a leaf that go back': {
    twist: m =>
      m.type === 'branches'
        ? {
            ...m,
            leaves: m.leaves.map(leaf => ({
              ...leaf,
              digests: [...leaf.digests, '0'.repeat(32)],
              last: false,
            })),
          }
        : m,
    lie: 'leaf',
  },
  'nothing at all': {
    twist: m => (m.type === 'branches' && m.tops === undefined ? { ...m, nodes: [], leaves: [] } : m),
    lie: undefined,
  },
  'always another root': {
    twist: m => (m.type === 'branches' && m.tops === undefined ? { ...m, root: nextRoot() } : m),
    lie: undefined,
  },
  'leaves without end': {
    twist: m =>
      m.type === 'branches'
        ? {
            ...m,
            leaves: m.leaves.map(leaf => {
              // Always a little further on, and never the last.
              const next = (BigInt(`0x${leaf.after || '0'}`) + 1n).toString(16).padStart(32, '0');
              return { ...leaf, digests: [next], last: false };
            }),
          }
        : m,
    lie: 'withheld',
  },
};

describe('core/sync/exchange with a liar', () => {
  for (const [title, { twist, lie }] of Object.entries(lies)) {
    it(`bears ${title}${lie === undefined ? '' : `, and notices the lie (${lie})`}`, () => {
      const [honest, liar] = [
        new Side('a', shared, { listedMaxCount: 500 }),
        new Side('b', records('many', 300)),
      ];
      const before = honest.ledger.recordsCount;

      const said = talk(honest, liar, honest.begin('b'), (from, message) =>
        from === 'b' ? twist(message) : message,
      );

      assert.deepEqual(honest.lies, lie === undefined ? [] : [lie as never]);
      assert.isBelow(bytesOf(said), 1_024 * 1_024);
      assert.isAtLeast(honest.ledger.recordsCount, before);
      honest.monoMs = 61_000;
      honest.exchange.tick(honest.monoMs);
      assert.equal(honest.exchange.sessionsCount, 0);
    });
  }

  it('forgives a record that is gone when it is asked for, and not twice', () => {
    const [honest, liar] = [new Side('a', shared), new Side('b', records('many', 3))];
    const keepBack = (_from: string, message: Message): Message =>
      message.type === 'records' ? { ...message, records: message.records.slice(1) } : message;

    talk(honest, liar, honest.begin('b'), keepBack);
    const once = [...honest.lies];
    talk(honest, liar, honest.begin('b'), keepBack);

    assert.isEmpty(once);
    assert.deepEqual(honest.lies, ['withheld']);
  });

  it('walks no further than a peer may list', () => {
    const [honest, liar] = [new Side('a', [], { listedMaxCount: 200 }), new Side('b', records('many', 300))];
    let digestsCount = 0;
    const endless = (message: Message): Message => {
      if (message.type === 'records') return { ...message, records: [] };
      if (message.type !== 'branches') return message;
      const leaves = message.leaves.map(leaf => {
        digestsCount += 1;
        return { ...leaf, digests: [digestsCount.toString(16).padStart(32, 'a')], last: false };
      });
      return {
        ...message,
        leaves: leaves.map(leaf =>
          (leaf.digests[0] as string) > leaf.after ? leaf : { ...leaf, digests: ['f'.repeat(32)] },
        ),
      };
    };

    const said = talk(honest, liar, honest.begin('b'), (from, message) =>
      from === 'b' ? endless(message) : message,
    );

    assert.isBelow(said.length, 50);
    assert.isBelow(bytesOf(said), 100 * 1_024);
  });

  it('does not take a table that changes meanwhile for a lie', () => {
    const [a, b] = [new Side('a'), new Side('b', records('many', 500))];
    let more = 0;

    talk(a, b, a.begin('b'), (from, message) => {
      if (from === 'a' && message.type === 'walk') {
        more += 1;
        const [news] = records(`news-${more}`, 1);
        if (news !== undefined) b.ledger.admit(news);
      }
      return message;
    });

    assert.isAbove(more, 0);
    assert.isEmpty(a.lies);
    assert.isAtLeast(a.ledger.recordsCount, 500);
  });

  it('keeps what a peer offers within the limit of an exchange', () => {
    const server = new Side('server', shared, { listedMaxCount: 10 });
    const liar = new Side('b', records('made-up', 100));
    const [open] = liar.begin('server');
    server.hear('b', open as Message);

    const asked = server.hear('b', { type: 'offer', refs: liar.tree.refs(0, '') });

    assert.equal(
      asked.reduce((sum, message) => sum + (message.type === 'want' ? message.refs.length : 0), 0),
      10,
    );
    assert.isEmpty(server.hear('b', { type: 'offer', refs: liar.tree.refs(0, '') }), 'one offer at a time');
  });

  it('says since which epoch it compares', () => {
    const a = new Side('a', shared);

    const [open] = a.begin('b');

    assert.deepInclude(open as object, { type: 'open', since: a.exchange.since(at(0)), entries: 5 });
  });
});
