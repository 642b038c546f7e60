/**
 * The cluster's topic, over gossipsub.
 *
 * Two things gossipsub leaves to its user. A subscription may arrive before our own stream to that peer
 * exists, and what is published in between goes nowhere: a peer counts as subscribed once both are there.
 * And when a gossip stream breaks while the connection lives on, gossipsub never opens another one: the
 * links are looked through every few heartbeats and missing streams are asked for again.
 */
import { type GossipSub, TopicValidatorResult } from '@libp2p/gossipsub';
import type { Connection } from '@libp2p/interface';
import type { PeerId } from '../core/record/record.ts';
import { gossipMaxBytes, type Verdict } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import type { GatedRegistrar } from './gated-registrar.ts';
import type { LinkTable } from './link-table.ts';

/** Present in the class and used by its own tests, though not in the published interface. */
interface GossipsubState {
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
  getScore(peer: string): number;
  getMeshPeers(topic: string): string[];
}

export interface GossipComponents {
  readonly gossipsub: GossipSub;
  readonly gate: GatedRegistrar;
  readonly links: LinkTable;
  readonly log: Log;
  readonly metrics: NetMetrics;
  readonly onGossip: (from: PeerId, bytes: Uint8Array) => Verdict;
  readonly onSubscribed: (peer: PeerId) => void;
}

/** Up to here a publish goes to every connected peer in one hop; beyond, through the mesh. */
const floodMaxPeersCount = 64;
/** How often the links are looked through; heartbeats of 700 ms. */
const auditEveryHeartbeats = 5;
const confirmFirstDelayMs = 5;
const confirmMaxDelayMs = 1_000;

const results = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const satisfies Record<Verdict, TopicValidatorResult>;

export class Gossip {
  readonly #topic: string;
  readonly #parts: GossipComponents;
  readonly #state: GossipsubState;
  readonly #subscribed = new Set<PeerId>();
  /** Peers that are subscribed but have no stream from us yet, with the timer that looks again. */
  readonly #unconfirmed = new Map<PeerId, NodeJS.Timeout>();
  readonly #doubtful = new Set<PeerId>();
  #heartbeats = 0;
  #stopped = false;

  constructor(options: { readonly topic: string }, components: GossipComponents) {
    this.#topic = options.topic;
    this.#parts = components;
    this.#state = stateOf(components.gossipsub);
  }

  start(): void {
    const { gossipsub, onGossip, metrics, log } = this.#parts;
    gossipsub.topicValidators.set(this.#topic, (from, { data }) => {
      if (this.#stopped) return TopicValidatorResult.Ignore;
      const verdict = data.length > gossipMaxBytes ? 'reject' : onGossip(from.toString(), data);
      metrics.gossipReceived.add({ verdict });
      metrics.gossipReceivedBytes.add({}, data.length);
      if (verdict === 'reject') log('gossip_rejected', { from: from.toString(), bytes: data.length });
      return results[verdict];
    });
    gossipsub.addEventListener('subscription-change', ({ detail }) => {
      for (const { topic, subscribe } of detail.subscriptions) {
        if (topic === this.#topic) this.#onSubscription(detail.peerId.toString(), subscribe);
      }
    });
    gossipsub.addEventListener('gossipsub:heartbeat', () => {
      this.#heartbeats += 1;
      if (this.#heartbeats % auditEveryHeartbeats === 0) this.#audit();
    });
    gossipsub.subscribe(this.#topic);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#unconfirmed.values()) clearTimeout(timer);
    this.#unconfirmed.clear();
  }

  /** @throws RangeError above `gossipMaxBytes`: a bug in the caller. */
  publish(bytes: Uint8Array): void {
    if (bytes.length > gossipMaxBytes) throw new RangeError(`a gossip message of ${bytes.length} bytes`);
    // Into the void it would still count as seen, and saying it again to the first listener as a duplicate.
    if (this.#subscribed.size === 0) return;
    const { gossipsub, links, log, metrics } = this.#parts;
    metrics.gossipPublished.add();
    const options = { floodPublish: links.size <= floodMaxPeersCount };
    // The published interface leaves out the third argument, which decides per message.
    const publish: (topic: string, data: Uint8Array, options: object) => Promise<unknown> =
      gossipsub.publish.bind(gossipsub);
    publish(this.#topic, bytes, options).catch(error => {
      // Best effort by contract: sync repairs whatever gossip loses.
      if (!this.#stopped) log('network_fault', { during: 'publish', error });
    });
  }

  down(peer: PeerId): void {
    this.#subscribed.delete(peer);
    this.#doubtful.delete(peer);
    this.#forget(peer);
  }

  isSubscribed(peer: PeerId): boolean {
    return this.#subscribed.has(peer);
  }

  score(peer: PeerId): number {
    return this.#state.getScore(peer);
  }

  mesh(): ReadonlySet<PeerId> {
    return new Set(this.#state.getMeshPeers(this.#topic));
  }

  #onSubscription(peer: PeerId, subscribe: boolean): void {
    if (!this.#parts.links.isLinked(peer)) return;
    if (!subscribe) this.down(peer);
    else if (!this.#subscribed.has(peer) && !this.#unconfirmed.has(peer)) {
      this.#confirm(peer, confirmFirstDelayMs);
    }
  }

  #confirm(peer: PeerId, delayMs: number): void {
    if (this.#stopped) return;
    this.#forget(peer);
    if (this.#state.streamsOutbound.has(peer)) {
      this.#subscribed.add(peer);
      this.#parts.onSubscribed(peer);
      return;
    }
    const again = () => this.#confirm(peer, Math.min(2 * delayMs, confirmMaxDelayMs));
    this.#unconfirmed.set(peer, setTimeout(again, delayMs));
  }

  #forget(peer: PeerId): void {
    clearTimeout(this.#unconfirmed.get(peer));
    this.#unconfirmed.delete(peer);
  }

  /** A stream that is missing twice in a row is not merely being opened. */
  #audit(): void {
    const { links, gate, metrics } = this.#parts;
    for (const connection of links.linked()) {
      const peer = connection.remotePeer.toString();
      if (this.#state.streamsOutbound.has(peer)) this.#doubtful.delete(peer);
      else if (this.#doubtful.has(peer)) {
        this.#doubtful.delete(peer);
        metrics.gossipStreamsReopened.add();
        this.#reopen(connection, peer, gate);
      } else this.#doubtful.add(peer);
    }
  }

  /** What was published meanwhile did not reach the peer, so it counts as newly subscribed. */
  #reopen(connection: Connection, peer: PeerId, gate: GatedRegistrar): void {
    const wasSubscribed = this.#subscribed.delete(peer);
    gate.up(connection);
    if (wasSubscribed) this.#confirm(peer, confirmFirstDelayMs);
  }
}

function stateOf(gossipsub: GossipSub): GossipsubState {
  const state = gossipsub as GossipSub & Partial<GossipsubState>;
  if (
    state.streamsOutbound instanceof Map &&
    typeof state.getScore === 'function' &&
    typeof state.getMeshPeers === 'function'
  ) {
    return state as GossipSub & GossipsubState;
  }
  throw new TypeError('this version of @libp2p/gossipsub hides what Firsthand reads from it');
}
