/** The bounds of the bridge to HTTP peers, and how near it is to them. */

export interface BridgeSettings {
  /** Base URLs of the peers to join through, each in its one spelling (`peer-url.ts`). */
  readonly urls: readonly string[];
  /** How often every peer is registered with anew, ms. */
  readonly refreshMs: number;
  /** HTTP peers in all, learnt ones included. */
  readonly peersMaxCount: number;
  /** Nodes that this agent says it has heard of. */
  readonly hintsMaxCount: number;
  /** Nodes that the peers list, each counted for each peer. */
  readonly testimoniesMaxCount: number;
}

export const defaultBridgeSettings: BridgeSettings = {
  urls: [],
  refreshMs: 60_000, // Guess: a fifteenth of the lease that a Firsthand agent would give.
  peersMaxCount: 200, // Guess: more than a cluster of the predecessor has nodes.
  hintsMaxCount: 10_000, // Derived: as many as an agent hosts.
  testimoniesMaxCount: 100_000, // Guess: 200 peers that list 500 nodes each; some 20 MB.
};

/** How much there is of what others can make grow, and how often a bound was hit. */
export interface BridgeCounts {
  /** Nodes that this agent says it has heard of. */
  readonly hints: number;
  /** Listed nodes that were out of bounds, repeated or too many, over all answers. */
  readonly leftOut: number;
  /** How often a peer was learnt of and had no room. */
  readonly refusedPeers: number;
}
