/**
 * R4 and R11: within one life nothing that an author said about a subject is replaced by something older, and
 * what an agent holds is on its disk.
 */
import { compareDots, type VerifiedRecord } from '../../core/record/record.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';
import type { TableWatch } from './table-changes.ts';

/** A store that refused is asked again every second. */
const settledMs = 6_000;

export class DurabilityInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  readonly #watch: TableWatch;
  /** By agent: what it held when it was looked at last, and has not been found on its disk yet. */
  readonly #unwritten = new Map<SimAgent, Set<VerifiedRecord>>();

  constructor({ world, report, watch }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
    this.#watch = watch;
  }

  restored(agent: SimAgent): void {
    this.#unwritten.delete(agent);
  }

  look(): void {
    for (const agent of this.#world.honest) if (agent.isUp) this.#lookAt(agent);
  }

  #lookAt(agent: SimAgent): void {
    const unwritten = this.#unwritten.get(agent) ?? new Set();
    this.#unwritten.set(agent, unwritten);
    const { disk, place, protocol } = agent;
    const isSettled =
      disk.isWell && protocol.storeIsWell && this.#world.trouble.agentCalmMs(place) > settledMs;
    // They have been here for as long as between two looks, so they are written.
    if (isSettled) for (const record of unwritten) this.#checkWritten(agent, record);
    if (isSettled) unwritten.clear();
    for (const { before, now } of this.#watch.changes(agent).subjects) {
      for (const record of now) {
        unwritten.add(record);
        const earlier = before.find(({ author }) => author === record.author);
        if (earlier !== undefined && compareDots(record, earlier) < 0)
          this.#report('R4', `${agent.id} went back to an earlier record of ${keyOf(record)}`);
      }
    }
  }

  #checkWritten(agent: SimAgent, { subject, author, digest }: VerifiedRecord): void {
    const held = agent.protocol.table.ledger.recordBy(author, subject);
    if (held?.digest !== digest || agent.disk.record(subject, author)?.digest === digest) return;
    this.#report('R11', `${agent.id} holds a record of ${keyOf(held)} that is not on its disk`);
  }
}

function keyOf({ subject, author }: VerifiedRecord): string {
  return `${subject} ${author}`;
}
