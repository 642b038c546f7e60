/**
 * A connection whose incoming bytes come late, or not before a cut is over.
 *
 * Only arrival is delayed, in order, as with packets that are held in front of a host: the sender notices
 * nothing until its window is full. What is sent passes at once and is held at the other end, if that end has a
 * rule. One thing a packet filter would hold back gets through: that the connection was closed, because
 * libp2p learns that from the socket and not from this stream.
 */
import type { MessageStream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { AbstractMessageStream, type SendResult } from '@libp2p/utils';
import type { Random } from '../../core/random.ts';
import { streamDelayMs, type Weather } from './rules.ts';

type Bytes = StreamMessageEvent['data'];
type Outgoing = Parameters<AbstractMessageStream['sendData']>[0];

interface Held {
  readonly bytes: Bytes;
  /** Not before, ms of the monotonic clock. */
  dueMs: number;
}

/** More than that is left in the socket, as in a full receive window. */
const heldMaxBytes = 1_048_576;

export class FaultyStream extends AbstractMessageStream {
  readonly #source: MessageStream;
  readonly #weather: () => Weather;
  readonly #random: Random;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #wasCut = false;
  #readerPaused = false;

  constructor(
    source: MessageStream,
    components: { readonly weather: () => Weather; readonly random: Random },
  ) {
    super({
      log: source.log,
      direction: source.direction,
      inactivityTimeout: source.inactivityTimeout,
      maxReadBufferLength: source.maxReadBufferLength,
    });
    this.#source = source;
    this.#weather = components.weather;
    this.#random = components.random;
    source.addEventListener('message', ({ data }) => this.#receive(data));
    source.addEventListener('close', event => this.#closed(event));
    source.addEventListener('drain', () => this.safeDispatchEvent('drain'));
    source.addEventListener('remoteCloseWrite', () => this.onRemoteCloseWrite());
  }

  /** Pieces that have arrived and are not handed on yet. */
  get heldCount(): number {
    return this.#held.length;
  }

  /** To be called when the rules have changed. */
  weatherChanged(): void {
    const { isCut } = this.#weather();
    // As if what was sent during the cut were sent again now.
    if (this.#wasCut && !isCut) {
      const nowMs = performance.now();
      for (const held of this.#held) held.dueMs = nowMs + streamDelayMs(this.#weather(), this.#random);
    }
    this.#wasCut = isCut;
    this.#release();
  }

  override sendData(data: Outgoing): SendResult {
    return { sentBytes: data.byteLength, canSendMore: this.#source.send(data) };
  }

  override sendReset(error: Error): void {
    this.#source.abort(error);
  }

  override sendPause(): void {
    this.#readerPaused = true;
    // A stream that is closing refuses, by throwing.
    if (this.#source.status === 'open') this.#source.pause();
  }

  override sendResume(): void {
    this.#readerPaused = false;
    if (this.#heldBytes < heldMaxBytes && this.#source.status === 'open') this.#source.resume();
  }

  override close(options?: Parameters<MessageStream['close']>[0]): Promise<void> {
    return this.#source.close(options);
  }

  #receive(bytes: Bytes): void {
    const weather = this.#weather();
    const dueMs = performance.now() + streamDelayMs(weather, this.#random);
    this.#held.push({ bytes, dueMs });
    this.#heldBytes += bytes.byteLength;
    this.#release();
    if (this.#heldBytes >= heldMaxBytes && this.#source.status === 'open') this.#source.pause();
  }

  /** Hands on what is due, in order: a late piece holds up the ones behind it. */
  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#weather().isCut) return;
    const nowMs = performance.now();
    for (let next = this.#held[0]; next !== undefined && next.dueMs <= nowMs; next = this.#held[0]) {
      this.#held.shift();
      this.#heldBytes -= next.bytes.byteLength;
      this.onData(next.bytes);
    }
    if (this.#source.status === 'open' && !this.#readerPaused && this.#heldBytes < heldMaxBytes)
      this.#source.resume();
    const [next] = this.#held;
    if (next !== undefined) this.#timer = setTimeout(() => this.#release(), next.dueMs - nowMs);
  }

  #closed({ error, local }: StreamCloseEvent): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
    this.#heldBytes = 0;
    if (error === undefined) this.onTransportClosed();
    else if (local === true) this.abort(error);
    else this.onRemoteReset();
  }
}
