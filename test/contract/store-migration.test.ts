/** From earlier versions to later ones, with versions made up for this. */
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Level } from 'level';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { FirsthandError } from '../../src/errors.ts';
import { rowOf, schemaVersion } from '../../src/store/layout.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { type Migration, type Schema, stepsFrom } from '../../src/store/migrations.ts';
import { type Log, silentLog } from '../../src/telemetry/log.ts';
import { loadRecords, putRecord } from './store-samples.ts';

let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'firsthand-migration-'));
  directory = join(root, 'data');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const added = rowOf(putRecord(99));
const later: Schema = {
  version: schemaVersion + 2,
  migrations: [
    // One takes a row out, the next brings another in for each that is left.
    { from: schemaVersion, migrate: (key, value) => (key.includes('backend-1!') ? [] : [{ key, value }]) },
    { from: schemaVersion + 1, migrate: (key, value) => [{ key, value }, added] },
  ],
};

function open(schema?: Schema, log: Log = silentLog): Promise<LevelStore> {
  return LevelStore.open({ directory, ...(schema === undefined ? {} : { schema }) }, { log });
}

async function written(schema?: Schema): Promise<void> {
  const store = await open(schema);
  await store.write([putRecord(1), putRecord(2), putRecord(3)]);
  await store.close();
}

async function backups(): Promise<readonly string[]> {
  return (await readdir(directory)).filter(name => name.startsWith('store.'));
}

async function refusal(act: () => Promise<unknown>): Promise<FirsthandError> {
  try {
    await act();
  } catch (error) {
    assert.instanceOf(error, FirsthandError);
    return error;
  }
  assert.fail('it was not refused');
}

describe('store/migrations', { timeout: 60_000 }, () => {
  it('lead step by step from an earlier version to this one', async () => {
    await written();

    const store = await open(later);

    assert.deepEqual(
      (await loadRecords(store)).map(([subject]) => subject),
      ['backend-2', 'backend-3', 'backend-99'],
    );
    await store.close();
    const again = await open(later);
    await again.close();
    assert.lengthOf(await backups(), 1, 'once');
  });

  it('leave a copy of what was there, which the earlier version can use, and say where', async () => {
    await written();
    const logged: Record<string, unknown>[] = [];
    const store = await open(later, (event, fields) => logged.push({ event, ...fields }));
    await store.close();

    const [name = ''] = await backups();
    assert.match(name, new RegExp(`^store\\.backup-v${schemaVersion}-\\d{8}T\\d{6}Z$`));
    assert.deepInclude(logged[0], {
      event: 'store_migrated',
      from: schemaVersion,
      to: later.version,
      backup: join(directory, name),
    });
    await rm(join(directory, 'store'), { recursive: true });
    await cp(join(directory, name), join(directory, 'store'), { recursive: true });
    const old = await open();
    assert.lengthOf(await loadRecords(old), 3);
    await old.close();
  });

  it('change nothing when a step fails', async () => {
    await written();
    const broken: Migration = {
      from: schemaVersion,
      migrate: () => {
        throw new RangeError('a bug');
      },
    };

    await refusal(() => open({ version: schemaVersion + 1, migrations: [broken] }));

    const store = await open();
    assert.lengthOf(await loadRecords(store), 3);
    await store.close();
  });

  it('do not begin where no copy can be made, and leave nothing half copied', async () => {
    await written();
    // What is in the way has the name that a copy made in this second or one of the next would have.
    const now = Date.now();
    for (let second = 0; second < 5; second++) {
      const time = new Date(now + second * 1_000).toISOString().replace(/[-:]|\.\d+/g, '');
      await writeFile(join(directory, `store.backup-v${schemaVersion}-${time}`), 'in the way');
    }

    const error = await refusal(() => open(later));

    assert.equal(error.code, 'DATA_DIR_UNUSABLE');
    assert.match(error.message, /no copy of it can be made first/);
    assert.isFalse((await backups()).some(name => name.endsWith('.tmp')));
    const store = await open();
    assert.lengthOf(await loadRecords(store), 3);
    await store.close();
  });

  it('are refused from a later version, in one sentence', async () => {
    await written(later);

    const error = await refusal(() => open());

    assert.equal(error.code, 'STORE_TOO_NEW');
    assert.notInclude(error.message, '\n');
    assert.deepEqual(await backups(), []);
  });

  it('leave rows of a kind alone that only later versions know', async () => {
    await written();
    const stranger = { from: schemaVersion, migrate: (key: string, value: Buffer) => [{ key, value }] };
    const key = 'z!something';
    const value = Buffer.concat([Buffer.alloc(4), Buffer.from('new')]);
    value.writeUInt32BE(crc32('new', crc32(key)));
    const rows = new Level<string, Buffer>(join(directory, 'store'), { valueEncoding: 'buffer' });
    await rows.put(key, value);
    await rows.close();

    const store = await open({ version: schemaVersion + 1, migrations: [stranger] });

    assert.equal((await store.load()).damagedRows, 0);
    await store.close();
    await rows.open();
    assert.deepEqual(await rows.get(key), value);
    await rows.close();
  });

  it.each([
    [1, [1, 2]],
    [2, [2]],
    [3, []],
    [0, undefined],
  ] as const)('from version %i take the steps %j', (found, steps) => {
    const migrations = [1, 2].map(from => ({ from, migrate: () => [] }));

    assert.deepEqual(
      stepsFrom(found, { version: 3, migrations })?.map(({ from }) => from),
      steps === undefined ? undefined : [...steps],
    );
  });
});
