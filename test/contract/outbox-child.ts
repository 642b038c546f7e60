/**
 * A process of its own for the crash tests of the outbox: takes up what an earlier one left in DIRECTORY, then
 * enqueues and delivers until it is killed.
 *
 *     node outbox-child.ts DIRECTORY FIRST
 *
 * Prints `damaged N` (queues found damaged), `accepted N` once delivery N is durable, `arrived N` when it
 * reaches its receiver. Numbers count from FIRST; every third attempt loses its answer.
 */
import type { Effect } from '../../src/core/effects.ts';
import { Outbox } from '../../src/core/outbox/outbox.ts';
import { linkOf } from '../../src/runtime/outbox-link.ts';
import { systemClock, systemRandom } from '../../src/runtime/system.ts';
import { WriteQueue } from '../../src/runtime/write-queue.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';

const [directory = '', first = '0'] = process.argv.slice(2);
const store = await LevelStore.open({ directory }, { log: silentLog });
const outbox = new Outbox({}, { random: systemRandom, linkOf, storeProblem: () => undefined });
const writes = new WriteQueue(
  { onDurable: run, onFailed: error => say(`failed ${error}`), onRecovered: () => {} },
  { store, clock: systemClock },
);
let attempts = 0;

run(outbox.restore((await store.load()).outbox, systemClock.now()));
say(`damaged ${outbox.damagedReceivers.size}`);
setInterval(() => run(outbox.tick(systemClock.now())), 5);

for (let number = Number(first); ; number++) {
  const enqueued = outbox.enqueue(
    {
      receiver: `peer:${number % 3}`,
      subject: `${number % 50}`,
      priority: (['critical', 'normal', 'bulk'] as const)[number % 7] ?? 'normal',
      kind: 'test',
      payload: Buffer.alloc(100 + (number % 400), number),
      expiresAfterMs: 3_600_000,
      digest: String(number),
    },
    systemClock.now(),
    [{ type: 'reply', ticket: number, reply: { ok: true, changed: true } }],
  );
  if (enqueued.ok) run(enqueued.effects);
  if (number % 5 === 0) await new Promise(resolve => setImmediate(resolve));
}

function run(effects: readonly Effect[]): void {
  for (const effect of effects) {
    if (effect.type === 'persist') writes.add(effect.operations, effect.then);
    if (effect.type === 'reply') say(`accepted ${effect.ticket}`);
    if (effect.type === 'written') run(outbox.written(effect.receiver, effect.sequence, systemClock.now()));
    if (effect.type === 'deliver') {
      attempts += 1;
      const { id } = effect;
      const outcome =
        attempts % 3 === 0
          ? ({ ok: false, isFinal: false, detail: 'lost' } as const)
          : ({ ok: true } as const);
      say(`arrived ${effect.digest}`);
      setImmediate(() => run(outbox.settled(id, outcome, 0, systemClock.now())));
    }
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
