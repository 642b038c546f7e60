/**
 * Who of the HTTP peers lists which node, and since when no more.
 *
 * A peer whose last answer lists a node gives testimony for it. One that answered and lists it no
 * longer gives none, but the node is remembered for its lease: a peer that was restarted lists
 * nobody until its nodes have registered again.
 */
import type { NodeId } from '../record/node.ts';
import type { Testimony } from './consensus.ts';
import type { ListedNode } from './outcome.ts';

interface Named {
  /** By URL of the peer that lists it in its last answer. */
  readonly by: Map<string, Testimony & { readonly heardMonoMs: number }>;
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

  /** Takes an answer in; it replaces the last one of this peer. */
  hear(
    url: string,
    list: readonly ListedNode[],
    monoMs: number,
  ): { readonly changed: ReadonlySet<NodeId>; readonly leftOutCount: number } {
    const changed = new Set(this.#listedBy.get(url));
    for (const id of changed) this.#silence(url, id);
    const listed = new Set<NodeId>();
    let leftOutCount = 0;
    for (const { id, node } of list) {
      if (this.#count >= this.#maxCount || listed.has(id)) {
        leftOutCount += 1;
        continue;
      }
      const named = this.#nodes.get(id) ?? { by: new Map(), lastListedMonoMs: monoMs };
      named.by.set(url, { url, node, heardMonoMs: monoMs });
      named.lastListedMonoMs = monoMs;
      this.#nodes.set(id, named);
      this.#count += 1;
      listed.add(id);
      changed.add(id);
    }
    this.#listedBy.set(url, listed);
    return { changed, leftOutCount };
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
