/**
 * The ways to a member besides UDP, tried one member after the other, rarely: for the picture only.
 *
 * Many agents open their HTTP shim to their own machine, so silence there says nothing about life.
 */
import type { CheckFailure } from '../backends/outcome.ts';
import type { Effect, Input } from '../effects.ts';
import type { Random } from '../random.ts';
import type { PeerId } from '../record/record.ts';
import type { Now } from '../time.ts';
import type { Tracked } from './member.ts';
import { ProbeOrder } from './probe-order.ts';

export interface OuterLayersComponents {
  readonly random: Random;
  readonly isLinked: (peer: PeerId) => boolean;
  readonly member: (peer: PeerId) => Tracked | undefined;
  readonly emit: (effect: Effect) => void;
}

/** Keys of checks that are ours. */
const keyPrefix = 'peer:';
const lookIntervalMs = 10_000;
const answeredAnyway: ReadonlySet<CheckFailure> = new Set<CheckFailure>([
  'not-ready',
  'status',
  'redirect',
  'too-large',
  'garbage',
]);

export class OuterLayers {
  readonly #parts: OuterLayersComponents;
  readonly #order: ProbeOrder;
  #nextMonoMs = lookIntervalMs;

  constructor(components: OuterLayersComponents) {
    this.#parts = components;
    this.#order = new ProbeOrder(components.random);
  }

  add(peer: PeerId): void {
    this.#order.add(peer);
  }

  remove(peer: PeerId): void {
    this.#order.remove(peer);
  }

  tick(now: Now): void {
    if (now.monoMs < this.#nextMonoMs) return;
    const { random, member, isLinked, emit } = this.#parts;
    this.#nextMonoMs = now.monoMs + lookIntervalMs * (0.5 + random.next());
    const peer = this.#order.next(candidate => member(candidate)?.state !== 'left');
    const found = peer === undefined ? undefined : member(peer);
    if (found === undefined) return;
    this.checkHttp(found);
    if (isLinked(found.peer)) emit({ type: 'ping', peer: found.peer });
  }

  checkHttp({ peer, metrics }: Tracked): void {
    if (metrics === undefined) return;
    const host = metrics.host.replace(/^\[(.*)\]$/, '$1');
    this.#parts.emit({ type: 'check', key: `${keyPrefix}${peer}`, host, port: metrics.port });
  }

  /** The answer of a member's HTTP shim, or another answer, which is not for us. */
  checked({ key, outcome }: Extract<Input, { readonly type: 'checked' }>, now: Now): void {
    if (!key.startsWith(keyPrefix)) return;
    const member = this.#parts.member(key.slice(keyPrefix.length));
    // Whoever answers is there, even if he says that he is not ready.
    const isThere = outcome.ok || answeredAnyway.has(outcome.reason);
    member?.reach.layer('http', isThere, now.monoMs, outcome.ok ? undefined : outcome.detail);
  }
}
