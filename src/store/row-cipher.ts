/**
 * Seals the values of a database, each for itself, with AES-256-GCM.
 *
 *     4 bytes mark, 4 bytes id of the key, 12 bytes nonce, sealed value, 16 bytes tag
 *
 * The row's key is authenticated with it, so a value cannot stand under another name; keys themselves stay readable,
 * for the database sorts by them. Nonces are drawn at random: by the birthday bound a key may seal 2^32 values before
 * one repeats with a chance of 2^-32 (NIST SP 800-38D, section 8.3), which are 130 years at one a second.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export const rowKeyBytes = 32;
export const rowKeyIdBytes = 4;

export interface RowKey {
  /** 8 hexadecimal digits. */
  readonly id: string;
  readonly key: Uint8Array;
}

/** Seals with the first key, opens with any. */
export interface RowCipherOptions {
  readonly keys: readonly [RowKey, ...RowKey[]];
  /** Rows that are not sealed are taken too: while a database is being sealed for the first time. */
  readonly takesPlain: boolean;
}

const algorithm = 'aes-256-gcm';
const mark = Buffer.from([0xf1, 0x57, 0x8a, 0x9d]);
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = mark.length + rowKeyIdBytes + nonceBytes;
const domain = 'firsthand/row/1\0';

export class RowCipher {
  readonly #current: RowKey;
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly #takesPlain: boolean;

  constructor({ keys, takesPlain }: RowCipherOptions) {
    this.#current = keys[0];
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]));
    this.#takesPlain = takesPlain;
  }

  seal(name: string, value: Uint8Array): Buffer {
    const { id, key } = this.#current;
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(domain + name, 'latin1'));
    const sealed = [cipher.update(value), cipher.final()];
    return Buffer.concat([mark, Buffer.from(id, 'hex'), nonce, ...sealed, cipher.getAuthTag()]);
  }

  /** `undefined`: changed by somebody, sealed with a key that is not here, or not sealed and it has to be. */
  open(name: string, value: Buffer): Buffer | undefined {
    const id = idOf(value);
    if (id === undefined) return this.#takesPlain ? value : undefined;
    const key = this.#keys.get(id);
    if (key === undefined) return undefined;
    const nonce = value.subarray(headBytes - nonceBytes, headBytes);
    const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(domain + name, 'latin1')).setAuthTag(value.subarray(-tagBytes));
    try {
      return Buffer.concat([decipher.update(value.subarray(headBytes, -tagBytes)), decipher.final()]);
    } catch {
      return undefined; // The tag does not fit: there is no other reason.
    }
  }

  /** Whether it has to be sealed anew. */
  isOutdated(value: Buffer): boolean {
    return idOf(value) !== this.#current.id;
  }
}

/** Which key sealed it; `undefined` for what is not sealed. */
function idOf(value: Buffer): string | undefined {
  if (value.length < headBytes + tagBytes || !value.subarray(0, mark.length).equals(mark)) return undefined;
  return value.toString('hex', mark.length, mark.length + rowKeyIdBytes);
}
