/** Hands the agent's events to every open stream: serialised once, written within the turn. */
import type { ServerResponse } from 'node:http';
import { FirsthandError } from '../errors.ts';
import type { AgentPort, EventEntry } from '../runtime/agent-port.ts';
import type { HttpMetrics } from '../telemetry/metrics/http.ts';
import { type EventFrame, frameOf, resetText, snapshotFrames } from './event-frame.ts';
import { type EventFilter, EventStream } from './event-stream.ts';
import type { HttpOptions } from './options.ts';

export type EventHubOptions = Pick<
  HttpOptions,
  'eventHeartbeatMs' | 'eventQueueMaxCount' | 'eventStreamsMaxCount'
>;

export interface EventHubComponents {
  readonly agent: AgentPort;
  readonly metrics: HttpMetrics;
}

export interface EventRequest {
  readonly filter: EventFilter;
  /** Go on after this event. */
  readonly lastEventId: string | undefined;
  /** Send what is known first; of no effect when the stream can be resumed without a gap. */
  readonly snapshot: boolean;
}

const reconnectAfterMs = 1_000;

export class EventHub {
  readonly #options: EventHubOptions;
  readonly #agent: AgentPort;
  readonly #metrics: HttpMetrics;
  readonly #streams = new Set<EventStream>();
  readonly #unsubscribe: () => void;
  readonly #heart: NodeJS.Timeout;
  /** Of the newest event, so that a reader can resume from a `reset`. */
  #lastId: string | undefined;

  constructor(options: EventHubOptions, { agent, metrics }: EventHubComponents) {
    this.#options = options;
    this.#agent = agent;
    this.#metrics = metrics;
    this.#unsubscribe = agent.events.subscribe(entry => {
      this.#lastId = entry.id;
      if (this.#streams.size === 0) return;
      const frame = frameOf(entry);
      for (const stream of this.#streams) stream.push(frame);
    });
    this.#heart = setInterval(() => {
      for (const stream of this.#streams) stream.beat();
    }, options.eventHeartbeatMs);
    this.#heart.unref();
  }

  /**
   * Everything that can go wrong, before the response is taken over.
   *
   * @returns Starts the stream on a response whose head has been written; to be called in the same turn.
   * @throws FirsthandError RATE_LIMITED when there are too many streams.
   */
  prepare(request: EventRequest): (response: ServerResponse) => void {
    if (this.#streams.size >= this.#options.eventStreamsMaxCount) {
      this.#metrics.limitHit('event_streams');
      throw new FirsthandError('RATE_LIMITED', {
        text: `this agent serves at most ${this.#options.eventStreamsMaxCount} event streams`,
        retry_after_s: 10,
      });
    }
    const { head, opening } = this.#beginning(request);
    return response => {
      const stream = new EventStream(
        { filter: request.filter, queueMaxCount: this.#options.eventQueueMaxCount },
        { response, lostText: () => this.#reset('too-slow') },
      );
      this.#streams.add(stream);
      this.#metrics.streamOpened();
      response.once('close', () => {
        this.#streams.delete(stream);
        this.#metrics.streamClosed();
      });
      stream.open(`retry: ${reconnectAfterMs}\n\n${head}`, opening);
    };
  }

  /** Ends every stream; safe to call twice. */
  stop(): void {
    this.#unsubscribe();
    clearInterval(this.#heart);
    for (const stream of this.#streams) stream.end();
  }

  #beginning({ lastEventId, snapshot }: EventRequest): { head: string; opening: Iterable<EventFrame> } {
    const missed = lastEventId === undefined ? undefined : this.#agent.events.since(lastEventId);
    if (missed !== undefined) return { head: '', opening: framesOf(missed) };
    return {
      head: lastEventId === undefined ? '' : this.#reset('too-old'),
      opening: snapshot ? snapshotFrames(this.#agent, now()) : [],
    };
  }

  #reset(reason: 'too-old' | 'too-slow'): string {
    this.#metrics.streamReset();
    return resetText(now(), reason, this.#lastId);
  }
}

/** Serialised as the reader takes them. */
function* framesOf(entries: readonly EventEntry[]): Generator<EventFrame> {
  for (const entry of entries) yield frameOf(entry);
}

function now(): string {
  return new Date().toISOString();
}
