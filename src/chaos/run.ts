/** One drill from its stage to its report's facts. */
import { FirsthandError } from '../errors.ts';
import { verdictConditions } from './conditions.ts';
import type { Condition, Drill } from './drill.ts';
import { Performance } from './performance.ts';
import type { StageKind, StageName } from './stage.ts';
import type { Timeline } from './timeline.ts';
import { type Figures, figuresOf } from './verdict.ts';

export interface RunOptions {
  readonly agentsCount: number;
  readonly seed: number;
  /** Leaves the data directories; `Outcome.directory` says where. */
  readonly keep: boolean;
  /** Ends the drill early; whatever was started ends with it. */
  readonly signal: AbortSignal;
  /** Called as things happen; the time is since all agents were ready. */
  readonly onStep: (atMs: number, text: string) => void;
}

export interface Outcome {
  readonly drill: string;
  readonly summary: string;
  readonly stage: StageName;
  readonly agentsCount: number;
  readonly seed: number;
  /** When it began, Unix milliseconds. */
  readonly startedWallMs: number;
  readonly passed: boolean;
  readonly conditions: readonly Condition[];
  readonly figures: Figures;
  readonly timeline: Timeline;
  readonly registrations: {
    readonly acknowledged: number;
    readonly refused: number;
    readonly unanswered: number;
  };
  /** What agents logged as warning or error, by name of the event. */
  readonly warnings: Readonly<Record<string, number>>;
  /** Where the data directories are, if they were kept. */
  readonly directory?: string;
}

/**
 * Why this drill cannot be run there, before anything is started; empty if it can.
 *
 * @returns Sentences without a full stop.
 */
export async function refusals(
  drill: Drill,
  kind: StageKind,
  agentsCount?: number,
): Promise<readonly string[]> {
  const unusable = await kind.unusable();
  if (unusable !== undefined) return [unusable];
  const lacks = await Promise.all(drill.faults.map(fault => kind.lacks(fault)));
  const found = [...new Set(lacks.filter(lack => lack !== undefined))];
  if (agentsCount !== undefined && agentsCount < drill.agentsMinCount)
    found.push(`${drill.name} needs at least ${drill.agentsMinCount} agents`);
  return found;
}

/**
 * Runs it and cleans up, whatever happens.
 *
 * @throws FirsthandError DRILL_BROKEN_OFF when an agent did not start, the agents did not meet, or it was ended.
 */
export async function runDrill(drill: Drill, kind: StageKind, options: RunOptions): Promise<Outcome> {
  try {
    return await performOn(drill, kind, options);
  } catch (error) {
    // What was under way when the stage went away fails in many ways, all for this one reason.
    if (options.signal.aborted) throw options.signal.reason;
    const why = error instanceof Error ? error.message : String(error);
    throw new FirsthandError('DRILL_BROKEN_OFF', { text: `${drill.name} was broken off: ${why}` }, error);
  }
}

async function performOn(drill: Drill, kind: StageKind, options: RunOptions): Promise<Outcome> {
  const ids = Array.from({ length: options.agentsCount }, (_, index) => `agent-${index + 1}`);
  const equipment = drill.equipment?.(ids);
  const startedWallMs = Date.now();
  options.onStep(0, `start ${ids.length} agents (${kind.name})`);
  const stage = await kind.open({
    agentsCount: ids.length,
    settings: drill.settings ?? {},
    keep: options.keep,
    seed: options.seed,
    ...(equipment === undefined ? {} : { equipment }),
  });
  const close = () => void stage.close();
  options.signal.addEventListener('abort', close, { once: true });
  try {
    options.signal.throwIfAborted();
    const performance = new Performance(drill, stage, ids, options);
    const { conditions, timeline, registrations } = await performance.play();
    const figures = figuresOf(timeline);
    const all = [...conditions, ...verdictConditions(figures)];
    return {
      drill: drill.name,
      summary: drill.summary,
      stage: kind.name,
      agentsCount: ids.length,
      seed: options.seed,
      startedWallMs,
      passed: all.every(({ holds }) => holds),
      conditions: all,
      figures,
      timeline,
      registrations,
      warnings: warningsIn(ids.map(id => stage.log(id)).join('')),
      ...(options.keep ? { directory: stage.directory } : {}),
    };
  } finally {
    options.signal.removeEventListener('abort', close);
    await stage.close();
  }
}

function warningsIn(log: string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const line of log.split('\n')) {
    const level = Number(/"level":(\d+)/.exec(line)?.[1] ?? 0);
    const event = /"event":"([a-z_]+)"/.exec(line)?.[1];
    if (level >= 40 && event !== undefined) counts[event] = (counts[event] ?? 0) + 1;
  }
  return counts;
}
