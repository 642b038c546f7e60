/**
 * A file that takes up room, so that there is some to give back.
 *
 * On a full disk a database cannot even delete: a deletion is a row too, and opening it again writes files.
 * So when the disk is full the ballast goes, and what it held serves to reopen and to clean up. It is made
 * again before anything new is written, which also proves that there is room: nobody else can tell, for
 * quotas and reserved blocks are in no figure that the system gives.
 */
import { open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const chunkBytes = 64 * 1_024;

export class Ballast {
  readonly #path: string;
  readonly #directory: string;
  readonly #bytes: number;

  /** @param options.bytes - 0: there is none, and there always seems to be room. */
  constructor(options: { readonly directory: string; readonly bytes: number }) {
    this.#directory = options.directory;
    this.#path = join(options.directory, 'ballast');
    this.#bytes = options.bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Safe to call when it is there already. @returns Whether it is there now. */
  async make(): Promise<boolean> {
    if (this.#bytes === 0) return true;
    try {
      if ((await stat(this.#path).catch(() => undefined))?.size === this.#bytes) return true;
      // Once more the ballast beside it, or the next write would find the disk full again.
      const { bavail, bsize } = await statfs(this.#directory);
      if (bavail * bsize < 2 * this.#bytes) return false;
      await this.#fill();
      return true;
    } catch {
      // For whatever reason: the disk does not take what the next write would need.
      await this.release();
      return false;
    }
  }

  /** Best effort: on a disk that can only be read it stays. */
  async release(): Promise<void> {
    await rm(this.#path, { force: true }).catch(() => {});
  }

  async #fill(): Promise<void> {
    const file = await open(this.#path, 'w', 0o600);
    try {
      const chunk = Buffer.alloc(chunkBytes, 0xfe); // Zeros might be stored as a hole.
      for (let left = this.#bytes; left > 0; left -= chunkBytes)
        await file.writeFile(chunk.subarray(0, Math.min(left, chunkBytes)));
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
