/** A bridge on a table: what it asks its peers is kept, and answered by hand. */
import { Bridge } from '../../../../src/core/bridge/bridge.ts';
import { deliveryOutcome, urlOf } from '../../../../src/core/bridge/delivery.ts';
import type { ListedNode, PeerOutcome } from '../../../../src/core/bridge/outcome.ts';
import type { BridgeSettings } from '../../../../src/core/bridge/settings.ts';
import type { Effect } from '../../../../src/core/effects.ts';
import { Hosting } from '../../../../src/core/hosting/hosting.ts';
import { Outbox } from '../../../../src/core/outbox/outbox.ts';
import { Author } from '../../../../src/core/record/author.ts';
import type { NodeFields, NodeId } from '../../../../src/core/record/node.ts';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { Table } from '../../../../src/core/record/table.ts';
import type { LivenessState } from '../../../../src/core/view.ts';
import { linkOf } from '../../../../src/runtime/outbox-link.ts';
import { at, nodeFields, record } from '../../../record-builder.ts';

export const refreshMs = 60_000;
export const refused: PeerOutcome = {
  ok: false,
  reason: 'refused',
  detail: 'nobody listens there',
  latencyMs: 1,
};

/** A request to a peer: a delivery of the outbox has a number, what joins has a key. */
export interface Asked {
  readonly key: string | number;
  readonly url: string;
  readonly body: string;
}

export function listed(id: NodeId, fields: Partial<NodeFields> = {}): ListedNode {
  return { id, node: nodeFields(fields) };
}

export function answer(...peers: readonly ListedNode[]): PeerOutcome {
  return { ok: true, latencyMs: 1, peers, leftOutCount: 0 };
}

export class BridgeBench {
  readonly table: Table;
  readonly hosting: Hosting;
  readonly bridge: Bridge;
  readonly outbox: Outbox;
  readonly liveness: Record<string, LivenessState> = {};
  isReady = true;
  monoMs = 0;
  /** Not answered yet. */
  asked: Asked[] = [];
  /** What was written, in order. */
  readonly said: VerifiedRecord[] = [];
  readonly logged: string[] = [];

  constructor(settings: Partial<BridgeSettings> = {}) {
    const livenessOf = (author: string) => this.liveness[author] ?? 'alive';
    this.table = new Table({}, { self: 'me', livenessOf });
    const author = new Author({ peer: 'me', epoch: 1 }, { seal: draft => record(draft) });
    this.hosting = new Hosting(
      {},
      {
        selfId: 'my-id',
        author,
        table: this.table,
        livenessOf,
        nameOf: peer => peer,
        onOwn: (own, _origin, now) => this.bridge.follow(own, now),
      },
    );
    // The whole pause.
    const random = { next: () => 1 };
    this.outbox = new Outbox({}, { random, linkOf, storeProblem: () => undefined });
    this.bridge = new Bridge(
      { selfId: 'my-id', settings: { urls: ['http://p'], refreshMs, ...settings } },
      {
        author,
        table: this.table,
        outbox: this.outbox,
        digestOf: text => text.slice(-100),
        random,
        livenessOf,
        say: (own, now) => this.hosting.say(own, now, []),
        ownNode: () => nodeFields({ address: 'me:7980' }),
        hostedIds: () => this.hosting.hostedIds(),
        renew: (id, now) => this.hosting.renew(id, now),
        isReady: () => this.isReady,
      },
    );
  }

  /** URLs that were asked and have not answered, each with what it was sent. */
  get open(): readonly string[] {
    return this.asked.map(({ url, body }) => {
      const { action, node } = JSON.parse(body) as { action: string; node: { id: string; address: string } };
      return `${url} ${action} ${node.id} ${node.address}`;
    });
  }

  /** Own hints as they are, `id address source`. */
  get hints(): readonly string[] {
    return [...this.table.ledger.subjectsOf('me')].sort().flatMap(id => {
      const own = this.table.ledger.recordBy('me', id);
      if (own?.authority !== 'hint' || own.body.type !== 'entry') return [];
      return [`${id} ${own.body.node.address} ${own.body.learntFrom}`];
    });
  }

  tick(ms = 0): void {
    this.monoMs += ms;
    this.#carryOut(this.outbox.tick(at(this.monoMs)));
    this.#carryOut(this.bridge.tick(at(this.monoMs)));
  }

  /** Lets time go by; every peer that is asked answers as it is told to, or refuses. */
  pass(ms: number, answers: Readonly<Record<string, PeerOutcome>>): void {
    for (const endMs = this.monoMs + ms; this.monoMs < endMs; ) {
      this.tick(1_000);
      while (this.asked.length > 0) this.answerNext(answers);
    }
  }

  /** Answers the oldest request to a peer. */
  answer(url: string, outcome: PeerOutcome): void {
    const asked = this.asked.find(each => each.url === url);
    if (asked === undefined) throw new TypeError(`nobody asked ${url}`);
    this.asked = this.asked.filter(each => each !== asked);
    const { key } = asked;
    const now = at(this.monoMs);
    this.#carryOut(
      typeof key === 'number'
        ? this.outbox.settled(key, deliveryOutcome(outcome), outcome.latencyMs, now)
        : this.bridge.answered({ type: 'http-peer-answered', key, outcome }, now),
    );
  }

  answerNext(answers: Readonly<Record<string, PeerOutcome>>): void {
    const [next] = this.asked;
    if (next !== undefined) this.answer(next.url, answers[next.url] ?? refused);
  }

  register(id: NodeId, fields: Partial<NodeFields> = {}) {
    const effects = this.hosting.register(
      { type: 'register', ticket: 1, action: 'register', id, node: nodeFields(fields) },
      at(this.monoMs),
    );
    this.#carryOut(effects);
    const replies = everythingIn(effects).flatMap(effect => (effect.type === 'reply' ? [effect.reply] : []));
    return replies[0];
  }

  hear(...records: readonly VerifiedRecord[]): void {
    for (const each of records) {
      const { type } = this.table.take(each, at(this.monoMs));
      if (type !== 'admitted') throw new TypeError(`${type}, not admitted`);
    }
  }

  #carryOut(effects: readonly Effect[]): void {
    for (const effect of everythingIn(effects)) {
      if (effect.type === 'register-with') this.asked.push(effect);
      if (effect.type === 'deliver') {
        const body = Buffer.from(effect.payload).toString();
        this.asked.push({ key: effect.id, url: urlOf(effect.receiver), body });
      }
      if (effect.type === 'written') {
        this.#carryOut(this.outbox.written(effect.receiver, effect.sequence, at(this.monoMs)));
      }
      if (effect.type === 'log') this.logged.push(`${effect.event} ${effect.fields.id ?? effect.fields.url}`);
      if (effect.type === 'publish') this.said.push(...effect.records);
    }
  }
}

function everythingIn(effects: readonly Effect[]): readonly Effect[] {
  return effects.flatMap(effect =>
    effect.type === 'persist' ? [effect, ...everythingIn(effect.then)] : [effect],
  );
}
