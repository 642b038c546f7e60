/** The outbox on a real disk: how fast deliveries become durable, one by one and together, and how fast they come back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Effect } from '../../src/core/effects.ts';
import { Outbox } from '../../src/core/outbox/outbox.ts';
import { linkOf } from '../../src/runtime/outbox-link.ts';
import { systemClock, systemRandom } from '../../src/runtime/system.ts';
import { WriteQueue } from '../../src/runtime/write-queue.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { type Figure, percentile } from './figures.ts';

const fullCount = 10_000;
const receiversCount = 20;
const singlesCount = 500;
const ballastBytes = 1_048_576;
/** About what a registration has. */
const payload = Buffer.alloc(400, 'x');

export async function outbox(): Promise<readonly Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'firsthand-bench-'));
  try {
    return [...(await enqueueing(directory)), ...(await recovering(directory))];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function makeOutbox(): Outbox {
  const settings = { entriesMaxCount: 2 * fullCount };
  return new Outbox(settings, { random: systemRandom, linkOf, storeProblem: () => undefined });
}

async function enqueueing(directory: string): Promise<readonly Figure[]> {
  const store = await LevelStore.open({ directory, ballastBytes }, { log: silentLog });
  const box = makeOutbox();
  const waiting = new Map<number, () => void>();
  const run = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.type === 'persist') writes.add(effect.operations, effect.then);
      if (effect.type === 'written') run(box.written(effect.receiver, effect.sequence, systemClock.now()));
      if (effect.type === 'reply') waiting.get(effect.ticket)?.();
    }
  };
  const writes = new WriteQueue(
    {
      onDurable: run,
      onFailed: error => {
        throw error;
      },
      onRecovered: () => {},
    },
    { store, clock: systemClock },
  );
  const enqueue = (number: number) =>
    new Promise<void>(resolve => {
      waiting.set(number, resolve);
      const request = {
        receiver: `http:http://10.0.0.${number % receiversCount}:8080`,
        subject: `service-${number}`,
        priority: 'normal',
        kind: 'registration',
        payload,
        expiresAfterMs: 3_600_000,
        digest: String(number),
      } as const;
      const reply: Effect = { type: 'reply', ticket: number, reply: { ok: true, changed: true } };
      const enqueued = box.enqueue(request, systemClock.now(), [reply]);
      if (enqueued.ok) run(enqueued.effects);
    });

  const tookMs: number[] = [];
  for (let i = 0; i < singlesCount; i++) {
    const startMs = performance.now();
    await enqueue(i);
    tookMs.push(performance.now() - startMs);
  }
  const startMs = performance.now();
  const all: Promise<void>[] = [];
  for (let i = singlesCount; i < fullCount; i++) {
    all.push(enqueue(i));
    // As requests come in: some in each turn of the loop.
    if (i % 50 === 0) await new Promise(resolve => setImmediate(resolve));
  }
  await Promise.all(all);
  const perSecond = ((fullCount - singlesCount) * 1_000) / (performance.now() - startMs);
  await store.close();
  return [
    { name: 'outbox: durable, batched', value: perSecond, unit: '/s', goal: { atLeast: 5_000 } },
    { name: 'outbox: one durable, p50', value: percentile(tookMs, 50), unit: 'ms', goal: { atMost: 1 } },
    { name: 'outbox: one durable, p99', value: percentile(tookMs, 99), unit: 'ms', goal: { atMost: 5 } },
  ];
}

async function recovering(directory: string): Promise<readonly Figure[]> {
  const startMs = performance.now();
  const store = await LevelStore.open({ directory, ballastBytes }, { log: silentLog });
  const box = makeOutbox();
  box.restore((await store.load()).outbox, systemClock.now());
  const tookMs = performance.now() - startMs;
  await store.close();
  if (box.count !== fullCount) throw new Error(`${box.count} of ${fullCount} came back`);
  return [{ name: `outbox: recovery of ${fullCount}`, value: tookMs, unit: 'ms', goal: { atMost: 1_000 } }];
}
