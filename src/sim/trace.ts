/** The story of a run: a hash of all of it, and its last lines for a person. */
import { createHash } from 'node:crypto';

const keptMaxCount = 400;
const chunkLength = 65_536;

export class Trace {
  readonly #hash = createHash('sha256');
  readonly #lines: string[] = [];
  #chunk = '';

  /** Counts in the hash only. */
  add(text: string): void {
    this.#chunk += text;
    if (this.#chunk.length > chunkLength) this.#flush();
  }

  /** Worth reading as well. */
  tell(nowMs: number, line: string): void {
    const text = `${(nowMs / 1_000).toFixed(3).padStart(9)}  ${line}`;
    this.add(`${text}\n`);
    this.#lines.push(text);
    if (this.#lines.length > 2 * keptMaxCount) this.#lines.splice(0, keptMaxCount);
  }

  /** Up to 400. */
  get lines(): readonly string[] {
    return this.#lines.slice(-keptMaxCount);
  }

  /** SHA-256 over everything. Ends the trace. */
  digest(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #flush(): void {
    this.#hash.update(this.#chunk);
    this.#chunk = '';
  }
}
