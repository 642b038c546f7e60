/** The database of an agent that does not run, read as it lies there: nothing is repaired or migrated. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { FirsthandError } from '../errors.ts';
import type { StoredState } from '../runtime/ports.ts';
import { StateBuilder, schemaKey, schemaVersion, schemaVersionOf } from './layout.ts';
import { eachRow, openDatabase } from './level-store.ts';
import { storeLocation, tooNew } from './location.ts';
import { StoreKeys, type StoreSecret } from './store-keys.ts';

export interface OfflineState {
  readonly state: StoredState;
  /** All keys whose rows are well. */
  readonly keys: ReadonlySet<string>;
  /** Keys of rows whose sum does not fit or that hold something else than they should, fit to be shown. */
  readonly damaged: readonly string[];
}

/** @throws FirsthandError DATA_DIR_UNUSABLE, STORE_LOCKED, STORE_CORRUPT, STORE_TOO_NEW, STORE_KEY_WRONG */
export async function readOffline(
  directory: string,
  secrets: readonly StoreSecret[] = [],
): Promise<OfflineState> {
  await requireDatabase(directory);
  const database = await openDatabase(directory);
  const builder = new StateBuilder();
  const keys = new Set<string>();
  const damaged: string[] = [];
  try {
    const cipher = (await StoreKeys.open({ directory, secrets, isReadOnly: true }))?.cipher();
    const schema = await database.get(schemaKey);
    const version = schema && schemaVersionOf(schema);
    if (version !== undefined && version > schemaVersion) throw tooNew(directory, version, schemaVersion);
    await eachRow(directory, database, (key, value) => {
      const name = key.toString('latin1');
      const opened = cipher === undefined || name === schemaKey ? value : cipher.open(name, value);
      const isWell =
        opened !== undefined && (name === schemaKey ? version !== undefined : isTaken(builder, name, opened));
      if (isWell) keys.add(name);
      else damaged.push(name);
    });
  } finally {
    await database.close();
  }
  return { state: builder.finish(damaged.length), keys, damaged };
}

function isTaken(builder: StateBuilder, key: string, value: Buffer): boolean {
  try {
    return builder.add(key, value);
  } catch {
    // Its sum fits, and it is not what its key says: somebody else wrote it.
    return false;
  }
}

/** Looking must not make a database where there is none. */
async function requireDatabase(directory: string): Promise<void> {
  try {
    await access(join(storeLocation(directory), 'CURRENT'));
  } catch (error) {
    const text = `there is no database in ${directory}; --data-dir names another data directory`;
    throw new FirsthandError('DATA_DIR_UNUSABLE', { text, directory }, error);
  }
}
