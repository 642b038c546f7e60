/**
 * The store of an agent on disk: one LevelDB in `<data directory>/store`.
 *
 * Writes are taken one batch at a time, so that they become durable in the order in which they were
 * asked for; whatever is asked for while a batch is under way goes into the next one together. After a
 * failed write LevelDB's handle refuses everything until it was closed and opened again, so that is done
 * before the next write. On a full disk the ballast makes room for that and for compaction; from then on only
 * deletions are taken, until there is room for the ballast again.
 */
import { Level } from 'level';
import { opensEpoch } from '../core/effects.ts';
import { FirsthandError } from '../errors.ts';
import type { Store, StoredState, StoreOperation } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import { Ballast } from './ballast.ts';
import { type Row, rowOf, StateBuilder, schemaKey, schemaRow, schemaVersionOf } from './layout.ts';
import { openFailure, prepareDirectory, readFailure, storeLocation, tooNew } from './location.ts';
import { backUp, currentSchema, migrated, type Schema, stepsFrom } from './migrations.ts';
import type { RowCipher } from './row-cipher.ts';
import { StoreKeys, type StoreSecret } from './store-keys.ts';

export interface LevelStoreOptions {
  /** The data directory; made when it is not there. */
  readonly directory: string;
  /**
   * What a finished write survives. `process`: the end of the process in any way, `kill -9` included,
   * but the last moments may be lost when the machine loses power. `power`: that too, for a flush
   * to the disk at each batch.
   */
  readonly durability?: 'process' | 'power';
  /** See ballast.ts; none when it is not given. */
  readonly ballastBytes?: number;
  /** What its values are sealed with, the present one first; none: they are not. */
  readonly secrets?: readonly StoreSecret[];
  /** For tests; otherwise the present one. */
  readonly schema?: Schema;
}

export type Database = Level<string, Buffer> & Compactable;

/** Part of the engine, not of what all engines have in common. */
interface Compactable {
  compactRange(start: string, end: string): Promise<void>;
}

interface Waiting {
  readonly rows: readonly Row[];
  /** Whatever the durability that was asked for. */
  readonly mustSync: boolean;
  readonly resolve: () => void;
  readonly reject: (error: FirsthandError) => void;
}

/**
 * Opening again writes what is in the log to a table. At most two buffers of it are in there, and they have to
 * fit into the ballast: with the engine's own four megabytes a full disk stayed closed.
 */
function writeBuffer(ballastBytes: number) {
  return ballastBytes === 0
    ? {}
    : { writeBufferSize: Math.min(4_194_304, Math.floor((3 * ballastBytes) / 8)) };
}

const rowsPerReadCount = 1_000;
/** 200 rows take some 5 ms, in which nobody else can write. */
const sealedTogetherCount = 200;
const readAheadBytes = 256 * 1_024;

export class LevelStore implements Store {
  readonly #directory: string;
  readonly #sync: boolean;
  readonly #database: Database;
  readonly #log: Log;
  readonly #schema: Schema;
  readonly #keys: StoreKeys | undefined;
  #cipher: RowCipher | undefined;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  readonly #ballast: Ballast;
  #failed = false;
  /** From a write that found the disk full until there is room for the ballast again. */
  #isFull = false;
  /** Reopened and compacted since then: once is enough. */
  #isCleanedUp = false;
  #closing: Promise<void> | undefined;
  #damagedAtOpen = 0;

  /**
   * @throws FirsthandError DATA_DIR_UNUSABLE, STORE_LOCKED, STORE_CORRUPT, STORE_TOO_NEW; each says in
   *   one sentence what is wrong and, where something can be done, what.
   */
  static async open(options: LevelStoreOptions, components: { readonly log: Log }): Promise<LevelStore> {
    const { directory, ballastBytes, secrets = [] } = options;
    const database = await openDatabase(directory, ballastBytes);
    let store: LevelStore;
    try {
      // Behind the lock of the database: two processes must not both make keys.
      const keys = await StoreKeys.open({ directory, secrets });
      store = new LevelStore(options, { database, keys }, components.log);
      await store.#checkSchema();
    } catch (error) {
      await database.close();
      throw error;
    }
    await store.#ballast.make();
    components.log('store_opened', { directory: options.directory });
    return store;
  }

  private constructor(
    options: LevelStoreOptions,
    { database, keys }: { readonly database: Database; readonly keys: StoreKeys | undefined },
    log: Log,
  ) {
    this.#keys = keys;
    this.#cipher = keys?.cipher();
    this.#directory = options.directory;
    this.#sync = options.durability === 'power';
    this.#database = database;
    this.#log = log;
    this.#ballast = new Ballast({ directory: options.directory, bytes: options.ballastBytes ?? 0 });
    this.#schema = options.schema ?? currentSchema;
  }

  async load(): Promise<StoredState> {
    const builder = new StateBuilder();
    const damaged: Buffer[] = [];
    await eachRow(this.#directory, this.#database, (key, value) => {
      const name = key.toString('latin1');
      const opened = openedValue(this.#cipher, name, value);
      if (opened === undefined || !builder.add(name, opened)) damaged.push(key);
    });
    await this.#remove(damaged);
    const damagedRows = damaged.length + this.#damagedAtOpen;
    this.#damagedAtOpen = 0;
    if (damagedRows > 0) this.#log('store_rows_damaged', { directory: this.#directory, rows: damagedRows });
    return builder.finish(damagedRows);
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    const rows = operations.map(rowOf);
    if (this.#closing !== undefined) throw this.#failure(new Error('the store is closed'));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ rows, mustSync: operations.some(opensEpoch), resolve, reject });
    this.#flushing ??= this.#flush();
    await promise;
  }

  /**
   * Seals what is not sealed yet, or with an older key; others may write meanwhile.
   *
   * @throws FirsthandError STORE_FULL, STORE_FAILED: it goes on where it was when it is called again.
   */
  async sealAll(): Promise<void> {
    const keys = this.#keys;
    if (keys === undefined || !keys.isSealingDue) return;
    let sealedRows = 0;
    for (let after: Buffer | undefined, isMore = true; isMore && this.#closing === undefined; ) {
      const slice = await this.#alone(() => this.#sealSlice(after));
      after = slice.last;
      sealedRows += slice.sealedCount;
      isMore = after !== undefined;
    }
    if (this.#closing !== undefined) return;
    await this.#alone(async () => {
      await keys.sealed();
      this.#cipher = keys.cipher();
      // What was overwritten is still in the files until then.
      await this.#database.compactRange('', '~');
    });
    this.#log('store_sealed', { directory: this.#directory, rows: sealedRows });
  }

  /**
   * Seals everything anew, while others go on writing, with a key that is wrapped with this secret.
   *
   * @throws FirsthandError DATA_DIR_UNUSABLE, STORE_FULL, STORE_FAILED; the former secret may still be needed then.
   */
  async renewKey(secret: StoreSecret): Promise<void> {
    const keys = this.#keys;
    if (keys === undefined) throw new TypeError('the database is not sealed');
    await this.#alone(async () => {
      await keys.renew(secret);
      this.#cipher = keys.cipher();
    });
    await this.sealAll();
  }

  /** Nothing else is written while it runs. @throws FirsthandError STORE_FULL, STORE_FAILED */
  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#flushing !== undefined) await this.#flushing;
    if (this.#closing !== undefined) throw this.#failure(new Error('the store is closed'));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#flushing = promise;
    try {
      return await work();
    } catch (error) {
      throw error instanceof FirsthandError ? error : this.#failure(error);
    } finally {
      this.#flushing = undefined;
      resolve();
      if (this.#waiting.length > 0) this.#flushing = this.#flush();
    }
  }

  /** @returns The last key that was looked at; `undefined` when there are no more. */
  async #sealSlice(after: Buffer | undefined): Promise<{ last: Buffer | undefined; sealedCount: number }> {
    const rows = this.#database.iterator<Buffer, Buffer>({
      keyEncoding: 'buffer',
      ...(after === undefined ? {} : { gt: after }),
    });
    try {
      const some = await rows.nextv(sealedTogetherCount);
      const outdated = some.flatMap(([key, value]) => {
        const name = key.toString('latin1');
        if (name === schemaKey || this.#cipher?.isOutdated(value) !== true) return [];
        const opened = this.#cipher.open(name, value);
        return opened === undefined ? [] : [{ key: name, value: opened }];
      });
      if (outdated.length > 0) await this.#commit(outdated);
      return { last: some.at(-1)?.[0], sealedCount: outdated.length };
    } finally {
      await rows.close();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    await this.#flushing;
    await this.#database.close();
  }

  /** Never rejects: the outcome belongs to those who wait. */
  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      try {
        await this.#commit(
          together.flatMap(each => each.rows),
          together.some(each => each.mustSync),
        );
        for (const { resolve } of together) resolve();
      } catch (error) {
        const failure = this.#failure(error);
        for (const { reject } of together) reject(failure);
      }
    }
    this.#flushing = undefined;
  }

  async #commit(rows: readonly Row[], mustSync = false): Promise<void> {
    const reopening = this.#failed;
    try {
      if (reopening) await this.#reopen(rows);
      await this.#database.batch(
        rows.map(row => batchOperation(row, this.#cipher)),
        { sync: this.#sync || mustSync },
      );
    } catch (error) {
      if (isFullDisk(error) && !(error instanceof FullDiskError)) {
        this.#isFull = true;
        this.#isCleanedUp = false;
        await this.#ballast.release();
      }
      // Once per outage: while it lasts every write fails, and says so to whoever asked for it.
      if (!this.#failed) this.#log('store_write_failed', { directory: this.#directory, error });
      this.#failed = true;
      throw error;
    }
    if (!reopening || this.#isFull) return;
    this.#failed = false;
    this.#log('store_recovered', { directory: this.#directory });
  }

  /** @throws When there is still no room for these rows. */
  async #reopen(rows: readonly Row[]): Promise<void> {
    if (!this.#isFull || this.#database.status !== 'open' || !this.#isCleanedUp) {
      await this.#database.close();
      await this.#database.open();
    }
    if (!this.#isFull) return;
    if (!this.#isCleanedUp) {
      // What was deleted or overwritten is still in the files, and may be all the room that is needed.
      await this.#database.compactRange('', '~');
      this.#isCleanedUp = true;
    }
    if (await this.#ballast.make()) this.#isFull = false;
    else if (rows.some(({ value }) => value !== undefined)) throw new FullDiskError();
  }

  async #remove(keys: readonly Buffer[]): Promise<void> {
    if (keys.length === 0) return;
    try {
      await this.#database.batch<Buffer, Buffer>(
        keys.map(key => ({ type: 'del', key, keyEncoding: 'buffer' })),
        { sync: this.#sync },
      );
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async #checkSchema(): Promise<void> {
    let value: Buffer | undefined;
    try {
      value = await this.#database.get(schemaKey);
    } catch (error) {
      throw readFailure(this.#directory, error);
    }
    const version = value && schemaVersionOf(value);
    if (version === this.#schema.version) return;
    if (version !== undefined) return this.#migrate(version);
    // New, or the row is damaged: every row has a sum of its own, so a wrong guess shows at once.
    if (value !== undefined) this.#damagedAtOpen = 1;
    try {
      await this.#commit([schemaRow(this.#schema.version)]);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** From an earlier version, with a copy of what was there. */
  async #migrate(found: number): Promise<void> {
    const { version } = this.#schema;
    const steps = found < version ? stepsFrom(found, this.#schema) : undefined;
    if (steps === undefined) throw tooNew(this.#directory, found, version);
    const backup = await this.#backUp(found);
    const rows = new Map<string, Buffer>();
    await eachRow(this.#directory, this.#database, (key, value) => {
      const name = key.toString('latin1');
      const opened = openedValue(this.#cipher, name, value);
      if (name !== schemaKey && opened !== undefined) rows.set(name, opened);
    });
    try {
      await this.#commit([...migrated(rows, steps), schemaRow(version)]);
    } catch (error) {
      throw this.#failure(error);
    }
    this.#log('store_migrated', { directory: this.#directory, from: found, to: version, backup });
  }

  /** Closed meanwhile, for an open database may tidy up its files at any moment. */
  async #backUp(version: number): Promise<string> {
    await this.#database.close();
    try {
      return await backUp(storeLocation(this.#directory), version, new Date());
    } catch (error) {
      const text = `the database in ${this.#directory} has to be migrated from schema version ${version}, and no copy of it can be made first: ${(error as Error).message}`;
      throw new FirsthandError('DATA_DIR_UNUSABLE', { text, directory: this.#directory }, error);
    } finally {
      await this.#database.open();
    }
  }

  #failure(cause: unknown): FirsthandError {
    const text = `the database in ${this.#directory} refused a write: ${(cause as Error).message}`;
    const code = isFullDisk(cause) ? 'STORE_FULL' : 'STORE_FAILED';
    return new FirsthandError(code, { text, directory: this.#directory }, cause);
  }
}

class FullDiskError extends Error {
  constructor() {
    super('No space left on device; waiting for room');
    this.name = 'FullDiskError';
  }
}

/** LevelDB passes on what the system says, without its code. */
export function isFullDisk(error: unknown): boolean {
  const text = `${(error as Error).message} ${((error as Error).cause as Error | undefined)?.message ?? ''}`;
  return /No space left|quota exceeded/i.test(text);
}

/**
 * Opens the database of a data directory, and makes both when they are not there.
 *
 * @throws FirsthandError DATA_DIR_UNUSABLE, STORE_LOCKED, STORE_CORRUPT
 */
export async function openDatabase(directory: string, ballastBytes = 0): Promise<Database> {
  await prepareDirectory(directory);
  // Without compression a flipped byte damages one row, and signed envelopes hardly compress.
  const database: Database = new Level(storeLocation(directory), {
    valueEncoding: 'buffer',
    compression: false,
    ...writeBuffer(ballastBytes),
  }) as Database;
  try {
    await database.open();
  } catch (error) {
    throw openFailure(directory, error);
  }
  return database;
}

/** Keys as bytes: one that is damaged may be no text, and must be removed by what it is. @throws FirsthandError STORE_CORRUPT */
export async function eachRow(
  directory: string,
  database: Database,
  visit: (key: Buffer, value: Buffer) => void,
): Promise<void> {
  const rows = database.iterator<Buffer, Buffer>({
    keyEncoding: 'buffer',
    highWaterMarkBytes: readAheadBytes,
  });
  try {
    for (;;) {
      const some = await rows.nextv(rowsPerReadCount);
      if (some.length === 0) break;
      for (const [key, value] of some) visit(key, value);
    }
  } catch (error) {
    throw readFailure(directory, error);
  } finally {
    await rows.close();
  }
}

function batchOperation({ key, value }: Row, cipher: RowCipher | undefined) {
  if (value === undefined) return { type: 'del', key } as const;
  const isSealed = cipher !== undefined && key !== schemaKey;
  return { type: 'put', key, value: isSealed ? cipher.seal(key, value) : value } as const;
}

/** The schema row is never sealed: it says how to read the others. */
function openedValue(cipher: RowCipher | undefined, name: string, value: Buffer): Buffer | undefined {
  return cipher === undefined || name === schemaKey ? value : cipher.open(name, value);
}
