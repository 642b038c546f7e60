/**
 * Which datagrams of one sender were seen already.
 *
 * Counters go up, and datagrams may overtake each other, so the last 1,024 are remembered one by one and
 * everything older counts as seen. Source: RFC 6479; the width is WireGuard's order of magnitude.
 */
const width = 1_024;

export class ReplayWindow {
  readonly #bits = new Uint32Array(width / 32);
  #epoch = 0;
  #highest = -1;

  /** Whether a datagram with this number would be taken; changes nothing. */
  isFresh(epoch: number, counter: number): boolean {
    if (epoch !== this.#epoch) return epoch > this.#epoch;
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - width) return false;
    return !this.#has(counter);
  }

  /** Takes the number; false when it was taken before or is too old. Only for verified datagrams. */
  take(epoch: number, counter: number): boolean {
    if (!this.isFresh(epoch, counter)) return false;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#highest = -1;
      this.#bits.fill(0);
    }
    if (counter > this.#highest) {
      if (counter - this.#highest >= width) this.#bits.fill(0);
      else for (let passed = this.#highest + 1; passed < counter; passed++) this.#clear(passed);
      this.#highest = counter;
    }
    this.#set(counter);
    return true;
  }

  #has(counter: number): boolean {
    return (((this.#bits[(counter % width) >>> 5] as number) >>> (counter % 32)) & 1) === 1;
  }

  #set(counter: number): void {
    const word = (counter % width) >>> 5;
    this.#bits[word] = (this.#bits[word] as number) | (1 << (counter % 32));
  }

  #clear(counter: number): void {
    const word = (counter % width) >>> 5;
    this.#bits[word] = (this.#bits[word] as number) & ~(1 << (counter % 32));
  }
}
