/**
 * Figures of a drill from its timeline. Pure: the same timeline, the same figures.
 *
 * A verdict about an agent is *explained* by a fault that took it away from whoever gave the verdict: it was
 * killed, stopped or paused, or one of the ways between the two was cut. Loss, delay, a starved processor, a full
 * disk or a wrong clock explain nothing: an agent that answers has to stay.
 */
import type { Entry, FaultWindow, State, Timeline } from './timeline.ts';

export interface Detection {
  readonly title: string;
  readonly target: string;
  /** Who should have noticed: everybody that ran and whom the fault did not hit. */
  readonly observersCount: number;
  /** How many of them noticed while the fault lasted. */
  readonly noticedCount: number;
  /** From the fault to the first and to the last of them who found the target suspect, dead or gone. */
  readonly firstMs?: number;
  readonly lastMs?: number;
  /** The same for dead or gone. */
  readonly firstDeadMs?: number;
  readonly lastDeadMs?: number;
}

export interface FalseVerdict {
  readonly atMs: number;
  readonly observer: string;
  readonly subject: string;
}

export interface Divergence {
  readonly fromMs: number;
  /** Absent: still different at the end. */
  readonly toMs?: number;
  /** Different roots at once, at most. */
  readonly rootsMaxCount: number;
}

export interface Figures {
  readonly detections: readonly Detection[];
  /** From the end of the last fault until all saw all alive; absent when they never did. */
  readonly healedAfterMs?: number;
  readonly divergences: readonly Divergence[];
  /** The longest time in which not all running agents had the same root. */
  readonly divergedMaxMs: number;
  readonly falseSuspicions: readonly FalseVerdict[];
  readonly falseDeaths: readonly FalseVerdict[];
  /** Agents that no fault was aimed at and that somebody found suspect or dead without explanation. */
  readonly blastRadius: readonly string[];
}

/**
 * What is said so long after a fault may still come from it: timers that were running, news on their way.
 * Guess: as long as a suspicion lasts at most in a small cluster.
 */
export const aftermathMs = 5_000;

const explaining: ReadonlySet<string> = new Set(['kill', 'stop', 'pause', 'cut']);

export function figuresOf(timeline: Timeline): Figures {
  const falseSuspicions = unexplained(timeline, 'suspect');
  const falseDeaths = unexplained(timeline, 'dead');
  const aimedAt = new Set(timeline.windows.flatMap(({ targets }) => targets));
  const healedAfterMs = healedAfter(timeline);
  const divergences = divergencesOf(timeline);
  return {
    detections: timeline.windows.flatMap(window => detectionsOf(timeline, window)),
    ...(healedAfterMs === undefined ? {} : { healedAfterMs }),
    divergences,
    divergedMaxMs: Math.max(0, ...divergences.map(({ fromMs, toMs = timeline.endMs }) => toMs - fromMs)),
    falseSuspicions,
    falseDeaths,
    blastRadius: [...new Set([...falseSuspicions, ...falseDeaths].map(({ subject }) => subject))]
      .filter(subject => !aimedAt.has(subject))
      .sort(),
  };
}

/** Whether a fault accounts for what `observer` said about `subject` at that time. */
export function isExplained(
  windows: readonly FaultWindow[],
  said: { readonly observer: string; readonly subject: string; readonly atMs: number },
): boolean {
  return windows.some(
    window =>
      explaining.has(window.fault) &&
      window.fromMs <= said.atMs &&
      said.atMs <= (window.toMs ?? Number.POSITIVE_INFINITY) + aftermathMs &&
      (window.fault === 'cut'
        ? separates(window, said.observer, said.subject)
        : window.targets.includes(said.subject)),
  );
}

function separates({ cuts }: FaultWindow, one: string, other: string): boolean {
  return cuts.some(({ from, to }) => (from === one && to === other) || (from === other && to === one));
}

function unexplained({ entries, windows }: Timeline, state: State): readonly FalseVerdict[] {
  return entries.flatMap(entry =>
    entry.type === 'liveness' && entry.from !== null && entry.to === state && !isExplained(windows, entry)
      ? [{ atMs: entry.atMs, observer: entry.observer, subject: entry.subject }]
      : [],
  );
}

/** A row for each target; for a cut, each agent that was cut off from somebody is one. */
function detectionsOf(timeline: Timeline, window: FaultWindow): readonly Detection[] {
  if (!explaining.has(window.fault)) return [];
  const { fromMs, toMs = timeline.endMs } = window;
  const down = new Set(
    timeline.windows
      .filter(other => other.fault !== 'cut' && explaining.has(other.fault) && other.fromMs <= fromMs)
      .filter(other => (other.toMs ?? timeline.endMs) >= toMs)
      .flatMap(({ targets }) => targets),
  );
  const isNewsTo = (observer: string, target: string) =>
    observer !== target &&
    (window.fault === 'cut' ? separates(window, observer, target) : !down.has(observer));
  return window.targets.flatMap(target => {
    const observers = timeline.agents.filter(observer => isNewsTo(observer, target));
    if (observers.length === 0) return [];
    const times = (states: readonly State[]) =>
      observers.flatMap(observer => {
        const first = timeline.entries.find(
          entry =>
            entry.type === 'liveness' &&
            entry.observer === observer &&
            entry.subject === target &&
            states.includes(entry.to) &&
            entry.atMs >= fromMs &&
            entry.atMs <= toMs,
        );
        return first === undefined ? [] : [first.atMs - fromMs];
      });
    const noticed = times(['suspect', 'dead', 'left']);
    const dead = times(['dead', 'left']);
    return [
      {
        title: window.title,
        target,
        observersCount: observers.length,
        noticedCount: noticed.length,
        ...(noticed.length === 0 ? {} : { firstMs: Math.min(...noticed), lastMs: Math.max(...noticed) }),
        ...(dead.length === 0 ? {} : { firstDeadMs: Math.min(...dead), lastDeadMs: Math.max(...dead) }),
      },
    ];
  });
}

/** By the liveness that each running agent told of each other one. */
function healedAfter({ agents, entries, windows }: Timeline): number | undefined {
  const lastEndMs = Math.max(0, ...windows.map(({ toMs, fromMs }) => toMs ?? fromMs));
  const states = new Map<string, State>();
  const isWhole = () =>
    agents.every(observer =>
      agents.every(subject => observer === subject || states.get(`${observer} ${subject}`) === 'alive'),
    );
  let wholeSinceMs: number | undefined;
  for (const entry of entries) {
    if (entry.type !== 'liveness') continue;
    states.set(`${entry.observer} ${entry.subject}`, entry.to);
    if (!isWhole()) wholeSinceMs = undefined;
    else wholeSinceMs ??= entry.atMs;
  }
  return wholeSinceMs === undefined ? undefined : Math.max(0, wholeSinceMs - lastEndMs);
}

/** Agents whose process is gone have no root. */
function divergencesOf({ entries, endMs }: Timeline): readonly Divergence[] {
  const roots = new Map<string, string>();
  const found: Divergence[] = [];
  let open: { readonly fromMs: number; rootsMaxCount: number } | undefined;
  for (const entry of entries) {
    if (!changeRoots(roots, entry)) continue;
    const count = new Set(roots.values()).size;
    if (count > 1) {
      open ??= { fromMs: entry.atMs, rootsMaxCount: count };
      open.rootsMaxCount = Math.max(open.rootsMaxCount, count);
    } else if (open !== undefined) {
      found.push({ ...open, toMs: entry.atMs });
      open = undefined;
    }
  }
  return open === undefined || open.fromMs >= endMs ? found : [...found, open];
}

function changeRoots(roots: Map<string, string>, entry: Entry): boolean {
  if (entry.type === 'root') roots.set(entry.observer, entry.root);
  else if (entry.type === 'process' && !entry.isRunning) roots.delete(entry.agent);
  else return false;
  return true;
}
