/** R2 for health: a host finds out that a service of its own is ill, and that it is well again. */
import type { NodeId } from '../../core/record/node.ts';
import type { SimAgent } from '../agent.ts';
import type { Happening } from '../plan.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

/** Three checks that fail, five seconds apart, the last of which waits for its answer; and a turn to spare. */
const noticedMs = 30_000;

type Illness = Extract<Happening, { readonly type: 'illness' }>;

interface Condition {
  readonly isWell: boolean;
  readonly sinceMs: number;
}

export class ServiceInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  readonly #illnesses: readonly Illness[];
  /** By agent and service. */
  readonly #conditions = new Map<SimAgent, Map<NodeId, Condition>>();

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
    this.#illnesses = world.plan.happenings.filter(({ type }) => type === 'illness') as readonly Illness[];
  }

  restored(agent: SimAgent): void {
    this.#conditions.delete(agent);
  }

  look(): void {
    for (const agent of this.#world.honest) if (agent.isUp) this.#lookAt(agent);
  }

  #lookAt(agent: SimAgent): void {
    const { nowMs, clinic, trouble } = this.#world;
    const before = this.#conditions.get(agent);
    const now = new Map<NodeId, Condition>();
    const calmMs = trouble.agentCalmMs(agent.place);
    for (const { id, url } of agent.backends) {
      const isWell = clinic.isWell(url);
      const known = before?.get(id);
      const condition = known?.isWell === isWell ? known : { isWell, sinceMs: nowMs };
      now.set(id, condition);
      if (Math.min(nowMs - condition.sinceMs, calmMs) < noticedMs) continue;
      if (isWell && this.#wasIll(agent)) continue;
      const listed = agent.protocol.table.listing.get(id);
      // Another host may vouch for it, and find it otherwise.
      if (listed === undefined || listed.authors.length !== 1 || listed.authors[0] !== agent.peer) continue;
      if ((listed.status === 'alive') !== isWell)
        this.#report(
          'R2',
          `${agent.id} lists its ${id} as ${listed.status}, and it is ${isWell ? 'well' : 'ill'}`,
        );
    }
    this.#conditions.set(agent, now);
  }

  /** Also for a moment, between two looks. */
  #wasIll({ place }: SimAgent): boolean {
    const { nowMs } = this.#world;
    return this.#illnesses.some(
      happening =>
        happening.agent === place &&
        happening.atMs <= nowMs &&
        happening.atMs + happening.forMs > nowMs - noticedMs,
    );
  }
}
