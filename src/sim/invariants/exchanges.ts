/** R12: where nothing is wrong, an exchange comes to an end by itself, and who has asked has it all then. */
import type { Effect } from '../../core/effects.ts';
import { overflow } from '../../core/record/ledger.ts';
import { compareDots, type Digest } from '../../core/record/record.ts';
import type { SimAgent } from '../agent.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';
import type { TableWatch } from './table-changes.ts';

/** It began so long after all trouble, at least: what had begun before then has stalled as well by that. */
const marginMs = 6_000;

export class ExchangeInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  readonly #watch: TableWatch;
  /** What each agent held when it was last looked at. */
  readonly #held = new Map<SimAgent, { readonly atMs: number; readonly digests: Set<Digest> }>();

  constructor({ world, report, watch }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
    this.#watch = watch;
  }

  look(): void {
    const { nowMs, honest } = this.#world;
    for (const agent of honest) {
      if (!agent.isUp) continue;
      const { isWhole, subjects } = this.#watch.changes(agent);
      const digests = (isWhole ? undefined : this.#held.get(agent)?.digests) ?? new Set();
      for (const { before, now } of subjects) {
        for (const { digest } of before) digests.delete(digest);
        for (const { digest } of now) digests.add(digest);
      }
      this.#held.set(agent, { atMs: nowMs, digests });
    }
  }

  restored(agent: SimAgent): void {
    this.#held.delete(agent);
  }

  effect(agent: SimAgent, effect: Effect): void {
    if (effect.type !== 'sync-ended') return;
    const peer = this.#world.honest.find(other => other.isUp && other.peer === effect.peer);
    if (peer === undefined || !this.#world.honest.includes(agent)) return;
    const { outcome, tookMs, asked } = effect.end;
    if (this.#world.trouble.calmMs([agent.place, peer.place]) < tookMs + marginMs) return;
    if (outcome === 'stalled' || outcome === 'lied')
      this.#report(
        'R12',
        `the exchange of ${agent.id} with ${peer.id} has ${outcome} after ${Math.round(tookMs)} ms`,
      );
    if (outcome === 'walked' && asked) this.#checkComplete(agent, peer, tookMs);
  }

  /** Of what the peer had when it began; what departed long ago is not compared, and some have to wait. */
  #checkComplete(agent: SimAgent, peer: SimAgent, tookMs: number): void {
    const before = this.#held.get(peer);
    if (before === undefined || this.#world.nowMs - before.atMs < tookMs) return;
    const { ledger, parking } = agent.protocol.table;
    const parked = new Set(parking.records().map(({ digest }) => digest));
    const [first, second] = [agent, peer].map(({ protocol, machine: { wallMs } }) =>
      protocol.sync.since({ monoMs: 0, wallMs }),
    ) as [number, number];
    const since = Math.max(first, second);
    for (const record of peer.protocol.table.ledger.records()) {
      const { author, subject, digest, body } = record;
      if (!before.digests.has(digest) || parked.has(digest)) continue;
      if (peer.protocol.tree.hiddenRefs(record, since).length > 0) continue;
      // What a clock that is ahead has said, and who would follow another key, wait elsewhere and may be dropped.
      const hasToWait =
        record.time.wallMs > agent.machine.wallMs ||
        ledger.recordsOf(subject).some(other => other.authority === 'self' && other.author !== author);
      // As many as may speak about it do here, and what they say ranks before this.
      const hasNoRoom = overflow([...ledger.recordsOf(subject), record]).includes(record);
      if (hasToWait || hasNoRoom) continue;
      const own = ledger.recordBy(author, subject);
      const isKnown = own !== undefined && compareDots(own, record) >= 0;
      if (!isKnown && ledger.wants(record))
        this.#report(
          'R12',
          `${agent.id} has asked ${peer.id} for all, and lacks the ${body.type} of ${subject}`,
        );
    }
  }
}
