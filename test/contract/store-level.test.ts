/** What LevelStore alone promises: about files, processes, and damage to either. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { crc32 } from 'node:zlib';
import { Level } from 'level';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type ErrorCode, FirsthandError } from '../../src/errors.ts';
import { schemaRow } from '../../src/store/layout.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { type Log, silentLog } from '../../src/telemetry/log.ts';
import { author, loadRecords, putRecord } from './store-samples.ts';

const childPath = new URL('store-child.ts', import.meta.url).pathname;

let root: string;
let directory: string;
let location: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'firsthand-store-'));
  directory = join(root, 'data');
  location = join(directory, 'store');
});

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  await rm(root, { recursive: true, force: true });
});

function open(log: Log = silentLog): Promise<LevelStore> {
  return LevelStore.open({ directory }, { log });
}

async function withStore<T>(work: (store: LevelStore) => Promise<T>): Promise<T> {
  const store = await open();
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function refusal(code: ErrorCode, act: () => Promise<unknown> = open): Promise<FirsthandError> {
  try {
    await act();
  } catch (error) {
    assert.instanceOf(error, FirsthandError);
    assert.equal(error.code, code, error.message);
    assert.notInclude(error.message, '\n');
    return error;
  }
  assert.fail(`${code} did not happen`);
}

/** Reads and changes rows behind the store's back. */
async function behindItsBack(work: (rows: Level<string, Buffer>) => Promise<void>): Promise<void> {
  const rows = new Level<string, Buffer>(location, { valueEncoding: 'buffer' });
  await rows.open();
  try {
    await work(rows);
  } finally {
    await rows.close();
  }
}

/** A value as the layout has it: its sum fits. */
function summed(key: string, payload: Buffer): Buffer {
  const value = Buffer.concat([Buffer.alloc(4), payload]);
  value.writeUInt32BE(crc32(payload, crc32(key)));
  return value;
}

function start(action: string): { readonly child: ChildProcess; readonly lines: AsyncIterator<string> } {
  const child = spawn(process.execPath, [childPath, action, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  assert.isNotNull(child.stdout);
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Reads lines until one begins like this; the deadline is the test's. */
async function lineFrom(lines: AsyncIterator<string>, beginning: string): Promise<string> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done === true) assert.fail(`the child ended without saying "${beginning}"`);
    if (value.startsWith(beginning)) return value;
  }
}

async function rest(lines: AsyncIterator<string>): Promise<string[]> {
  const all: string[] = [];
  for (let next = await lines.next(); next.done !== true; next = await lines.next()) all.push(next.value);
  return all;
}

describe('store/level-store', { timeout: 60_000 }, () => {
  it('is refused to a second process, with one sentence that names the directory', async () => {
    const { lines } = start('hold');
    await lineFrom(lines, 'opened');

    const error = await refusal('STORE_LOCKED');

    assert.include(error.message, directory);
  });

  it('is refused to a second opener in the same process, and free after it was closed', async () => {
    const store = await open();
    await refusal('STORE_LOCKED');

    await store.close();

    await withStore(async again => assert.deepEqual(await loadRecords(again), []));
  });

  it('is free again after its process was killed', async () => {
    const { child, lines } = start('hold');
    await lineFrom(lines, 'opened');

    await kill(child);

    await (await open()).close();
  });

  it('has every record that was acknowledged before kill -9', async () => {
    const { child, lines } = start('write');
    await lineFrom(lines, 'acked 300');

    await kill(child);

    const said = await rest(lines);
    const last = Math.max(300, ...said.map(line => Number(line.replace('acked ', ''))));
    const found = new Set((await withStore(loadRecords)).map(([subject]) => subject));
    for (let number = 0; number <= last; number++) assert.isTrue(found.has(`backend-${number}`), `${number}`);
  });

  it('refuses writes when the disk does, says so once, and recovers by itself', async context => {
    if (process.platform !== 'linux') return context.skip('prlimit is a Linux command');
    const { lines } = start('starve');

    const said = await rest(lines);

    const refused = said.find(line => line.startsWith('refused')) ?? '';
    const acked = Number(refused.replace('refused STORE_FAILED after ', ''));
    assert.isAbove(acked, 0, said.join('; '));
    assert.include(said, 'still STORE_FAILED');
    assert.lengthOf(
      said.filter(line => line === 'log store_write_failed'),
      1,
    );
    assert.include(said, 'log store_recovered');
    const kept = await withStore(loadRecords);
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
    for (const number of [...range(0, acked), ...range(30_000, 30_020)]) {
      assert.deepInclude(kept, [`backend-${number}`, 1]);
    }
  });

  it('leaves out a damaged row, removes it, counts it, and keeps the others', async () => {
    await withStore(store => store.write([putRecord(1), putRecord(2), putRecord(3)]));
    await behindItsBack(async rows => {
      const key = `r!backend-2!${author}`;
      const value = (await rows.get(key)) as Buffer;
      value[100] = (value[100] as number) ^ 1;
      await rows.put(key, value);
    });
    const logged: unknown[] = [];
    const store = await open((event, fields) => logged.push([event, fields?.rows]));

    const state = await store.load();

    assert.equal(state.damagedRows, 1);
    assert.deepInclude(logged, ['store_rows_damaged', 1]);
    assert.deepEqual(await loadRecords(store), [
      ['backend-1', 1],
      ['backend-3', 1],
    ]);
    assert.equal((await store.load()).damagedRows, 0);
    await store.close();
  });

  it('does not take a row that stands under the key of another or is cut off; one of a kind that is not ours is no damage', async () => {
    await withStore(store => store.write([putRecord(1)]));
    await behindItsBack(async rows => {
      const value = (await rows.get(`r!backend-1!${author}`)) as Buffer;
      await rows.put(`r!backend-7!${author}`, value);
      await rows.put('somebody', summed('somebody', value.subarray(4)));
      await rows.put(`c!${author}`, value.subarray(0, 3));
      await rows.put<Buffer, Buffer>(Buffer.of(0xff, 0xfe), value, { keyEncoding: 'buffer' });
    });

    const [first, second] = await withStore(async store => [await store.load(), await store.load()]);

    assert.equal(first?.damagedRows, 3);
    assert.equal(second?.damagedRows, 0);
    assert.lengthOf(second?.records ?? [], 1);
  });

  it('opens although the schema row is damaged, and counts it', async () => {
    await withStore(store => store.write([putRecord(1)]));
    await behindItsBack(rows => rows.put('schema', Buffer.from('rubbish')));

    const [first, second] = await withStore(async store => [await store.load(), await store.load()]);

    assert.equal(first?.damagedRows, 1);
    assert.equal(second?.damagedRows, 0);
    assert.lengthOf(second?.records ?? [], 1);
  });

  it('is refused when a later version wrote it, and stays as it is', async () => {
    await withStore(store => store.write([putRecord(1)]));
    const later = schemaRow(2).value as Buffer;
    await behindItsBack(rows => rows.put('schema', later));

    const error = await refusal('STORE_TOO_NEW');

    assert.include(error.message, 'version 2');
    await behindItsBack(async rows => assert.deepEqual(await rows.get('schema'), later));
  });

  const damages: readonly (readonly [string, (files: readonly string[]) => Promise<void>])[] = [
    ['CURRENT is rubbish', () => writeFile(join(location, 'CURRENT'), 'rubbish\n')],
    ['CURRENT is empty', () => writeFile(join(location, 'CURRENT'), '')],
    ['CURRENT is gone', () => rm(join(location, 'CURRENT'))],
    ['MANIFEST is rubbish', files => writeFile(manifestOf(files), Buffer.alloc(50, 7))],
    ['MANIFEST is empty', files => truncate(manifestOf(files), 0)],
    ['MANIFEST is gone', files => rm(manifestOf(files))],
  ];

  function manifestOf(files: readonly string[]): string {
    return join(location, files.find(file => file.startsWith('MANIFEST')) as string);
  }

  for (const [what, damage] of damages) {
    it(`says that the database is damaged when ${what}, keeps its files, and tells what to do`, async () => {
      await withStore(store => store.write([putRecord(1)]));
      const files = await readdir(location);
      const logFile = join(location, files.find(file => file.endsWith('.log')) as string);
      const content = await readFile(logFile);
      await damage(files);

      const error = await refusal('STORE_CORRUPT');

      assert.deepEqual(await readFile(logFile), content);
      assert.include(error.message, 'register again');
      assert.include(error.message, error.details.command as string);
      execFileSync('sh', ['-c', error.details.command as string]);
      await withStore(async store => assert.deepEqual(await loadRecords(store), []));
      assert.lengthOf(
        (await readdir(directory)).filter(name => name.startsWith('store.damaged-')),
        1,
      );
    });
  }

  it('says that the database is damaged when a table file is cut off', async () => {
    await withStore(store => store.write(Array.from({ length: 2_000 }, (_, i) => putRecord(i))));
    await behindItsBack(rows => (rows as unknown as Compactable).compactRange('', '~'));
    for (const file of await readdir(location)) {
      if (file.endsWith('.ldb')) await truncate(join(location, file), 100);
    }

    await refusal('STORE_CORRUPT', () => withStore(store => store.load()));
  });

  it('refuses a data directory that is a file', async () => {
    await writeFile(directory, '');

    assert.include((await refusal('DATA_DIR_UNUSABLE')).message, directory);
  });

  it('refuses a data directory that cannot be written', async context => {
    if (process.getuid?.() === 0) return context.skip('nothing is forbidden to root');
    await mkdir(location, { recursive: true });
    await chmod(location, 0o500);

    assert.include((await refusal('DATA_DIR_UNUSABLE')).message, directory);
  });

  it('makes the data directory, for its owner only', async () => {
    directory = join(root, 'not', 'there', 'yet');

    await (await open()).close();

    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    assert.include(await readdir(join(directory, 'store')), 'CURRENT');
  });

  it('opens a database that was moved', async () => {
    await withStore(store => store.write([putRecord(1)]));
    const moved = join(root, 'moved');
    await rename(directory, moved);
    directory = moved;

    assert.deepEqual(await withStore(loadRecords), [['backend-1', 1]]);
  });

  it('refuses writes after it was closed', async () => {
    const store = await open();
    await store.close();

    await refusal('STORE_FAILED', () => store.write([putRecord(1)]));
  });
});

interface Compactable {
  compactRange(start: string, end: string): Promise<void>;
}
