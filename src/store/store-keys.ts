/**
 * The keys of a database that is sealed, in `<data directory>/store.keys`, each wrapped with a key that is kept
 * elsewhere.
 *
 * What is kept elsewhere may be a passphrase, so it goes through scrypt; and because the database has keys of its
 * own, a new passphrase does not leave it unreadable half way: the old ones are wrapped with the new passphrase at
 * once, and dropped when everything has been sealed anew.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FirsthandError } from '../errors.ts';
import { RowCipher, type RowKey, rowKeyBytes, rowKeyIdBytes } from './row-cipher.ts';

export interface StoreSecret {
  readonly text: string;
  /** Where it came from, for messages. */
  readonly source: string;
}

export interface StoreKeysOptions {
  readonly directory: string;
  /** The first one wraps, the others may still unwrap; none: the database is not to be sealed. */
  readonly secrets: readonly StoreSecret[];
  /** Only to look: nothing is made, and nothing written. */
  readonly isReadOnly?: boolean;
}

interface WrappedKey {
  readonly id: string;
  readonly nonce: string;
  readonly wrapped: string;
}

interface KeysFile {
  readonly version: 1;
  /** Of scrypt. */
  readonly salt: string;
  /** The first one seals. */
  readonly keys: readonly WrappedKey[];
  /** Rows that are not sealed are refused. */
  readonly isComplete: boolean;
}

const fileName = 'store.keys';
const algorithm = 'aes-256-gcm';
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
const fileMaxBytes = 16_384;
const domain = 'firsthand/store-key/1\0';
/** RFC 7914's figure for interactive use: 16 MB and some 50 ms. */
const scryptOptions = { N: 16_384, r: 8, p: 1 };

export class StoreKeys {
  readonly #directory: string;
  #secret: StoreSecret;
  #keys: readonly [RowKey, ...RowKey[]];
  #isComplete: boolean;

  /**
   * Opens the keys of a data directory, or makes some when there are none.
   *
   * @returns `undefined` for a database that is not sealed and is not to be.
   * @throws FirsthandError STORE_KEY_WRONG when no secret opens them, or there are some and no secret is given.
   */
  static async open({
    directory,
    secrets,
    isReadOnly = false,
  }: StoreKeysOptions): Promise<StoreKeys | undefined> {
    const file = await readKeysFile(directory);
    const [first] = secrets;
    if (first === undefined) {
      if (file === undefined) return undefined;
      throw wrong(directory, 'it is sealed, and no key is given; store_key says where it is');
    }
    if (file === undefined) {
      if (isReadOnly) return undefined;
      const made = new StoreKeys(directory, first, [newRowKey()], false);
      await made.#write();
      return made;
    }
    for (const secret of secrets) {
      const keys = unwrapped(file, secret);
      if (keys === undefined) continue;
      if (secret === first || isReadOnly) return new StoreKeys(directory, first, keys, file.isComplete);
      const renewed = new StoreKeys(directory, first, [newRowKey(), ...keys], file.isComplete);
      await renewed.#write();
      return renewed;
    }
    const sources = [...new Set(secrets.map(({ source }) => source))].join(', ');
    throw wrong(directory, `the key from ${sources} is not the one it was sealed with`);
  }

  private constructor(
    directory: string,
    secret: StoreSecret,
    keys: readonly [RowKey, ...RowKey[]],
    isComplete: boolean,
  ) {
    this.#directory = directory;
    this.#secret = secret;
    this.#keys = keys;
    this.#isComplete = isComplete;
  }

  /** Something may still be sealed with an older key, or not at all. */
  get isSealingDue(): boolean {
    return !this.#isComplete || this.#keys.length > 1;
  }

  cipher(): RowCipher {
    return new RowCipher({ keys: this.#keys, takesPlain: !this.#isComplete });
  }

  /** Another key seals from now on, and is wrapped with another secret. @throws FirsthandError DATA_DIR_UNUSABLE */
  async renew(secret: StoreSecret): Promise<void> {
    if (secret.text === this.#secret.text) return;
    const before = { secret: this.#secret, keys: this.#keys };
    this.#secret = secret;
    this.#keys = [newRowKey(), ...this.#keys];
    try {
      await this.#write();
    } catch (error) {
      this.#secret = before.secret;
      this.#keys = before.keys;
      throw error;
    }
  }

  /** Everything is sealed with the first key: the others are forgotten. */
  async sealed(): Promise<void> {
    this.#keys = [this.#keys[0]];
    this.#isComplete = true;
    await this.#write();
  }

  /** Whole or not at all. */
  async #write(): Promise<void> {
    const salt = randomBytes(saltBytes);
    const wrappingKey = wrappingKeyOf(this.#secret, salt);
    const file: KeysFile = {
      version: 1,
      salt: salt.toString('base64'),
      keys: this.#keys.map(key => wrap(wrappingKey, key)),
      isComplete: this.#isComplete,
    };
    const path = join(this.#directory, fileName);
    const draft = `${path}.tmp`;
    try {
      await rm(draft, { force: true });
      const handle = await open(draft, 'wx', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify(file, undefined, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, path);
    } catch (error) {
      const text = `the keys of the database cannot be written to ${path}: ${(error as Error).message}`;
      throw new FirsthandError('DATA_DIR_UNUSABLE', { text, directory: this.#directory }, error);
    }
  }
}

function newRowKey(): RowKey {
  return { id: randomBytes(rowKeyIdBytes).toString('hex'), key: randomBytes(rowKeyBytes) };
}

function wrappingKeyOf({ text }: StoreSecret, salt: Buffer): Buffer {
  return scryptSync(text.normalize('NFC'), salt, rowKeyBytes, scryptOptions);
}

function wrap(wrappingKey: Buffer, { id, key }: RowKey): WrappedKey {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, wrappingKey, nonce).setAAD(Buffer.from(domain + id));
  const wrapped = Buffer.concat([cipher.update(key), cipher.final(), cipher.getAuthTag()]);
  return { id, nonce: nonce.toString('base64'), wrapped: wrapped.toString('base64') };
}

/** `undefined`: it was another secret. */
function unwrapped({ salt, keys }: KeysFile, secret: StoreSecret): [RowKey, ...RowKey[]] | undefined {
  const wrappingKey = wrappingKeyOf(secret, Buffer.from(salt, 'base64'));
  const opened: RowKey[] = [];
  for (const { id, nonce, wrapped } of keys) {
    const bytes = Buffer.from(wrapped, 'base64');
    try {
      const decipher = createDecipheriv(algorithm, wrappingKey, Buffer.from(nonce, 'base64'), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(domain + id)).setAuthTag(bytes.subarray(-tagBytes));
      opened.push({
        id,
        key: Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]),
      });
    } catch {
      return undefined;
    }
  }
  const [first, ...others] = opened;
  return first === undefined ? undefined : [first, ...others];
}

async function readKeysFile(directory: string): Promise<KeysFile | undefined> {
  const path = join(directory, fileName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const reason = (error as Error).message;
    const told = `the keys of the database in ${path} cannot be read: ${reason}`;
    throw new FirsthandError('DATA_DIR_UNUSABLE', { text: told, directory }, error);
  }
  const file = parsed(text);
  if (file === undefined) throw wrong(directory, `its file ${path} is damaged; put back a copy of it`);
  return file;
}

function parsed(text: string): KeysFile | undefined {
  if (text.length > fileMaxBytes) return undefined;
  try {
    const file = JSON.parse(text) as Partial<KeysFile> | null;
    const isWell =
      file?.version === 1 &&
      typeof file.salt === 'string' &&
      typeof file.isComplete === 'boolean' &&
      Array.isArray(file.keys) &&
      file.keys.every(key => [key?.id, key?.nonce, key?.wrapped].every(part => typeof part === 'string')) &&
      file.keys.length > 0;
    return isWell ? (file as KeysFile) : undefined;
  } catch {
    return undefined;
  }
}

function wrong(directory: string, reason: string): FirsthandError {
  const text = `the database in ${directory} cannot be opened: ${reason}`;
  return new FirsthandError('STORE_KEY_WRONG', { text, directory });
}
