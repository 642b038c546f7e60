/**
 * A process of its own for the tests of the store: opens the store of a directory and does one thing.
 *
 *     node store-child.ts hold DIRECTORY     keeps it open until it is killed
 *     node store-child.ts write DIRECTORY    writes record after record and prints each number once it is durable
 *     node store-child.ts starve DIRECTORY   writes under a file size limit until refused, lifts the limit, writes again
 *     node store-child.ts open DIRECTORY     prints the code of the error, or "opened"
 */
import { execFileSync } from 'node:child_process';
import { FirsthandError } from '../../src/errors.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { putRecord } from './store-samples.ts';

const [action, directory] = process.argv.slice(2) as [string, string];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const log: Log = event => say(`log ${event}`);

try {
  const store = await LevelStore.open({ directory }, { log });
  say('opened');
  if (action === 'hold') setInterval(() => {}, 60_000);
  if (action === 'write') await writeForEver(store);
  if (action === 'starve') await starve(store);
  if (action === 'open') await store.close();
} catch (error) {
  if (!(error instanceof FirsthandError)) throw error;
  say(`refused ${error.code} ${error.message}`);
}

async function writeForEver(store: LevelStore): Promise<never> {
  for (let number = 0; ; number++) {
    await store.write([putRecord(number)]);
    say(`acked ${number}`);
  }
}

async function starve(store: LevelStore): Promise<void> {
  process.on('SIGXFSZ', () => {}); // So that a write beyond the limit fails instead of ending the process.
  limitFileSize('50000'); // Not a multiple of a block of LevelDB's log, so that its last record is torn.
  let acked = 0;
  try {
    for (; acked < 10_000; acked++) await store.write([putRecord(acked)]);
  } catch (error) {
    say(`refused ${(error as FirsthandError).code} after ${acked}`);
  }
  limitFileSize('0'); // Below what reopening needs.
  try {
    await store.write([putRecord(20_000)]);
  } catch (error) {
    say(`still ${(error as FirsthandError).code}`);
  }
  limitFileSize('unlimited');
  for (let number = 30_000; number < 30_020; number++) await store.write([putRecord(number)]);
  await store.close();
}

function limitFileSize(soft: string): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${soft}:`]);
}
