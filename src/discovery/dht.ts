/**
 * A Kademlia of the cluster's own, for finding an agent that is not among the neighbours.
 *
 * Quiet by design: small tables, few requests at once, a walk every ten minutes. It keeps no records and
 * it may not dial on its own (the network's gate sees to that), so an idle one costs next to nothing.
 */
import type { KadDHT, KadDHTComponents } from '@libp2p/kad-dht';
import { peerIdFromString } from '@libp2p/peer-id';
import type { PeerId } from '../core/record/record.ts';

export interface DhtOptions {
  /** Carries the cluster, so that walks never leave it. */
  readonly protocol: string;
}

export interface DhtStartComponents {
  readonly internals: Omit<KadDHTComponents, 'registrar'>;
  /** Shows the DHT only agents of our cluster. */
  readonly registrar: KadDHTComponents['registrar'];
  readonly onPeer: (peer: PeerId, multiaddrs: readonly string[]) => void;
}

type Service = KadDHT & { start(): Promise<void>; stop(): Promise<void> };

/** Loads the library only when it is needed: it is a sixth of all that an agent loads. */
export async function startDht(options: DhtOptions, components: DhtStartComponents): Promise<Dht> {
  const { kadDHT, passthroughMapper } = await import('@libp2p/kad-dht');
  const { internals, registrar, onPeer } = components;
  const service = kadDHT({
    protocol: options.protocol,
    clientMode: false,
    kBucketSize: 10, // Enough for 1,000 agents: a walk asks some 30 of them.
    alpha: 3,
    querySelfInterval: 600_000,
    peerInfoMapper: passthroughMapper, // The default forgets private addresses, and a cluster has no others.
  })({
    registrar,
    peerId: internals.peerId,
    privateKey: internals.privateKey,
    addressManager: internals.addressManager,
    peerStore: internals.peerStore,
    connectionManager: internals.connectionManager,
    datastore: internals.datastore,
    events: internals.events,
    logger: internals.logger,
    ping: internals.ping,
  });
  if (!isService(service)) throw new TypeError('this version of @libp2p/kad-dht cannot be started by hand');
  listen(service, onPeer);
  await service.start();
  stopTagging(service);
  return new Dht(service, onPeer);
}

export class Dht {
  readonly #service: Service;
  readonly #onPeer: DhtStartComponents['onPeer'];
  #stopped = false;

  constructor(service: Service, onPeer: DhtStartComponents['onPeer']) {
    this.#service = service;
    this.#onPeer = onPeer;
  }

  /** @returns Whether somebody knows the peer; its addresses go to `onPeer`. */
  async find(peer: PeerId, signal: AbortSignal): Promise<boolean> {
    // Asks the network even when an address is remembered: whoever looks up has tried that one.
    const events = this.#service.findPeer(peerIdFromString(peer), { signal, useCache: false });
    for await (const event of events) {
      if (event.name !== 'FINAL_PEER') continue;
      this.#onPeer(peer, textsOf(event.peer.multiaddrs));
      return true;
    }
    return false;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#service.stop();
  }
}

/** The DHT names every peer it hears of in an event of its own, which its published type leaves out. */
function listen(service: Service, onPeer: DhtStartComponents['onPeer']): void {
  if (!(service instanceof EventTarget))
    throw new TypeError('this version of @libp2p/kad-dht sends no events');
  service.addEventListener('peer', event => {
    const found: unknown = event instanceof CustomEvent ? event.detail : undefined;
    if (isPeerInfo(found)) onPeer(found.id.toString(), textsOf(found.multiaddrs));
  });
}

/**
 * Every 5 s it compares and tags the nearest peers, so that libp2p keeps connections to them: 6 % of what an
 * idle agent of 20 costs (measured), for a decision that is the core's here. Where this version keeps that
 * part to itself, it just goes on.
 */
function stopTagging(service: Service): void {
  const table: unknown = 'routingTable' in service ? service.routingTable : undefined;
  const tagger: unknown =
    typeof table === 'object' && table !== null && 'closestPeerTagger' in table
      ? table.closestPeerTagger
      : undefined;
  if (typeof tagger !== 'object' || tagger === null) return;
  if ('stop' in tagger && typeof tagger.stop === 'function') tagger.stop();
}

interface Printable {
  toString(): string;
}

function isPeerInfo(value: unknown): value is { readonly id: Printable; readonly multiaddrs: Printable[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'id' in value &&
    'multiaddrs' in value &&
    Array.isArray(value.multiaddrs)
  );
}

const addressesMaxCount = 8;

function textsOf(multiaddrs: readonly Printable[]): readonly string[] {
  return multiaddrs.slice(0, addressesMaxCount).map(String);
}

function isService(dht: KadDHT): dht is Service {
  return 'start' in dht && typeof dht.start === 'function' && 'stop' in dht && typeof dht.stop === 'function';
}
