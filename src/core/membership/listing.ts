/**
 * The nodes that are listed: what each subject's records resolve to, seen through who is alive.
 *
 * Kept up to date at every change, so that reading costs nothing. Liveness never changes a record,
 * and a record never claims liveness; this is where the two meet. So it is with what hosts say of
 * the health of their services.
 */
import type { CheckFailure } from '../backends/outcome.ts';
import { ailmentIn, bucketOf, healthSubjectOf } from '../record/health.ts';
import type { Ledger } from '../record/ledger.ts';
import type { NodeId } from '../record/node.ts';
import type { PeerId, VerifiedRecord } from '../record/record.ts';
import { type Resolution, resolve } from '../record/resolution.ts';
import type { ListedStatus, LivenessState, NodeView } from '../view.ts';

export type ListingListener = (id: NodeId, before: NodeView | undefined, after: NodeView | undefined) => void;

export interface ListingChange {
  readonly before: NodeView | undefined;
  readonly after: NodeView | undefined;
}

/** What one agent that vouches for an entry lends it. */
export interface Backing {
  readonly liveness: LivenessState;
  /** What this agent has against the service. */
  readonly ailment: CheckFailure | undefined;
}

export interface Standing {
  readonly status: ListedStatus;
  readonly ailment: CheckFailure | undefined;
}

export class Listing {
  readonly #ledger: Ledger;
  readonly #livenessOf: (author: PeerId) => LivenessState;
  readonly #isHidden: (author: PeerId) => boolean;
  readonly #views = new Map<NodeId, NodeView>();
  readonly #listeners = new Set<ListingListener>();
  /** One shared array per sole author, as most entries have just one. */
  readonly #soleAuthors = new Map<PeerId, readonly PeerId[]>();
  #version = 0;
  #array: readonly NodeView[] | undefined;

  constructor(components: {
    readonly ledger: Ledger;
    readonly livenessOf: (author: PeerId) => LivenessState;
    /** Operators have banned it: entries stand as if it had said nothing. */
    readonly isHidden?: ((author: PeerId) => boolean) | undefined;
  }) {
    this.#ledger = components.ledger;
    this.#livenessOf = components.livenessOf;
    this.#isHidden = components.isHidden ?? (() => false);
  }

  get version(): number {
    return this.#version;
  }

  nodes(): readonly NodeView[] {
    this.#array ??= [...this.#views.values()];
    return this.#array;
  }

  get(id: NodeId): NodeView | undefined {
    return this.#views.get(id);
  }

  onChange(listener: ListingListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks at one subject again, after its records or the liveness of an author changed. */
  refresh(id: NodeId): ListingChange {
    const before = this.#views.get(id);
    const after = this.#derive(id);
    if (before === after || (before !== undefined && after !== undefined && isSame(before, after))) {
      return { before, after: before };
    }
    if (after === undefined) this.#views.delete(id);
    else this.#views.set(id, after);
    this.#version += 1;
    this.#array = undefined;
    for (const listener of this.#listeners) listener(id, before, after);
    return { before, after };
  }

  #derive(id: NodeId): NodeView | undefined {
    const { winner, vouchers } = this.#resolutionOf(id);
    if (winner?.body.type !== 'entry') return undefined;
    const standing = standingOf(vouchers.map(record => this.#backingOf(record)));
    return standing && viewOf(winner, standing, this.#authorsOf(vouchers));
  }

  #resolutionOf(id: NodeId): Resolution {
    const records = this.#ledger.recordsOf(id);
    if (!records.some(({ author }) => this.#isHidden(author))) return this.#ledger.resolution(id);
    return resolve(records.filter(({ author }) => !this.#isHidden(author)));
  }

  #backingOf(record: VerifiedRecord): Backing {
    const { author, authority } = record;
    return {
      liveness: this.#livenessOf(author),
      ailment: authority === 'host' || authority === 'hint' ? this.#ailmentOf(record) : undefined,
    };
  }

  #ailmentOf({ author, subjectHash }: VerifiedRecord): CheckFailure | undefined {
    const said = this.#ledger.recordBy(author, healthSubjectOf(author, bucketOf(subjectHash)));
    return said && ailmentIn(said, subjectHash);
  }

  #authorsOf(vouchers: readonly VerifiedRecord[]): readonly PeerId[] {
    const sole = vouchers[0]?.author;
    if (vouchers.length !== 1 || sole === undefined) return vouchers.map(record => record.author);
    let shared = this.#soleAuthors.get(sole);
    if (shared === undefined) {
      if (this.#soleAuthors.size > 10_000) this.#soleAuthors.clear();
      shared = [sole];
      this.#soleAuthors.set(sole, shared);
    }
    return shared;
  }
}

/** An entry as a person sees it. */
export function viewOf(record: VerifiedRecord, standing: Standing, authors: readonly PeerId[]): NodeView {
  if (record.body.type !== 'entry') throw new TypeError(`a ${record.body.type} has no view`);
  const { status, ailment } = standing;
  const { node } = record.body;
  return {
    id: record.subject,
    address: node.address,
    metricsPort: node.metricsPort,
    nodeType: node.nodeType,
    isLoadBalancer: node.isLoadBalancer,
    capabilities: node.capabilities,
    lastUpdatedS: node.lastUpdatedS,
    status,
    authors,
    ...(ailment === undefined ? {} : { ailment }),
    ...(record.authority === 'self' ? { peerId: record.author } : {}),
  };
}

/**
 * A service is as well as the best of the agents that vouch for it: reached through a living one that has
 * nothing against it, else unhealthy at a living one, else suspect. With none left it is not listed.
 */
export function standingOf(backings: readonly Backing[]): Standing | undefined {
  const alive = backings.filter(({ liveness }) => liveness === 'alive');
  const heard = alive.length > 0 ? alive : backings.filter(({ liveness }) => liveness === 'suspect');
  if (heard.length === 0) return undefined;
  const isWell = heard.some(({ ailment }) => ailment === undefined);
  const ailment = isWell ? undefined : heard[0]?.ailment;
  if (alive.length === 0) return { status: 'suspect', ailment };
  return { status: isWell ? 'alive' : 'unhealthy', ailment };
}

function isSame(a: NodeView, b: NodeView): boolean {
  return (
    a.status === b.status &&
    a.ailment === b.ailment &&
    a.address === b.address &&
    a.lastUpdatedS === b.lastUpdatedS &&
    a.metricsPort === b.metricsPort &&
    a.nodeType === b.nodeType &&
    a.isLoadBalancer === b.isLoadBalancer &&
    a.peerId === b.peerId &&
    a.capabilities.join() === b.capabilities.join() &&
    a.authors.join() === b.authors.join()
  );
}
