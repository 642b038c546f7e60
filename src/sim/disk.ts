/** A disk that takes its time, so that a crash can come between a write and its completion. */
import { FirsthandError } from '../errors.ts';
import type { Store, StoredState, StoreOperation } from '../runtime/ports.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Scheduler } from './scheduler.ts';

const writeMs = 0.2; // Measured elsewhere: a batch without sync, p50.

export class SimDisk {
  readonly #content = new MemoryStore();
  readonly #scheduler: Scheduler;
  #life = 0;
  /** Takes no writes while it is. */
  isFull = false;

  constructor(components: { readonly scheduler: Scheduler }) {
    this.#scheduler = components.scheduler;
  }

  /** For the next process: writes of an earlier one that were not done yet never happen. */
  open(): Store {
    this.#life += 1;
    const life = this.#life;
    return {
      load: (): Promise<StoredState> => this.#content.load(),
      write: (operations: readonly StoreOperation[]) =>
        new Promise<void>((resolve, reject) => {
          this.#scheduler.after(writeMs, () => {
            if (life !== this.#life) return;
            if (this.isFull) reject(new FirsthandError('STORE_FULL'));
            else this.#content.write(operations).then(resolve, reject);
            this.#scheduler.settled();
          });
        }),
      close: async () => {},
    };
  }

  crash(): void {
    this.#life += 1;
  }
}
