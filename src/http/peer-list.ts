/** The lists that callers ask for all the time, kept as bytes beside the agent's listing. */
import type { NodeView } from '../core/view.ts';
import type { Listing } from '../runtime/agent-port.ts';
import { FragmentList, type Pieces } from './fragment-list.ts';
import { nodeJson } from './node-json.ts';

/** One element of the kept array for this node, serialised; `undefined` leaves the node out. */
type Element = (node: NodeView) => string | undefined;

/** Follows the listing from the first question on: a list nobody asks for costs nothing. */
class KeptList {
  readonly #listing: Listing;
  readonly #element: Element;
  #fragments: FragmentList | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(listing: Listing, element: Element) {
    this.#listing = listing;
    this.#element = element;
  }

  pieces(leftOut?: string): Pieces {
    this.#fragments ??= this.#follow();
    return this.#fragments.pieces(leftOut);
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#fragments = undefined;
  }

  #follow(): FragmentList {
    const fragments = new FragmentList();
    const put = (id: string, node: NodeView | undefined) => {
      const element = node === undefined ? undefined : this.#element(node);
      if (element === undefined) fragments.delete(id);
      else fragments.set(id, element);
    };
    for (const node of this.#listing.nodes()) put(node.id, node);
    this.#unsubscribe = this.#listing.onChange((id, _before, after) => put(id, after));
    return fragments;
  }
}

export class PeerList {
  readonly #peers: KeptList;
  readonly #backends: KeptList;

  constructor(listing: Listing) {
    this.#peers = new KeptList(listing, node => JSON.stringify(nodeJson(node)));
    this.#backends = new KeptList(listing, node =>
      isUsableBackend(node) ? JSON.stringify(node.address) : undefined,
    );
  }

  /** Everyone listed, one left out: the node that asks. */
  peers(leftOut?: string): Pieces {
    return this.#peers.pieces(leftOut);
  }

  /** Addresses of the backends that can be used right now. */
  backends(): Pieces {
    return this.#backends.pieces();
  }

  /** Safe to call twice. */
  stop(): void {
    this.#peers.stop();
    this.#backends.stop();
  }
}

/** A suspect backend is out at once: to a caller, one request too few beats one that hangs. */
export function isUsableBackend(node: NodeView): boolean {
  return node.nodeType === 'backend' && node.status === 'alive';
}
