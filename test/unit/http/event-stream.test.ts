import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { assert, describe, it } from 'vitest';
import type { EventFrame } from '../../../src/http/event-frame.ts';
import { type EventFilter, EventStream } from '../../../src/http/event-stream.ts';

/** A response whose socket takes `room` more writes before it is full. */
class FakeResponse extends EventEmitter {
  readonly written: string[] = [];
  writableEnded = false;
  room = Number.POSITIVE_INFINITY;

  write(text: string): boolean {
    this.written.push(text);
    this.room -= 1;
    return this.room > 0;
  }

  end(): void {
    this.writableEnded = true;
  }

  /** The reader caught up. */
  drain(room = Number.POSITIVE_INFINITY): void {
    this.written.length = 0;
    this.room = room;
    this.emit('drain');
  }
}

const everything: EventFilter = { kinds: undefined, subject: undefined };
const frame = (n: number, kind: EventFrame['kind'] = 'record', subject = 'b1'): EventFrame => ({
  kind,
  subject,
  text: `${n}`,
});
const frames = (from: number, count: number) => Array.from({ length: count }, (_, i) => frame(from + i));

function opened(filter = everything, opening: Iterable<EventFrame> = [], room = Number.POSITIVE_INFINITY) {
  const response = new FakeResponse();
  response.room = room;
  const stream = new EventStream(
    { filter, queueMaxCount: 1_000 },
    { response: response as unknown as ServerResponse, lostText: () => 'reset' },
  );
  stream.open('head', opening);
  return { response, stream };
}

describe('http/event-stream', () => {
  it('writes an event before push returns while the reader keeps up', () => {
    const { response, stream } = opened();

    stream.push(frame(1));

    assert.deepEqual(response.written, ['head', '1']);
  });

  it('lets through what the filter wants', () => {
    const { response, stream } = opened({ kinds: new Set(['record']), subject: 'b1' });

    stream.push(frame(1, 'liveness'));
    stream.push(frame(2, 'record', 'b2'));
    stream.push(frame(3));

    assert.deepEqual(response.written, ['head', '3']);
  });

  it('keeps 1,000 events for a reader whose socket is full', () => {
    const { response, stream } = opened(everything, [], 1);
    for (const event of frames(0, 1_000)) stream.push(event);
    assert.deepEqual(response.written, ['head']);

    response.drain();

    assert.deepEqual(
      response.written,
      frames(0, 1_000).map(event => event.text),
    );
  });

  it('drops the queue at the 1,001st, sends reset when the reader is back, and goes on', () => {
    const { response, stream } = opened(everything, [], 1);
    for (const event of frames(0, 1_001)) stream.push(event);

    response.drain();
    stream.push(frame(9_000));

    assert.deepEqual(response.written, ['reset', '9000']);
  });

  it('stays silent between the loss and the reset, so that no event seems to follow another', () => {
    const { response, stream } = opened(everything, [], 1);
    for (const event of frames(0, 1_001)) stream.push(event);
    stream.push(frame(7));

    response.drain();

    assert.deepEqual(response.written, ['reset']);
  });

  it('does not count what its filter leaves out against a slow reader', () => {
    const { response, stream } = opened({ kinds: new Set(['liveness']), subject: undefined }, [], 1);
    for (const event of frames(0, 5_000)) stream.push(event);
    stream.push(frame(1, 'liveness'));

    response.drain();

    assert.deepEqual(response.written, ['1']);
  });

  it('sends the opening first, as the reader takes it, and then what happened meanwhile', () => {
    const { response, stream } = opened(everything, frames(0, 4), 3);
    stream.push(frame(100));
    assert.deepEqual(response.written, ['head', '0', '1']);

    response.drain(1);
    assert.deepEqual(response.written, ['2']);
    response.drain();

    assert.deepEqual(response.written, ['3', '100']);
  });

  it('pulls an opening of any length only as far as the reader takes it', () => {
    let pulled = 0;
    function* endless() {
      for (;;) yield frame(pulled++);
    }

    opened(everything, endless(), 5);

    assert.equal(pulled, 4);
  });

  it('beats only when nothing is in flight, and writes nothing after the end', () => {
    const { response, stream } = opened(everything, [], 2);
    stream.beat();
    assert.deepEqual(response.written, ['head', ':\n\n']);
    stream.beat();
    stream.push(frame(1));
    stream.end();
    response.drain();
    stream.push(frame(2));
    stream.beat();

    assert.deepEqual(response.written, []);
  });
});
