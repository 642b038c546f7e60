/**
 * Frames on a byte stream: an unsigned varint with the length, then the bytes.
 *
 * The decoder keeps at most one unfinished frame, so a peer that sends a length and then nothing costs
 * no more than the bytes it has really sent.
 */

/** Enough for 21 bits; no allowed frame needs more. */
const prefixMaxBytes = 3;

/** The length that precedes `byteLength` bytes. */
export function framePrefix(byteLength: number): Uint8Array {
  const prefix: number[] = [];
  let rest = byteLength;
  while (rest >= 0x80) {
    prefix.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  prefix.push(rest);
  return Uint8Array.from(prefix);
}

export class FrameDecoder {
  readonly #maxBytes: number;
  #rest: Uint8Array = new Uint8Array(0);
  #failed = false;

  /** @param maxBytes - Longest frame to accept; below 2 MiB, which is what the prefix can say. */
  constructor(maxBytes: number) {
    if (maxBytes >= 2 ** (7 * prefixMaxBytes)) throw new RangeError(`frames of ${maxBytes} bytes`);
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @returns The frames that are now complete, possibly none; `undefined` when the stream is not
   * acceptable (a frame above the limit, a malformed length), from then on for every call.
   */
  push(chunk: Uint8Array): readonly Uint8Array[] | undefined {
    if (this.#failed) return undefined;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Uint8Array[] = [];
    let offset = 0;
    for (;;) {
      const prefix = readPrefix(bytes, offset);
      if (prefix === 'incomplete') break;
      if (prefix === 'malformed' || prefix.value > this.#maxBytes) {
        this.#failed = true;
        this.#rest = new Uint8Array(0);
        return undefined;
      }
      const end = prefix.end + prefix.value;
      if (end > bytes.length) break;
      frames.push(bytes.subarray(prefix.end, end));
      offset = end;
    }
    // A copy, so that a few waiting bytes do not keep a large chunk alive.
    this.#rest = bytes.slice(offset);
    return frames;
  }
}

type Prefix = { readonly value: number; readonly end: number } | 'incomplete' | 'malformed';

function readPrefix(bytes: Uint8Array, offset: number): Prefix {
  let value = 0;
  for (let index = 0; index < prefixMaxBytes; index += 1) {
    const byte = bytes[offset + index];
    if (byte === undefined) return 'incomplete';
    value |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return { value, end: offset + index + 1 };
  }
  return 'malformed';
}
