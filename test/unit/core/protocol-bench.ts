/** A protocol on a table: inputs by hand, time by hand, and readers for what came out. */

import type { CertificateReader } from '../../../src/core/authority/roster.ts';
import type { Effect, Input, Reply, StoreOperation, Wake } from '../../../src/core/effects.ts';
import { Protocol, type ProtocolSettings } from '../../../src/core/protocol.ts';
import type { Predecessor, VerifiedRecord } from '../../../src/core/record/record.ts';
import type { CoreEvent } from '../../../src/core/view.ts';
import { treeHash } from '../../../src/identity/tree-hash.ts';
import { linkOf } from '../../../src/runtime/outbox-link.ts';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';
import { at, nodeFields, Speaker } from '../../record-builder.ts';

/** Delivered on time by `pass`; the other wakes are for the tests to bring. */
const swimWakes: readonly Wake['type'][] = ['probe-overdue', 'errand-overdue', 'news-due', 'accusation-due'];

export class ProtocolBench {
  readonly me = new Speaker(1);
  readonly protocol: Protocol;
  /** Who answers each ping, a millisecond later. */
  readonly answering = new Set<Speaker>();
  readonly #inputs: { readonly atMs: number; readonly input: Input }[] = [];
  monoMs = 0;
  /** What the wall clock of this machine is wrong by, ms. */
  wallOffsetMs = 0;

  constructor(
    options: {
      readonly epoch?: number;
      readonly settings?: Partial<ProtocolSettings>;
      readonly certificates?: CertificateReader;
      /** The agent starts with key number 9 then. */
      readonly predecessor?: Predecessor;
    } = {},
  ) {
    const { epoch = 10, settings = {}, predecessor } = options;
    const peer = predecessor === undefined ? this.me.peer : new Speaker(9).peer;
    this.protocol = new Protocol(
      { id: 'me', peer, epoch, settings, predecessor },
      {
        seal: draft => this.me.codec.seal(draft),
        sealClaim: draft => this.me.probeCodec.sealClaim(draft),
        random: seededRandom(1),
        hash: treeHash,
        linkOf,
        certificates: options.certificates,
      },
    );
  }

  get own(): VerifiedRecord | undefined {
    return this.protocol.table.ledger.recordBy(this.me.peer, 'me');
  }

  step(input: Input): readonly Effect[] {
    const { monoMs, wallMs } = at(this.monoMs);
    const effects = this.protocol.step(input, { monoMs, wallMs: wallMs + this.wallOffsetMs });
    for (const wake of ofType(effects, 'wake')) {
      if (swimWakes.includes(wake.input.type))
        this.#inputs.push({ atMs: this.monoMs + wake.afterMs, input: wake.input });
    }
    for (const { message } of ofType(effects, 'datagram')) {
      const asked = [...this.answering].find(({ peer }) => peer === message.to);
      if (asked === undefined || message.body.type !== 'ping') continue;
      const life = this.protocol.detector.member(asked.peer)?.life;
      const probe = asked.probe(this.me.peer, { type: 'ack', nonce: message.body.nonce }, life);
      this.#inputs.push({ atMs: this.monoMs + 1, input: { type: 'datagram-received', probe } });
    }
    return effects;
  }

  start(seeds: readonly string[] = [], certificate?: Uint8Array): readonly Effect[] {
    const shown = certificate === undefined ? {} : { certificate };
    const multiaddr = `/ip4/10.0.0.1/tcp/7946/p2p/${this.protocol.author.peer}`;
    const self = { multiaddrs: [multiaddr], probe: '10.0.0.1:7946', ...shown };
    return this.step({ type: 'start', node: nodeFields(), self, seeds });
  }

  register(id: string): readonly Effect[] {
    return this.step({ type: 'register', ticket: 1, action: 'register', id, node: nodeFields() });
  }

  link(peer: Speaker): readonly Effect[] {
    return this.step({ type: 'link-up', peer: peer.peer, address: peer.multiaddr });
  }

  hear(from: Speaker, ...records: readonly VerifiedRecord[]): readonly Effect[] {
    return this.step({ type: 'records-received', from: from.peer, via: 'gossip', records, last: false });
  }

  /** Its host says that nobody listens, to a dial and to the probe that follows. */
  refuse(peer: Speaker): readonly Effect[] {
    const text = 'connection refused';
    return [
      ...this.step({ type: 'dial-failed', key: peer.peer, reason: 'unreachable', isRefused: true, text }),
      ...this.step({ type: 'probe-refused', peer: peer.peer }),
    ];
  }

  /** Lets time go by, with the ticks and the detector's timers that belong to it. */
  pass(ms: number): readonly Effect[] {
    const effects: Effect[] = [];
    for (const endMs = this.monoMs + ms; this.monoMs < endMs; ) {
      const tickAtMs = this.monoMs + this.protocol.detector.nextTickMs();
      for (let wake = this.#dueBy(tickAtMs); wake !== undefined; wake = this.#dueBy(tickAtMs)) {
        this.monoMs = Math.max(this.monoMs, wake.atMs);
        effects.push(...this.step(wake.input));
      }
      this.monoMs = tickAtMs;
      effects.push(...this.step({ type: 'tick' }));
    }
    return effects;
  }

  #dueBy(atMs: number): { readonly atMs: number; readonly input: Input } | undefined {
    const due = this.#inputs.filter(wake => wake.atMs <= atMs).sort((a, b) => a.atMs - b.atMs)[0];
    if (due !== undefined) this.#inputs.splice(this.#inputs.indexOf(due), 1);
    return due;
  }
}

/** With those that wait for a write. */
function all(effects: readonly Effect[]): readonly Effect[] {
  return effects.flatMap(effect => (effect.type === 'persist' ? [effect, ...all(effect.then)] : [effect]));
}

export function ofType<Type extends Effect['type']>(
  effects: readonly Effect[],
  type: Type,
): readonly Extract<Effect, { readonly type: Type }>[] {
  return all(effects).filter(
    (effect): effect is Extract<Effect, { readonly type: Type }> => effect.type === type,
  );
}

export function published(effects: readonly Effect[]): readonly VerifiedRecord[] {
  return ofType(effects, 'publish').flatMap(({ records }) => records);
}

export function written(effects: readonly Effect[]): readonly StoreOperation[] {
  return ofType(effects, 'persist').flatMap(({ operations }) => operations);
}

export function replies(effects: readonly Effect[]): readonly Reply[] {
  return ofType(effects, 'reply').map(({ reply }) => reply);
}

export function logs(effects: readonly Effect[]): readonly string[] {
  return ofType(effects, 'log').map(({ event }) => event);
}

export function events<Name extends CoreEvent['event']>(
  effects: readonly Effect[],
  name: Name,
): readonly Extract<CoreEvent, { readonly event: Name }>[] {
  return ofType(effects, 'event')
    .map(({ event }) => event)
    .filter((event): event is Extract<CoreEvent, { readonly event: Name }> => event.event === name);
}
