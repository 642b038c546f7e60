/** Timelines made by hand. */
import type { Entry, FaultWindow, State, Timeline } from '../../../src/chaos/timeline.ts';

export const agents = ['a', 'b', 'c'] as const;

export function timeline(parts: Partial<Timeline> = {}): Timeline {
  return { agents, entries: [], windows: [], endMs: 60_000, ...parts };
}

/** `observer` says something new about `subject`. */
export function said(
  atMs: number,
  observer: string,
  subject: string,
  to: State,
  from: State | null = 'alive',
): Entry {
  return { atMs, type: 'liveness', observer, subject, from, to };
}

/** Everybody sees everybody alive, as answers to the opening question. */
export const allAlive: readonly Entry[] = agents.flatMap(observer =>
  agents.filter(subject => subject !== observer).map(subject => said(0, observer, subject, 'alive', null)),
);

export function root(atMs: number, observer: string, value: string): Entry {
  return { atMs, type: 'root', observer, root: value };
}

export function process(atMs: number, agent: string, isRunning: boolean): Entry {
  return { atMs, type: 'process', agent, isRunning };
}

export function fault(parts: Partial<FaultWindow> = {}): FaultWindow {
  return { fault: 'kill', title: 'a fault', fromMs: 10_000, targets: ['c'], cuts: [], ...parts };
}
