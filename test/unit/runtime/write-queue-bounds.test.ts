/** How much a write queue holds while the store does not answer, or refuses. */
import { assert, describe, it } from 'vitest';
import type { Effect, StoreOperation } from '../../../src/core/effects.ts';
import { WriteQueue } from '../../../src/runtime/write-queue.ts';
import { FakeClock, FakeStore } from './fake-ports.ts';

function bench(followersMaxCount: number) {
  const clock = new FakeClock();
  const store = new FakeStore();
  const carriedOut: Effect[] = [];
  const refused: Effect[] = [];
  const happened: string[] = [];
  const queue = new WriteQueue(
    {
      onDurable: effects => carriedOut.push(...effects),
      onFailed: (error, effects) => {
        happened.push((error as Error).message);
        refused.push(...effects);
      },
      onRecovered: () => happened.push('recovered'),
    },
    { store, clock },
    { followersMaxCount },
  );
  return { clock, store, queue, carriedOut, refused, happened };
}

const put = (value: number): StoreOperation => ({ type: 'put-meta', name: 'epoch', value });
const reply = (ticket: number): Effect => ({ type: 'reply', ticket, reply: { ok: true, changed: true } });
const written = (sequence: number): Effect => ({ type: 'written', receiver: 'peer:a', sequence });
const publish: Effect = { type: 'publish', records: [] };

describe('runtime/write-queue', () => {
  it('refuses callers, and says that it is not well, when too much waits for a write that does not end', async () => {
    const { clock, store, queue, refused, happened } = bench(4);
    queue.add([put(0)], []);
    clock.turn();

    for (let ticket = 1; ticket <= 5; ticket++) queue.add([put(ticket)], [reply(ticket)]);

    assert.deepEqual(happened, ['the database does not come back from a write']);
    assert.lengthOf(refused, 5);
    await store.succeed();
    assert.deepEqual(happened.slice(1), ['recovered']);
  });

  it('keeps of what is to follow the latest, and one word for each queue, while the store refuses', async () => {
    const { clock, store, queue, carriedOut } = bench(10);
    queue.add([put(0)], []);
    clock.turn();
    await store.fail();

    for (let sequence = 1; sequence <= 1_000; sequence++)
      queue.add([put(sequence)], [publish, written(sequence)]);
    clock.advance(1_000);
    await store.succeed();

    assert.isAtMost(carriedOut.length, 12);
    assert.deepInclude(carriedOut, written(1_000));
  });

  it('keeps one value of each row for a write that does not end', async () => {
    const { clock, store, queue } = bench(10);
    queue.add([put(0)], []);
    clock.turn();

    for (let value = 1; value <= 100_000; value++) queue.add([put(value)], []);
    await store.succeed();
    clock.turn();

    assert.isBelow(store.writes[1]?.length ?? 0, 21_000);
    assert.deepEqual(store.writes[1]?.at(-1), put(100_000));
  });
});
