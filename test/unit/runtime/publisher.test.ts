import { assert, describe, it } from 'vitest';
import { gossipMaxBytes } from '../../../src/runtime/ports.ts';
import { Publisher } from '../../../src/runtime/publisher.ts';
import { record, Speaker } from '../../record-builder.ts';
import { FakeClock, FakeNetwork } from './fake-ports.ts';

class Bench {
  readonly me = new Speaker(1);
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork();
  readonly codec = this.me.codec;
  readonly publisher = new Publisher(this);

  say(count: number) {
    return Array.from({ length: count }, (_, i) => this.me.say({ subject: `svc-${i}` }));
  }

  /** Ids in each message that was published. */
  published(): readonly (readonly string[] | undefined)[] {
    return this.network.published.map(bytes => this.codec.decodeGossip(bytes)?.records.map(r => r.subject));
  }
}

describe('runtime/publisher', () => {
  it('gathers the records of one turn in one message, in order', () => {
    const bench = new Bench();
    const [first, second, third] = bench.say(3);

    if (first && second && third) {
      bench.publisher.add([first, second]);
      bench.publisher.add([third]);
    }
    const before = bench.published();
    const flushes = bench.clock.soonCount;
    bench.clock.turn();

    assert.deepEqual(before, []);
    assert.equal(flushes, 1);
    assert.deepEqual(bench.published(), [['svc-0', 'svc-1', 'svc-2']]);
  });

  it('starts a new message in the next turn', () => {
    const bench = new Bench();

    for (const each of bench.say(2)) {
      bench.publisher.add([each]);
      bench.clock.turn();
    }

    assert.deepEqual(bench.published(), [['svc-0'], ['svc-1']]);
  });

  for (const { count, messages } of [
    { count: 31, messages: [31] },
    { count: 32, messages: [32] },
    { count: 33, messages: [32, 1] },
    { count: 70, messages: [32, 32, 6] },
  ]) {
    it(`sends ${count} records in messages of ${messages.join(', ')}`, () => {
      const bench = new Bench();
      const records = bench.say(count);

      bench.publisher.add(records);
      bench.clock.turn();

      assert.deepEqual(
        bench.published().map(ids => ids?.length),
        messages,
      );
      assert.deepEqual(
        bench.published().flat(),
        records.map(({ subject }) => subject),
      );
    });
  }

  for (const wireBytes of [2_000, 4_000, 4_096]) {
    it(`keeps messages of records of ${wireBytes} bytes within the limit, and loses none`, () => {
      const bench = new Bench();
      const records = Array.from({ length: 40 }, () => ({ ...record(), wire: new Uint8Array(wireBytes) }));

      bench.publisher.add(records);
      bench.clock.turn();

      const sizes = bench.network.published.map(({ length }) => length);
      assert.isAtMost(Math.max(...sizes), gossipMaxBytes);
      const counts = sizes.map(size => Math.floor(size / wireBytes));
      assert.equal(
        counts.reduce((a, b) => a + b),
        40,
      );
      // Each but the last is as full as it can be.
      for (const size of sizes.slice(0, -1)) assert.isAbove(size + wireBytes + 8, gossipMaxBytes - 40 * 8);
    });
  }

  it('publishes at once when asked to, and nothing twice', () => {
    const bench = new Bench();

    bench.publisher.add(bench.say(1));
    bench.publisher.flush();
    bench.publisher.flush();
    bench.clock.turn();

    assert.deepEqual(bench.published(), [['svc-0']]);
  });

  it('publishes a proof at once, in a message of its own', () => {
    const bench = new Bench();
    const first = bench.me.say({ subject: 'a', sequence: 7 });
    const second = bench.me.say({ subject: 'b', sequence: 7 });

    bench.publisher.addProof({ author: bench.me.peer, first, second });

    const [bytes] = bench.network.published;
    const message = bytes && bench.codec.decodeGossip(bytes);
    assert.deepEqual(
      message?.proofs.map(pair => pair.map(({ digest }) => digest)),
      [[first.digest, second.digest]],
    );
    assert.deepEqual(message?.records, []);
  });
});
