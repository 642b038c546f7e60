/**
 * Who of the HTTP peers lists which node, and since when no more.
 *
 * A peer whose last answer lists a node gives testimony for it. One that answered and lists it no
 * longer gives none, but the node is remembered for its lease: a peer that was restarted lists
 * nobody until its nodes have registered again.
 */
import { isSameContent, type NodeFields, type NodeId } from '../record/node.ts';
import type { Testimony } from './consensus.ts';
import type { ListedNode } from './outcome.ts';

interface Heard extends Testimony {
  heardMonoMs: number;
}

interface Named {
  /** By URL of the peer that lists it in its last answer. */
  readonly by: Map<string, Heard>;
  lastListedMonoMs: number;
}

export class Testimonies {
  readonly #leaseMs: number;
  readonly #maxCount: number;
  readonly #nodes = new Map<NodeId, Named>();
  readonly #listedBy = new Map<string, ReadonlySet<NodeId>>();
  #count = 0;

  /** @param options.maxCount - Testimonies in all; what a peer lists beyond that is left out. */
  constructor(options: { readonly leaseMs: number; readonly maxCount: number }) {
    this.#leaseMs = options.leaseMs;
    this.#maxCount = options.maxCount;
  }

  get count(): number {
    return this.#count;
  }

  ids(): Iterable<NodeId> {
    return this.#nodes.keys();
  }

  /** Nodes that this peer lists. */
  countOf(url: string): number {
    return this.#listedBy.get(url)?.size ?? 0;
  }

  /** Takes an answer in; it replaces the last one of this peer. `changed` are the nodes of which it says something else. */
  hear(
    url: string,
    list: readonly ListedNode[],
    monoMs: number,
  ): { readonly changed: ReadonlySet<NodeId>; readonly leftOutCount: number } {
    const before = this.#listedBy.get(url) ?? new Set<NodeId>();
    const now = new Set(list.map(({ id }) => id));
    const changed = new Set([...before].filter(id => !now.has(id)));
    for (const id of changed) this.#silence(url, id);
    const listed = new Set<NodeId>();
    let leftOutCount = 0;
    for (const { id, node } of list) {
      if (listed.has(id) || (!before.has(id) && this.#count >= this.#maxCount)) {
        leftOutCount += 1;
        continue;
      }
      if (this.#hearOne(url, id, node, monoMs)) changed.add(id);
      listed.add(id);
    }
    this.#listedBy.set(url, listed);
    return { changed, leftOutCount };
  }

  /** @returns Whether it is news. */
  #hearOne(url: string, id: NodeId, node: NodeFields, monoMs: number): boolean {
    const named = this.#nodes.get(id) ?? { by: new Map<string, Heard>(), lastListedMonoMs: monoMs };
    this.#nodes.set(id, named);
    named.lastListedMonoMs = monoMs;
    const said = named.by.get(url);
    if (said !== undefined && isSame(said.node, node)) {
      said.heardMonoMs = monoMs;
      return false;
    }
    // Nearly always all peers say the same: one object for all of them, which is compared at once.
    const [other] = named.by.values();
    const shared = other !== undefined && isSame(other.node, node) ? other.node : node;
    if (said === undefined) this.#count += 1;
    named.by.set(url, { url, node: shared, heardMonoMs: monoMs });
    return true;
  }

  /** What the peers say that were heard within the lease. */
  about(id: NodeId, monoMs: number): readonly Testimony[] {
    const by = this.#nodes.get(id)?.by.values() ?? [];
    return [...by].filter(({ heardMonoMs }) => monoMs - heardMonoMs < this.#leaseMs);
  }

  isListedWithinLease(id: NodeId, monoMs: number): boolean {
    const named = this.#nodes.get(id);
    return named !== undefined && monoMs - named.lastListedMonoMs < this.#leaseMs;
  }

  /** A node of which we say something already, from an earlier run: its lease begins anew. */
  remember(id: NodeId, monoMs: number): void {
    if (!this.#nodes.has(id)) this.#nodes.set(id, { by: new Map(), lastListedMonoMs: monoMs });
  }

  /** Forgets and returns the nodes that nobody listed within the lease. */
  takeExpired(monoMs: number): readonly NodeId[] {
    const expired = [...this.#nodes.keys()].filter(id => !this.isListedWithinLease(id, monoMs));
    for (const id of expired) {
      for (const url of [...(this.#nodes.get(id)?.by.keys() ?? [])]) this.#silence(url, id);
      this.#nodes.delete(id);
    }
    return expired;
  }

  /** The peer is none any more. What it listed last stands until it expires. */
  forget(url: string): void {
    for (const id of this.#listedBy.get(url) ?? []) this.#silence(url, id);
    this.#listedBy.delete(url);
  }

  #silence(url: string, id: NodeId): void {
    if (this.#nodes.get(id)?.by.delete(url)) this.#count -= 1;
  }
}

function isSame(a: NodeFields, b: NodeFields): boolean {
  return a === b || (a.lastUpdatedS === b.lastUpdatedS && isSameContent(a, b));
}
