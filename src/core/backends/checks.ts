/**
 * When each hosted backend is checked, and what came of it.
 *
 * Every backend has a phase of its own, drawn once, at which it is checked in each interval, or up to a tick
 * before; only the first check comes at once, within `firstCheckMs`. Counting the pause from the last check instead was
 * rejected: what is registered together, or restored at a start, would be checked together for ever.
 *
 * A check is named by a key that is never used again, so the answer to an older target (an address
 * that was changed, a service that is gone) is recognised and counts for nothing.
 */
import type { Effect } from '../effects.ts';
import type { Random } from '../random.ts';
import type { SubjectHash } from '../record/health.ts';
import type { NodeId } from '../record/node.ts';
import type { BackendCheckView, HealthState } from '../view.ts';
import type { CheckFailure, CheckOutcome } from './outcome.ts';
import { counted, type Tally, type Thresholds } from './tally.ts';

export interface CheckSettings extends Thresholds {
  readonly intervalMs: number;
  /** Checks under way at once; the others wait for their turn. */
  readonly inFlightMaxCount: number;
}

export const defaultCheckSettings: CheckSettings = {
  intervalMs: 5_000, // Contract.
  failureThreshold: 3, // Contract.
  recoveryThreshold: 2, // Contract.
  inFlightMaxCount: 32, // Guess: 16 a second when none answers within 2 s, thousands when all do.
};

/** A new backend is first checked within this time. */
export const firstCheckMs = 1_000;

export interface Backend {
  readonly id: NodeId;
  readonly subjectHash: SubjectHash;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** What one answer meant. */
export interface Checked {
  readonly backend: Backend;
  /** Present when this answer turned it. */
  readonly turned?: HealthState;
}

interface Target {
  readonly backend: Backend;
  readonly phaseMs: number;
  dueMonoMs: number;
  /** Waits for its turn, or is being checked. */
  isBusy: boolean;
  tally: Tally;
  sinceMonoMs: number;
  /** Why it is unhealthy. */
  ailment: CheckFailure | undefined;
  checksCount: number;
  failuresCount: number;
  lastMonoMs: number | undefined;
  lastResult: string | undefined;
}

export class BackendChecks {
  readonly #settings: CheckSettings;
  readonly #random: Random;
  readonly #targets = new Map<NodeId, Target>();
  readonly #queue: Target[] = [];
  readonly #inFlight = new Map<string, Target>();
  #lastKey = 0;

  constructor(settings: Partial<CheckSettings>, components: { readonly random: Random }) {
    this.#settings = { ...defaultCheckSettings, ...settings };
    this.#random = components.random;
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  backend(id: NodeId): Backend | undefined {
    return this.#targets.get(id)?.backend;
  }

  ailmentOf(id: NodeId): CheckFailure | undefined {
    return this.#targets.get(id)?.ailment;
  }

  *unhealthy(): Iterable<{ readonly backend: Backend; readonly ailment: CheckFailure }> {
    for (const { backend, ailment } of this.#targets.values())
      if (ailment !== undefined) yield { backend, ailment };
  }

  /** Checks this backend from now on, anew if it was known under another address. */
  watch(backend: Backend, ailment: CheckFailure | undefined, monoMs: number): void {
    const { intervalMs } = this.#settings;
    this.#targets.set(backend.id, {
      backend,
      phaseMs: this.#random.next() * intervalMs,
      dueMonoMs: monoMs + this.#random.next() * Math.min(firstCheckMs, intervalMs),
      isBusy: false,
      tally: { state: ailment === undefined ? 'healthy' : 'unhealthy', failuresInRow: 0, passesInRow: 0 },
      sinceMonoMs: monoMs,
      ailment,
      checksCount: 0,
      failuresCount: 0,
      lastMonoMs: undefined,
      lastResult: undefined,
    });
  }

  forget(id: NodeId): void {
    this.#targets.delete(id);
  }

  /** What was known before this start. What has been checked since outweighs it. */
  recall(id: NodeId, ailment: CheckFailure): void {
    const target = this.#targets.get(id);
    if (target === undefined || target.checksCount > 0 || target.ailment !== undefined) return;
    target.tally = { ...target.tally, state: 'unhealthy' };
    target.ailment = ailment;
  }

  /** The checks whose time has come, or comes before the next tick, as many as may be under way. */
  due(monoMs: number, tickMs: number): readonly Effect[] {
    const untilMonoMs = monoMs + tickMs;
    const due = [...this.#targets.values()].filter(
      target => !target.isBusy && target.dueMonoMs < untilMonoMs,
    );
    for (const target of due.sort((a, b) => a.dueMonoMs - b.dueMonoMs)) {
      target.isBusy = true;
      this.#queue.push(target);
    }
    return this.launch(monoMs);
  }

  /** @returns `undefined` when the answer is to a target that is none any more. */
  checked(key: string, outcome: CheckOutcome, monoMs: number): Checked | undefined {
    const target = this.#inFlight.get(key);
    this.#inFlight.delete(key);
    if (target === undefined || this.#targets.get(target.backend.id) !== target) return undefined;
    const { state } = target.tally;
    target.isBusy = false;
    target.tally = counted(target.tally, outcome, this.#settings);
    target.checksCount += 1;
    target.failuresCount += outcome.ok ? 0 : 1;
    target.lastMonoMs = monoMs;
    target.lastResult = outcome.ok ? `answered in ${Math.round(outcome.latencyMs)} ms` : outcome.detail;
    if (target.tally.state === state) return { backend: target.backend };
    target.sinceMonoMs = monoMs;
    target.ailment = outcome.ok ? undefined : outcome.reason;
    return { backend: target.backend, turned: target.tally.state };
  }

  views(monoMs: number): readonly BackendCheckView[] {
    return [...this.#targets.values()].map(target => viewOf(target, monoMs));
  }

  /** Fills the places that answers have left. */
  launch(monoMs: number): readonly Effect[] {
    const effects: Effect[] = [];
    while (this.#inFlight.size < this.#settings.inFlightMaxCount) {
      const target = this.#queue.shift();
      if (target === undefined) break;
      const { id, host, port } = target.backend;
      if (this.#targets.get(id) !== target) continue;
      this.#lastKey += 1;
      const key = `${checkKeyPrefix}${id}:${this.#lastKey}`;
      this.#inFlight.set(key, target);
      const { intervalMs } = this.#settings;
      target.dueMonoMs = nextDueMs(target.phaseMs, intervalMs, Math.max(monoMs, target.dueMonoMs));
      effects.push({ type: 'check', key, host, port });
    }
    return effects;
  }
}

export const checkKeyPrefix = 'backend:';

/** The next time at this phase of an interval: an interval away at most. */
export function nextDueMs(phaseMs: number, intervalMs: number, monoMs: number): number {
  return phaseMs + (Math.floor((monoMs - phaseMs) / intervalMs) + 1) * intervalMs;
}

/** `http://host:port/metrics`, with brackets around an IPv6 address. */
export function metricsUrl({ host, port }: Pick<Backend, 'host' | 'port'>): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`;
}

function viewOf(target: Target, monoMs: number): BackendCheckView {
  const { backend, tally, lastMonoMs, lastResult } = target;
  return {
    id: backend.id,
    url: metricsUrl(backend),
    state: tally.state,
    sinceMs: Math.round(monoMs - target.sinceMonoMs),
    checks: target.checksCount,
    failures: target.failuresCount,
    failuresInRow: tally.failuresInRow,
    ...(lastMonoMs === undefined ? {} : { lastCheckMs: Math.round(monoMs - lastMonoMs) }),
    ...(lastResult === undefined ? {} : { lastResult }),
  };
}
