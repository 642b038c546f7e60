/** R3 to R11: what tables may hold, and what they never do. */
import type { NodeId } from '../../core/record/node.ts';
import {
  compareDots,
  type Dot,
  type PeerId,
  siblingsMaxCount,
  type VerifiedRecord,
} from '../../core/record/record.ts';
import type { StoredState } from '../../runtime/ports.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';
import type { TableWatch } from './table-changes.ts';

/** Far above what these small clusters have; a flood has to stay below. */
const subjectsMaxCount = 20_000;
const parkedMaxCount = 1_024;

export class RecordInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  readonly #watch: TableWatch;
  /** Of each agent in its present life: the last dot it has seen of each author, and departures it holds. */
  readonly #memories = new Map<SimAgent, Memory>();

  constructor({ world, report, watch }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
    this.#watch = watch;
  }

  restored(agent: SimAgent, stored: StoredState): void {
    this.#memories.delete(agent);
    const { process } = agent;
    if (process === undefined || this.#world.plan.attackers.includes(agent.place)) return;
    const held = new Set(Array.from(process.protocol.table.ledger.records(), ({ digest }) => digest));
    for (const wire of stored.records) {
      const record = process.codec.trust(wire);
      // Away for so long that it begins anew, or below what it knows to be void.
      if (record === undefined || held.size === 0 || held.has(record.digest)) continue;
      if (process.protocol.table.ledger.isQuarantined(record.author)) continue;
      this.#report('R11', `${agent.id} had ${name(record)} on its disk and lost it at its start`);
    }
  }

  look(): void {
    for (const agent of this.#world.honest) if (agent.isUp) this.#lookAt(agent);
    for (const contradiction of this.#world.keys.contradictions) this.#report('R4', contradiction);
  }

  #lookAt(agent: SimAgent): void {
    const { table } = agent.protocol;
    const { ledger } = table;
    const memory = this.#memories.get(agent) ?? {
      dots: new Map<PeerId, Dot>(),
      departures: new Map<string, Dot>(),
    };
    this.#memories.set(agent, memory);
    for (const [author, dot] of ledger.clock) {
      const before = memory.dots.get(author);
      if (before !== undefined && compareDots(dot, before) < 0)
        this.#report('R4', `${agent.id} went back from ${dotOf(before)} to ${dotOf(dot)} of ${author}`);
      memory.dots.set(author, dot);
    }
    if (ledger.subjectsCount > subjectsMaxCount || table.parking.count > parkedMaxCount)
      this.#report(
        'R10',
        `${agent.id} holds ${ledger.subjectsCount} subjects, ${table.parking.count} parked`,
      );
    for (const { subject } of this.#watch.changes(agent).subjects)
      this.#lookAtSubject(agent, subject, memory);
  }

  #lookAtSubject(agent: SimAgent, subject: NodeId, memory: Memory): void {
    const { ledger } = agent.protocol.table;
    const records = ledger.recordsOf(subject);
    if (records.length > siblingsMaxCount)
      this.#report('R10', `${agent.id} holds ${records.length} records about ${subject}`);
    for (const record of records) {
      if (this.#isOfHonest(record.author) && !this.#world.keys.isGenuine(record))
        this.#report('R8', `${agent.id} holds ${name(record)}, which its author never said`);
      this.#checkDeparted(agent, record, memory);
    }
    const { winner } = ledger.resolution(subject);
    const owner = this.#owners.get(subject);
    // Once the agent itself is heard, and for as long as it has not left.
    // Who lost its key with its disk may find that another one took its name meanwhile: nothing forbids that here.
    const isFirstKey = owner?.keys.length === 1;
    const speaks =
      isFirstKey && records.some(({ author, body }) => owner.keys[0] === author && body.type === 'entry');
    if (winner !== undefined && owner !== undefined && speaks && !owner.keys.includes(winner.author))
      this.#report('R3', `${agent.id} believes ${winner.author.slice(-6)} about ${subject}`);
    if (winner !== undefined && records.length > 1) this.#checkCausality(agent, winner, records);
  }

  /** What was taken out does not come back by anything said before. */
  #checkDeparted(agent: SimAgent, record: VerifiedRecord, { departures }: Memory): void {
    const key = `${record.subject} ${record.author}`;
    const before = departures.get(key);
    if (record.body.type === 'departure') {
      if (before === undefined || compareDots(record, before) > 0)
        departures.set(key, { epoch: record.epoch, sequence: record.sequence });
    } else if (before !== undefined && compareDots(record, before) <= 0) {
      this.#report('R5', `${name(record)} is back at ${agent.id} after the departure ${dotOf(before)}`);
    }
  }

  /** Nothing is shown that another one, which is held as well, had seen and says otherwise. */
  #checkCausality(agent: SimAgent, winner: VerifiedRecord, records: readonly VerifiedRecord[]): void {
    for (const later of records) {
      if (later === winner || later.authority !== winner.authority) continue;
      const hasSeen = later.context.some(({ digest }) => digest === winner.digest);
      if (
        hasSeen &&
        !winner.context.some(({ digest }) => digest === later.digest) &&
        !isSameBody(later, winner)
      )
        this.#report('R6', `${agent.id} shows ${name(winner)}, which ${name(later)} had overruled`);
    }
  }

  #isOfHonest(author: PeerId): boolean {
    return this.#world.honest.some(({ peer }) => peer === author);
  }

  get #owners(): ReadonlyMap<NodeId, { readonly keys: readonly PeerId[] }> {
    return this.#world.owners;
  }
}

interface Memory {
  readonly dots: Map<PeerId, Dot>;
  readonly departures: Map<string, Dot>;
}

function isSameBody(a: VerifiedRecord, b: VerifiedRecord): boolean {
  return JSON.stringify(a.body) === JSON.stringify(b.body);
}

function name({ subject, author, epoch, sequence, body }: VerifiedRecord): string {
  return `the ${body.type} of ${subject} by ${author.slice(-6)} (${epoch}/${sequence})`;
}

function dotOf({ epoch, sequence }: Dot): string {
  return `${epoch}/${sequence}`;
}
