/**
 * One reader of events.
 *
 * While the reader keeps up, an event is written in the turn in which it happened. Once the socket is
 * full, events wait in a queue; when that is full too, the queue is dropped and the reader gets `reset`
 * as soon as it reads again. What is sent at the beginning (missed events, a snapshot) is pulled piece
 * by piece as the reader takes it, so it needs no queue of its own size.
 */
import type { ServerResponse } from 'node:http';
import type { EventFrame, EventKind } from './event-frame.ts';

export interface EventFilter {
  /** `undefined`: every kind. */
  readonly kinds: ReadonlySet<EventKind> | undefined;
  readonly subject: string | undefined;
}

export interface EventStreamOptions {
  readonly filter: EventFilter;
  readonly queueMaxCount: number;
}

export interface EventStreamComponents {
  readonly response: ServerResponse;
  /** The reset to send when events were dropped; called when it is about to be written. */
  readonly lostText: () => string;
}

export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #response: ServerResponse;
  readonly #lostText: () => string;
  #opening: Iterator<EventFrame> | undefined;
  #queue: string[] = [];
  #blocked = false;
  #lost = false;

  constructor(options: EventStreamOptions, { response, lostText }: EventStreamComponents) {
    this.#options = options;
    this.#response = response;
    this.#lostText = lostText;
    response.on('drain', () => this.#caughtUp());
  }

  /** Writes the head and what the reader gets first. */
  open(head: string, opening: Iterable<EventFrame>): void {
    this.#opening = opening[Symbol.iterator]();
    this.#write(head);
    this.#send();
  }

  push(frame: EventFrame): void {
    if (this.#lost || !this.#wants(frame)) return;
    if (!this.#blocked && this.#opening === undefined) {
      this.#write(frame.text);
    } else if (this.#queue.length < this.#options.queueMaxCount) {
      this.#queue.push(frame.text);
    } else {
      this.#queue = [];
      this.#lost = true;
    }
  }

  /** A comment; a reader with anything in flight needs none. */
  beat(): void {
    if (!this.#blocked) this.#write(':\n\n');
  }

  end(): void {
    this.#response.end();
  }

  #caughtUp(): void {
    this.#blocked = false;
    if (this.#lost) {
      this.#lost = false;
      this.#opening = undefined;
      this.#write(this.#lostText());
    }
    this.#send();
  }

  /** As much of what waits as the socket takes. */
  #send(): void {
    while (!this.#blocked && this.#opening !== undefined) {
      const { value, done } = this.#opening.next();
      if (done === true) this.#opening = undefined;
      else if (this.#wants(value)) this.#write(value.text);
    }
    let sent = 0;
    while (!this.#blocked && sent < this.#queue.length) {
      this.#write(this.#queue[sent] as string);
      sent += 1;
    }
    if (sent > 0) this.#queue = this.#queue.slice(sent);
  }

  #write(text: string): void {
    // After the end a late `drain` may still come: then there is nobody to write to.
    if (this.#response.writableEnded || !this.#response.write(text)) this.#blocked = true;
  }

  #wants({ kind, subject }: EventFrame): boolean {
    const { kinds, subject: wanted } = this.#options.filter;
    return (kinds === undefined || kinds.has(kind)) && (wanted === undefined || wanted === subject);
  }
}
