/**
 * Frames to one peer, in order, over one long-lived stream.
 *
 * The stream is opened when there is something to send and again after a break; the frame that was on
 * its way then may be lost, which the sync protocol survives. The queue is bounded: a peer that reads
 * too slowly loses frames instead of costing memory, and one that stops reading loses its stream.
 */
import type { Connection, Stream } from '@libp2p/interface';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import { framePrefix } from './framing.ts';

export interface FrameSenderOptions {
  readonly protocol: string;
}

export interface FrameSenderComponents {
  /** The connection to use now; `undefined` when the peer is no longer linked. */
  readonly connection: () => Connection | undefined;
  readonly metrics: NetMetrics;
}

const queueMaxBytes = 4 * 1_024 * 1_024;
const openTimeoutMs = 5_000;
/** Guess: a frame is at most 64 KiB; who takes longer than this for one does not read. */
const drainTimeoutMs = 30_000;
/** The peer has nothing to say on this stream. */
const readMaxBytes = 1_024;
const failuresMaxCount = 3;

export class FrameSender {
  readonly #protocol: string;
  readonly #connection: () => Connection | undefined;
  readonly #metrics: NetMetrics;
  readonly #queue: Uint8Array[] = [];
  readonly #stopping = new AbortController();
  #queuedBytes = 0;
  #stream: Stream | undefined;
  #pumping = false;

  constructor(options: FrameSenderOptions, components: FrameSenderComponents) {
    this.#protocol = options.protocol;
    this.#connection = components.connection;
    this.#metrics = components.metrics;
  }

  send(frame: Uint8Array): void {
    if (this.#stopping.signal.aborted || this.#queuedBytes + frame.length > queueMaxBytes) {
      this.#metrics.framesDropped.add({ reason: 'queue_full' });
      return;
    }
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
    if (!this.#pumping) void this.#pump();
  }

  /** The next frame takes another connection, if that has changed. */
  move(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close().catch((error: Error) => stream.abort(error));
  }

  stop(): void {
    this.#stopping.abort();
    this.#stream?.abort(new Error('the link is gone'));
    this.#dropAll();
  }

  /** Never rejects. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    let failures = 0;
    while (this.#queue.length > 0 && failures < failuresMaxCount) {
      if (await this.#sendFirst()) failures = 0;
      else failures += 1;
    }
    this.#pumping = false;
    if (this.#queue.length > 0) this.#dropAll();
  }

  /** @returns False when the stream failed; the frame is still in the queue unless it had been handed over. */
  async #sendFirst(): Promise<boolean> {
    try {
      const stream = await this.#open();
      const frame = this.#queue[0];
      if (frame === undefined) return true;
      const prefix = framePrefix(frame.length);
      // One write for both, so that a small frame is one packet.
      const isWritable = stream.send(Buffer.concat([prefix, frame]));
      this.#queue.shift();
      this.#queuedBytes -= frame.length;
      this.#metrics.frames.add({ direction: 'out' });
      this.#metrics.frameBytes.add({ direction: 'out' }, frame.length);
      if (!isWritable) await stream.onDrain({ signal: this.#deadline(drainTimeoutMs) });
      return true;
    } catch (error) {
      // Streams break all the time; the caller opens another one or gives the queue up and counts it.
      this.#stream?.abort(error instanceof Error ? error : new Error(String(error)));
      this.#stream = undefined;
      return false;
    }
  }

  async #open(): Promise<Stream> {
    if (this.#stream?.writeStatus === 'writable') return this.#stream;
    const connection = this.#connection();
    if (connection === undefined) throw new Error('the link is gone');
    const stream = await connection.newStream(this.#protocol, { signal: this.#deadline(openTimeoutMs) });
    stream.maxReadBufferLength = readMaxBytes;
    this.#stream = stream;
    return stream;
  }

  #deadline(timeoutMs: number): AbortSignal {
    return AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(timeoutMs)]);
  }

  #dropAll(): void {
    if (this.#queue.length > 0) {
      this.#metrics.framesDropped.add({ reason: 'stream_failed' }, this.#queue.length);
    }
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }
}
