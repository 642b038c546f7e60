/**
 * The files of a key that is being replaced, so that a process that ends at any point goes on with one of the two.
 *
 *   identity.key          the key that counts
 *   identity.key.next     made, and of no use yet
 *   identity.key.former   the one before, until it is ended
 *
 * The new key counts from the moment it is renamed into place. Before, a start rolls back; after, it goes on: it finds
 * a former key beside another one, and says everything anew with that. One file that holds both was rejected,
 * because an older version would take it for damaged.
 */
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentKey } from './agent-key.ts';
import { type KeyFileOptions, keyFileName, makeKey, openKeyFile, readKey, unusable } from './key-file.ts';
import { codeOf, flushDirectory, writePrivateFile } from './private-file.ts';

export interface OpenedKeys {
  readonly key: AgentKey;
  /** Not ended yet. */
  readonly former: AgentKey | undefined;
  /** A rotation had begun and came to nothing. */
  readonly rolledBack: boolean;
}

export class KeyRotationFiles {
  readonly #options: KeyFileOptions;
  readonly #directory: string;
  readonly #path: string;

  constructor(options: KeyFileOptions) {
    this.#options = options;
    this.#directory = options.directory;
    this.#path = join(options.directory, keyFileName);
  }

  /** Reads what there is, makes a key when there is none, and tidies up after a rotation that was cut off. */
  async open(): Promise<OpenedKeys> {
    const { passphrases } = this.#options;
    const key = await openKeyFile(this.#options);
    const former = await readKey(this.#former, passphrases);
    const hasNext = (await readKey(this.#next, passphrases).catch(() => undefined)) !== undefined;
    const isFormer = former !== undefined && former.peerId !== key.peerId;
    const rolledBack = hasNext || (former !== undefined && !isFormer);
    if (rolledBack) await this.#remove(this.#next, ...(isFormer ? [] : [this.#former]));
    return { key, former: isFormer ? former : undefined, rolledBack };
  }

  /** Makes the next key; nothing else changes. @throws FirsthandError KEY_UNUSABLE */
  async prepare(): Promise<AgentKey> {
    await this.#remove(this.#next);
    return makeKey(this.#next, this.#options.passphrases);
  }

  /** The next key is not to be. @throws FirsthandError KEY_UNUSABLE */
  async discard(): Promise<void> {
    await this.#remove(this.#next);
  }

  /** The next key counts from here on; the present one becomes the former. @throws FirsthandError KEY_UNUSABLE */
  async commit(): Promise<void> {
    try {
      await writePrivateFile(this.#former, await readFile(this.#path, 'utf8'));
      await rename(this.#next, this.#path);
      await flushDirectory(this.#directory);
    } catch (error) {
      throw unusable(this.#path, `cannot be replaced (${codeOf(error)})`, error);
    }
  }

  /** The former key is ended and of no use to anybody. */
  async finish(): Promise<void> {
    await this.#remove(this.#former);
  }

  /** The key is ended, and the next start makes another one. */
  async setAside(): Promise<void> {
    try {
      await rename(this.#path, `${this.#path}.revoked`);
      await flushDirectory(this.#directory);
    } catch (error) {
      throw unusable(this.#path, `cannot be set aside (${codeOf(error)})`, error);
    }
    await this.#remove(this.#former, this.#next);
  }

  get #next(): string {
    return `${this.#path}.next`;
  }

  get #former(): string {
    return `${this.#path}.former`;
  }

  async #remove(...paths: readonly string[]): Promise<void> {
    try {
      for (const path of paths) await rm(path, { force: true });
      await flushDirectory(this.#directory);
    } catch (error) {
      throw unusable(this.#path, `has leftovers beside it that cannot be removed (${codeOf(error)})`, error);
    }
  }
}
