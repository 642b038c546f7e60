/** H3 to H10 and O2: what callers are told is true, and stays so. */
import type { ConfirmationOutcome } from '../../core/confirm/confirmation.ts';
import type { NodeId } from '../../core/record/node.ts';
import type { Outcome, SimAgent } from '../agent.ts';
import { brokenPromises } from '../checkers.ts';
import type { Work } from '../plan.ts';
import { possible, type Wish } from '../workload.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

export class AnswerInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
  }

  answered(work: Work, agent: SimAgent, outcome: Outcome): void {
    if (work.type === 'meddle') return this.#checkMeddling(agent, work.service, outcome);
    if (!outcome.ok || (work.type !== 'register' && work.type !== 'deregister')) return;
    if (!agent.isUp || agent.protocol.phase === 'starting')
      this.#report('H5', `${agent.id} said yes to ${work.service} before it was ready`);
    const wishes = this.#world.workload.wishes(agent).get(work.service) ?? [];
    const last = wishes.at(-1);
    if (!agent.isUp || last?.type !== work.type || !last.isAcknowledged) return;
    const held = agent.protocol.table.ledger.recordBy(agent.peer, work.service);
    const written = agent.disk.record(work.service, agent.peer);
    const expected = work.type === 'register' ? 'entry' : 'departure';
    if (held?.body.type !== expected && !(held === undefined && expected === 'departure'))
      this.#report('H4', `${agent.id} said yes to ${work.type} ${work.service} and holds no ${expected}`);
    // It may have been said again meanwhile, for other reasons.
    const isWritten = written?.body.type === expected || (written === undefined && expected === 'departure');
    const isSame = written?.body.type !== 'entry' || written.body.node.address.endsWith(`:${last.port}`);
    if (!isWritten || !isSame)
      this.#report('O2', `${agent.id} said yes to ${work.type} ${work.service} before it was on its disk`);
  }

  confirmed(agent: SimAgent, id: NodeId, outcome: ConfirmationOutcome | undefined): void {
    if (outcome === undefined) return;
    for (const text of brokenPromises(agent, id, outcome, this.#world.agents)) this.#report('H4', text);
  }

  end(): void {
    for (const agent of this.#world.honest) {
      for (const [service, wishes] of this.#world.workload.wishes(agent))
        this.#checkKept(agent, service, wishes);
    }
  }

  /** Everybody lists what was acknowledged last, or what was wished for after that. */
  #checkKept(host: SimAgent, service: NodeId, wishes: readonly Wish[]): void {
    const candidates = possible(wishes);
    if (candidates === undefined || this.#isMisdated(host)) return;
    for (const agent of this.#world.honest) {
      const listed = agent.protocol.table.listing.get(service);
      const isAmong = candidates.some(({ type, port }) =>
        type === 'deregister' ? listed === undefined : listed?.address.endsWith(`:${port}`) === true,
      );
      if (isAmong) continue;
      const wanted = candidates.map(({ type, port }) => (type === 'register' ? port : 'absent')).join(' or ');
      this.#report(
        'R2',
        `${agent.id} lists ${service} as ${listed?.address ?? 'absent'}, and not as ${wanted}`,
      );
    }
  }

  /** A predecessor goes by the times that it was told, and may be right to list what was registered in the future. */
  #isMisdated({ place }: SimAgent): boolean {
    const { predecessorsCount, happenings } = this.#world.plan;
    return predecessorsCount > 0 && happenings.some(each => each.type === 'clock' && each.agent === place);
  }

  #checkMeddling(agent: SimAgent, service: NodeId, outcome: Outcome): void {
    if (outcome.ok && !service.startsWith(`own-${agent.place}-`))
      this.#report('H10', `${agent.id} took out ${service}, which another one hosts`);
  }
}
