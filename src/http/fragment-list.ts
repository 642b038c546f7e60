/**
 * A JSON array kept as bytes while its elements come, change and go.
 *
 * Elements are stored already serialised, each behind a comma, in chunks of about 16 KiB. An answer is
 * the list of the chunks' bytes, which the socket writes without copying; leaving one element out
 * costs two slices. A new element is appended behind what earlier answers hold, and a change copies its
 * chunk only if an answer may still be reading it. Serialising the whole array for each answer was
 * rejected: at 100 elements that alone takes two thirds of the requests per second. One buffer for everything
 * was rejected because each change would copy all of it.
 */

const chunkBytes = 16 * 1_024;
const nothing = Buffer.alloc(0);
const commaByte = 0x2c;

/** Bytes that together are the elements of the array, separated by commas, without the brackets. */
export interface Pieces {
  readonly parts: readonly Buffer[];
  readonly byteLength: number;
}

class Chunk {
  readonly keys: string[] = [];
  /** Where each element ends. */
  readonly #ends: number[] = [];
  #bytes: Buffer;
  #used = 0;
  /** An answer may hold bytes below `#used`: they must not change any more. */
  #lent = false;

  constructor(minBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(chunkBytes, minBytes));
  }

  get usedBytes(): number {
    return this.#used;
  }

  get capacityBytes(): number {
    return this.#bytes.length;
  }

  hasRoomFor(byteLength: number): boolean {
    return this.#used + byteLength <= this.#bytes.length;
  }

  appendJson(key: string, json: string): void {
    this.#bytes[this.#used] = commaByte;
    this.#used += 1 + this.#bytes.write(json, this.#used + 1);
    this.keys.push(key);
    this.#ends.push(this.#used);
  }

  /** What another chunk holds already. */
  appendElement(key: string, element: Buffer): void {
    element.copy(this.#bytes, this.#used);
    this.#used += element.length;
    this.keys.push(key);
    this.#ends.push(this.#used);
  }

  lengthOf(index: number): number {
    return (this.#ends[index] as number) - this.#startOf(index);
  }

  replace(index: number, element: Buffer): void {
    const delta = element.length - this.lengthOf(index);
    this.#splice(index, element, delta);
    for (let i = index; i < this.#ends.length; i++) this.#ends[i] = (this.#ends[i] as number) + delta;
  }

  remove(index: number): void {
    const length = this.lengthOf(index);
    this.#splice(index, nothing, -length);
    this.keys.splice(index, 1);
    this.#ends.splice(index, 1);
    for (let i = index; i < this.#ends.length; i++) this.#ends[i] = (this.#ends[i] as number) - length;
  }

  /** What is kept, lent out until the chunk changes its place in memory. */
  bytes(): Buffer {
    this.#lent = true;
    return this.#bytes.subarray(0, this.#used);
  }

  /** The same without one element. */
  bytesAround(index: number): readonly [Buffer, Buffer] {
    const all = this.bytes();
    return [all.subarray(0, this.#startOf(index)), all.subarray(this.#ends[index])];
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] as number);
  }

  #splice(index: number, element: Buffer, delta: number): void {
    const start = this.#startOf(index);
    const end = this.#ends[index] as number;
    const used = this.#used + delta;
    const source = this.#bytes;
    if (this.#lent || used > source.length) {
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(chunkBytes, used));
      this.#lent = false;
      source.copy(this.#bytes, 0, 0, start);
    }
    source.copy(this.#bytes, start + element.length, end, this.#used); // `copy` allows overlap.
    element.copy(this.#bytes, start);
    this.#used = used;
  }
}

export class FragmentList {
  readonly #home = new Map<string, Chunk>();
  #chunks: Chunk[] = [];
  #usedBytes = 0;

  get size(): number {
    return this.#home.size;
  }

  /** Adds at the end, or replaces in place. `json` is one element, serialised. */
  set(key: string, json: string): void {
    const chunk = this.#home.get(key);
    if (chunk === undefined) {
      this.#append(key, json);
      return;
    }
    const element = Buffer.from(`,${json}`);
    const index = chunk.keys.indexOf(key);
    this.#usedBytes += element.length - chunk.lengthOf(index);
    chunk.replace(index, element);
  }

  delete(key: string): void {
    const chunk = this.#home.get(key);
    if (chunk === undefined) return;
    const index = chunk.keys.indexOf(key);
    this.#usedBytes -= chunk.lengthOf(index);
    chunk.remove(index);
    this.#home.delete(key);
    if (chunk.keys.length === 0) this.#chunks.splice(this.#chunks.indexOf(chunk), 1);
    else if (chunk.usedBytes < chunkBytes / 4) this.#mergeWithNeighbours(chunk);
  }

  /** All elements but one. */
  pieces(leftOut?: string): Pieces {
    const parts: Buffer[] = [];
    const home = leftOut === undefined ? undefined : this.#home.get(leftOut);
    for (const chunk of this.#chunks) {
      if (chunk !== home) parts.push(chunk.bytes());
      else parts.push(...chunk.bytesAround(chunk.keys.indexOf(leftOut as string)));
    }
    return withoutFirstComma(parts.filter(part => part.length > 0));
  }

  /** Bytes held, for the budget per entry. */
  get capacityBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.capacityBytes, 0);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  #append(key: string, json: string): void {
    const byteLength = 1 + Buffer.byteLength(json);
    let last = this.#chunks.at(-1);
    if (last === undefined || !last.hasRoomFor(byteLength)) {
      last = new Chunk(byteLength);
      this.#chunks.push(last);
    }
    last.appendJson(key, json);
    this.#home.set(key, last);
    this.#usedBytes += byteLength;
  }

  /** Keeps a list that once was long from staying a row of nearly empty chunks. */
  #mergeWithNeighbours(chunk: Chunk): void {
    const index = this.#chunks.indexOf(chunk);
    this.#merge(chunk, this.#chunks[index + 1]);
    this.#merge(this.#chunks[index - 1], chunk);
  }

  /** Moves everything from the right one of two neighbours into the left one, if it fits. */
  #merge(left: Chunk | undefined, right: Chunk | undefined): void {
    if (left === undefined || right === undefined || !left.hasRoomFor(right.usedBytes)) return;
    const bytes = right.bytes();
    let start = 0;
    for (const [index, key] of right.keys.entries()) {
      const end = start + right.lengthOf(index);
      left.appendElement(key, bytes.subarray(start, end));
      this.#home.set(key, left);
      start = end;
    }
    this.#chunks.splice(this.#chunks.indexOf(right), 1);
  }
}

function withoutFirstComma(parts: readonly Buffer[]): Pieces {
  const [first, ...rest] = parts;
  if (first === undefined) return { parts: [], byteLength: 0 };
  const all = [first.subarray(1), ...rest];
  return { parts: all, byteLength: all.reduce((sum, part) => sum + part.length, 0) };
}
