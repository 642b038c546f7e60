/** An outcome made by hand. */
import type { Outcome } from '../../../src/chaos/run.ts';
import type { Timeline } from '../../../src/chaos/timeline.ts';
import { figuresOf } from '../../../src/chaos/verdict.ts';
import { allAlive, fault, process, root, said, timeline } from './timelines.ts';

export const eventful: Timeline = timeline({
  windows: [fault({ title: 'kill -9 c', toMs: 20_000 })],
  entries: [
    ...allAlive,
    { atMs: 10_000, type: 'step', text: 'kill -9 c' },
    process(10_050, 'c', false),
    said(11_000, 'a', 'c', 'suspect'),
    said(12_000, 'a', 'c', 'dead', 'suspect'),
    root(15_000, 'a', 'x'),
    root(15_000, 'b', 'y'),
    root(16_000, 'b', 'x'),
    process(20_000, 'c', true),
    said(21_000, 'a', 'c', 'alive', 'dead'),
    { atMs: 22_000, type: 'partition', observer: 'b', state: 'suspected', reachable: 1, known: 3 },
    { atMs: 23_000, type: 'conflict', observer: 'b', subject: 'service', kind: 'concurrent' },
  ],
});

export function outcome(parts: Partial<Outcome> = {}): Outcome {
  const shown = parts.timeline ?? eventful;
  return {
    drill: 'kill-restart',
    summary: 'Somebody is killed.',
    stage: 'process',
    agentsCount: 3,
    seed: 7,
    startedWallMs: Date.UTC(2026, 0, 5, 10),
    passed: true,
    conditions: [{ name: 'all is well', kind: 'liveness', holds: true, seen: 'after 2.0 s' }],
    figures: figuresOf(shown),
    timeline: shown,
    registrations: { acknowledged: 12, refused: 1, unanswered: 2 },
    warnings: { faults_set: 9, partition_suspected: 1 },
    ...parts,
  };
}
