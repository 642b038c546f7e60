/** A disk that is really full: a file system in memory of eight megabytes. Needs root, as in the build's machines. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { createAgent } from '../../src/index.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { author, loadRecords, putRecord } from './store-samples.ts';

const ballastBytes = 1_048_576;

function mountProblem(): string | undefined {
  if (process.platform !== 'linux') return 'tmpfs is a file system of Linux';
  if (process.getuid?.() !== 0) return 'mounting needs root';
  const probe = mkdtempSync(join(tmpdir(), 'firsthand-mount-'));
  try {
    mount(probe);
    execFileSync('umount', [probe]);
    return undefined;
  } catch (error) {
    return `cannot mount: ${(error as Error).message.split('\n').at(1) ?? ''}`;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function mount(path: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path], { stdio: 'pipe' });
}

const problem = mountProblem();
if (problem !== undefined) console.error(`full-disk.test.ts is skipped: ${problem}`);

let disk: string;
let directory: string;

beforeEach(() => {
  if (problem !== undefined) return;
  disk = mkdtempSync(join(tmpdir(), 'firsthand-disk-'));
  mount(disk);
  directory = join(disk, 'data');
});

afterEach(() => {
  if (problem !== undefined) return;
  execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

/** Takes everything that is left but so much. */
function fill(leaveBytes: number): void {
  const available = Number(execFileSync('stat', ['-f', '-c', '%a', disk])) * 4_096;
  writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(0, available - leaveBytes), 1));
}

function makeRoom(): void {
  rmSync(join(disk, 'filler'), { force: true });
}

const ballastSize = () => statSync(join(directory, 'ballast'), { throwIfNoEntry: false })?.size;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: unknown) => (error as { readonly code: string }).code,
  );
}

describe.skipIf(problem !== undefined)('store/level-store on a full disk', { timeout: 60_000 }, () => {
  it('refuses with a code of its own, deletes still, and goes on by itself when there is room', async () => {
    const logged: string[] = [];
    const store = await LevelStore.open({ directory, ballastBytes }, { log: event => logged.push(event) });
    assert.equal(ballastSize(), ballastBytes);
    fill(300_000);
    let acked = 0;
    let refused = 'done';
    for (; refused === 'done'; acked++) refused = await codeOf(store.write([putRecord(acked)]));
    acked -= 1;

    const deleted: string[] = [];
    for (let number = 0; number < 20; number++)
      deleted.push(
        await codeOf(store.write([{ type: 'delete-record', subject: `backend-${number}`, author }])),
      );
    const meanwhile = [
      await codeOf(store.write([putRecord(90_001)])),
      await codeOf(store.write([putRecord(90_001)])),
    ];
    const whileFull = ballastSize();
    const readable = (await loadRecords(store)).length;
    makeRoom();
    const after = await codeOf(store.write([putRecord(90_002)]));

    assert.equal(refused, 'STORE_FULL');
    assert.deepEqual([...new Set(deleted)], ['done']);
    assert.deepEqual(meanwhile, ['STORE_FULL', 'STORE_FULL']);
    assert.isUndefined(whileFull);
    assert.equal(readable, acked - 20);
    assert.equal(after, 'done');
    assert.equal(ballastSize(), ballastBytes);
    assert.lengthOf(
      logged.filter(event => event === 'store_write_failed'),
      1,
    );
    assert.lengthOf(
      logged.filter(event => event === 'store_recovered'),
      1,
    );
    await store.close();
    const again = await LevelStore.open({ directory, ballastBytes }, { log: silentLog });
    const kept = new Set((await loadRecords(again)).map(([subject]) => subject));
    await again.close();
    for (let number = 20; number < acked; number++) assert.isTrue(kept.has(`backend-${number}`), `${number}`);
    assert.isTrue(kept.has('backend-90002'));
  });

  it('finds the room that its own garbage takes', async () => {
    const store = await LevelStore.open({ directory, ballastBytes }, { log: silentLog });
    fill(3_000_000);
    const codes = new Set<string>();

    // The same few rows over and over: four times as many bytes as there is room for.
    for (let i = 0; i < 400; i++)
      codes.add(await codeOf(store.write(Array.from({ length: 100 }, (_, n) => putRecord(n, i + 1)))));

    assert.equal(await codeOf(store.write([putRecord(1, 999)])), 'done');
    await store.close();
  });

  it('opens although the disk is full, and refuses', async () => {
    const first = await LevelStore.open({ directory, ballastBytes }, { log: silentLog });
    await first.write([putRecord(1)]);
    await first.close();
    fill(200_000);

    const store = await LevelStore.open({ directory, ballastBytes }, { log: silentLog });

    assert.lengthOf(await loadRecords(store), 1);
    await store.close();
  });
});

describe.skipIf(problem !== undefined)('an agent on a full disk', { timeout: 60_000 }, () => {
  it('answers 507, lists and inspects still, keeps what it said yes to, and is well again within five seconds of room', async () => {
    const options = {
      dataDir: directory,
      http: '127.0.0.1:0',
      listen: ['/ip4/127.0.0.1/tcp/0'],
      probeListen: '127.0.0.1:0',
      mdns: false,
      dht: false,
      logLevel: 'silent',
    } as const;
    let agent = await createAgent(options);
    const register = async (number: number) => {
      const node = { id: `svc-${number}`, address: `10.0.0.1:${8_000 + number}`, metrics_port: 9_000 };
      const response = await fetch(`${agent.ready.http}/registration`, {
        method: 'POST',
        body: JSON.stringify(node),
        headers: { 'content-type': 'application/json' },
      });
      return { status: response.status, code: ((await response.json()) as { readonly code?: string }).code };
    };
    fill(150_000);
    let accepted = 0;
    let answer = await register(accepted);
    for (; answer.status === 200; answer = await register(accepted)) accepted += 1;

    const meanwhile = await Promise.all(
      ['/peers', '/outbox', '/status', '/health/ready'].map(
        async path => (await fetch(`${agent.ready.http}${path}`)).status,
      ),
    );
    const second = await register(40_000);
    const insist = async () => {
      for (let i = 0; i < 1_500; i++) await register(20_000 + i);
      return process.memoryUsage.rss();
    };
    await insist(); // The heap of client and server takes its size.
    const beforeBytes = await insist();
    const grownBytes = (await insist()) - beforeBytes;
    const roomAtMs = Date.now();
    makeRoom();
    let after = await register(40_001);
    while (after.status !== 200 && Date.now() - roomAtMs < 10_000) {
      await new Promise(resolve => setTimeout(resolve, 50));
      after = await register(40_001);
    }
    const recoveredMs = Date.now() - roomAtMs;
    await agent.stop();
    agent = await createAgent(options);
    const peers = (await (await fetch(`${agent.ready.http}/peers`)).json()) as readonly {
      readonly id: string;
    }[];
    await agent.stop();

    assert.deepEqual(answer, { status: 507, code: 'STORE_FULL' });
    assert.deepEqual(second, { status: 507, code: 'STORE_FULL' });
    assert.deepEqual(meanwhile, [200, 200, 200, 503]);
    assert.isBelow(grownBytes, 64 * 1_024 * 1_024);
    assert.equal(after.status, 200);
    assert.isBelow(recoveredMs, 5_000);
    const ids = new Set(peers.map(({ id }) => id));
    for (let number = 0; number < accepted; number++)
      assert.isTrue(ids.has(`svc-${number}`), `svc-${number}`);
    console.info(
      `full disk: ${accepted} accepted, well again after ${recoveredMs} ms, ${Math.round(grownBytes / 1_024)} KiB`,
    );
  });
});
