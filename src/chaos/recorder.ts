/** Writes the timeline while the drill goes on, and wakes whoever waits for something in it. */
import type { Entry, FaultWindow, Timeline } from './timeline.ts';

/** An entry before it has its time. */
export type Untimed<E> = E extends Entry ? Omit<E, 'atMs'> : never;

export interface RecorderOptions {
  readonly agents: readonly string[];
  /** Called for each step, with its time. */
  readonly onStep: (atMs: number, text: string) => void;
}

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #startedMs = performance.now();
  readonly #entries: Entry[] = [];
  readonly #windows: FaultWindow[] = [];
  readonly #roots = new Map<string, string>();
  readonly #lives = new Map<string, number>();
  readonly #listeners = new Set<() => void>();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Milliseconds since the drill began. */
  get nowMs(): number {
    return performance.now() - this.#startedMs;
  }

  add(entry: Untimed<Entry>): void {
    this.#entries.push({ ...entry, atMs: this.nowMs } as Entry);
    for (const listener of this.#listeners) listener();
  }

  step(text: string): void {
    this.add({ type: 'step', text });
    this.#options.onStep(this.nowMs, text);
  }

  root(observer: string, root: string): void {
    if (this.#roots.get(observer) === root) return;
    this.#roots.set(observer, root);
    this.add({ type: 'root', observer, root });
  }

  process(agent: string, isRunning: boolean): void {
    if (!isRunning) this.#lives.set(agent, this.lifeOf(agent) + 1);
    this.#roots.delete(agent);
    this.add({ type: 'process', agent, isRunning });
  }

  /** How often its process has been ended by the drill: another number, another process. */
  lifeOf(agent: string): number {
    return this.#lives.get(agent) ?? 0;
  }

  /** @returns A function that ends the window; safe to call twice. */
  open(window: Omit<FaultWindow, 'fromMs' | 'toMs'>): () => void {
    const index = this.#windows.push({ ...window, fromMs: this.nowMs }) - 1;
    return () => {
      const opened = this.#windows[index];
      if (opened?.toMs === undefined) this.#windows[index] = { ...opened, toMs: this.nowMs } as FaultWindow;
    };
  }

  /** Calls back on every entry; returns a cancel. */
  onEntry(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  timeline(): Timeline {
    return {
      agents: this.#options.agents,
      entries: [...this.#entries],
      windows: [...this.#windows],
      endMs: this.nowMs,
    };
  }
}
