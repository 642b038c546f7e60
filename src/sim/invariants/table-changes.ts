/**
 * What has changed in an agent's table since it was looked at last, for all who look at the same moment.
 *
 * A ledger replaces the records of a subject when they change, so the same array is the same records. Now and then
 * everything counts as changed, in case that is not so.
 */
import type { NodeId } from '../../core/record/node.ts';
import type { VerifiedRecord } from '../../core/record/record.ts';
import type { SimAgent } from '../agent.ts';
import type { Scheduler } from '../scheduler.ts';

export interface SubjectChange {
  readonly subject: NodeId;
  /** Empty when there were none, or are none. */
  readonly before: readonly VerifiedRecord[];
  readonly now: readonly VerifiedRecord[];
}

export interface TableChanges {
  /** The first look in this life, or one at all that is held. */
  readonly isWhole: boolean;
  readonly subjects: readonly SubjectChange[];
}

interface Seen {
  readonly ledger: object;
  readonly atMs: number;
  readonly records: Map<NodeId, readonly VerifiedRecord[]>;
  readonly looksCount: number;
  readonly changes: TableChanges;
}

const wholeEveryLooks = 10;
const none: readonly VerifiedRecord[] = [];

export class TableWatch {
  readonly #scheduler: Scheduler;
  readonly #seen = new Map<SimAgent, Seen>();

  constructor(components: { readonly scheduler: Scheduler }) {
    this.#scheduler = components.scheduler;
  }

  /** The same for everybody who asks at one moment. @throws TypeError while the agent is down. */
  changes(agent: SimAgent): TableChanges {
    const { ledger } = agent.protocol.table;
    const known = this.#seen.get(agent);
    const seen = known?.ledger === ledger ? known : undefined;
    const { nowMs } = this.#scheduler;
    if (seen?.atMs === nowMs) return seen.changes;
    const looksCount = (seen?.looksCount ?? 0) + 1;
    const isWhole = seen === undefined || looksCount % wholeEveryLooks === 0;
    const records = seen?.records ?? new Map<NodeId, readonly VerifiedRecord[]>();
    const subjects: SubjectChange[] = [];
    for (const subject of ledger.subjects()) {
      const now = ledger.recordsOf(subject);
      const before = records.get(subject) ?? none;
      if (now === before && !isWhole) continue;
      subjects.push({ subject, before, now });
      records.set(subject, now);
    }
    if (records.size > ledger.subjectsCount) {
      for (const [subject, before] of records) {
        if (ledger.recordsOf(subject).length > 0) continue;
        subjects.push({ subject, before, now: none });
        records.delete(subject);
      }
    }
    const changes = { isWhole, subjects };
    this.#seen.set(agent, { ledger, atMs: nowMs, records, looksCount, changes });
    return changes;
  }
}
