/**
 * Virtual time: a queue of callbacks ordered by when they are due, then by when they were asked for.
 *
 * Promises resolve between two callbacks, never inside one; whoever settles a promise says so, and
 * the loop lets it run before it goes on. That keeps a run the same however fast the machine is.
 */
import type { Clock } from '../runtime/ports.ts';

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

export class Scheduler {
  readonly #heap: Task[] = [];
  #nowMs = 0;
  #order = 0;
  #settles = false;

  get nowMs(): number {
    return this.#nowMs;
  }

  at(atMs: number, callback: () => void): () => void {
    this.#order += 1;
    const task: Task = {
      atMs: Math.max(atMs, this.#nowMs),
      order: this.#order,
      callback,
      isCancelled: false,
    };
    this.#push(task);
    return () => {
      task.isCancelled = true;
    };
  }

  after(delayMs: number, callback: () => void): () => void {
    return this.at(this.#nowMs + delayMs, callback);
  }

  /** A promise was settled in this callback: its continuations run before the next one. */
  settled(): void {
    this.#settles = true;
  }

  /** Runs everything due up to `untilMs` and leaves the clock there. */
  async run(untilMs: number): Promise<void> {
    await this.#drain();
    for (let task = this.#heap[0]; task !== undefined && task.atMs <= untilMs; task = this.#heap[0]) {
      this.#pop();
      if (task.isCancelled) continue;
      this.#nowMs = task.atMs;
      task.callback();
      if (this.#settles) await this.#drain();
    }
    this.#nowMs = untilMs;
  }

  async #drain(): Promise<void> {
    this.#settles = false;
    await new Promise<void>(resolve => setImmediate(resolve));
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.push(task) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(task, heap[parent] as Task)) break;
      heap[at] = heap[parent] as Task;
      at = parent;
    }
    heap[at] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Task, heap[child] as Task)) child += 1;
      if (!isBefore(heap[child] as Task, last)) break;
      heap[at] = heap[child] as Task;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** One agent's view of virtual time; dies with the agent. */
export class VirtualClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #startedAtMs: number;
  readonly #wallAtZeroMs: number;
  readonly #heldTimers: (() => void)[] = [];
  readonly #heldArrivals: (() => void)[] = [];
  #isStopped = false;
  #isPaused = false;

  /** @param options.wallAtZeroMs - This machine's idea of the time when the simulation began. */
  constructor(options: { readonly wallAtZeroMs: number }, components: { readonly scheduler: Scheduler }) {
    this.#scheduler = components.scheduler;
    this.#startedAtMs = components.scheduler.nowMs;
    this.#wallAtZeroMs = options.wallAtZeroMs;
  }

  now() {
    const { nowMs } = this.#scheduler;
    return { monoMs: nowMs - this.#startedAtMs, wallMs: Math.floor(this.#wallAtZeroMs + nowMs) };
  }

  after(delayMs: number, callback: () => void): () => void {
    let isCancelled = false;
    const run = () => {
      if (!this.#isStopped && !isCancelled) callback();
    };
    const cancel = this.#scheduler.after(delayMs, () => {
      if (this.#isPaused) this.#heldTimers.push(run);
      else run();
    });
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  /** What comes in from outside waits while the process does not run. */
  arrive(callback: () => void): void {
    if (this.#isStopped) return;
    if (this.#isPaused) this.#heldArrivals.push(callback);
    else callback();
  }

  /** The process does not run any more: SIGSTOP. */
  pause(): void {
    this.#isPaused = true;
  }

  /** It goes on where it was: first the timers that are due, as libuv has it, then what has come in. */
  resume(): void {
    this.#isPaused = false;
    for (const held of [...this.#heldTimers.splice(0), ...this.#heldArrivals.splice(0)]) {
      if (!this.#isStopped) held();
    }
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  stop(): void {
    this.#isStopped = true;
  }
}
