/**
 * HMAC-SHA-256 (RFC 2104) out of two plain hashes.
 *
 * Node's own makes an object for each MAC, which costs four times as much (11 against 2.7 µs): with it a request
 * with a secret took longer to be let in than to be answered.
 */
import { hash } from 'node:crypto';

const blockBytes = 64;

export class Hmac {
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  /** @param key - At most 64 bytes. @throws RangeError for a longer one. */
  constructor(key: Uint8Array) {
    if (key.length > blockBytes) throw new RangeError(`a key of ${key.length} bytes`);
    this.#inner = padded(key, 0x36);
    this.#outer = padded(key, 0x5c);
  }

  /** Always 32 bytes. */
  mac(bytes: Uint8Array): Buffer {
    const inner = hash('sha256', Buffer.concat([this.#inner, bytes]), 'buffer');
    return hash('sha256', Buffer.concat([this.#outer, inner]), 'buffer');
  }
}

function padded(key: Uint8Array, pad: number): Buffer {
  return Buffer.from(Array.from({ length: blockBytes }, (_, index) => (key[index] ?? 0) ^ pad));
}
