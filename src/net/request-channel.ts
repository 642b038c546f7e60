/** One question and one answer on a stream of its own, both short, between linked peers. */
import type { Connection, Stream } from '@libp2p/interface';
import { lpStream } from '@libp2p/utils';

export interface RequestChannelOptions {
  readonly protocol: string;
  readonly maxBytes: number;
  /** From the first byte to the last, ms. */
  readonly timeoutMs: number;
}

export class RequestChannel {
  readonly #options: RequestChannelOptions;
  /** `undefined`: there is no answer to that, and the stream ends. */
  readonly #answer: (from: string, request: Uint8Array) => Promise<Uint8Array | undefined>;
  readonly #stopping = new AbortController();

  constructor(
    options: RequestChannelOptions,
    components: { readonly answer: (from: string, request: Uint8Array) => Promise<Uint8Array | undefined> },
  ) {
    this.#options = options;
    this.#answer = components.answer;
  }

  get protocol(): string {
    return this.#options.protocol;
  }

  /** @throws whatever keeps the answer from coming within the limit of time */
  async ask(connection: Connection, request: Uint8Array): Promise<Uint8Array> {
    const signal = this.#deadline();
    const stream = await connection.newStream(this.#options.protocol, { signal });
    try {
      const channel = lpStream(stream, { maxDataLength: this.#options.maxBytes });
      await channel.write(request, { signal });
      const answer = (await channel.read({ signal })).subarray();
      await stream.close({ signal });
      return answer;
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /** Reads the question of an inbound stream of an admitted connection, and answers it. Never rejects. */
  async receive(stream: Stream, connection: Connection): Promise<void> {
    const signal = this.#deadline();
    try {
      const channel = lpStream(stream, { maxDataLength: this.#options.maxBytes });
      const request = (await channel.read({ signal })).subarray();
      const answer = await this.#answer(connection.remotePeer.toString(), request);
      if (answer === undefined) throw new Error('there is no answer to that');
      await channel.write(answer, { signal });
      await stream.close({ signal });
    } catch (error) {
      // The peer asks again, or does not understand us.
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  #deadline(): AbortSignal {
    return AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(this.#options.timeoutMs)]);
  }
}
