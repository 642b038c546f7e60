/** The outbox as `inspect outbox` shows it. */
import { compareText } from '../record/record.ts';
import type { Now } from '../time.ts';
import type { OutboxRow, OutboxView } from '../view.ts';
import type { DeadLetter, Receiver } from './delivery.ts';
import type { Lane } from './outbox.ts';
import type { OutboxSettings } from './settings.ts';

/** Since the agent started. */
export interface OutboxCounts {
  readonly enqueued: number;
  readonly superseded: number;
  readonly delivered: number;
  /** Attempts that failed. */
  readonly failed: number;
  /** Dead letters, by reason. */
  readonly refused: number;
  readonly expired: number;
  readonly damaged: number;
  /** Not taken in: no room, or the store refuses. */
  readonly turnedAway: number;
}

/** Shown of the dead letters. */
const lettersMaxCount = 100;

export interface OutboxTotals {
  readonly count: number;
  readonly bytes: number;
  readonly counts: OutboxCounts;
  readonly deadLetters: readonly DeadLetter[];
  readonly damaged: ReadonlySet<Receiver>;
  readonly settings: OutboxSettings;
}

export function outboxView(totals: OutboxTotals, lanes: Iterable<Lane>, now: Now): OutboxView {
  const { count, bytes, counts, deadLetters, damaged, settings } = totals;
  return {
    entries: count,
    entriesMax: settings.entriesMaxCount,
    bytes,
    bytesMax: settings.bytesMax,
    counts,
    receivers: [...lanes].map(lane => row(lane, now)).sort((a, b) => compareText(a.receiver, b.receiver)),
    deadLettersCount: deadLetters.length,
    deadLetters: deadLetters.slice(0, lettersMaxCount),
    damaged: [...damaged].sort(compareText),
  };
}

function row({ queue, health, underWay, delivered, isReported }: Lane, { monoMs }: Now): OutboxRow {
  const { receiver, count, bytes } = queue;
  const oldestMonoMs = queue.oldestMonoMs();
  const { responseMs, lastError } = health;
  const waits = count > 0 && underWay === undefined;
  return {
    receiver,
    state: stateOf(count, underWay !== undefined, isReported),
    depth: count,
    critical: queue.countOf('critical'),
    normal: queue.countOf('normal'),
    bulk: queue.countOf('bulk'),
    bytes,
    ...(oldestMonoMs === undefined ? {} : { oldestMs: Math.round(monoMs - oldestMonoMs) }),
    delivered,
    attempts: health.attempts,
    failuresInRow: health.failures,
    ...(waits ? { nextTryInMs: Math.max(0, Math.round(health.nextTryMonoMs - monoMs)) } : {}),
    breaker: health.breaker(underWay !== undefined, monoMs),
    ...(responseMs === undefined ? {} : { responseMs: Number(responseMs.toFixed(1)) }),
    ...(lastError === undefined ? {} : { lastError }),
  };
}

function stateOf(count: number, isUnderWay: boolean, isStuck: boolean): OutboxRow['state'] {
  if (isStuck && count > 0) return 'stuck';
  if (isUnderWay) return 'delivering';
  return count > 0 ? 'waiting' : 'idle';
}
