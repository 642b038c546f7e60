/** One drill from its stage to its report's facts. */
import type { Random } from '../core/random.ts';
import { FirsthandError } from '../errors.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import { rootsOf, settle, verdictConditions } from './conditions.ts';
import type { Condition, Drill, Expectation, Scene } from './drill.ts';
import { Injector } from './injector.ts';
import { Observer } from './observer.ts';
import { Recorder } from './recorder.ts';
import { Registrations } from './registrations.ts';
import type { Stage, StageKind, StageName } from './stage.ts';
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

/** For the agents to meet, before anything is done to them. */
const meetLimitMs = 60_000;
const askEveryMs = 50;
const answerLimitMs = 5_000;
/** With each agent before the first fault; one of them is taken out again. */
const servicesPerAgentCount = 3;

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

/** The drill on its stage, once. */
class Performance implements Scene {
  readonly stage: Stage;
  readonly ids: readonly string[];
  readonly inject: Injector;
  readonly observer: Observer;
  readonly recorder: Recorder;
  readonly registrations: Registrations;
  readonly random: Random;
  readonly callersRandom: Random;
  readonly signal: AbortSignal;
  readonly #drill: Drill;
  readonly #conditions: Condition[] = [];

  constructor(drill: Drill, stage: Stage, ids: readonly string[], options: RunOptions) {
    this.#drill = drill;
    this.stage = stage;
    this.ids = ids;
    this.signal = options.signal;
    this.random = seededRandom(options.seed, drill.name);
    this.callersRandom = seededRandom(options.seed, 'callers');
    this.recorder = new Recorder({ agents: ids, onStep: options.onStep });
    this.inject = new Injector({ stage, recorder: this.recorder });
    this.registrations = new Registrations(stage.agents);
    this.observer = new Observer(stage.agents, {
      recorder: this.recorder,
      isRunning: id => stage.isRunning(id),
    });
  }

  async play() {
    try {
      await this.observer.start();
      await this.#meet();
      await this.#settleIn();
      await this.#drill.run(this);
      await this.inject.endAll(this.ids);
      this.recorder.step('every fault has ended; what has to hold now?');
      await settle(this);
      await this.observer.look();
    } finally {
      this.observer.close();
    }
    return {
      conditions: this.#conditions,
      timeline: this.recorder.timeline(),
      registrations: { ...this.registrations.counts },
    };
  }

  hold(ms: number): Promise<void> {
    this.signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer);
        reject(this.signal.reason);
      };
      const timer = setTimeout(() => {
        this.signal.removeEventListener('abort', abort);
        resolve();
      }, ms);
      this.signal.addEventListener('abort', abort, { once: true });
    });
  }

  conclude(condition: Condition): void {
    this.#conditions.push(condition);
    if (!condition.holds) this.recorder.step(`FAILED: ${condition.name}: ${condition.seen}`);
  }

  async expect<T>({ name, withinMs, ask, holds, tell }: Expectation<T>): Promise<boolean> {
    const fromMs = this.recorder.nowMs;
    let seen = 'no answer';
    for (;;) {
      const now = await this.#attempt(ask);
      const tookMs = this.recorder.nowMs - fromMs;
      if (now.ok && holds(now.answer)) {
        this.conclude({ name, kind: 'liveness', holds: true, seen: `after ${seconds(tookMs)}` });
        return true;
      }
      seen = now.ok ? (tell?.(now.answer) ?? JSON.stringify(now.answer)) : now.problem;
      if (tookMs > withinMs) {
        this.conclude({
          name,
          kind: 'liveness',
          holds: false,
          seen: `not within ${seconds(withinMs)}: ${seen}`,
        });
        return false;
      }
      await this.hold(askEveryMs);
    }
  }

  async get<Body>(id: string, path: string): Promise<{ readonly status: number; readonly body: Body }> {
    const agent = this.stage.agents.find(each => each.id === id);
    if (agent === undefined) throw new TypeError(`${id} is not on this stage`);
    const answer = await fetch(agent.url + path, {
      signal: AbortSignal.any([AbortSignal.timeout(answerLimitMs), this.signal]),
    });
    return { status: answer.status, body: (await answer.json()) as Body };
  }

  async #attempt<T>(ask: () => T | Promise<T>) {
    this.signal.throwIfAborted();
    try {
      return { ok: true, answer: await ask() } as const;
    } catch (error) {
      return { ok: false, problem: error instanceof Error ? error.message : String(error) } as const;
    }
  }

  #meet(): Promise<void> {
    return this.#wait('see each other alive', () =>
      this.ids.every(observer =>
        this.ids.every(
          subject => subject === observer || this.observer.stateOf(observer, subject) === 'alive',
        ),
      ),
    );
  }

  /** @throws Error when it does not come to that: then there is nothing to drill. */
  async #wait(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const untilMs = this.recorder.nowMs + meetLimitMs;
    while (!(await holds())) {
      if (this.recorder.nowMs > untilMs)
        throw new Error(`before the first fault the agents do not ${what} within ${seconds(meetLimitMs)}`);
      await this.hold(askEveryMs);
    }
  }

  /** Some services everywhere, so that there is something to lose and something to bring back. */
  async #settleIn(): Promise<void> {
    await Promise.all(
      this.ids.map(async id => {
        for (let i = 0; i < servicesPerAgentCount; i++) await this.registrations.register(id, this.signal);
        const [first] = this.registrations.of(id);
        if (first !== undefined) await this.registrations.deregister(first, this.signal);
      }),
    );
    const { acknowledged, refused, unanswered } = this.registrations.counts;
    if (refused + unanswered > 0) throw new Error('registrations were refused before the first fault');
    await this.#wait('hold the same table', async () => new Set(await rootsOf(this)).size === 1);
    await this.observer.look();
    this.recorder.step(
      `all ${this.ids.length} agents have met; ${acknowledged} registrations and departures acknowledged`,
    );
  }
}

export function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
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
