/** What a drill is, and what it has to work with. */
import type { Random } from '../core/random.ts';
import type { Injector } from './injector.ts';
import type { Observer } from './observer.ts';
import type { Recorder } from './recorder.ts';
import type { Registrations } from './registrations.ts';
import type { Equipment, Fault, Stage } from './stage.ts';

/** Something that has to hold: what must never happen (safety), or what must happen in time (liveness). */
export interface Condition {
  readonly name: string;
  readonly kind: 'safety' | 'liveness';
  readonly holds: boolean;
  /** What was seen: figures, or who did what. */
  readonly seen: string;
}

export interface Drill {
  readonly name: string;
  /** One sentence: what befalls the cluster, and what has to hold. */
  readonly summary: string;
  /** What the stage has to be able to do. */
  readonly faults: readonly Fault[];
  readonly agentsMinCount: number;
  /** What agents need from their start on. */
  readonly equipment?: (ids: readonly string[]) => Equipment;
  /** Settings that the drill is about, as `FIRSTHAND_…`; the others have their defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Brings the faults and its own conditions. What holds after any drill is looked at afterwards, once every
   * fault that was left has ended: see `conditions.ts`.
   */
  run(scene: Scene): Promise<void>;
}

export interface Scene {
  readonly stage: Stage;
  /** Of all agents, in order. */
  readonly ids: readonly string[];
  readonly inject: Injector;
  readonly observer: Observer;
  readonly recorder: Recorder;
  readonly registrations: Registrations;
  /** For what the drill leaves to chance. */
  readonly random: Random;
  /** For its callers. */
  readonly callersRandom: Random;
  /** Aborted when the drill is to end early. */
  readonly signal: AbortSignal;
  /** Lets a fault last. */
  hold(ms: number): Promise<void>;
  /** A finding that is certain already. */
  conclude(condition: Condition): void;
  /**
   * A liveness condition: asks again until it holds or the time is over. Goes on either way, so that the rest of
   * the drill is seen too.
   *
   * @returns Whether it holds.
   */
  expect<T>(expectation: Expectation<T>): Promise<boolean>;
  /** JSON of one agent. */
  get<Body>(id: string, path: string): Promise<{ readonly status: number; readonly body: Body }>;
}

export interface Expectation<T> {
  readonly name: string;
  readonly withinMs: number;
  /** What is so now; a failure to ask counts as not yet. */
  readonly ask: () => T | Promise<T>;
  readonly holds: (now: T) => boolean;
  /** The last answer in words, when it does not hold. */
  readonly tell?: (now: T) => string;
}
