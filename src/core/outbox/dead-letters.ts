/** What did not arrive, the latest of it, so that nothing is lost without anybody knowing. */
import type { StoreOperation } from '../effects.ts';
import type { DeadLetter, DeathReason, StoredDelivery } from './delivery.ts';

export class DeadLetters {
  readonly #maxCount: number;
  readonly #letters = new Map<number, DeadLetter>();
  #lastNumber = 0;

  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  /** Newest first. */
  latest(): readonly DeadLetter[] {
    return [...this.#letters.values()].reverse();
  }

  restore(letters: readonly DeadLetter[]): void {
    for (const letter of [...letters].sort((a, b) => a.number - b.number)) {
      this.#letters.set(letter.number, letter);
      this.#lastNumber = letter.number;
    }
  }

  /** @returns What to write: the letter, and the removal of the oldest ones beyond the bound. */
  add(
    delivery: StoredDelivery,
    reason: DeathReason,
    detail: string,
    wallMs: number,
  ): readonly StoreOperation[] {
    const { receiver, subject, priority, kind, digest, enqueuedAtMs } = delivery;
    this.#lastNumber += 1;
    const letter: DeadLetter = {
      number: this.#lastNumber,
      receiver,
      ...(subject === undefined ? {} : { subject }),
      priority,
      kind,
      digest,
      reason,
      detail,
      enqueuedAtMs,
      diedAtMs: wallMs,
    };
    this.#letters.set(letter.number, letter);
    const operations: StoreOperation[] = [{ type: 'put-dead-letter', letter }];
    for (const number of this.#letters.keys()) {
      if (this.#letters.size <= this.#maxCount) break;
      this.#letters.delete(number);
      operations.push({ type: 'delete-dead-letter', number });
    }
    return operations;
  }
}
