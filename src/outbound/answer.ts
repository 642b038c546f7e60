/**
 * One answer from a server that is not trusted: it may hang, stream for ever, send rubbish or redirect.
 *
 * One limit of time holds for everything, from the look-up of the name to the last byte; the body is
 * read up to a limit and never decompressed; redirects are not followed.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { type FailedAnswer, failureOf, statusFailure } from './failure.ts';

export interface AnswerOptions {
  readonly timeoutMs: number;
  readonly bodyMaxBytes: number;
}

export type Judged =
  | { readonly ok: true; readonly headers: IncomingHttpHeaders; readonly body: string }
  | {
      readonly ok: false;
      readonly failure: FailedAnswer;
      /** Of the answer, where there is one. */
      readonly status?: number;
      /** Of the connection, when there is no answer to judge. */
      readonly error?: unknown;
    };

/** Takes one answer in, as far as it has to be read. */
export class Answer implements Dispatcher.DispatchHandler {
  readonly #bodyMaxBytes: number;
  readonly #chunks: Buffer[] = [];
  readonly #judged = Promise.withResolvers<Judged>();
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #headers: IncomingHttpHeaders = {};
  #bytes = 0;
  #isJudged = false;
  #hasBegun = false;

  constructor(options: AnswerOptions) {
    this.#bodyMaxBytes = options.bodyMaxBytes;
    this.#timer = setTimeout(() => {
      const detail = this.#hasBegun ? 'its answer did not end in time' : 'no answer in time';
      this.#giveUp({ reason: 'timeout', detail });
    }, options.timeoutMs);
  }

  /** Never rejects. */
  get judged(): Promise<Judged> {
    return this.#judged.promise;
  }

  /** Something has come. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isJudged) controller.abort(new Error('too late'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#hasBegun = true;
    if (status < 200) return; // Informational: the answer is still to come.
    this.#headers = headers;
    const failure = statusFailure(status);
    if (failure !== undefined) this.#giveUp(failure, status);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#bodyMaxBytes) this.#chunks.push(chunk);
    else this.#giveUp({ reason: 'too-large', detail: `its answer is above ${this.#bodyMaxBytes} bytes` });
  }

  onResponseEnd(): void {
    this.#judge({ ok: true, headers: this.#headers, body: Buffer.concat(this.#chunks).toString() });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#judge({ ok: false, failure: failureOf(error), error });
  }

  /** The rest is of no interest: the connection ends with it. */
  #giveUp(failure: FailedAnswer, status?: number): void {
    this.#judge({ ok: false, failure, ...(status === undefined ? {} : { status }) });
    this.#controller?.abort(new Error(failure.detail));
  }

  #judge(judged: Judged): void {
    if (this.#isJudged) return;
    this.#isJudged = true;
    clearTimeout(this.#timer);
    this.#chunks.length = 0;
    this.#judged.resolve(judged);
  }
}
