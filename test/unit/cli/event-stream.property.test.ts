import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { parseEventStream, type StreamEvent } from '../../../src/cli/event-stream.ts';
import { FirsthandError } from '../../../src/errors.ts';

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

async function eventsOf(text: string, sizes: readonly number[] = []): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of parseEventStream(chunksOf(new TextEncoder().encode(text), sizes)))
    events.push(event);
  return events;
}

const line = fc.string({ unit: 'grapheme' }).filter(text => !/[\r\n]/.test(text));
const word = fc.stringMatching(/^[a-z0-9-]{1,12}$/);

describe('cli/event-stream', () => {
  it('reads events back from how they are written, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ id: word, event: word, data: line })),
        fc.array(fc.nat(40)),
        async (events, sizes) => {
          const text = events
            .map(({ id, event, data }) => `id: ${id}\nevent: ${event}\ndata: ${data}\n\n: keep-alive\n\n`)
            .join('');

          assert.deepEqual(await eventsOf(text, sizes), events);
        },
      ),
    );
  });

  it('keeps the id for events that do not name one, and drops an event that the end cut off', async () => {
    assert.deepEqual(await eventsOf('id: 1-1\ndata: a\n\ndata: b\r\n\r\nid: 1-2\ndata: c\n'), [
      { id: '1-1', event: 'message', data: 'a' },
      { id: '1-1', event: 'message', data: 'b' },
    ]);
  });

  it('gives up on an event without an end', async () => {
    try {
      await eventsOf(`data: ${'x'.repeat(1_048_577)}`, [1_000_000]);
      assert.fail('it was taken');
    } catch (error) {
      assert.instanceOf(error, FirsthandError);
      assert.equal(error.code, 'PAYLOAD_TOO_LARGE');
    }
  });
});
