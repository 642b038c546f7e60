/**
 * Takes agents out of the cluster that are gone: when an operator says so, here or elsewhere, and when their
 * retention is over.
 *
 * What an operator decides goes round as a signed claim and is kept, so that it sticks: whoever has it takes
 * nothing in that the agent said up to then. Whoever answers us is not gone, whatever somebody thinks. One
 * that is not gone after all hears of it from whom it connects to, and says everything again.
 */
import type { CoreLogEvent, Effect, StoreOperation, Ticket } from '../effects.ts';
import type { Peering } from '../peering/peering.ts';
import type { NodeId, NodeType } from '../record/node.ts';
import type { PeerId } from '../record/record.ts';
import type { Table } from '../record/table.ts';
import type { VerifiedClaim } from '../swim/claim.ts';
import type { Detector } from '../swim/detector.ts';
import type { Tracked } from '../swim/member.ts';
import type { Now } from '../time.ts';
import type { Links } from './links.ts';
import { lastEpochOf, Removals } from './removals.ts';

export interface RetirementOptions {
  readonly selfId: NodeId;
  /** Read anew each time: a key can be replaced. */
  readonly self: PeerId;
  /** How long an agent that is dead or has left is remembered, ms. */
  readonly retentionMs: Readonly<Record<NodeType, number>>;
}

export interface RetirementComponents {
  readonly detector: () => Detector;
  readonly table: Table;
  readonly peering: Peering;
  readonly links: Links;
  /** For the log: the node id of an agent, when it is known. */
  readonly nameOf: (peer: PeerId) => NodeId | undefined;
  /** Another key has taken its place: that it ends is what was to come. */
  readonly isFollowed: (peer: PeerId) => boolean;
  /** We were taken out under this epoch, and are not gone. */
  readonly onSelfRemoved: (epoch: number, now: Now) => readonly Effect[];
}

/**
 * Epochs begin as the time of the start, so one that lies further ahead than clocks go wrong was made up, to keep
 * an agent out in all its lives to come. Guess.
 */
const epochAheadMaxMs = 24 * 3_600_000;

export class Retirement {
  readonly #options: RetirementOptions;
  readonly #parts: RetirementComponents;
  readonly #removals = new Removals();

  constructor(options: RetirementOptions, components: RetirementComponents) {
    this.#options = options;
    this.#parts = components;
  }

  /** Whether nothing of this epoch is taken in any more. */
  isRemoved(peer: PeerId, epoch: number): boolean {
    return this.#removals.has(peer, epoch);
  }

  /** The newest removals, for a peer that may not have heard of them. */
  latest(): readonly VerifiedClaim[] {
    return this.#removals.latest();
  }

  restore(claims: readonly VerifiedClaim[]): void {
    for (const claim of claims) {
      this.#removals.add(claim);
      this.#parts.table.ledger.closeEpoch(claim.subject, lastEpochOf(claim));
    }
  }

  /** An operator takes an agent out that is gone. */
  remove(ticket: Ticket, id: NodeId, now: Now): readonly Effect[] {
    const detector = this.#parts.detector();
    const named = [...detector.members()].filter(member => member.id === id);
    const gone = named.filter(({ state }) => state !== 'alive');
    if (gone.length === 0) return [this.#refusal(ticket, id, named.length > 0)];
    const effects = gone.flatMap(({ peer, life }) => {
      const { claim, step } = detector.remove(peer, life, now);
      return [...this.#takeOut(claim), ...step.effects];
    });
    const done: Effect = { type: 'reply', ticket, reply: { ok: true, changed: true } };
    return [
      log('agent_removed', { id, by: this.#options.selfId }),
      ...effects,
      { type: 'persist', operations: [], then: [done] },
    ];
  }

  /** Somebody says that an agent was taken out. */
  hear(claim: VerifiedClaim, now: Now): readonly Effect[] {
    if (claim.kind === 'revoked') return this.end(claim, now);
    const { subject, epoch, issuer } = claim;
    const { nameOf, onSelfRemoved } = this.#parts;
    const detector = this.#parts.detector();
    if (epoch > now.wallMs + epochAheadMaxMs) return [];
    if (subject === this.#options.self) return onSelfRemoved(epoch, now);
    if (this.#removals.has(subject, epoch)) return []; // By one that came with it.
    const member = detector.member(subject);
    if (member !== undefined && member.state === 'alive' && member.life.epoch <= epoch) return [];
    if (member !== undefined && member.life.epoch <= epoch) detector.forget(subject);
    const spread = detector.spread(claim, now);
    return [
      log('agent_removed', { peer: subject, by: nameOf(issuer) }),
      ...this.#takeOut(claim),
      ...spread.effects,
    ];
  }

  /** The owner of a key has ended it: nothing that it signed counts any more, from whomever it comes. */
  end(claim: VerifiedClaim, now: Now): readonly Effect[] {
    const { subject } = claim;
    if (this.isRevoked(subject)) return [];
    const detector = this.#parts.detector();
    const id = this.#parts.nameOf(subject);
    detector.forget(subject);
    return [
      log(this.#parts.isFollowed(subject) ? 'former_key_ended' : 'key_revoked', { peer: subject, id }),
      ...this.#takeOut(claim),
      ...detector.spread(claim, now).effects,
    ];
  }

  isRevoked(peer: PeerId): boolean {
    return this.#removals.has(peer, Number.MAX_SAFE_INTEGER);
  }

  /** Those whose retention is over, for ourselves alone: others do it in their own time. */
  reap(now: Now): readonly Effect[] {
    const detector = this.#parts.detector();
    return [...detector.members()]
      .filter(member => this.#isOverdue(member, now.monoMs))
      .flatMap(({ peer, life }) => this.#takeOut(detector.remove(peer, life, now).claim));
  }

  /** Silent members count too: while most of a cluster is silent, nobody is declared dead. */
  #isOverdue({ state, isBootstrap, nodeType, sinceMonoMs }: Tracked, monoMs: number): boolean {
    if (state === 'alive' || isBootstrap) return false;
    return monoMs - sinceMonoMs > this.#options.retentionMs[nodeType];
  }

  #takeOut(claim: VerifiedClaim): readonly Effect[] {
    const { subject } = claim;
    const { peering, links, table } = this.#parts;
    const dropped = this.#removals.add(claim).map(peer => ({ type: 'delete-removal', peer }) as const);
    const operations: StoreOperation[] = [{ type: 'put-removal', claim }, ...dropped];
    const isGone = this.#parts.detector().member(subject) === undefined;
    if (isGone) {
      peering.forget(subject);
      operations.push(
        { type: 'delete-contact', peer: subject },
        { type: 'delete-reachability', peer: subject },
      );
    }
    return [
      { type: 'persist', operations, then: [] },
      ...table.closeEpoch(subject, lastEpochOf(claim)),
      ...(links.has(subject) && isGone ? [{ type: 'hang-up', peer: subject } as const] : []),
    ];
  }

  #refusal(ticket: Ticket, id: NodeId, isAlive: boolean): Effect {
    if (isAlive || id === this.#options.selfId) {
      const text = `${id} is alive: run 'firsthand leave' there, or stop it first`;
      return refuse(ticket, 'STILL_ALIVE', text);
    }
    const isService = this.#parts.table.ledger.resolution(id).winner?.body.type === 'entry';
    const text = isService
      ? `${id} is no agent but a service: deregister it with the agent that hosts it`
      : `no agent is called ${id}`;
    return refuse(ticket, 'UNKNOWN_NODE', text);
  }
}

function refuse(ticket: Ticket, code: 'STILL_ALIVE' | 'UNKNOWN_NODE', text: string): Effect {
  return { type: 'reply', ticket, reply: { ok: false, code, details: { text, field: 'id' } } };
}

function log(event: CoreLogEvent, fields: Readonly<Record<string, unknown>>): Effect {
  return { type: 'log', event, fields };
}
