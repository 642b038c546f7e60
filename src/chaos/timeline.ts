/**
 * What happened in a drill, in order of arrival at the drill's own process: one clock for what was done to the
 * agents and for what they said about it. Their own time stamps are not used: a clock may be what is at fault.
 *
 * All times are milliseconds since all agents were ready and the drill began.
 */
import type { Fault } from './stage.ts';

export type State = 'alive' | 'suspect' | 'dead' | 'left';

export type Entry =
  /** The drill did something, in words. */
  | { readonly atMs: number; readonly type: 'step'; readonly text: string }
  /** `from` is null when it answers the question what it thinks, which is no news. */
  | {
      readonly atMs: number;
      readonly type: 'liveness';
      readonly observer: string;
      readonly subject: string;
      readonly from: State | null;
      readonly to: State;
    }
  | {
      readonly atMs: number;
      readonly type: 'partition';
      readonly observer: string;
      readonly state: 'suspected' | 'healed' | 'isolated';
      readonly reachable: number;
      readonly known: number;
    }
  | {
      readonly atMs: number;
      readonly type: 'conflict';
      readonly observer: string;
      readonly subject: string;
      readonly kind: string;
    }
  /** The root of its table is another one than when it was last asked. */
  | { readonly atMs: number; readonly type: 'root'; readonly observer: string; readonly root: string }
  /** Its process is there, or not. */
  | { readonly atMs: number; readonly type: 'process'; readonly agent: string; readonly isRunning: boolean };

/** A fault from its beginning to its end. */
export interface FaultWindow {
  readonly fault: Fault;
  readonly title: string;
  readonly fromMs: number;
  /** Absent while it lasts. */
  readonly toMs?: number;
  /** Whom it befalls. */
  readonly targets: readonly string[];
  /** For `cut`: which ways are closed. */
  readonly cuts: readonly { readonly from: string; readonly to: string }[];
}

export interface Timeline {
  readonly agents: readonly string[];
  readonly entries: readonly Entry[];
  readonly windows: readonly FaultWindow[];
  /** When the drill ended. */
  readonly endMs: number;
}
