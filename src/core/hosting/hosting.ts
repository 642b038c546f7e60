/**
 * Services registered with this agent: who may change them, and how long they are vouched for.
 *
 * Only a node may change its own entry, and that means: through the agent that hosts it, and, for a service with
 * a key, signed with that (`ownership.ts`). A service may register the same thing with several agents; registering
 * something else with another one is refused while its host is there, with the host's name.
 */
import type { Effect, Input, Reply, Ticket } from '../effects.ts';
import type { Author } from '../record/author.ts';
import {
  isNodeId,
  isSameContent,
  type NodeFields,
  type NodeId,
  nodeProblem,
  type Owner,
  type ServiceKey,
} from '../record/node.ts';
import type { Body, ContextEntry, DepartureReason, PeerId, VerifiedRecord } from '../record/record.ts';
import { saysTheSame } from '../record/resolution.ts';
import type { Table } from '../record/table.ts';
import type { Now } from '../time.ts';
import type { LivenessState } from '../view.ts';
import { Leases } from './leases.ts';
import { isLaterWord, keyHolding, lastWordS, ownerIn } from './ownership.ts';

export interface HostingSettings {
  /** How long a service is vouched for after it was last heard from, ms. */
  readonly leaseMs: number;
  readonly hostedMaxCount: number;
}

export const defaultHostingSettings: HostingSettings = {
  leaseMs: 15 * 60_000, // Contract.
  hostedMaxCount: 10_000, // Contract.
};

export type Registration = Extract<Input, { readonly type: 'register' }>;
export type Deregistration = Extract<Input, { readonly type: 'deregister' }>;

export interface HostingComponents {
  readonly selfId: NodeId;
  readonly author: Author;
  readonly table: Table;
  readonly livenessOf: (author: PeerId) => LivenessState;
  /** For messages: the node id of an agent, or its key when it is not known. */
  readonly nameOf: (author: PeerId) => string;
  /** Hears of each record of our own: `said` just now, or `recalled` from the store or a peer. */
  readonly onOwn: (record: VerifiedRecord, origin: 'said' | 'recalled', now: Now) => void;
}

export class Hosting {
  readonly #settings: HostingSettings;
  readonly #components: HostingComponents;
  readonly #leases: Leases;

  constructor(settings: Partial<HostingSettings>, components: HostingComponents) {
    this.#settings = { ...defaultHostingSettings, ...settings };
    this.#components = components;
    this.#leases = new Leases(this.#settings.leaseMs);
  }

  get hostedCount(): number {
    return this.#leases.count;
  }

  hostedIds(): Iterable<NodeId> {
    return this.#leases.ids();
  }

  register(request: Registration, now: Now): readonly Effect[] {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return [reply(request.ticket, refusal)];

    const { id, node } = request;
    const { table, author } = this.#components;
    const own = table.ledger.recordBy(author.peer, id);
    const isRepeated =
      own?.body.type === 'entry' &&
      own.authority === 'host' &&
      isSameContent(own.body.node, node) &&
      table.ledger.resolution(id).vouchers.includes(own);
    if (isRepeated) {
      this.#leases.renew(id, now.monoMs);
      // The first one may be on its way to the disk still.
      const done = reply(request.ticket, { ok: true, changed: false });
      return [{ type: 'persist', operations: [], then: [done] }];
    }

    this.#leases.renew(id, now.monoMs);
    const record = author.write(
      {
        subject: id,
        authority: 'host',
        context: table.ledger.contextFor(author.peer, id),
        claimedAt: own?.body.type === 'entry' ? own.claimedAt : undefined,
        leaseMs: this.#settings.leaseMs,
        body: { type: 'entry', node },
      },
      now.wallMs,
    );
    return this.say(record, now, [reply(request.ticket, { ok: true, changed: true })]);
  }

  deregister({ ticket, id, by }: Deregistration, now: Now): readonly Effect[] {
    const lastS = by && lastWordS(this.#components.table.ledger.recordsOf(id), by.publicKey);
    const isStale = lastS !== undefined && by !== undefined && by.lastUpdatedS < lastS;
    const refusal =
      this.#refusalOfKey(id, by?.publicKey) ??
      this.#refusalToChange(id) ??
      (isStale ? stale(id, by.lastUpdatedS, lastS) : undefined);
    if (refusal !== undefined) return [reply(ticket, refusal)];
    return this.#depart(id, 'deregistered', now, [reply(ticket, { ok: true, changed: true })], by);
  }

  /** Departures of the services that were not heard from in time. */
  expire(now: Now): readonly Effect[] {
    return this.#leases.takeExpired(now.monoMs).flatMap(id => this.#depart(id, 'withdrawn', now, []));
  }

  withdrawAll(now: Now): readonly Effect[] {
    return [...this.#leases.ids()].flatMap(id => this.#depart(id, 'withdrawn', now, []));
  }

  /** A record of our own came from the store or, after a loss, from a peer: we host this service (again). */
  adopt(record: VerifiedRecord, now: Now): void {
    if (record.authority === 'host') {
      if (record.body.type === 'entry') this.#leases.renew(record.subject, now.monoMs);
      else this.#leases.end(record.subject);
    }
    this.#components.onOwn(record, 'recalled', now);
  }

  /** The service was heard from, and says nothing new. */
  renew(id: NodeId, now: Now): void {
    if (this.#leases.has(id)) this.#leases.renew(id, now.monoMs);
  }

  /**
   * What is registered here, where hosts that are gone said otherwise at the same time and theirs counts: said
   * again, as what came after theirs. Else it would be listed by nobody until its service registers again.
   *
   * Likewise what its owner has said here, also a departure, where hosts who had not heard of it were told what the
   * owner had signed before that: somebody may have sent it once more, while the cluster was in parts.
   */
  reassert(id: NodeId, now: Now): readonly Effect[] {
    const { table, author, livenessOf } = this.#components;
    const own = table.ledger.recordBy(author.peer, id);
    if (own?.authority !== 'host' || table.ledger.isQuarantined(author.peer)) return [];
    if (this.#refusalOfKey(id, ownerIn(own)?.publicKey) !== undefined) return [];
    const { winner, vouchers } = table.ledger.resolution(id);
    if (winner?.body.type !== 'entry' || winner.authority !== 'host' || vouchers.includes(own)) return [];
    const isHosted = own.body.type === 'entry' && this.#leases.has(id);
    const isOut = own.body.type === 'departure' && own.body.reason === 'deregistered';
    if (!isHosted && !isOut) return [];
    const isGone = (peer: PeerId) => livenessOf(peer) === 'dead' || livenessOf(peer) === 'left';
    const isOvertaken = (other: VerifiedRecord) =>
      (isHosted && isGone(other.author)) || isLaterWord(own, other);
    if (!vouchers.every(isOvertaken)) return [];
    const { claimedAt, leaseMs, body } = own;
    const context = table.ledger.contextFor(author.peer, id);
    const draft = { subject: id, authority: 'host', context, claimedAt, leaseMs, body } as const;
    return this.say(author.write(draft, now.wallMs), now, []);
  }

  /** Everything that is registered here once more, in the present epoch: what was said before is void. */
  sayAgain(now: Now): readonly Effect[] {
    const { table, author } = this.#components;
    return [...this.#leases.ids()].flatMap(id => {
      const own = table.ledger.recordBy(author.peer, id);
      if (own?.body.type !== 'entry') return [];
      const { claimedAt, leaseMs, body } = own;
      const context = table.ledger.contextFor(author.peer, id);
      const draft = { subject: id, authority: 'host', context, claimedAt, leaseMs, body } as const;
      return this.say(author.write(draft, now.wallMs), now, []);
    });
  }

  /**
   * What a registration that failed said is void: the content before it counts again, or, where we said
   * nothing before, whatever others say. It was signed all the same, and must not count when it is sent once more.
   */
  rollBack(id: NodeId, previous: NodeFields | undefined, now: Now): readonly Effect[] {
    const { table, author } = this.#components;
    const own = table.ledger.recordBy(author.peer, id);
    if (own?.body.type !== 'entry') return [];
    const { lastUpdatedS } = own.body.node;
    const draft =
      previous === undefined
        ? ({ context: [], leaseMs: 0, body: departureOf('withdrawn', ownerIn(own)) } as const)
        : ({
            context: table.ledger.contextFor(author.peer, id),
            leaseMs: own.leaseMs,
            body: {
              type: 'entry',
              node: previous.publicKey === undefined ? previous : { ...previous, lastUpdatedS },
            },
          } as const);
    if (previous === undefined) this.#leases.end(id);
    const { claimedAt } = own;
    return this.say(
      author.write({ subject: id, authority: 'host', claimedAt, ...draft }, now.wallMs),
      now,
      [],
    );
  }

  /** Takes our own record in, writes it, and only then tells others. */
  say(record: VerifiedRecord, now: Now, then: readonly Effect[]): readonly Effect[] {
    const taken = this.#components.table.take(record, now);
    if (taken.type !== 'admitted')
      throw new TypeError(`our own record was not admitted: ${JSON.stringify(taken)}`);
    this.#components.onOwn(record, 'said', now);
    return taken.effects.map(effect =>
      effect.type === 'persist'
        ? { ...effect, then: [{ type: 'publish', records: [record] }, ...then] }
        : effect,
    );
  }

  #depart(
    id: NodeId,
    reason: DepartureReason,
    now: Now,
    then: readonly Effect[],
    by?: Owner,
  ): readonly Effect[] {
    const { table, author } = this.#components;
    const own = table.ledger.recordBy(author.peer, id);
    this.#leases.end(id);
    if (own?.body.type !== 'entry' || table.ledger.isQuarantined(author.peer)) return then;
    const context = table.ledger.contextFor(author.peer, id);
    const record = author.write(
      {
        subject: id,
        authority: 'host',
        context: reason === 'withdrawn' ? this.#overruledBy(own, context) : context,
        claimedAt: own.claimedAt,
        leaseMs: 0,
        body: departureOf(reason, by ?? ownerIn(own)),
      },
      now.wallMs,
    );
    return this.say(record, now, then);
  }

  /** A withdrawal speaks for us alone, but what our entry had overruled must not come back with it. */
  #overruledBy(own: VerifiedRecord, context: readonly ContextEntry[]): readonly ContextEntry[] {
    const { ledger } = this.#components.table;
    return context.filter(entry => {
      const other = ledger.recordBy(entry.author, own.subject);
      return (
        own.context.some(seen => seen.author === entry.author) &&
        other !== undefined &&
        !saysTheSame(other, own)
      );
    });
  }

  #refusal({ action, id, node }: Registration): Reply | undefined {
    const problem = isNodeId(id) ? nodeProblem(node) : { code: 'INVALID_ID' as const, field: 'id' };
    if (problem !== undefined) {
      const { code, ...details } = problem;
      return { ok: false, code, details };
    }
    const isHosted = this.#leases.has(id);
    const { ledger } = this.#components.table;
    const { peer } = this.#components.author;
    const { winner } = ledger.resolution(id);
    if (ledger.isQuarantined(peer)) return { ok: false, code: 'QUARANTINED', details: {} };
    const refusal = this.#refusalOfKey(id, node.publicKey);
    if (refusal !== undefined) return refusal;
    if (action === 'update' || id === this.#components.selfId) {
      const refusal = this.#refusalToChange(id);
      if (refusal !== undefined) return refusal;
    } else if (!isHosted && winner?.body.type === 'entry' && winner.authority !== 'hint') {
      const agrees = isSameContent(winner.body.node, node);
      const hosts = this.#hostsOf(id);
      const isAgent = winner.authority === 'self'; // Gone or not: a host's word never outweighs its own.
      if (isAgent || (!agrees && hosts.length > 0)) return notOwner(id, hosts, isAgent);
    }
    const lastS = this.#lastUpdateBarring(id, node);
    if (lastS !== undefined) return stale(id, node.lastUpdatedS, lastS);
    if (!isHosted && this.#leases.count >= this.#settings.hostedMaxCount) {
      const text = `this agent hosts ${this.#settings.hostedMaxCount} entries, as many as it may`;
      return { ok: false, code: 'REGISTRY_FULL', details: { text } };
    }
    if (ledger.isFullFor(peer, id)) {
      const text = 'this agent has spoken about as many ids, departed ones included, as it may';
      return { ok: false, code: 'REGISTRY_FULL', details: { text } };
    }
    return undefined;
  }

  /** An entry that belongs to a key is changed with that key only, whoever asks. */
  #refusalOfKey(id: NodeId, key: ServiceKey | undefined): Reply | undefined {
    const { ledger } = this.#components.table;
    const holding = keyHolding(ledger.recordsOf(id), ledger.resolution(id));
    if (holding === undefined || holding === key) return undefined;
    const how = key === undefined ? 'this is not signed' : 'this is signed with another one';
    const text = `${id} belongs to the key ${holding}, and ${how}`;
    return { ok: false, code: 'NOT_OWNER', details: { text, field: 'public_key' } };
  }

  /**
   * When the entry was last updated, if that bars this registration. What is signed and says something else has to
   * be later, or of two from one second each could be brought back by sending it once more.
   */
  #lastUpdateBarring(id: NodeId, node: NodeFields): number | undefined {
    const { ledger } = this.#components.table;
    const { winner } = ledger.resolution(id);
    const standing =
      winner?.body.type === 'entry' && winner.authority !== 'hint' ? winner.body.node : undefined;
    const { publicKey, lastUpdatedS } = node;
    const signedS = publicKey === undefined ? undefined : lastWordS(ledger.recordsOf(id), publicKey);
    const lastS = Math.max(standing?.lastUpdatedS ?? 0, signedS ?? 0);
    if (lastUpdatedS < lastS) return lastS;
    const isRepeated = standing !== undefined && isSameContent(standing, node);
    return lastUpdatedS === signedS && !isRepeated ? lastS : undefined;
  }

  #refusalToChange(id: NodeId): Reply | undefined {
    if (id === this.#components.selfId) {
      const text = `${id} is this agent itself: its entry follows its configuration, and 'firsthand leave' takes it out`;
      return { ok: false, code: 'NOT_OWNER', details: { text, field: 'id' } };
    }
    if (this.#leases.has(id)) return undefined;
    const { winner } = this.#components.table.ledger.resolution(id);
    // What is known from an HTTP peer only was registered with nobody.
    if (winner?.body.type === 'entry' && winner.authority !== 'hint')
      return notOwner(id, this.#hostsOf(id), winner.authority === 'self');
    return { ok: false, code: 'UNKNOWN_NODE', details: { text: `nobody registered ${id}`, field: 'id' } };
  }

  /** Names of the agents behind an entry that are not known to be gone. */
  #hostsOf(id: NodeId): readonly string[] {
    const { table, livenessOf, nameOf } = this.#components;
    return table.ledger
      .resolution(id)
      .vouchers.map(record => record.author)
      .filter(author => livenessOf(author) === 'alive' || livenessOf(author) === 'suspect')
      .map(nameOf);
  }
}

function notOwner(id: NodeId, hosts: readonly string[], isAgent: boolean): Reply {
  const text = isAgent
    ? `${id} is an agent and speaks for itself`
    : `${id} is hosted by ${hosts.length > 0 ? hosts.join(' and ') : 'an agent that is gone'}; change it there`;
  return { ok: false, code: 'NOT_OWNER', details: { text, field: 'id' } };
}

function stale(id: NodeId, givenS: number, lastS: number): Reply {
  const how =
    givenS < lastS ? `after the ${givenS} of this registration` : 'and what is signed has to be later';
  const text = `${id} was last updated at ${lastS}, ${how}`;
  return { ok: false, code: 'STALE_UPDATE', details: { text, field: 'last_updated', last_updated: lastS } };
}

function departureOf(reason: DepartureReason, owner: Owner | undefined): Body {
  return { type: 'departure', reason, ...(owner === undefined ? {} : { owner }) };
}

function reply(ticket: Ticket, answer: Reply): Effect {
  return { type: 'reply', ticket, reply: answer };
}
