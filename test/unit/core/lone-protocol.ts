/** One agent's protocol with a real key, and words for what it answers. */
import type { Effect, Input, Reply, StoreOperation } from '../../../src/core/effects.ts';
import { Protocol, type ProtocolSettings } from '../../../src/core/protocol.ts';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import type { CoreEvent } from '../../../src/core/view.ts';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';
import { at, nodeFields, Speaker } from '../../record-builder.ts';

export interface LoneProtocolOptions {
  readonly id?: string;
  readonly epoch?: number;
  readonly settings?: Partial<ProtocolSettings>;
}

export class LoneProtocol {
  readonly me = new Speaker(1);
  readonly id: string;
  readonly protocol: Protocol;
  monoMs = 0;

  constructor({ id = 'me', epoch = 10, settings = {} }: LoneProtocolOptions = {}) {
    this.id = id;
    this.protocol = new Protocol(
      { id, peer: this.me.peer, epoch, settings },
      { seal: draft => this.me.codec.seal(draft), random: seededRandom(3) },
    );
  }

  step(input: Input): readonly Effect[] {
    return this.protocol.step(input, at(this.monoMs));
  }

  start(seeds: readonly string[] = []): readonly Effect[] {
    const self = { multiaddrs: [this.me.multiaddr], probe: '10.0.0.1:7946' };
    return this.step({ type: 'start', node: nodeFields(), self, seeds });
  }

  hear(from: Speaker, ...records: readonly VerifiedRecord[]): readonly Effect[] {
    return this.step({ type: 'records-received', from: from.peer, via: 'gossip', records, last: false });
  }

  link(peer: Speaker): readonly Effect[] {
    return this.step({ type: 'link-up', peer: peer.peer, address: peer.multiaddr });
  }

  register(id: string, address = '10.0.0.9:80'): readonly Effect[] {
    return this.step({ type: 'register', ticket: 1, action: 'register', id, node: nodeFields({ address }) });
  }

  /** Lets time pass in ticks of a quarter of a second. */
  pass(ms: number): readonly Effect[] {
    const effects: Effect[] = [];
    for (const endMs = this.monoMs + ms; this.monoMs < endMs; ) {
      this.monoMs += 250;
      effects.push(...this.step({ type: 'tick' }));
    }
    return effects;
  }

  get own(): VerifiedRecord | undefined {
    return this.protocol.table.ledger.recordBy(this.me.peer, this.id);
  }
}

/** Effects and what follows them once written, in order. */
export function everything(effects: readonly Effect[]): readonly Effect[] {
  return effects.flatMap(effect =>
    effect.type === 'persist' ? [effect, ...everything(effect.then)] : [effect],
  );
}

export function ofType<T extends Effect['type']>(
  effects: readonly Effect[],
  type: T,
): readonly Extract<Effect, { readonly type: T }>[] {
  return everything(effects).filter(effect => effect.type === type) as Extract<
    Effect,
    { readonly type: T }
  >[];
}

export function published(effects: readonly Effect[]): readonly VerifiedRecord[] {
  return ofType(effects, 'publish').flatMap(effect => effect.records);
}

export function written(effects: readonly Effect[]): readonly StoreOperation[] {
  return ofType(effects, 'persist').flatMap(effect => effect.operations);
}

export function replies(effects: readonly Effect[]): readonly Reply[] {
  return ofType(effects, 'reply').map(effect => effect.reply);
}

export function events(effects: readonly Effect[], name: CoreEvent['event']): readonly CoreEvent[] {
  return ofType(effects, 'event')
    .map(effect => effect.event)
    .filter(({ event }) => event === name);
}

export function logs(effects: readonly Effect[]): readonly string[] {
  return ofType(effects, 'log').map(effect => effect.event);
}
