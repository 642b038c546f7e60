/**
 * The store of an agent on disk: one LevelDB in `<data directory>/store`.
 *
 * Writes are taken one batch at a time, so that they become durable in the order in which they were
 * asked for; whatever is asked for while a batch is under way goes into the next one together. After a
 * failed write (a full disk, mostly) LevelDB's handle refuses everything until it was closed and opened
 * again, so that is done before the next write.
 */
import { Level } from 'level';
import { FirsthandError } from '../errors.ts';
import type { Store, StoredState, StoreOperation } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import { type Row, rowOf, StateBuilder, schemaKey, schemaRow, schemaVersionOf } from './layout.ts';
import { openFailure, prepareDirectory, readFailure, storeLocation, tooNew } from './location.ts';
import { backUp, currentSchema, migrated, type Schema, stepsFrom } from './migrations.ts';

export interface LevelStoreOptions {
  /** The data directory; made when it is not there. */
  readonly directory: string;
  /**
   * What a finished write survives. `process`: the end of the process in any way, `kill -9` included,
   * but the last moments may be lost when the machine loses power. `power`: that too, for a flush
   * to the disk at each batch.
   */
  readonly durability?: 'process' | 'power';
  /** For tests; otherwise the present one. */
  readonly schema?: Schema;
}

export type Database = Level<string, Buffer>;

interface Waiting {
  readonly rows: readonly Row[];
  readonly resolve: () => void;
  readonly reject: (error: FirsthandError) => void;
}

const rowsPerReadCount = 1_000;
const readAheadBytes = 256 * 1_024;

export class LevelStore implements Store {
  readonly #directory: string;
  readonly #sync: boolean;
  readonly #database: Database;
  readonly #log: Log;
  readonly #schema: Schema;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failed = false;
  #closing: Promise<void> | undefined;
  #damagedAtOpen = 0;

  /**
   * @throws FirsthandError DATA_DIR_UNUSABLE, STORE_LOCKED, STORE_CORRUPT, STORE_TOO_NEW; each says in
   *   one sentence what is wrong and, where something can be done, what.
   */
  static async open(options: LevelStoreOptions, components: { readonly log: Log }): Promise<LevelStore> {
    const database = await openDatabase(options.directory);
    const store = new LevelStore(options, database, components.log);
    try {
      await store.#checkSchema();
    } catch (error) {
      await database.close();
      throw error;
    }
    components.log('store_opened', { directory: options.directory });
    return store;
  }

  private constructor(options: LevelStoreOptions, database: Database, log: Log) {
    this.#directory = options.directory;
    this.#sync = options.durability === 'power';
    this.#database = database;
    this.#log = log;
    this.#schema = options.schema ?? currentSchema;
  }

  async load(): Promise<StoredState> {
    const builder = new StateBuilder();
    const damaged: Buffer[] = [];
    await eachRow(this.#directory, this.#database, (key, value) => {
      if (!builder.add(key.toString('latin1'), value)) damaged.push(key);
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
    this.#waiting.push({ rows, resolve, reject });
    this.#flushing ??= this.#flush();
    await promise;
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
        await this.#commit(together.flatMap(each => each.rows));
        for (const { resolve } of together) resolve();
      } catch (error) {
        const failure = this.#failure(error);
        for (const { reject } of together) reject(failure);
      }
    }
    this.#flushing = undefined;
  }

  async #commit(rows: readonly Row[]): Promise<void> {
    const reopening = this.#failed;
    try {
      if (reopening) {
        await this.#database.close();
        await this.#database.open();
      }
      await this.#database.batch(rows.map(batchOperation), { sync: this.#sync });
    } catch (error) {
      // Once per outage: while it lasts every write fails, and says so to whoever asked for it.
      if (!this.#failed) this.#log('store_write_failed', { directory: this.#directory, error });
      this.#failed = true;
      throw error;
    }
    if (!reopening) return;
    this.#failed = false;
    this.#log('store_recovered', { directory: this.#directory });
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
      if (name !== schemaKey) rows.set(name, value);
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
    return new FirsthandError('STORE_FAILED', { text, directory: this.#directory }, cause);
  }
}

/**
 * Opens the database of a data directory, and makes both when they are not there.
 *
 * @throws FirsthandError DATA_DIR_UNUSABLE, STORE_LOCKED, STORE_CORRUPT
 */
export async function openDatabase(directory: string): Promise<Database> {
  await prepareDirectory(directory);
  // Without compression a flipped byte damages one row, and signed envelopes hardly compress.
  const database: Database = new Level(storeLocation(directory), {
    valueEncoding: 'buffer',
    compression: false,
  });
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

function batchOperation({ key, value }: Row) {
  return value === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const);
}
