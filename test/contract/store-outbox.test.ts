/** What the outbox finds in LevelStore after kill -9, a torn write, and damage to the files. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import type { Effect, StoreOperation } from '../../src/core/effects.ts';
import { Outbox } from '../../src/core/outbox/outbox.ts';
import type { StoredOutbox } from '../../src/core/outbox/recovery.ts';
import { linkOf } from '../../src/runtime/outbox-link.ts';
import { seededRandom } from '../../src/runtime/seeded-random.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { at } from '../record-builder.ts';

const childPath = new URL('outbox-child.ts', import.meta.url).pathname;
const roundsCount = 12;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'firsthand-outbox-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function withStore<T>(work: (store: LevelStore) => Promise<T>): Promise<T> {
  const store = await LevelStore.open({ directory }, { log: silentLog });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

function makeOutbox(): Outbox {
  return new Outbox({}, { random: seededRandom(1), linkOf, storeProblem: () => undefined });
}

const loaded = () => withStore(async store => (await store.load()).outbox);

function restored(stored: StoredOutbox): Outbox {
  const outbox = makeOutbox();
  outbox.restore(stored, at(0));
  return outbox;
}

/** Batches of rows, one for each of so many deliveries. */
function batches(count: number, receiversCount = 2): StoreOperation[][] {
  const outbox = makeOutbox();
  return Array.from({ length: count }, (_, number) => {
    const enqueued = outbox.enqueue(
      {
        receiver: `http:http://10.0.0.${number % receiversCount}:8080/!`,
        subject: number % 4 === 0 ? undefined : `äé ${number}`,
        priority: number % 2 === 0 ? 'bulk' : 'critical',
        kind: 'registration',
        payload: Buffer.alloc(300, number),
        expiresAfterMs: 3_600_000,
        digest: `${number}`,
      },
      at(0),
    );
    assert.isTrue(enqueued.ok);
    return enqueued.ok ? operationsIn(enqueued.effects) : [];
  });
}

function operationsIn(effects: readonly Effect[]): StoreOperation[] {
  return effects.flatMap(effect => (effect.type === 'persist' ? [...effect.operations] : []));
}

async function logFile(): Promise<string> {
  const files = await readdir(join(directory, 'store'));
  return join(directory, 'store', files.find(file => file.endsWith('.log')) ?? '');
}

async function runUntilKilled(first: number, afterMs: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [childPath, directory, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', line => {
    lines.push(line);
    if (lines.length === 1) setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  await Promise.all([once(child, 'exit'), once(reader, 'close')]);
  return lines;
}

const numbersIn = (lines: readonly string[], word: string) =>
  lines.filter(line => line.startsWith(`${word} `)).map(line => Number(line.slice(word.length + 1)));

const subjectOf = (number: number) => `${number % 3} ${number % 50}`;

/** The latest number about each subject. */
function latestOf(numbers: Iterable<number>): ReadonlyMap<string, number> {
  const latest = new Map<string, number>();
  for (const number of numbers)
    latest.set(subjectOf(number), Math.max(number, latest.get(subjectOf(number)) ?? 0));
  return latest;
}

describe('store/level-store with an outbox', { timeout: 120_000 }, () => {
  it(`loses nothing that was accepted, and is whole, over ${roundsCount} times kill -9 at random instants`, async () => {
    const random = seededRandom(Date.now());
    const accepted = new Set<number>();
    const arrived = new Set<number>();
    const orderOf = new Map<string, number>();
    let first = 0;
    for (let round = 0; round < roundsCount; round++) {
      const lines = await runUntilKilled(first, 5 + random.next() * 150);
      assert.deepEqual(numbersIn(lines, 'damaged'), [0]);
      assert.deepEqual(numbersIn(lines, 'failed'), []);
      for (const number of numbersIn(lines, 'accepted')) accepted.add(number);
      for (const number of numbersIn(lines, 'arrived')) {
        arrived.add(number);
        const subject = subjectOf(number);
        assert.isAtLeast(number, orderOf.get(subject) ?? 0, `${subject} went back`);
        orderOf.set(subject, number);
      }
      // Beyond whatever was enqueued and not said so.
      for (const number of accepted) first = Math.max(first, number);
      first = 150 * Math.ceil((first + 100_000) / 150);
    }

    const outbox = await loaded();

    assert.equal(restored(outbox).damagedReceivers.size, 0);
    const waiting = new Set(outbox.deliveries.map(({ digest }) => Number(digest)));
    assert.isAbove(accepted.size, 100);
    const [latest, latestThere] = [latestOf(accepted), latestOf([...waiting, ...arrived])];
    // There itself, or superseded by a later one that is.
    for (const [subject, number] of latest)
      assert.isAtLeast(latestThere.get(subject) ?? -1, number, `${number} is nowhere`);
  });

  it('gives back what was put in', async () => {
    const operations = batches(20).flat();
    await withStore(store => store.write(operations));

    const { deliveries, heads, seal } = await loaded();

    const put = operations.flatMap(operation =>
      operation.type === 'put-delivery' ? [operation.delivery] : [],
    );
    const plain = (list: readonly object[]) => list.map(each => JSON.parse(JSON.stringify(each, bytesAsHex)));
    assert.deepEqual(plain(deliveries).sort(bySequence), plain(put).sort(bySequence));
    assert.lengthOf(heads, 2);
    assert.equal(seal?.count, 20);
  });

  it('is whole after any torn last write, with one delivery less at most for each batch that is torn', async () => {
    await withStore(async store => {
      for (const batch of batches(20)) await store.write(batch);
    });
    const content = await readFile(await logFile());
    const random = seededRandom(3);
    const sizes: number[] = [];
    for (let i = 0; i < 15; i++) {
      const length = Math.floor(content.length * (0.2 + 0.8 * random.next()));
      await truncate(await logFile(), 0);
      await writeFile(await logFile(), content.subarray(0, length));

      const outbox = await withStore(async store => restored((await store.load()).outbox));

      assert.equal(outbox.damagedReceivers.size, 0, `cut to ${length}`);
      sizes.push(outbox.count);
      await rm(join(directory, 'store'), { recursive: true });
      await withStore(async store => {
        for (const batch of batches(20)) await store.write(batch);
      });
    }
    assert.isAtLeast(new Set(sizes).size, 5, `${sizes}`);
  });

  it('delivers nothing of a queue whose rows are lost from the middle of the log, wherever a bit flips', async () => {
    // Large enough that LevelDB skips a block of its log and reads on behind it, without a word.
    await withStore(async store => {
      for (const batch of batches(400)) await store.write(batch);
    });
    const name = await logFile();
    const content = await readFile(name);
    const random = seededRandom(11);
    let noticed = 0;
    let harmless = 0;
    for (let i = 0; i < 12; i++) {
      await rm(join(directory, 'store'), { recursive: true });
      await withStore(async store => {
        for (const batch of batches(400)) await store.write(batch);
      });
      const damaged = Buffer.from(content);
      // Not in the last blocks: what is lost from the end looks like a write that was never done.
      const at = Math.floor(random.next() * (content.length - 3 * 32_768));
      damaged[at] = (damaged[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
      await writeFile(await logFile(), damaged);

      const outbox = restored(await loaded());

      if (outbox.count === 400) harmless += 1;
      else {
        noticed += 1;
        assert.isAbove(outbox.damagedReceivers.size, 0, `byte ${at}: ${outbox.count} deliveries and no word`);
      }
    }
    assert.isAbove(noticed, harmless);
  });

  it('does not let one damaged row go unnoticed', async () => {
    await withStore(store => store.write(batches(6).flat()));
    await withStore(async store => {
      const { outbox } = await store.load();
      const [delivery] = outbox.deliveries;
      if (delivery !== undefined)
        await store.write([
          { type: 'delete-delivery', receiver: delivery.receiver, sequence: delivery.sequence },
        ]);
    });

    const outbox = restored(await loaded());

    assert.equal(outbox.damagedReceivers.size, 1);
    assert.equal(outbox.count, 3);
  });
});

function bytesAsHex(key: string, value: unknown): unknown {
  if (key === 'link') return undefined; // Not written: it is the hash of the rest.
  const { data, type } = (value ?? {}) as { readonly data?: readonly number[]; readonly type?: string };
  if (type === 'Buffer' && data !== undefined) return Buffer.from(data).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

function bySequence(a: { readonly digest: string }, b: { readonly digest: string }): number {
  return Number(a.digest) - Number(b.digest);
}
