/**
 * The disk of one simulated machine.
 *
 * A write that is done survives the end of the process; whether it survives the machine is another matter:
 * that takes a sync, or the few seconds until the system writes its cache back. A write that is cut short
 * counts for nothing, as in LevelDB, whose log has a checksum for each.
 */

import { opensEpoch } from '../core/effects.ts';
import { type Random, randomIndex } from '../core/random.ts';
import type { NodeId } from '../core/record/node.ts';
import type { PeerId, VerifiedRecord } from '../core/record/record.ts';
import { FirsthandError } from '../errors.ts';
import type { Store, StoredState, StoreOperation } from '../runtime/ports.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Scheduler } from './scheduler.ts';

const writeMs = 0.2; // Measured elsewhere: a batch without sync, p50.
const writeBackMs = 5_000; // Linux, `dirty_writeback_centisecs`.

export type DiskTrouble = 'full' | 'failing' | 'slow';

interface Written {
  readonly atMs: number;
  readonly operations: readonly StoreOperation[];
}

export interface SimDiskOptions {
  /** Every write is synced before it counts as done. */
  readonly syncs: boolean;
}

export class SimDisk {
  readonly #options: SimDiskOptions;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #content = new MemoryStore();
  /** What has reached the platters, and what is only in the system's cache. */
  #synced = new MemoryStore();
  #cached: Written[] = [];
  #life = 0;
  readonly #troubles = new Set<DiskTrouble>();

  constructor(
    options: SimDiskOptions,
    components: { readonly scheduler: Scheduler; readonly random: Random },
  ) {
    this.#options = options;
    this.#scheduler = components.scheduler;
    this.#random = components.random;
  }

  /** For the next process: writes of an earlier one that were not done yet never happen. */
  open(): Store {
    this.#life += 1;
    const life = this.#life;
    return {
      load: (): Promise<StoredState> => this.#content.load(),
      write: (operations: readonly StoreOperation[]) =>
        new Promise<void>((resolve, reject) => {
          this.#scheduler.after(this.#writeMs(), () => {
            if (life !== this.#life) return;
            if (this.#troubles.has('full')) reject(new FirsthandError('STORE_FULL'));
            else if (this.#troubles.has('failing')) reject(new FirsthandError('STORE_FAILED'));
            else this.#write(operations).then(resolve, reject);
            this.#scheduler.settled();
          });
        }),
      close: async () => {},
    };
  }

  /** What is there now, whoever wrote it. */
  content(): Promise<StoredState> {
    return this.#content.load();
  }

  record(subject: NodeId, author: PeerId): VerifiedRecord | undefined {
    return this.#content.record(subject, author);
  }

  begin(trouble: DiskTrouble): void {
    this.#troubles.add(trouble);
  }

  end(trouble: DiskTrouble): void {
    this.#troubles.delete(trouble);
  }

  get isWell(): boolean {
    return this.#troubles.size === 0;
  }

  /** The process is gone. */
  crash(): void {
    this.#life += 1;
  }

  /** The machine has lost its power: of what was only cached, the end is missing. @returns Writes lost. */
  losePower(): number {
    this.#life += 1;
    this.#writeBack();
    const keptCount = randomIndex(this.#random, this.#cached.length + 1);
    const lost = this.#cached.length - keptCount;
    for (const { operations } of this.#cached.slice(0, keptCount)) this.#synced.apply(operations);
    this.#cached = [];
    this.#content = this.#synced.copy();
    return lost;
  }

  /** A row of the log has rotted, and the database says nothing. */
  damage(operations: readonly StoreOperation[]): void {
    this.#content.apply(operations);
    this.#synced.apply(operations);
  }

  /** A new machine. */
  wipe(): void {
    this.#life += 1;
    this.#content = new MemoryStore();
    this.#synced = new MemoryStore();
    this.#cached = [];
  }

  #writeMs(): number {
    return this.#troubles.has('slow') ? 100 + this.#random.next() * 2_000 : writeMs;
  }

  async #write(operations: readonly StoreOperation[]): Promise<void> {
    this.#content.apply(operations);
    this.#cached.push({ atMs: this.#scheduler.nowMs, operations });
    // A log is synced up to its end.
    if (this.#options.syncs || operations.some(opensEpoch)) this.#writeBack(this.#scheduler.nowMs);
    else this.#writeBack();
  }

  /** @param oldMs - What was written by then. */
  #writeBack(oldMs = this.#scheduler.nowMs - writeBackMs): void {
    let count = 0;
    while ((this.#cached[count]?.atMs ?? Number.POSITIVE_INFINITY) <= oldMs) count += 1;
    for (const { operations } of this.#cached.splice(0, count)) this.#synced.apply(operations);
  }
}
