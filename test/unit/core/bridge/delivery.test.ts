import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { MemoryDeliveries } from '../../../../src/core/bridge/delivery.ts';
import type { PeerOutcome } from '../../../../src/core/bridge/outcome.ts';
import type { Effect } from '../../../../src/core/effects.ts';

const well: PeerOutcome = { ok: true, latencyMs: 1, peers: [], leftOutCount: 0 };

function failed(status?: number): PeerOutcome {
  const reason = status === undefined ? 'timeout' : 'status';
  return { ok: false, reason, detail: reason, latencyMs: 1, ...(status === undefined ? {} : { status }) };
}

/** Remembers what was asked for, and answers it. */
class Bench {
  readonly deliveries: MemoryDeliveries;
  readonly sent: string[] = [];
  readonly #underWay = new Map<string, string>();

  constructor(maxCount?: number) {
    this.deliveries = new MemoryDeliveries({ random: { next: () => 0.5 } }, maxCount);
  }

  enqueue(url: string, subject: string, payload: string): void {
    const delivery = {
      receiver: `http:${url}`,
      subject,
      priority: 'normal',
      kind: 'registration',
      payload,
    } as const;
    this.#take(this.deliveries.enqueue(delivery));
  }

  due(monoMs: number): void {
    this.#take(this.deliveries.due(monoMs));
  }

  answer(url: string, outcome: PeerOutcome, monoMs = 0): void {
    const key = this.#underWay.get(url);
    if (key === undefined) throw new TypeError(`nothing is under way to ${url}`);
    this.#underWay.delete(url);
    this.#take(this.deliveries.answered(key, outcome, monoMs));
  }

  isUnderWay(url: string): boolean {
    return this.#underWay.has(url);
  }

  #take(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'register-with') throw new TypeError(effect.type);
      assert.isFalse(this.#underWay.has(effect.url), 'one at a time');
      this.#underWay.set(effect.url, effect.key);
      this.sent.push(`${effect.url} ${effect.body}`);
    }
  }
}

describe('core/bridge/delivery', () => {
  it('sends at once to who is free, one at a time to each, in order', () => {
    const bench = new Bench();
    bench.enqueue('p', 'a', 'a1');
    bench.enqueue('p', 'b', 'b1');
    bench.enqueue('q', 'a', 'a1');

    assert.deepEqual(bench.sent, ['p a1', 'q a1']);
    bench.answer('p', well);
    assert.deepEqual(bench.sent, ['p a1', 'q a1', 'p b1']);
  });

  it('keeps the latest about each subject only', () => {
    const bench = new Bench();
    for (const payload of ['a1', 'a2', 'a3']) bench.enqueue('p', 'a', payload);

    bench.answer('p', well);
    bench.answer('p', well);

    assert.deepEqual(bench.sent, ['p a1', 'p a3']);
    assert.equal(bench.deliveries.count, 0);
  });

  it('tries a failed one again after its pause, unless there is a later one by then', () => {
    const bench = new Bench();
    bench.enqueue('p', 'a', 'a1');
    bench.answer('p', failed(), 0);
    bench.due(499);
    assert.deepEqual(bench.sent, ['p a1']);
    bench.due(500);
    bench.enqueue('p', 'a', 'a2');
    bench.answer('p', failed(503), 500);

    bench.due(1_499);
    assert.deepEqual(bench.sent, ['p a1', 'p a1']);
    bench.due(1_500);

    assert.deepEqual(bench.sent, ['p a1', 'p a1', 'p a2']);
  });

  it.each([
    [400, 1],
    [403, 1],
    [404, 1],
    [409, 0],
  ])('gives up what is answered with %i, and counts %i as lost', (status, expected) => {
    const bench = new Bench();
    bench.enqueue('p', 'a', 'a1');
    bench.enqueue('p', 'b', 'b1');

    bench.answer('p', failed(status));

    assert.deepEqual(bench.sent, ['p a1', 'p b1']);
    assert.equal(bench.deliveries.droppedCount, expected);
  });

  it.each([[408], [429], [500], [undefined]])('goes on with what is answered with %s', status => {
    const bench = new Bench();
    bench.enqueue('p', 'a', 'a1');

    bench.answer('p', failed(status));

    assert.equal(bench.deliveries.count, 1);
    assert.equal(bench.deliveries.droppedCount, 0);
  });

  it('drops and counts what is beyond its limit, and still takes what replaces another', () => {
    const bench = new Bench(1);
    bench.enqueue('p', 'a', 'a1');
    bench.enqueue('p', 'b', 'b1');
    bench.enqueue('p', 'c', 'c1');
    bench.enqueue('p', 'b', 'b2');

    bench.answer('p', well);

    assert.deepEqual(bench.sent, ['p a1', 'p b2']);
    assert.equal(bench.deliveries.droppedCount, 1);
  });

  it('forgets a receiver with all that waits for it, and what it answers later', () => {
    const bench = new Bench();
    bench.enqueue('p', 'a', 'a1');
    bench.enqueue('p', 'b', 'b1');

    bench.deliveries.forget('http:p');
    bench.answer('p', failed());
    bench.due(1e9);

    assert.deepEqual(bench.sent, ['p a1']);
    assert.equal(bench.deliveries.count, 0);
  });

  it('brings every receiver the latest of each subject in the end, whatever fails meanwhile', () => {
    const step = fc.oneof(
      fc.record({ url: fc.constantFrom('p', 'q'), subject: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ url: fc.constantFrom('p', 'q'), ok: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const bench = new Bench();
        const wanted = new Map<string, string>();
        const got = new Map<string, string>();
        let monoMs = 0;
        const answer = (url: string, ok: boolean) => {
          if (!bench.isUnderWay(url)) return;
          const body = bench.sent.findLast(each => each.startsWith(`${url} `))?.slice(2) ?? '';
          if (ok) got.set(`${url} ${body[0]}`, body);
          bench.answer(url, ok ? well : failed(), monoMs);
        };
        for (const [number, each] of steps.entries()) {
          monoMs += 300;
          bench.due(monoMs);
          if ('subject' in each) {
            const payload = `${each.subject}${number}`;
            wanted.set(`${each.url} ${each.subject}`, payload);
            bench.enqueue(each.url, each.subject, payload);
          } else answer(each.url, each.ok);
        }

        for (let i = 0; i < 20; i++) {
          monoMs += 60_000;
          bench.due(monoMs);
          answer('p', true);
          answer('q', true);
        }

        assert.deepEqual(new Map([...got].sort()), new Map([...wanted].sort()));
        assert.equal(bench.deliveries.count, 0);
      }),
    );
  });
});
