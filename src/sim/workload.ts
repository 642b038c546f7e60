/** What callers ask of the agents, and what they were told: the truth that tables are held against. */
import type { ConfirmationOutcome } from '../core/confirm/confirmation.ts';
import { priorities } from '../core/outbox/delivery.ts';
import type { NodeId } from '../core/record/node.ts';
import type { Outcome, SimAgent } from './agent.ts';
import type { Ledger } from './delivery-ledger.ts';
import { receivers, type Work } from './plan.ts';
import type { Scheduler } from './scheduler.ts';

/** A caller's wish about a service that one agent hosts. */
export interface Wish {
  readonly type: 'register' | 'deregister';
  readonly port: number;
  isAcknowledged: boolean;
  acknowledgedAtMs: number;
}

export interface WorkloadHandlers {
  readonly onAnswer: (work: Work, agent: SimAgent, outcome: Outcome) => void;
  readonly onConfirmed: (agent: SimAgent, id: NodeId, outcome: ConfirmationOutcome | undefined) => void;
}

export class Workload {
  readonly #handlers: WorkloadHandlers;
  readonly #scheduler: Scheduler;
  readonly #ledger: Ledger;
  /** By host, then by service; only of services that nobody else speaks about. */
  readonly #wishes = new Map<SimAgent, Map<NodeId, Wish[]>>();
  #version = 0;

  constructor(
    handlers: WorkloadHandlers,
    components: { readonly scheduler: Scheduler; readonly ledger: Ledger },
  ) {
    this.#handlers = handlers;
    this.#scheduler = components.scheduler;
    this.#ledger = components.ledger;
  }

  perform(work: Exclude<Work, { readonly type: 'predecessor changed' }>, agent: SimAgent): void {
    if (!agent.isUp) return;
    // Whoever asks is answered by a promise.
    this.#scheduler.settled();
    switch (work.type) {
      case 'register':
      case 'deregister':
        return this.#ask(work, agent);
      case 'confirm':
        return this.#confirm(work, agent);
      case 'meddle':
        void agent.deregister(work.service).then(outcome => this.#handlers.onAnswer(work, agent, outcome));
        return;
      case 'enqueue':
        return this.#enqueue(work, agent);
    }
  }

  /** What callers of this agent wished about each service of its own, in order. */
  wishes(agent: SimAgent): ReadonlyMap<NodeId, readonly Wish[]> {
    return this.#wishes.get(agent) ?? new Map();
  }

  /** What this agent had been told has legitimately gone with its disk, or may have: what was told since then. */
  forget(agent: SimAgent, sinceMs = Number.NEGATIVE_INFINITY): void {
    for (const wishes of this.#wishes.get(agent)?.values() ?? [])
      for (const wish of wishes) if (wish.acknowledgedAtMs >= sinceMs) wish.isAcknowledged = false;
  }

  #ask(work: Extract<Work, { readonly type: 'register' | 'deregister' }>, agent: SimAgent): void {
    const { type, service } = work;
    const wish = this.#wish(agent, service, type, type === 'register' ? work.port : 0);
    const answer = type === 'register' ? agent.register(service, work.port) : agent.deregister(service);
    void answer.then(outcome => {
      if (outcome.ok) this.#acknowledge(wish);
      this.#handlers.onAnswer(work, agent, outcome);
    });
  }

  #confirm(work: Extract<Work, { readonly type: 'confirm' }>, agent: SimAgent): void {
    const { service, port, wanted, timeoutMs, rollback } = work;
    void agent
      .registerConfirmed(service, port, { wanted, timeoutMs, rollback })
      .then(outcome => this.#handlers.onConfirmed(agent, service, outcome));
  }

  #enqueue(work: Extract<Work, { readonly type: 'enqueue' }>, agent: SimAgent): void {
    this.#version += 1;
    const receiver = receivers[work.receiver] ?? receivers[0];
    const entry = { receiver, subject: `${agent.id} ${work.subject}`, version: this.#version };
    const request = {
      receiver,
      subject: entry.subject,
      priority: priorities[work.priority] ?? 'normal',
      kind: 'simulated',
      payload: Uint8Array.of(this.#version & 255),
      expiresAfterMs: work.expiresAfterMs,
      digest: this.#ledger.digestOf(entry),
    };
    void agent.enqueue(request).then(outcome => {
      if (outcome.ok) this.#ledger.accepted(agent, entry, this.#scheduler.nowMs);
      this.#handlers.onAnswer(work, agent, outcome);
    });
  }

  #wish(agent: SimAgent, service: NodeId, type: Wish['type'], port: number): Wish {
    const wish: Wish = { type, port, isAcknowledged: false, acknowledgedAtMs: Number.NEGATIVE_INFINITY };
    if (!service.startsWith(`own-${agent.place}-`)) return wish;
    let ofAgent = this.#wishes.get(agent);
    if (ofAgent === undefined) {
      ofAgent = new Map();
      this.#wishes.set(agent, ofAgent);
    }
    const wishes = ofAgent.get(service) ?? [];
    wishes.push(wish);
    ofAgent.set(service, wishes);
    return wish;
  }

  #acknowledge(wish: Wish): void {
    wish.isAcknowledged = true;
    wish.acknowledgedAtMs = this.#scheduler.nowMs;
  }
}

/** What may be true of a service: what was acknowledged last, or anything wished for after that. */
export function possible(wishes: readonly Wish[]): readonly Wish[] | undefined {
  const last = wishes.findLastIndex(({ isAcknowledged }) => isAcknowledged);
  return last < 0 ? undefined : wishes.slice(last);
}
