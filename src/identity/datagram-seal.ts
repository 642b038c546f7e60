/**
 * Datagrams that only members can make and read: AES-256-GCM around the signed ones.
 *
 *     1 format | 4 id of the secret | 12 sender's stream | 6 counter | ciphertext | 16 tag
 *
 * One key under a thousand senders would leave random nonces of 96 bits some days until one repeats. So each
 * process draws a stream for each secret when it starts, makes a key of its own from both, and counts: no
 * key ever sees a counter twice, and nothing has to be stored. The receiver opens each counter of a stream once:
 * the detector's own counters know members only, and a stranger's question that is sent again would be answered.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { datagramMaxBytes } from '../core/swim/message.ts';
import { ReplayWindow } from '../core/swim/replay-window.ts';
import { GenerationCache } from '../wire/generation-cache.ts';
import { type ClusterKey, keyIdBytes } from './cluster-key.ts';
import type { ClusterKeyring } from './cluster-keyring.ts';

const format = 0xf5; // No protobuf of ours begins like this.
const streamBytes = 12;
const counterBytes = 6;
const headBytes = 1 + keyIdBytes + streamBytes + counterBytes;
const tagBytes = 16;
/** What a seal adds. */
export const sealBytes = headBytes + tagBytes;
const counterMax = 2 ** (8 * counterBytes) - 1;
/** Streams of others whose keys are kept, twice: a process has one for each secret. */
const streamsMaxCount = 2_048;

interface OwnStream {
  readonly keyId: string;
  readonly id: Buffer;
  readonly key: KeyObject;
  counter: number;
}

interface TheirStream {
  readonly key: KeyObject;
  readonly window: ReplayWindow;
}

export class DatagramSeal {
  readonly #cluster: Buffer;
  readonly #keyring: ClusterKeyring;
  readonly #theirs = new GenerationCache<string, TheirStream>(streamsMaxCount);
  #own: OwnStream | undefined;

  constructor(options: { readonly cluster: string }, components: { readonly keyring: ClusterKeyring }) {
    this.#cluster = Buffer.from(`firsthand/datagram/1\0${options.cluster}\0`);
    this.#keyring = components.keyring;
  }

  /** With the secret in use. */
  seal(plain: Uint8Array): Uint8Array {
    const stream = this.#stream();
    stream.counter += 1;
    const head = Buffer.alloc(headBytes);
    head.writeUInt8(format, 0);
    head.write(stream.keyId, 1, keyIdBytes, 'hex');
    stream.id.copy(head, 1 + keyIdBytes);
    head.writeUIntBE(stream.counter, headBytes - counterBytes, counterBytes);
    const cipher = createCipheriv('aes-256-gcm', stream.key, nonceOf(head));
    cipher.setAAD(this.#associated(head));
    return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** `undefined` unless somebody who knows a secret that we accept has sealed exactly these bytes, and they are new. */
  open(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length <= sealBytes || bytes.length > datagramMaxBytes + sealBytes) return undefined;
    if (bytes[0] !== format) return undefined;
    const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const key = this.#keyring.key(sealed.toString('hex', 1, 1 + keyIdBytes));
    if (key === undefined) return undefined;
    const streamId = sealed.subarray(1 + keyIdBytes, 1 + keyIdBytes + streamBytes);
    const name = `${key.id}${streamId.toString('latin1')}`;
    const counter = sealed.readUIntBE(headBytes - counterBytes, counterBytes);
    const known = this.#theirs.get(name);
    if (known?.window.isFresh(0, counter) === false) return undefined;
    const stream = known ?? { key: streamKeyOf(key, streamId), window: new ReplayWindow() };
    const plain = this.#decrypted(sealed, stream.key);
    if (plain === undefined) return undefined;
    stream.window.take(0, counter);
    // Only now: strangers must not drive out the streams of members.
    if (known === undefined) this.#theirs.set(name, stream);
    return plain;
  }

  #stream(): OwnStream {
    const { primary } = this.#keyring;
    if (this.#own?.keyId === primary.id && this.#own.counter < counterMax) return this.#own;
    const id = randomBytes(streamBytes);
    this.#own = { keyId: primary.id, id, key: streamKeyOf(primary, id), counter: 0 };
    return this.#own;
  }

  #decrypted(sealed: Buffer, key: KeyObject): Buffer | undefined {
    const head = sealed.subarray(0, headBytes);
    const tagAt = sealed.length - tagBytes;
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(head), { authTagLength: tagBytes });
    decipher.setAAD(this.#associated(head));
    decipher.setAuthTag(sealed.subarray(tagAt));
    const plain = decipher.update(sealed.subarray(headBytes, tagAt));
    try {
      decipher.final();
      return plain;
    } catch {
      return undefined; // The only way node has to say that the tag does not fit.
    }
  }

  #associated(head: Uint8Array): Buffer {
    return Buffer.concat([this.#cluster, head]);
  }
}

function streamKeyOf(key: ClusterKey, streamId: Uint8Array): KeyObject {
  return createSecretKey(createHmac('sha256', key.datagramKey).update('stream\0').update(streamId).digest());
}

/** 96 bits: the counter behind zeros. */
function nonceOf(head: Uint8Array): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.set(head.subarray(headBytes - counterBytes), nonce.length - counterBytes);
  return nonce;
}
