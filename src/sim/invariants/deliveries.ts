/**
 * O2, O3, O7 and O9: what an outbox says is durable is, what was taken is not sent again, a damaged queue is
 * found, and a store that is well again is used again.
 */
import type { Effect, Input } from '../../core/effects.ts';
import type { StoredState } from '../../runtime/ports.ts';
import type { Outcome, SimAgent } from '../agent.ts';
import { receivers, type Work } from '../plan.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

/** A promise of the design is 5 s; somebody looks once a second. */
const wellAgainMs = 6_000;

interface Sent {
  /** By the number of the attempt. */
  readonly digests: Map<number, string>;
  readonly taken: Set<string>;
}

export class DeliveryInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  /** What each agent has sent, and what was taken of it, in its present life. */
  readonly #sent = new Map<SimAgent, Sent>();

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
  }

  /** The rows of each queue are as many as its head says, or it is known to be damaged. */
  restored(agent: SimAgent, { outbox }: StoredState): void {
    this.#sent.set(agent, { digests: new Map(), taken: new Set() });
    if (outbox === undefined || agent.process === undefined) return;
    const { damagedReceivers } = agent.process.protocol.outbox;
    for (const { receiver, count } of outbox.heads) {
      const rowsCount = outbox.deliveries.filter(delivery => delivery.receiver === receiver).length;
      if (rowsCount !== count && !damagedReceivers.has(receiver))
        this.#report('O7', `${agent.id} trusts a queue of ${count} that has ${rowsCount} rows`);
    }
  }

  effect(agent: SimAgent, effect: Effect): void {
    if (effect.type !== 'deliver') return;
    const sent = this.#sent.get(agent);
    if (sent?.taken.has(effect.digest))
      this.#report('O3', `${agent.id} sends ${effect.digest} again, which was taken`);
    sent?.digests.set(effect.id, effect.digest);
  }

  input(agent: SimAgent, input: Input): void {
    if (input.type !== 'delivered' || !input.outcome.ok) return;
    const sent = this.#sent.get(agent);
    const digest = sent?.digests.get(input.id);
    // A predecessor is told the same again whenever it has forgotten it.
    if (digest?.startsWith('["peer:')) sent?.taken.add(digest);
  }

  answered(work: Work, agent: SimAgent, outcome: Outcome): void {
    if (work.type !== 'enqueue' || !outcome.ok || !agent.isUp) return;
    const receiver = receivers[work.receiver] ?? receivers[0];
    const subject = `${agent.id} ${work.subject}`;
    // A later one about the same subject stands for it.
    void agent.disk.content().then(({ outbox }) => {
      if (!outbox.deliveries.some(row => row.receiver === receiver && row.subject === subject))
        this.#report('O2', `${agent.id} said yes to a delivery about ${subject} that is not on its disk`);
    });
  }

  end(): void {
    for (const agent of this.#world.honest) void this.#checkRows(agent);
  }

  /** Everything has been delivered, so nothing of it may be left on the disk to be delivered again. */
  async #checkRows({ id, disk }: SimAgent): Promise<void> {
    const { outbox } = await disk.content();
    for (const { receiver, subject } of outbox.deliveries)
      if (receiver.startsWith('peer:'))
        this.#report('O7', `${id} still has a row about ${subject} for ${receiver}`);
  }

  look(): void {
    const { honest, trouble } = this.#world;
    for (const agent of honest) {
      const isWell = agent.disk.isWell && trouble.agentCalmMs(agent.place) > wellAgainMs;
      if (agent.isUp && isWell && !agent.protocol.storeIsWell)
        this.#report('O9', `${agent.id} does not use its disk, which has been well for ${wellAgainMs} ms`);
    }
  }
}
