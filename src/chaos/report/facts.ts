/** The figures of an outcome in words, the same in the terminal and in both reports. */
import type { Outcome } from '../run.ts';
import type { Timeline } from '../timeline.ts';
import type { Detection } from '../verdict.ts';

export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** A drill with more faults than that has one line for all of them. */
const detectionsShownMaxCount = 8;

export function factsOf(outcome: Outcome): readonly Fact[] {
  const { figures, registrations, warnings } = outcome;
  const open = figures.divergences.some(({ toMs }) => toMs === undefined);
  return [
    ...detectionFacts(figures.detections),
    {
      name: 'all see all alive again',
      value:
        figures.healedAfterMs === undefined
          ? 'never'
          : `${seconds(figures.healedAfterMs)} after the last fault`,
    },
    {
      name: 'tables differed',
      value:
        figures.divergences.length === 0
          ? 'never'
          : `${times(figures.divergences.length)}, for ${seconds(figures.divergedMaxMs)} at most${open ? ', and still do' : ''}`,
    },
    { name: 'suspected without a reason', value: times(figures.falseSuspicions.length) },
    { name: 'declared dead without a reason', value: times(figures.falseDeaths.length) },
    {
      name: 'blast radius',
      value: figures.blastRadius.length === 0 ? 'nobody but the targets' : figures.blastRadius.join(', '),
    },
    {
      name: 'registrations and departures',
      value: `${registrations.acknowledged} acknowledged, ${registrations.refused} refused, ${registrations.unanswered} unanswered`,
    },
    { name: 'logged as warning or error', value: warningsText(warnings) },
  ];
}

/** `fault_injection_on` and the like are there because there is a drill. */
const ownEvents = new Set(['fault_injection_on', 'faults_set']);

function warningsText(warnings: Outcome['warnings']): string {
  const told = Object.entries(warnings)
    .filter(([event]) => !ownEvents.has(event))
    .map(([event, count]) => `${event} ${count}`);
  return told.length === 0 ? 'nothing' : told.sort().join(', ');
}

function detectionFacts(detections: readonly Detection[]): readonly Fact[] {
  if (detections.length <= detectionsShownMaxCount)
    return detections.map(detection => ({
      name: `${detection.target} missed`,
      value: detectionText(detection),
    }));
  const noticed = detections
    .flatMap(({ lastMs }) => (lastMs === undefined ? [] : [lastMs]))
    .sort((a, b) => a - b);
  return [
    {
      name: 'agents missed',
      value:
        noticed.length === 0
          ? `${detections.length} times a fault took one away, never long enough to be noticed`
          : `${noticed.length} of ${detections.length} times; by the last to notice after ${seconds(noticed[Math.floor(noticed.length / 2)] ?? 0)} (median), ${seconds(noticed.at(-1) ?? 0)} (longest)`,
    },
  ];
}

function detectionText(detection: Detection): string {
  const { noticedCount, observersCount, firstMs, lastMs, firstDeadMs, lastDeadMs } = detection;
  if (firstMs === undefined || lastMs === undefined) return `by none of ${observersCount}`;
  const dead =
    firstDeadMs === undefined || lastDeadMs === undefined
      ? 'not declared dead'
      : `dead or gone after ${range(firstDeadMs, lastDeadMs)}`;
  return `by ${noticedCount} of ${observersCount} after ${range(firstMs, lastMs)}, ${dead}`;
}

function range(fromMs: number, toMs: number): string {
  return seconds(fromMs) === seconds(toMs) ? seconds(fromMs) : `${seconds(fromMs)} to ${seconds(toMs)}`;
}

/** What was done, with its time. */
export function stepsOf({ entries }: Timeline): readonly { readonly atMs: number; readonly text: string }[] {
  return entries.flatMap(entry => (entry.type === 'step' ? [{ atMs: entry.atMs, text: entry.text }] : []));
}

/** What agents said that was news, with its time. */
export function newsOf({ entries }: Timeline): readonly { readonly atMs: number; readonly text: string }[] {
  return entries.flatMap(entry => {
    const { atMs } = entry;
    switch (entry.type) {
      case 'liveness':
        if (entry.from === null) return [];
        return [{ atMs, text: `${entry.observer}: ${entry.subject} is ${entry.to}, was ${entry.from}` }];
      case 'partition':
        return [
          {
            atMs,
            text: `${entry.observer}: partition ${entry.state}, ${entry.reachable} of ${entry.known} reachable`,
          },
        ];
      case 'conflict':
        return [{ atMs, text: `${entry.observer}: conflict about ${entry.subject} (${entry.kind})` }];
      case 'process':
        return [{ atMs, text: `${entry.agent} ${entry.isRunning ? 'runs' : 'is gone'}` }];
      default:
        return [];
    }
  });
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

function times(count: number): string {
  return count === 0 ? 'never' : count === 1 ? 'once' : `${count} times`;
}
