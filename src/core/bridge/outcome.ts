/** What can come of one `POST /registration` to an HTTP peer. */
import type { NodeFields, NodeId } from '../record/node.ts';

/** One node that an HTTP peer lists, within the bounds of `core/record/node.ts`. */
export interface ListedNode {
  readonly id: NodeId;
  readonly node: NodeFields;
}

export const peerFailures = [
  'timeout',
  'refused',
  'unreachable',
  'status',
  'redirect',
  'too-large',
  'garbage',
  'foreign', // an agent of Firsthand: those meet over libp2p, within their cluster
  'forbidden-address',
] as const;
export type PeerFailure = (typeof peerFailures)[number];

export type PeerOutcome =
  | {
      readonly ok: true;
      readonly latencyMs: number;
      readonly peers: readonly ListedNode[];
      /** Listed nodes that were left out, because they are out of bounds or too many. */
      readonly leftOutCount: number;
    }
  | {
      readonly ok: false;
      readonly latencyMs: number;
      readonly reason: PeerFailure;
      /** One short sentence for people who can reach this agent; quotes nothing that the peer sent. */
      readonly detail: string;
      /** Of the answer, where there was one. */
      readonly status?: number;
    };

/** Nodes taken from one answer; a registry of the predecessor holds fewer. */
export const listedMaxCount = 10_000;
