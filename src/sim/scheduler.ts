/**
 * Virtual time: a queue of callbacks ordered by when they are due, then by when they were asked for.
 *
 * Promises resolve between two callbacks, never inside one; whoever settles a promise says so, and
 * the loop lets it run before it goes on. That keeps a run the same however fast the machine is.
 */

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
