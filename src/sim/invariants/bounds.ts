/** R10: what peers can make grow stays within the bounds that were set, however small they are. */
import { healthBucketsCount, isHealthSubject } from '../../core/record/health.ts';
import { defaultLedgerLimits } from '../../core/record/ledger.ts';
import { defaultParkingLimits } from '../../core/record/parking.ts';
import type { PeerId } from '../../core/record/record.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

export class BoundInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  readonly #limits: typeof defaultLedgerLimits & typeof defaultParkingLimits;

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
    this.#limits = { ...defaultLedgerLimits, ...defaultParkingLimits, ...world.plan.settings.table };
  }

  look(): void {
    for (const agent of this.#world.honest) if (agent.isUp) this.#lookAt(agent);
  }

  #lookAt(agent: SimAgent): void {
    const { ledger, parking } = agent.protocol.table;
    const limits = this.#limits;
    const parked = parking.records();
    const exceed = (what: string, count: number, maxCount: number) => {
      if (count > maxCount) this.#report('R10', `${agent.id} keeps ${count} ${what}, and may ${maxCount}`);
    };
    exceed('parked records', parked.length, limits.totalMaxCount);
    exceed('parked records of one author', mostOfOne(parked), limits.perAuthorMaxCount);
    exceed('proofs', ledger.proofs.size, limits.proofsMaxCount);
    exceed('authors in its clock', ledger.clock.size, limits.clockMaxCount);
    exceed('subjects', ledger.subjectsCount, limits.subjectsMaxCount);
    for (const author of ledger.clock.keys()) {
      const about = [...ledger.subjectsOf(author)];
      const healthCount = about.filter(isHealthSubject).length;
      exceed(`subjects of ${author}`, about.length - healthCount, limits.subjectsPerAuthorMaxCount);
      exceed(`health records of ${author}`, healthCount, healthBucketsCount);
    }
  }
}

function mostOfOne(records: readonly { readonly author: PeerId }[]): number {
  const counts = new Map<PeerId, number>();
  for (const { author } of records) counts.set(author, (counts.get(author) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}
