/**
 * How gossipsub is set up for a private cluster of 2 to 1,000 agents.
 *
 * Its defaults are made for open networks of strangers, and two of them switch a cluster off without an
 * error: more than ten peers behind one address drive each other's score below the graylist, and a quiet
 * topic is punished for delivering too little. Records carry their own signature, so gossipsub's is off.
 */
import { hash } from 'node:crypto';
import type { GossipsubOpts } from '@libp2p/gossipsub';
import { createTopicScoreParams } from '@libp2p/gossipsub/score';

const messageIdBytes = 20;

/** Several messages travel in one RPC when a peer asks for what it missed; the largest is 60 KiB. */
const rpcMaxBytes = 1_024 * 1_024;

export interface GossipLimits {
  readonly gossipStreamsMaxCount: number;
  /** Read from one message; only the one to our topic is kept. */
  readonly gossipSubscriptionsMaxCount: number;
}

export const gossipLimits: GossipLimits = {
  gossipStreamsMaxCount: 4, // Guess: one, and one that is being replaced.
  gossipSubscriptionsMaxCount: 16, // Guess: an honest agent has one.
};

/** @param scoreOf - What we ourselves hold against a peer; below zero it is not in the mesh. */
export function gossipProfile(
  topic: string,
  limits = gossipLimits,
  scoreOf: (peer: string) => number = () => 0,
): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: 'StrictNoSign',
    // The whole payload, not only what is signed in it: otherwise a copy with a forged signature would
    // arrive first, be rejected, and shadow the genuine message in the cache of seen ids.
    msgIdFn: ({ data }) => hash('sha256', data, 'buffer').subarray(0, messageIdBytes),
    allowedTopics: [topic],

    // The author sends to everybody it is linked to (`floodPublish`), so the mesh has only to carry on from there.
    // With the usual 6 to 12 each agent sends a record three times as often, and a cluster of 1,000 pays for it. Where
    // agents join one after the other most meshes fill up to `Dhi`, so that is what counts.
    D: 3,
    Dlo: 3,
    Dhi: 4,
    Dout: 1,
    pruneBackoff: 10_000, // Whoever finds all meshes full would otherwise be told of records late for a minute.
    Dlazy: 3,
    gossipFactor: 0, // The usual quarter of all links would be told of each record 48 times among 200 agents.
    heartbeatInterval: 700, // Lazy repair within about 2 s.
    mcacheLength: 6,
    mcacheGossip: 3,
    seenTTL: 300_000, // A longer replay dies in the core, by its sequence.
    idontwantMinDataSize: 1_024, // A record has 300 to 500 bytes.
    gossipsubIWantFollowupMs: 12_000, // A busy agent is late, not hostile.

    fallbackToFloodsub: false,
    doPX: false,
    tagMeshPeers: false,
    allowPublishToZeroTopicPeers: true, // Being alone is a normal state.
    ignoreDuplicatePublishError: true,

    maxInboundStreams: limits.gossipStreamsMaxCount,
    maxOutboundStreams: limits.gossipStreamsMaxCount,
    maxInboundDataLength: rpcMaxBytes,
    maxOutboundBufferSize: 4 * 1_024 * 1_024,
    decodeRpcLimits: {
      maxSubscriptions: limits.gossipSubscriptionsMaxCount,
      maxMessages: 5_000,
      maxIhaveMessageIDs: 5_000, // The most that gossipsub itself announces at once.
      maxIwantMessageIDs: 5_000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 128,
      maxPeerInfos: 16,
    },

    scoreParams: {
      appSpecificScore: scoreOf,
      appSpecificWeight: 1,
      IPColocationFactorWeight: 0, // Many agents behind one address are normal: containers, NAT, one laptop.
      behaviourPenaltyThreshold: 6, // As Ethereum: a few broken promises happen to everybody under load.
      topics: {
        [topic]: createTopicScoreParams({
          topicWeight: 1,
          timeInMeshWeight: 0.01,
          timeInMeshQuantum: 1_000,
          timeInMeshCap: 100,
          firstMessageDeliveriesWeight: 0.1,
          firstMessageDeliveriesDecay: 0.9,
          firstMessageDeliveriesCap: 50,
          meshMessageDeliveriesWeight: 0, // The topic is quiet most of the time.
          meshFailurePenaltyWeight: 0,
          invalidMessageDeliveriesWeight: -110, // Grows with the square: one stops lazy gossip, two graylist.
          invalidMessageDeliveriesDecay: 0.99,
        }),
      },
    },
    scoreThresholds: { gossipThreshold: -100, publishThreshold: -200, graylistThreshold: -400 },
  };
}
