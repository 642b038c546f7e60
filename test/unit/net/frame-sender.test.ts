import type { Connection, Stream } from '@libp2p/interface';
import { assert, describe, it } from 'vitest';
import { FrameSender } from '../../../src/net/frame-sender.ts';
import { registerNetMetrics } from '../../../src/telemetry/metrics/net.ts';
import { MetricRegistry } from '../../../src/telemetry/registry.ts';

/** The little of a libp2p stream that a sender uses. */
class FakeStream {
  readonly sent: Uint8Array[] = [];
  writeStatus = 'writable';
  maxReadBufferLength = 0;
  isFull = false;
  #drained: PromiseWithResolvers<void> | undefined;

  send(bytes: Uint8Array): boolean {
    if (this.writeStatus !== 'writable') throw new Error('closed');
    this.sent.push(bytes);
    return !this.isFull;
  }

  onDrain(): Promise<void> {
    this.#drained = Promise.withResolvers();
    return this.#drained.promise;
  }

  drain(): void {
    this.isFull = false;
    this.#drained?.resolve();
  }

  abort(error: Error): void {
    this.writeStatus = 'closed';
    this.#drained?.reject(error);
  }
}

function setUp() {
  const streams: FakeStream[] = [];
  const dropped = new Map<string, number>();
  const network = { isUp: true };
  const newStream = async () => {
    if (!network.isUp) throw new Error('no route');
    const stream = new FakeStream();
    streams.push(stream);
    return stream as unknown as Stream;
  };
  const sender = new FrameSender(
    { protocol: '/x' },
    {
      connection: () => ({ newStream }) as unknown as Connection,
      metrics: {
        ...registerNetMetrics(new MetricRegistry()),
        framesDropped: {
          add: ({ reason = '' } = {}, by = 1) => dropped.set(reason, (dropped.get(reason) ?? 0) + by),
        },
      },
    },
  );
  return { sender, streams, dropped, network };
}

/** Lets everything run that waits for nothing but promises. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

const mebibyte = new Uint8Array(1_024 * 1_024);

describe('net/frame-sender', () => {
  it('sends in order over one stream, each frame after its length', async () => {
    const { sender, streams } = setUp();

    for (const byte of [1, 2, 3]) sender.send(Uint8Array.of(byte));
    await settle();

    assert.deepEqual(
      streams.map(({ sent }) => sent.map(bytes => [...bytes])),
      [
        [
          [1, 1],
          [1, 2],
          [1, 3],
        ],
      ],
    );
  });

  it('waits while the stream is full', async () => {
    const { sender, streams } = setUp();
    sender.send(Uint8Array.of(1));
    await settle();
    const [stream] = streams as [FakeStream];
    stream.isFull = true;

    for (const byte of [2, 3]) sender.send(Uint8Array.of(byte));
    await settle();
    const whileFull = stream.sent.length;
    stream.drain();
    await settle();

    assert.equal(whileFull, 2);
    assert.equal(stream.sent.length, 3);
  });

  it('drops and counts what a full queue cannot take', async () => {
    const { sender, streams, dropped } = setUp();
    sender.send(Uint8Array.of(1));
    await settle();
    const [stream] = streams as [FakeStream];
    stream.isFull = true;
    sender.send(Uint8Array.of(2));
    await settle();

    for (let index = 0; index < 6; index += 1) sender.send(mebibyte);

    assert.deepEqual([...dropped], [['queue_full', 2]]);
  });

  it('goes on over a new stream when the old one breaks', async () => {
    const { sender, streams } = setUp();
    sender.send(Uint8Array.of(1));
    await settle();

    streams[0]?.abort(new Error('reset'));
    sender.send(Uint8Array.of(2));
    await settle();

    assert.deepEqual(
      streams.map(({ sent }) => sent.map(bytes => bytes[1])),
      [[1], [2]],
    );
  });

  it('gives the queue up when no stream can be opened, and tries again with the next frame', async () => {
    const { sender, streams, dropped, network } = setUp();
    network.isUp = false;

    sender.send(Uint8Array.of(1));
    sender.send(Uint8Array.of(2));
    await settle();
    network.isUp = true;
    sender.send(Uint8Array.of(3));
    await settle();

    assert.deepEqual([...dropped], [['stream_failed', 2]]);
    assert.deepEqual(
      streams.map(({ sent }) => sent.map(bytes => bytes[1])),
      [[3]],
    );
  });
});
