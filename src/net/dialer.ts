/**
 * Dials on the core's behalf: each call ends in exactly one outcome, also when the agent stops.
 *
 * Nothing is remembered from one dial to the next. Names are resolved by the system at each attempt, and
 * the order of addresses is partly by chance, so that a first address that swallows packets does not
 * stand in the way for ever.
 */
import { networkInterfaces } from 'node:os';
import type { Connection, Libp2p } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { PeerId } from '../core/record/record.ts';
import type { DialOutcome, DialTarget } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import { dialFailureText, isRefused } from './dial-failure.ts';
import { dialOrder, type PlannedDial, planDial } from './dial-plan.ts';
import type { Admitted, LinkTable } from './link-table.ts';
import { expandNames, type ResolveName } from './name-expansion.ts';

export interface DialerOptions {
  readonly cluster: string;
  readonly self: PeerId;
  readonly timeoutMs: number;
}

export interface DialerComponents {
  readonly node: Pick<Libp2p, 'dial'>;
  readonly links: Pick<LinkTable, 'isLinked' | 'admit'>;
  readonly resolve: ResolveName;
  readonly log: Log;
  readonly metrics: NetMetrics;
  readonly onEnded: (key: string, outcome: DialOutcome) => void;
}

/**
 * Agents behind one name that are dialled at once. With one each, agents that start together can end as
 * islands that do not know of each other; with four that does not happen in practice, and more handshakes
 * at once are more than small machines bear (see the peering's `dialsMaxCount`).
 */
const agentsPerNameMaxCount = 4;

export class Dialer {
  readonly #options: DialerOptions;
  readonly #parts: DialerComponents;
  readonly #stopping = new AbortController();
  readonly #pending = new Set<DialTarget>();
  /** Peers that are being dialled, and how many times at once. */
  readonly #dialing = new Map<PeerId, number>();

  constructor(options: DialerOptions, components: DialerComponents) {
    this.#options = options;
    this.#parts = components;
  }

  isDialing(peer: PeerId): boolean {
    return this.#dialing.has(peer);
  }

  dial(target: DialTarget): void {
    this.#pending.add(target);
    void this.#run(target);
  }

  /** For a caller of our own: nobody else hears of it. Never rejects. */
  async connect(target: DialTarget & { readonly peer: PeerId }): Promise<DialOutcome> {
    const plan = planDial(target, this.#options.self);
    return plan.kind === 'dial' ? this.#attempt(plan) : plan.outcome;
  }

  /** Ends what is pending as unreachable. */
  stop(): void {
    this.#stopping.abort();
    for (const target of [...this.#pending]) this.#end(target, unreachable('the agent is stopping'));
  }

  /** Never rejects, and never ends the dial within the call that began it. */
  async #run(target: DialTarget): Promise<void> {
    await Promise.resolve();
    const plan = planDial(target, this.#options.self);
    this.#end(target, plan.kind === 'dial' ? await this.#attempt(plan) : plan.outcome);
  }

  async #attempt(plan: PlannedDial): Promise<DialOutcome> {
    const { peer } = plan;
    if (peer !== undefined && this.#parts.links.isLinked(peer)) return { ok: true, peer };
    if (peer !== undefined) this.#dialing.set(peer, (this.#dialing.get(peer) ?? 0) + 1);
    const timeout = AbortSignal.timeout(this.#options.timeoutMs);
    try {
      const addresses = await expandNames(plan.addresses, this.#parts.resolve);
      const order = dialOrder(addresses, networkInterfaces());
      if (peer !== undefined || order.length === 1) return await this.#connect(order, peer, timeout);
      const chosen = order.slice(0, agentsPerNameMaxCount);
      return best(await Promise.all(chosen.map(address => this.#connect([address], peer, timeout))));
    } finally {
      if (peer !== undefined) this.#undial(peer);
    }
  }

  /** Whoever of them answers first; all are of one peer when it is known. */
  async #connect(
    addresses: readonly string[],
    peer: PeerId | undefined,
    timeout: AbortSignal,
  ): Promise<DialOutcome> {
    try {
      const signal = AbortSignal.any([timeout, this.#stopping.signal]);
      const connection = await this.#parts.node.dial(parse(addresses, peer), { signal });
      return this.#outcomeOf(connection, await this.#parts.links.admit(connection));
    } catch (error) {
      if (peer === undefined && isSelfDial(error)) return self(addresses);
      const why = timeout.aborted
        ? `no answer within ${this.#options.timeoutMs / 1_000} s`
        : dialFailureText(error);
      return { ...unreachable(`${addresses.join(', ')}: ${why}`), isRefused: isRefused(error) };
    }
  }

  #outcomeOf(connection: Connection, admitted: Admitted): DialOutcome {
    const address = connection.remoteAddr.toString();
    if (admitted.kind === 'ours') return { ok: true, peer: connection.remotePeer.toString() };
    if (admitted.kind === 'lost') return unreachable(`${address}: ${admitted.text}`);
    const whose =
      admitted.cluster === undefined
        ? 'it is not a Firsthand agent'
        : `it belongs to cluster "${admitted.cluster}"`;
    const text = `${address} is not an agent of cluster "${this.#options.cluster}": ${whose}`;
    return { ok: false, reason: 'foreign', text };
  }

  #undial(peer: PeerId): void {
    const left = (this.#dialing.get(peer) ?? 1) - 1;
    if (left > 0) this.#dialing.set(peer, left);
    else this.#dialing.delete(peer);
  }

  #end(target: DialTarget, outcome: DialOutcome): void {
    if (!this.#pending.delete(target)) return;
    this.#parts.metrics.dials.add({ outcome: outcome.ok ? 'ok' : outcome.reason });
    if (!outcome.ok) {
      this.#parts.log('dial_failed', { target: target.key, reason: outcome.reason, text: outcome.text });
    }
    this.#parts.onEnded(target.key, outcome);
  }
}

function parse(addresses: readonly string[], peer: PeerId | undefined): Multiaddr[] {
  const suffix = peer === undefined ? '' : `/p2p/${peer}`;
  return addresses.map(address => multiaddr(`${address}${suffix}`));
}

/** An agent of ours, if one of them is; else what says most about why there is none. */
function best(outcomes: readonly DialOutcome[]): DialOutcome {
  const order = ['unreachable', 'foreign', 'self'];
  const rank = (outcome: DialOutcome) => (outcome.ok ? -1 : order.indexOf(outcome.reason));
  const [first] = outcomes.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined) throw new TypeError('no dial, no outcome');
  return first;
}

function unreachable(text: string) {
  return { ok: false, reason: 'unreachable', text } as const;
}

function self(addresses: readonly string[]): DialOutcome {
  return { ok: false, reason: 'self', text: `${addresses.join(', ')} is this agent itself` };
}

/** By its text: libp2p has no error of its own for it. */
function isSelfDial(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isSelfDial);
  return error instanceof Error && /dial self/i.test(error.message);
}
