/**
 * R4 and R11: within one life nothing that an author said about a subject is replaced by something older, and
 * what an agent holds is on its disk.
 */
import { compareDots, type VerifiedRecord } from '../../core/record/record.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

/** A store that refused is asked again every second. */
const settledMs = 6_000;

export class DurabilityInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  /** What each agent held when it was last looked at, by subject and author. */
  readonly #held = new Map<SimAgent, Map<string, VerifiedRecord>>();

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
  }

  restored(agent: SimAgent): void {
    this.#held.delete(agent);
  }

  look(): void {
    for (const agent of this.#world.honest) if (agent.isUp) this.#lookAt(agent);
  }

  #lookAt(agent: SimAgent): void {
    const before = this.#held.get(agent);
    const held = new Map<string, VerifiedRecord>();
    const { disk, place, protocol } = agent;
    const isSettled =
      disk.isWell && protocol.storeIsWell && this.#world.trouble.agentCalmMs(place) > settledMs;
    for (const record of protocol.table.ledger.records()) {
      const key = `${record.subject} ${record.author}`;
      held.set(key, record);
      const earlier = before?.get(key);
      if (earlier === undefined) continue;
      if (compareDots(record, earlier) < 0)
        this.#report('R4', `${agent.id} went back to an earlier record of ${key}`);
      // It has been here for as long as between two looks, so it is written.
      const isOld = isSettled && earlier.digest === record.digest;
      if (isOld && disk.record(record.subject, record.author)?.digest !== record.digest)
        this.#report('R11', `${agent.id} holds a record of ${key} that is not on its disk`);
    }
    this.#held.set(agent, held);
  }
}
