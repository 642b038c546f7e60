/** A drill on its stage, once: what it works with, before it and after it. */
import type { Random } from '../core/random.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import { rootsOf, settle } from './conditions.ts';
import type { Condition, Drill, Expectation, Scene } from './drill.ts';
import { Injector } from './injector.ts';
import { Observer } from './observer.ts';
import { Recorder } from './recorder.ts';
import { Registrations } from './registrations.ts';
import type { Stage } from './stage.ts';

export interface PerformanceOptions {
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onStep: (atMs: number, text: string) => void;
}

/** For the agents to meet, before anything is done to them. */
const meetLimitMs = 60_000;
const askEveryMs = 50;
const answerLimitMs = 5_000;
/** With each agent before the first fault; one of them is taken out again. */
const servicesPerAgentCount = 3;

export class Performance implements Scene {
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

  constructor(drill: Drill, stage: Stage, ids: readonly string[], options: PerformanceOptions) {
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

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
