/**
 * The predecessor's nodes as peers: they speak only `POST /registration`, and answer it with the nodes they
 * know.
 *
 * The agent does what such a node does when it joins: it registers with every peer that was configured,
 * collects their lists, takes consensus, registers with the nodes it has so learnt of, and registers again
 * every refresh interval, which is also how it hears of changes. What the peers list becomes hints (`hints.ts`);
 * what this agent says of itself and of its services becomes updates that the outbox delivers to all of them
 * (`delivery.ts`). An answer that does not list a service of ours as it is sends it once more, so a peer that
 * was restarted knows everything again after one interval.
 */
import type { CoreLogEvent, Effect, Input } from '../effects.ts';
import type { Priority } from '../outbox/delivery.ts';
import type { Outbox } from '../outbox/outbox.ts';
import type { Random } from '../random.ts';
import type { Author } from '../record/author.ts';
import { isSameContent, type NodeFields, type NodeId } from '../record/node.ts';
import { compareText, type PeerId, type VerifiedRecord } from '../record/record.ts';
import type { Table } from '../record/table.ts';
import type { Now } from '../time.ts';
import type { HttpPeerView, LivenessState } from '../view.ts';
import { agree } from './consensus.ts';
import { httpScheme, receiverOf, updateFor, urlOf } from './delivery.ts';
import { Hints } from './hints.ts';
import type { PeerOutcome } from './outcome.ts';
import { PeerBook } from './peer-book.ts';
import { isUrlOfAddress, peerUrlOfAddress } from './peer-url.ts';
import { registrationBody } from './registration.ts';
import { type BridgeCounts, type BridgeSettings, defaultBridgeSettings } from './settings.ts';
import { Testimonies } from './testimonies.ts';

/** A node that nobody has listed for so many refresh intervals is gone. */
const leaseRefreshes = 3;
/** How often the leases are looked at within one refresh interval. */
const looksPerRefresh = 4;
/** The rest follows at the next tick, a second later. */
const judgedAtOnceMaxCount = 250;

export interface BridgeComponents {
  readonly author: Author;
  readonly table: Table;
  readonly outbox: Outbox;
  /** Names a text by what it says. */
  readonly digestOf: (text: string) => string;
  readonly random: Random;
  readonly livenessOf: (author: PeerId) => LivenessState;
  readonly say: (record: VerifiedRecord, now: Now) => readonly Effect[];
  /** What the agent says about itself, once it has started. */
  readonly ownNode: () => NodeFields | undefined;
  readonly hostedIds: () => Iterable<NodeId>;
  /** The service was heard from. */
  readonly renew: (id: NodeId, now: Now) => void;
  /** Whether the agent has joined its cluster, and so knows who speaks there for whom. */
  readonly isReady: () => boolean;
}

export class Bridge {
  readonly #selfId: NodeId;
  readonly #settings: BridgeSettings;
  readonly #components: BridgeComponents;
  readonly #peers: PeerBook;
  readonly #testimonies: Testimonies;
  readonly #hints: Hints;
  /** Services of ours, and ourselves, that the peers have not been told of as they are. */
  readonly #untold = new Set<NodeId>();
  /** Nodes about which a list has changed, and now and then all, because of what else may have. */
  readonly #unjudged = new Set<NodeId>();
  /** Where the listed nodes take registrations, agents of the cluster left out. */
  readonly #urls = new Map<NodeId, string>();
  /** Nodes about whose contents it was said that the peers disagree. */
  readonly #disputed = new Set<NodeId>();
  #nextLookMonoMs = 0;
  #lastKey = 0;
  #leftOutCount = 0;

  constructor(
    options: { readonly selfId: NodeId; readonly settings: Partial<BridgeSettings> },
    components: BridgeComponents,
  ) {
    this.#selfId = options.selfId;
    this.#settings = { ...defaultBridgeSettings, ...options.settings };
    this.#components = components;
    const { urls, refreshMs, peersMaxCount, hintsMaxCount, testimoniesMaxCount } = this.#settings;
    const leaseMs = leaseRefreshes * refreshMs;
    this.#peers = new PeerBook(
      { urls, refreshMs, maxCount: Math.max(peersMaxCount, urls.length) },
      components,
    );
    this.#testimonies = new Testimonies({ leaseMs, maxCount: testimoniesMaxCount });
    const isAnswering = (address: string) => this.#peers.isAnswering(peerUrlOfAddress(address) ?? '');
    this.#hints = new Hints(
      { selfId: this.#selfId, leaseMs, maxCount: hintsMaxCount },
      { ...components, isAnswering },
    );
  }

  views(monoMs: number): readonly HttpPeerView[] {
    return this.#peers.views(url => this.#testimonies.countOf(url), monoMs);
  }

  get counts(): BridgeCounts {
    return {
      hints: this.#hints.count,
      leftOut: this.#leftOutCount,
      refusedPeers: this.#peers.refusedCount,
    };
  }

  /** Hears of each record of our own, said just now or recalled from an earlier run. */
  follow(record: VerifiedRecord, now: Now): void {
    const wasHint = this.#hints.has(record.subject);
    this.#hints.follow(record);
    if (this.#hints.has(record.subject)) {
      if (!wasHint) this.#testimonies.remember(record.subject, now.monoMs);
    } else if (record.body.type === 'entry' && record.authority !== 'hint') this.#untold.add(record.subject);
  }

  /** Registers with whom it is time for, tells what has changed, and judges what was heard. */
  tick(now: Now): readonly Effect[] {
    const own = this.#components.ownNode();
    if (own === undefined || (this.#peers.count === 0 && this.#hints.count === 0)) {
      this.#untold.clear();
      return own === undefined ? [] : this.#forgetReceivers(now);
    }
    return [
      ...onceDurable(this.#register(own, now)),
      ...this.tellChanges(now),
      ...this.#judge(now),
      ...this.#look(now),
    ];
  }

  /** What has changed of our own, without waiting for the next tick. */
  tellChanges(now: Now): readonly Effect[] {
    const ids = [...this.#untold].sort(compareText);
    this.#untold.clear();
    const urls = [...this.#peers.answering()].map(({ url }) => url);
    return ids.flatMap(id => {
      const node = this.#ownWord(id);
      return node === undefined ? [] : urls.flatMap(url => this.#tell(url, id, node, 'normal', now));
    });
  }

  /** An answer to a request of ours. */
  answered(
    { key, outcome }: Extract<Input, { readonly type: 'http-peer-answered' }>,
    now: Now,
  ): readonly Effect[] {
    const url = key.slice(key.indexOf(' ') + 1);
    const answered = this.#peers.answered(url, outcome, now.monoMs);
    if (answered === undefined) return [];
    const { peer, turned } = answered;
    const effects = turned === undefined || !peer.isConfigured ? [] : [turnLog(url, turned, outcome)];
    if (!outcome.ok) return effects;
    const { changed, leftOutCount } = this.#testimonies.hear(url, outcome.peers, now.monoMs);
    this.#leftOutCount += outcome.leftOutCount + leftOutCount;
    for (const id of changed) this.#unjudged.add(id);
    return [
      ...effects,
      ...this.#components.outbox.seen(receiverOf(url), now),
      ...this.#tellMissing(url, outcome, now),
      ...this.#judge(now),
    ];
  }

  /** The agent leaves for good, and with it its word for others. */
  withdrawAll(now: Now): readonly Effect[] {
    return this.#hints.withdrawAll(now);
  }

  /** Everything once more, in the present epoch: what was said before is void. */
  sayAgain(now: Now): readonly Effect[] {
    return this.#hints.sayAgain(now);
  }

  // --- towards the peers -----------------------------------------------------------------------------

  #register(own: NodeFields, { monoMs }: Now): readonly Effect[] {
    return this.#peers.takeDue(monoMs).map(({ url }) => {
      this.#lastKey += 1;
      const key = `${this.#lastKey} ${url}`;
      return { type: 'register-with', key, url, body: registrationBody('register', this.#selfId, own) };
    });
  }

  /**
   * A peer that has forgotten a service of ours, or knows it otherwise, is told again. One that is a service of
   * ours itself was heard from just now.
   */
  #tellMissing(
    url: string,
    { peers }: Extract<PeerOutcome, { readonly ok: true }>,
    now: Now,
  ): readonly Effect[] {
    const known = new Map(peers.map(({ id, node }) => [id, node]));
    return [...this.#components.hostedIds()].flatMap(id => {
      const node = this.#ownWord(id);
      if (node === undefined) return [];
      if (isUrlOfAddress(url, node.address)) this.#components.renew(id, now);
      const there = known.get(id);
      const { publicKey: _untold, ...told } = node;
      return there !== undefined && isSameContent(there, told) ? [] : this.#tell(url, id, node, 'bulk', now);
    });
  }

  /** What the outbox has no room for is found missing in the next answer of the peer. */
  #tell(url: string, id: NodeId, node: NodeFields, priority: Priority, now: Now): readonly Effect[] {
    // It knows best itself.
    if (isUrlOfAddress(url, node.address)) return [];
    const { outbox, digestOf } = this.#components;
    const enqueued = outbox.enqueue(updateFor(url, id, node, { priority, digestOf }), now);
    return enqueued.ok ? enqueued.effects : [];
  }

  /** What we say of ourselves or of a service that we host, when it is what the cluster sees. */
  #ownWord(id: NodeId): NodeFields | undefined {
    const { table, author } = this.#components;
    const own = table.ledger.recordBy(author.peer, id);
    if (own?.body.type !== 'entry' || own.authority === 'hint') return undefined;
    return table.ledger.resolution(id).vouchers.includes(own) ? own.body.node : undefined;
  }

  // --- from the peers --------------------------------------------------------------------------------

  /** Before every configured peer has had its say, one of them would decide alone. */
  #judge(now: Now): readonly Effect[] {
    if (this.#unjudged.size === 0 || !this.#peers.isJoined || !this.#components.isReady()) return [];
    const ids = [...this.#unjudged].sort(compareText).slice(0, judgedAtOnceMaxCount);
    for (const id of ids) this.#unjudged.delete(id);
    return ids.flatMap(id => this.#judgeOne(id, now));
  }

  #judgeOne(id: NodeId, now: Now): readonly Effect[] {
    if (id === this.#selfId) return [];
    const agreement = agree(this.#testimonies.about(id, now.monoMs));
    // Nobody lists it at the moment: its lease decides.
    if (agreement === undefined) return [];
    const { sides, node } = agreement;
    const isNewDispute = sides.length > 1 && !this.#disputed.has(id);
    if (sides.length > 1) this.#disputed.add(id);
    else this.#disputed.delete(id);
    const url = this.#hints.isAgent(id) ? undefined : peerUrlOfAddress(node.address);
    if (url === undefined) this.#urls.delete(id);
    else {
      this.#urls.set(id, url);
      this.#peers.learn(url, now.monoMs);
    }
    const says = sides.map(side => ({ address: side.node.address, peers: [...side.urls].sort(compareText) }));
    return [
      ...(isNewDispute ? [log('http_peers_disagree', { id, says })] : []),
      ...this.#hints.say(id, agreement, now),
    ];
  }

  /** Ends what nobody lists any more, and what others have come to speak for. */
  #look(now: Now): readonly Effect[] {
    if (now.monoMs < this.#nextLookMonoMs) return [];
    this.#nextLookMonoMs = now.monoMs + this.#settings.refreshMs / looksPerRefresh;
    const isJudged = this.#unjudged.size === 0;
    const expired = this.#testimonies.takeExpired(now.monoMs);
    for (const id of expired) {
      this.#disputed.delete(id);
      this.#urls.delete(id);
    }
    for (const id of this.#testimonies.ids()) this.#unjudged.add(id);
    for (const url of this.#peers.forgetUnlisted(new Set(this.#urls.values()))) {
      this.#testimonies.forget(url);
    }
    return [
      // Whoever is listed and not judged yet may still become a peer.
      ...(isJudged ? this.#forgetReceivers(now) : []),
      ...[...expired].sort(compareText).flatMap(id => this.#hints.withdraw(id, now)),
      ...this.#hints.yieldSpokenFor(now),
    ];
  }

  /** What waits for those who are peers no more, also since a restart with other settings. */
  #forgetReceivers(now: Now): readonly Effect[] {
    if (!this.#peers.isJoined) return [];
    const { outbox } = this.#components;
    return outbox
      .receivers()
      .filter(receiver => receiver.startsWith(httpScheme) && !this.#peers.has(urlOf(receiver)))
      .flatMap(receiver => outbox.forget(receiver, now));
  }
}

/** What HTTP peers hear of us is on disk before, as with everybody else. */
function onceDurable(effects: readonly Effect[]): readonly Effect[] {
  return effects.length === 0 ? [] : [{ type: 'persist', operations: [], then: effects }];
}

function turnLog(url: string, turned: 'answering' | 'failing', outcome: PeerOutcome): Effect {
  if (turned === 'answering') return log('http_peer_answers', { url });
  return log('http_peer_fails', {
    url,
    ...(outcome.ok ? {} : { reason: outcome.reason, detail: outcome.detail }),
  });
}

function log(event: CoreLogEvent, fields: Readonly<Record<string, unknown>>): Effect {
  return { type: 'log', event, fields };
}
