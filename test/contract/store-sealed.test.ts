/** A database whose values are sealed: what lies on the disk, who can open it, and how its key changes. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { checkStore } from '../../src/archive/check.ts';
import { FirsthandError } from '../../src/errors.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import type { StoreSecret } from '../../src/store/store-keys.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { loadRecords, putRecord, recordNumber } from './store-samples.ts';

const first: StoreSecret = { text: 'the first key of this place', source: '/run/first' };
const second: StoreSecret = { text: 'the second key of this place', source: '/run/second' };
const address = '10.0.0.1:8080';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'firsthand-sealed-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function withStore<Result>(
  secrets: readonly StoreSecret[],
  work: (store: LevelStore) => Promise<Result>,
): Promise<Result> {
  const store = await LevelStore.open({ directory, secrets }, { log: silentLog });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Writes records with these numbers. */
function fill(store: LevelStore, ...numbers: readonly number[]): Promise<void> {
  return store.write(numbers.map(number => putRecord(number)));
}

async function subjects(secrets: readonly StoreSecret[]): Promise<readonly string[]> {
  return withStore(secrets, async store => (await loadRecords(store)).map(([subject]) => subject));
}

async function refusal(act: () => Promise<unknown>): Promise<FirsthandError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof FirsthandError) return error;
    throw error;
  }
  assert.fail('nothing was refused');
}

/** Whether any file of the database shows what a record says. */
async function isReadable(): Promise<boolean> {
  const wire = Buffer.from(recordNumber(1).wire);
  const part = wire.subarray(40, 80);
  const location = join(directory, 'store');
  const files = await readdir(location);
  const contents = await Promise.all(files.map(file => readFile(join(location, file))));
  return contents.some(bytes => bytes.includes(part) || bytes.includes(address));
}

describe('LevelStore, sealed', () => {
  it('shows nothing of what it holds on the disk, and all of it to who has the key', async () => {
    await withStore([first], store => fill(store, 1, 2));

    assert.isFalse(await isReadable());
    assert.deepEqual(await subjects([first]), ['backend-1', 'backend-2']);
  });

  it('keeps its own key in a file that only its owner may read', async () => {
    await withStore([first], store => fill(store, 1));

    const { mode } = await stat(join(directory, 'store.keys'));

    assert.equal(mode & 0o777, 0o600);
    assert.notInclude(await readFile(join(directory, 'store.keys'), 'utf8'), first.text);
  });

  it.each([
    ['another key', [second], /the key from \/run\/second is not the one/],
    ['no key', [], /it is sealed, and no key is given/],
  ])('opens with %s for nobody, says why, and is unharmed', async (_, secrets, expected) => {
    await withStore([first], store => fill(store, 1));

    const refused = await refusal(() => withStore(secrets, fill));

    assert.equal(refused.code, 'STORE_KEY_WRONG');
    assert.match(refused.message, expected);
    assert.notInclude(refused.message, second.text);
    assert.deepEqual(await subjects([first]), ['backend-1']);
  });

  it('says that the file with its keys is damaged', async () => {
    await withStore([first], store => fill(store, 1));
    await writeFile(join(directory, 'store.keys'), '{"version":1,"salt":"","keys":[],"isComplete":true}');

    const refused = await refusal(() => subjects([first]));

    assert.equal(refused.code, 'STORE_KEY_WRONG');
    assert.include(refused.message, 'is damaged');
  });

  it('seals a database that was not, while it is being written to', async () => {
    const numbers = Array.from({ length: 500 }, (_, index) => index + 1);
    await withStore([], store => fill(store, ...numbers));
    assert.isTrue(await isReadable());

    await withStore([first], async store => {
      const sealing = store.sealAll();
      await fill(store, 501);
      await store.write([{ type: 'delete-record', subject: 'backend-2', author: recordNumber(2).author }]);
      await sealing;
    });

    assert.isFalse(await isReadable());
    const expected = [...numbers, 501].filter(number => number !== 2).map(number => `backend-${number}`);
    assert.sameMembers([...(await subjects([first]))], expected);
  });

  it('goes on sealing where it was when it was closed meanwhile', async () => {
    await withStore([], store => fill(store, ...Array.from({ length: 500 }, (_, index) => index + 1)));
    await withStore([first], async store => {
      void store.sealAll().catch(() => {});
    });

    await withStore([first], store => store.sealAll());

    assert.isFalse(await isReadable());
    assert.lengthOf(await subjects([first]), 500);
  });

  it('once sealed takes no row that is not', async () => {
    await withStore([], store => fill(store, 1));
    const plain = await rowOf('r!backend-1!');
    await withStore([first], store => store.sealAll());

    await putRow(plain.key, plain.value);

    assert.deepEqual(await subjects([first]), []);
  });

  it('takes no row under the name of another one', async () => {
    await withStore([first], async store => {
      await store.sealAll();
      await fill(store, 1, 2);
    });
    const [one, two] = [await rowOf('r!backend-1!'), await rowOf('r!backend-2!')];

    await putRow(one.key, two.value);

    assert.deepEqual(await subjects([first]), ['backend-2']);
  });

  it('changes its key: with both it opens, and when all is sealed anew the old one opens nothing', async () => {
    await withStore([first], store => fill(store, 1, 2));
    const before = await rowOf('r!backend-1!');

    await withStore([second, first], async store => {
      await fill(store, 3);
      await store.sealAll();
    });

    const after = await rowOf('r!backend-1!');
    assert.notEqual(after.value.toString('hex', 4, 8), before.value.toString('hex', 4, 8));
    assert.equal((await refusal(() => subjects([first]))).code, 'STORE_KEY_WRONG');
    assert.deepEqual(await subjects([second]), ['backend-1', 'backend-2', 'backend-3']);
  });

  it('changes its key while it is in use', async () => {
    await withStore([first], async store => {
      await fill(store, 1, 2);
      const renewing = store.renewKey(second);
      await fill(store, 3);
      await renewing;
    });

    assert.equal((await refusal(() => subjects([first]))).code, 'STORE_KEY_WRONG');
    assert.lengthOf(await subjects([second]), 3);
  });

  it('loses nothing when it is closed between two keys', async () => {
    await withStore([first], store => fill(store, 1));
    await withStore([second, first], store => fill(store, 2));

    assert.deepEqual(await subjects([second]), ['backend-1', 'backend-2']);
  });

  it('is checked with its key, and not without', async () => {
    await withStore([first], store => fill(store, 1));

    const report = await checkStore({ directory, cluster: undefined, secrets: [first] });
    const refused = await refusal(() => checkStore({ directory, cluster: undefined }));

    assert.deepEqual(report.problems, []);
    assert.equal(report.counts.records, 1);
    assert.equal(refused.code, 'STORE_KEY_WRONG');
  });
});

async function withDatabase<Result>(
  work: (database: Level<string, Buffer>) => Promise<Result>,
): Promise<Result> {
  const database = new Level<string, Buffer>(join(directory, 'store'), { valueEncoding: 'buffer' });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

function rowOf(prefix: string): Promise<{ readonly key: string; readonly value: Buffer }> {
  return withDatabase(async database => {
    for await (const [key, value] of database.iterator({ gte: prefix })) return { key, value };
    throw new Error(`no row ${prefix}`);
  });
}

function putRow(key: string, value: Buffer): Promise<void> {
  return withDatabase(database => database.put(key, value));
}
