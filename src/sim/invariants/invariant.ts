/**
 * What must hold, whatever befalls the cluster; named as in docs/SIMULATION.md.
 *
 * An invariant hears of everything and looks at everything now and then; whatever it finds it reports once.
 */
import type { CoreLogEvent, Effect, Input } from '../../core/effects.ts';
import type { AgentEvent } from '../../core/view.ts';
import type { StoredState } from '../../runtime/ports.ts';
import type { Outcome, SimAgent } from '../agent.ts';
import type { Work } from '../plan.ts';
import type { World } from '../world.ts';
import type { TableWatch } from './table-changes.ts';

/** @param name - `R5`, and so on. */
export type Report = (name: string, text: string) => void;

export interface Invariant {
  input?(agent: SimAgent, input: Input): void;
  event?(agent: SimAgent, event: AgentEvent): void;
  effect?(agent: SimAgent, effect: Effect): void;
  log?(agent: SimAgent, event: CoreLogEvent | 'store_write_failed' | 'store_recovered'): void;
  restored?(agent: SimAgent, stored: StoredState): void;
  answered?(work: Work, agent: SimAgent, outcome: Outcome): void;
  /** About once a second. */
  look?(): void;
  /** Everybody agrees again, and has had some time without any trouble. */
  end?(): void;
}

export interface InvariantComponents {
  readonly world: World;
  readonly report: Report;
  readonly watch: TableWatch;
}
