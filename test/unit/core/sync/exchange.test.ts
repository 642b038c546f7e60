import { assert, describe, it } from 'vitest';
import { Ledger } from '../../../../src/core/record/ledger.ts';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import type { VerifiedClaim } from '../../../../src/core/swim/claim.ts';
import { SyncExchange, type SyncSettings } from '../../../../src/core/sync/exchange.ts';
import { digestsPerFrameMaxCount, type SyncMessage, shortDigest } from '../../../../src/core/sync/message.ts';
import { record } from '../../../record-builder.ts';

type Message = SyncMessage<VerifiedRecord, VerifiedClaim>;

class Side {
  readonly name: string;
  readonly ledger = new Ledger();
  readonly exchange: SyncExchange;
  isInStep = false;

  constructor(name: string, records: readonly VerifiedRecord[] = [], settings: Partial<SyncSettings> = {}) {
    this.name = name;
    for (const each of records) this.ledger.admit(each);
    this.exchange = new SyncExchange(settings, { self: name, ledger: this.ledger });
  }

  hear(from: string, message: Message, monoMs = 0): readonly Message[] {
    if (message.type === 'claims' || message.type === 'look') assert.fail('no part of an exchange');
    if (message.type === 'records') {
      for (const each of message.records) {
        if (this.exchange.takeAsked(from, each.digest)) this.ledger.admit(each);
      }
    }
    const { send, inStep } =
      message.type === 'records'
        ? this.exchange.arrived(from, message.last, monoMs)
        : this.exchange.receive(from, message, monoMs);
    this.isInStep ||= inStep;
    return send;
  }
}

/** Delivers in order, both ways, until nobody has anything more to say; answers with what was said. */
function talk(a: Side, b: Side, opening: readonly Message[]): readonly string[] {
  const said: string[] = [];
  const queue = opening.map(message => ({ to: b, from: a, message }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    said.push(`${next.from.name} ${next.message.type}`);
    assert.isBelow(said.length, 5_000, 'they never stop');
    for (const message of next.to.hear(next.from.name, next.message)) {
      queue.push({ to: next.from, from: next.to, message });
    }
  }
  return said;
}

function records(author: string, count: number, wireBytes = 0): VerifiedRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    ...record({ author, subject: `${author}-${i}`, sequence: i + 1 }),
    wire: new Uint8Array(wireBytes),
  }));
}

describe('core/sync/exchange', () => {
  const shared = records('shared', 5);

  it('ends with one summary where the tables are equal', () => {
    const [a, b] = [new Side('a', shared), new Side('b', [...shared].reverse())];

    assert.deepEqual(talk(a, b, [a.exchange.begin()]), ['a summary']);
    assert.isTrue(b.isInStep);
  });

  for (const [first, second] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    it(`brings each what it lacks when ${first} begins`, () => {
      const one = new Side(first, [...shared, ...records(first, 7)]);
      const other = new Side(second, [...shared, ...records(second, 3)]);

      const said = talk(one, other, [one.exchange.begin()]);

      assert.equal(one.ledger.fingerprint, other.ledger.fingerprint);
      assert.equal(one.ledger.recordsCount, 15);
      assert.isTrue(one.isInStep && other.isInStep);
      assert.isTrue(said.includes('a have'), 'the smaller id lists');
      assert.deepEqual([one.exchange.sessionsCount, other.exchange.sessionsCount], [0, 0]);
    });
  }

  it('fills an empty table', () => {
    const [a, b] = [new Side('a'), new Side('b', shared)];

    talk(a, b, [a.exchange.begin()]);

    assert.equal(a.ledger.fingerprint, b.ledger.fingerprint);
  });

  it('lists and asks in several frames where one is not enough', () => {
    const count = digestsPerFrameMaxCount + 1;
    const [a, b] = [new Side('a', records('many', count)), new Side('b', records('few', 2))];

    const said = talk(b, a, [b.exchange.begin()]);

    assert.equal(b.ledger.recordsCount, count + 2);
    assert.equal(a.ledger.fingerprint, b.ledger.fingerprint);
    assert.lengthOf(
      said.filter(each => each === 'b want'),
      Math.ceil(count / 150),
    );
  });

  it('brings everything once also when both begin at the same time', () => {
    const [a, b] = [new Side('a', records('x', 700)), new Side('b', records('y', 500))];

    const both = a.exchange.begin();
    const queue: [Side, Side, Message][] = [
      [a, b, both],
      [b, a, b.exchange.begin()],
    ];
    const brought: string[] = [];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [from, to, message] = next;
      if (message.type === 'records') brought.push(...message.records.map(each => each.digest));
      queue.push(...to.hear(from.name, message).map(answer => [to, from, answer] as [Side, Side, Message]));
    }

    assert.equal(a.ledger.recordsCount, 1_200);
    assert.equal(a.ledger.fingerprint, b.ledger.fingerprint);
    assert.lengthOf(brought, new Set(brought).size, 'nothing twice');
    assert.isTrue(a.isInStep && b.isInStep);
  });

  it('keeps each frame of records within bytes, and marks the last', () => {
    const large = records('large', 40, 4_000);
    const side = new Side('a', large);

    const frames = side.hear('b', { type: 'want', digests: large.map(each => shortDigest(each.digest)) });

    const sizes = frames.map(frame =>
      frame.type === 'records' ? frame.records.reduce((sum, each) => sum + each.wire.length, 0) : 0,
    );
    assert.isAtMost(Math.max(...sizes), 56 * 1_024);
    assert.deepEqual(
      frames.map(frame => frame.type === 'records' && frame.last),
      [false, false, true],
    );
    assert.equal(
      sizes.reduce((sum, size) => sum + size),
      160_000,
    );
  });

  it('serves a bounded number at once, each once, and nothing it does not have', () => {
    const many = records('many', 30);
    const side = new Side('a', many, { wantMaxCount: 10 });
    const digests = many.map(each => shortDigest(each.digest));

    const [frame] = side.hear('b', { type: 'want', digests });
    const [twice] = side.hear('b', { type: 'want', digests: [digests[0] ?? '', digests[0] ?? ''] });
    const [nothing] = side.hear('b', { type: 'want', digests: ['ff'.repeat(8)] });

    assert.equal(frame?.type === 'records' && frame.records.length, 10);
    assert.equal(twice?.type === 'records' && twice.records.length, 1);
    assert.deepEqual(nothing, { type: 'records', records: [], last: true });
  });

  it('expects what it asked for, once, and nothing else', () => {
    const [mine, theirs] = [new Side('b'), records('x', 2)];
    const [first, second] = theirs as [VerifiedRecord, VerifiedRecord];
    mine.hear('a', { type: 'have', digests: [shortDigest(first.digest)], last: true, answer: true });

    assert.isFalse(mine.exchange.takeAsked('a', second.digest), 'never listed');
    assert.isFalse(mine.exchange.takeAsked('c', first.digest), 'asked of another');
    assert.isTrue(mine.exchange.takeAsked('a', first.digest));
    assert.isFalse(mine.exchange.takeAsked('a', first.digest), 'taken');
  });

  it('goes on although an answer lacks what is no longer there', () => {
    const side = new Side('b', [], { wantMaxCount: 1 });
    const digests = ['aa'.repeat(8), 'bb'.repeat(8)];
    side.hear('a', { type: 'have', digests, last: true, answer: false });

    const next = side.hear('a', { type: 'records', records: [], last: true });

    assert.deepEqual(next, [{ type: 'want', digests: ['bb'.repeat(8)] }]);
    side.hear('a', { type: 'records', records: [], last: true });
    assert.equal(side.exchange.sessionsCount, 0);
    assert.isTrue(side.isInStep);
  });

  it('drops an exchange that stalls', () => {
    const side = new Side('b', [], { stallMs: 1_000 });
    side.hear('a', { type: 'have', digests: ['aa'.repeat(8)], last: false, answer: true }, 0);

    side.exchange.tick(1_000);
    assert.equal(side.exchange.sessionsCount, 1);
    side.exchange.tick(1_001);

    assert.equal(side.exchange.sessionsCount, 0);
    assert.deepEqual(side.hear('a', { type: 'records', records: [], last: true }), []);
  });

  it('forgets a peer that is gone', () => {
    const side = new Side('b');
    side.hear('a', { type: 'have', digests: [], last: false, answer: true });

    side.exchange.peerGone('a');

    assert.equal(side.exchange.sessionsCount, 0);
  });

  it('takes a bounded list from a peer', () => {
    const side = new Side('b', [], { listedMaxCount: 3, wantMaxCount: 100 });
    const digests = Array.from({ length: 10 }, (_, i) => i.toString(16).padStart(16, '0'));
    side.hear('a', { type: 'have', digests, last: false, answer: false });

    const [want] = side.hear('a', { type: 'have', digests: ['ee'.repeat(8)], last: true, answer: false });

    assert.deepEqual(want, { type: 'want', digests: digests.slice(0, 3) });
  });

  it('asks a bounded number of times of a peer that lists and lists and brings nothing', () => {
    const side = new Side('b');

    const wants = Array.from({ length: 50 }, (_, i) =>
      side.hear('a', {
        type: 'have',
        digests: [i.toString(16).padStart(16, '0')],
        last: true,
        answer: false,
      }),
    ).flat();

    assert.lengthOf(wants, 4);
  });
});
