/**
 * The latest events, numbered without gaps, so that a reader who was away can go on where it stopped.
 */
import type { AgentEvent } from '../core/view.ts';
import type { EventEntry, EventLog } from './agent-port.ts';

export const eventsKeptDefaultCount = 10_000;

export class RecentEvents implements EventLog {
  readonly #epoch: number;
  readonly #keptMaxCount: number;
  readonly #ring: EventEntry[] = [];
  readonly #listeners = new Set<(entry: EventEntry) => void>();
  #total = 0;

  /** @param options.epoch - Tells the numbers of this run from those of an earlier one. */
  constructor(options: { readonly epoch: number; readonly keptMaxCount?: number }) {
    this.#epoch = options.epoch;
    this.#keptMaxCount = options.keptMaxCount ?? eventsKeptDefaultCount;
  }

  append(event: AgentEvent): void {
    this.#total += 1;
    const entry: EventEntry = { id: `${this.#epoch}-${this.#total}`, event };
    this.#ring[(this.#total - 1) % this.#keptMaxCount] = entry;
    for (const listener of this.#listeners) listener(entry);
  }

  since(lastId: string): readonly EventEntry[] | undefined {
    const match = /^(\d+)-(\d+)$/.exec(lastId);
    if (match === null || Number(match[1]) !== this.#epoch) return undefined;
    const last = Number(match[2]);
    if (last > this.#total || last < this.#total - this.#ring.length) return undefined;
    const entries: EventEntry[] = [];
    for (let n = last; n < this.#total; n++) entries.push(this.#ring[n % this.#keptMaxCount] as EventEntry);
    return entries;
  }

  subscribe(listener: (entry: EventEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
