/** R7: agents with equal roots hold the same records, and show the same; and the other way round. */
import type { Digest } from '../../core/record/record.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';
import type { SubjectChange, TableChanges, TableWatch } from './table-changes.ts';

/** Sums over parts of digests: equal for equal sets, in whatever order. */
interface Sums {
  held: number;
  heldCount: number;
  shown: number;
  shownCount: number;
}

interface Table extends Sums {
  readonly agent: SimAgent;
  /** What each subject adds to the sums of what is shown. */
  readonly shownBy: Map<string, number>;
  changes: TableChanges | undefined;
}

const sumBound = 2 ** 48;
const digestDigits = 12;

export class RootInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  readonly #watch: TableWatch;
  readonly #tables = new Map<SimAgent, Table>();

  constructor({ world, report, watch }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
    this.#watch = watch;
  }

  look(): void {
    const byRoot = new Map<string, Table>();
    const byHeld = new Map<string, string>();
    for (const agent of this.#world.honest) {
      if (!agent.isUp) continue;
      const table = this.#sum(agent);
      const { root } = agent.protocol.tree.root(0);
      const other = byRoot.get(root);
      if (other === undefined) byRoot.set(root, table);
      else if (heldOf(other) !== heldOf(table))
        this.#report('R7', `${agent.id} and ${other.agent.id} have one root and different records`);
      else if (other.shown !== table.shown || other.shownCount !== table.shownCount)
        this.#report('R7', `${agent.id} and ${other.agent.id} hold the same and show different things`);
      const rootOfHeld = byHeld.get(heldOf(table));
      if (rootOfHeld !== undefined && rootOfHeld !== root)
        this.#report('R7', `${agent.id} has another root for the same records`);
      byHeld.set(heldOf(table), root);
    }
  }

  #sum(agent: SimAgent): Table {
    const changes = this.#watch.changes(agent);
    const before = this.#tables.get(agent);
    if (before?.changes === changes) return before;
    const known = changes.isWhole ? undefined : before;
    const table = known ?? emptyTable(agent);
    this.#tables.set(agent, table);
    table.changes = changes;
    for (const change of changes.subjects) addTo(table, change, known === undefined);
    return table;
  }
}

function emptyTable(agent: SimAgent): Table {
  const sums = { held: 0, heldCount: 0, shown: 0, shownCount: 0 };
  return { agent, ...sums, shownBy: new Map(), changes: undefined };
}

function addTo(table: Table, { subject, before, now }: SubjectChange, isFirst: boolean): void {
  if (!isFirst) for (const { digest } of before) table.held = moved(table.held, -partOf(digest, 0));
  if (!isFirst) table.heldCount -= before.length;
  for (const { digest } of now) table.held = moved(table.held, partOf(digest, 0));
  table.heldCount += now.length;
  const { ledger } = table.agent.protocol.table;
  const winner = now.length === 0 ? undefined : ledger.resolution(subject).winner;
  const shown = winner === undefined ? 0 : partOf(winner.digest, digestDigits);
  table.shown = moved(table.shown, shown - (table.shownBy.get(subject) ?? 0));
  table.shownCount += (winner === undefined ? 0 : 1) - (table.shownBy.has(subject) ? 1 : 0);
  if (winner === undefined) table.shownBy.delete(subject);
  else table.shownBy.set(subject, shown);
}

function partOf(digest: Digest, from: number): number {
  return Number.parseInt(digest.slice(from, from + digestDigits), 16);
}

function moved(sum: number, by: number): number {
  return (sum + by + sumBound) % sumBound;
}

function heldOf({ held, heldCount }: Sums): string {
  return `${heldCount} ${held}`;
}
