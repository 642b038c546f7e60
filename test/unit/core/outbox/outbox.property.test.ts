/**
 * The outbox against a plain model, through crashes: what was accepted and written arrives, was superseded, or
 * lies in the dead letters; a later update is never overtaken by an earlier one; and the bounds hold.
 */
import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { Priority } from '../../../../src/core/outbox/delivery.ts';
import { failure, OutboxBench } from './outbox-bench.ts';

const receivers = ['http:http://a', 'http:http://b', 'peer:c'];
const entriesMaxCount = 8;

type Action =
  | {
      readonly do: 'enqueue';
      readonly to: number;
      readonly subject: number;
      readonly priority: Priority;
      readonly expiresAfterMs: number;
    }
  | { readonly do: 'settle'; readonly how: 'ok' | 'failure' | 'final' | 'lost-answer' }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'write' }
  | { readonly do: 'crash' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('enqueue' as const),
      to: fc.nat(receivers.length - 1),
      subject: fc.nat(3),
      priority: fc.constantFrom('critical' as const, 'normal' as const, 'bulk' as const),
      expiresAfterMs: fc.constantFrom(5_000, 100_000, 1_000_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      how: fc.constantFrom('ok' as const, 'failure' as const, 'final' as const, 'lost-answer' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 70_000 }) }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'write' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) },
);

/** What happened, in the plainest form: versions count up over everything that was ever enqueued. */
class Model {
  readonly accepted = new Map<string, number[]>();
  readonly durable = new Set<number>();
  readonly arrived = new Map<string, number[]>();
  version = 0;
}

describe('core/outbox', () => {
  it('never reorders, never loses and never grows beyond its bounds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 80 }), async actions => {
        const bench = new OutboxBench({ entriesMaxCount, reserveShare: 0.25, stuckAfterMs: 30_000 });
        const model = new Model();
        bench.isWriting = false;
        let unwritten: number[] = [];

        for (const each of actions) {
          if (each.do === 'enqueue') {
            model.version += 1;
            const { version } = model;
            const key = `${receivers[each.to]} ${each.subject}`;
            const refused = bench.enqueue({
              receiver: receivers[each.to] ?? '',
              subject: `${each.subject}`,
              priority: each.priority,
              expiresAfterMs: each.expiresAfterMs,
              digest: `${version}`,
            });
            if (refused === undefined) {
              model.accepted.set(key, [...(model.accepted.get(key) ?? []), version]);
              unwritten.push(version);
            }
          }
          if (each.do === 'write') {
            for (const version of unwritten) model.durable.add(version);
            unwritten = [];
            bench.write();
          }
          if (each.do === 'crash') {
            // Nobody was told that these were accepted.
            for (const [key, versions] of model.accepted)
              model.accepted.set(
                key,
                versions.filter(version => !unwritten.includes(version)),
              );
            unwritten = [];
            await bench.restart();
          }
          if (each.do === 'advance') bench.advance(each.ms);
          if (each.do === 'settle' && bench.underWay.length > 0) settle(bench, model, each.how);
          assert.isAtMost(bench.outbox.count, entriesMaxCount);
        }

        // The faults end.
        for (const version of unwritten) model.durable.add(version);
        bench.isWriting = true;
        bench.write();
        for (let i = 0; i < 200 && bench.outbox.count > 0; i++) {
          if (bench.underWay.length > 0) settle(bench, model, 'ok');
          else bench.advance(1_000);
        }

        assert.equal(bench.outbox.count, 0);
        assert.equal(bench.view.bytes, 0);
        assert.equal(bench.view.counts.damaged, 0);
        const { outbox: left } = await bench.store.load();
        assert.deepEqual([left.heads, left.deliveries], [[], []]);
        const dead = new Set(bench.view.deadLetters.map(({ digest }) => Number(digest)));
        for (const [key, versions] of model.accepted) {
          const arrived = model.arrived.get(key) ?? [];
          assert.deepEqual(
            arrived,
            [...arrived].sort((a, b) => a - b),
            `order of ${key}`,
          );
          const latest = versions.at(-1);
          if (latest !== undefined)
            assert.isTrue(arrived.includes(latest) || dead.has(latest), `${key} ${latest} is nowhere`);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function settle(bench: OutboxBench, model: Model, how: 'ok' | 'failure' | 'final' | 'lost-answer'): void {
  const [deliver] = bench.underWay;
  if (deliver === undefined) return;
  const version = Number(deliver.digest);
  const key = [...model.accepted].find(([, versions]) => versions.includes(version))?.[0];
  assert.isTrue(model.durable.has(version), `${version} was attempted before it was written`);
  if (key !== undefined && (how === 'ok' || how === 'lost-answer')) {
    const arrived = model.arrived.get(key) ?? [];
    // The receiver takes the same one twice for once.
    if (!arrived.includes(version)) model.arrived.set(key, [...arrived, version]);
  }
  if (how === 'ok') bench.settle({ ok: true });
  else if (how === 'final') bench.settle({ ok: false, isFinal: true, detail: 'refused' });
  else bench.settle(failure);
}
