/**
 * What a cluster's secret is used as: never itself, but keys made from it, one for each purpose, so that what one
 * gives away tells nothing about another.
 */
import { hkdfSync } from 'node:crypto';

/** Names a secret in logs, messages and datagrams; tells nothing about it. 8 hexadecimal digits. */
export type KeyId = string;

export const keyIdBytes = 4;
const keyBytes = 32;
const salt = 'firsthand/cluster-key/1';

export class ClusterKey {
  readonly id: KeyId;
  /** Where it came from, for messages: `--secret-file /etc/firsthand/secret`. */
  readonly source: string;
  readonly #secret: string;
  readonly #admissionKey: Buffer;
  readonly #datagramKey: Buffer;

  /** @throws RangeError without a secret: a bug in the caller. */
  constructor(options: { readonly cluster: string; readonly secret: string; readonly source: string }) {
    const { cluster, secret, source } = options;
    if (secret === '') throw new RangeError('an empty secret');
    const derive = (purpose: string, length: number) =>
      Buffer.from(hkdfSync('sha256', secret, salt, `${purpose}\0${cluster}`, length));
    this.source = source;
    this.#secret = secret;
    this.id = derive('id', keyIdBytes).toString('hex');
    this.#admissionKey = derive('admission', keyBytes);
    this.#datagramKey = derive('datagrams', keyBytes);
  }

  /** For proofs in the admission exchange. */
  get admissionKey(): Buffer {
    return this.#admissionKey;
  }

  /** What the keys of datagrams are made from. */
  get datagramKey(): Buffer {
    return this.#datagramKey;
  }

  /** The secret itself: for handing it to a member and for comparing what a caller presents, nothing else. */
  reveal(): string {
    return this.#secret;
  }

  toJSON(): object {
    return { id: this.id, source: this.source };
  }
}
