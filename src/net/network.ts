/**
 * The production `Network`: libp2p with TCP, Noise, yamux and gossipsub.
 *
 * libp2p connects, encrypts and multiplexes; every decision about whom to be connected to is the core's.
 * So libp2p's own dialling is switched off (only our dials and our DHT look-ups pass its gate), results
 * come back through the handlers, and the parts below only see peers of our cluster: `LinkTable` lets
 * them in, `Gossip`, `Frames` and `Dialer` do one thing each.
 */
import { networkInterfaces } from 'node:os';
import type { Connection, PeerId as Libp2pPeerId } from '@libp2p/interface';
import type { PeerId } from '../core/record/record.ts';
import type { Standing } from '../core/reputation/reputation.ts';
import type { AdmissionAuthority, AdmissionFacts } from '../runtime/admission.ts';
import {
  type AuditLog,
  type DialTarget,
  type DiscoverySource,
  type LinkView,
  type LocalContact,
  type MdnsFinding,
  type Network,
  type NetworkHandlers,
  noAuditLog,
} from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import { contactMultiaddrs, multiaddrsAt } from './addresses.ts';
import { AdmittedPeers } from './admitted-peers.ts';
import { Dialer } from './dialer.ts';
import { Discovery, type StartDht, type StartMdns } from './discovery.ts';
import { Frames } from './frames.ts';
import { Gossip } from './gossip.ts';
import { createHost, type Host, type HostLimits, type OverEncrypter } from './host.ts';
import { LinkTable } from './link-table.ts';
import { listenOn } from './listening.ts';
import { type ResolveName, systemResolve } from './name-expansion.ts';
import { Pinger } from './pinger.ts';
import { type ProtocolNames, protocolNames } from './protocols.ts';
import { RequestChannel } from './request-channel.ts';

export interface Libp2pNetworkOptions {
  readonly cluster: string;
  /** Ed25519: 32 bytes of seed, then 32 bytes of public key. */
  readonly privateKeyRaw: Uint8Array;
  /** `/ip4/…/tcp/…` or `/ip6/…/tcp/…`; port 0 picks a free one. */
  readonly listen: readonly string[];
  /** Connections at once, foreign ones and doubles included; above, new ones are refused. */
  readonly connectionsMaxCount?: number;
  readonly limits?: Partial<NetLimits>;
  /** From the call to the end of a dial, identification included, ms. */
  readonly dialTimeoutMs?: number;
  /** The DHT starts after a third to the whole of this time, ms, or with the first look-up. */
  readonly dhtDelayMaxMs?: number;
}

export interface Libp2pNetworkComponents {
  readonly log: Log;
  readonly metrics: NetMetrics;
  /** Takes down who is admitted and who is not; absent: nobody does. */
  readonly audit?: AuditLog | undefined;
  /** Addresses of a name; absent: the system's. */
  readonly resolve?: ResolveName | undefined;
  /** LAN discovery; absent: off. */
  readonly mdns?: StartMdns | undefined;
  /** Looking peers up beyond the neighbours; absent: off, and `lookUp` finds nobody. */
  readonly dht?: StartDht | undefined;
  /** Who says which peers belong here; absent: any that is of the cluster. */
  readonly authority?: AdmissionAuthority | undefined;
  /** Called when a peer has been admitted, before its connection is used. */
  readonly onAdmitted?: ((peer: PeerId, facts: AdmissionFacts) => void) | undefined;
  /** What a linked peer asks about keys; absent: it is not even understood. */
  readonly answerKeys?: ((from: PeerId, request: Uint8Array) => Promise<Uint8Array | undefined>) | undefined;
  /** Faults on every connection, for drills; absent: none. */
  readonly faults?: { readonly overEncrypter: OverEncrypter } | undefined;
}

export interface NetLimits extends HostLimits {
  /** Streams of one of our protocols on one connection, in each direction. */
  readonly syncStreamsMaxCount: number;
}

export const netDefaults = {
  connectionsMaxCount: 300, // Every agent up to 200, each perhaps twice for a moment.
  dialTimeoutMs: 10_000, // Guess: four addresses that swallow packets, or one very busy agent.
  dhtDelayMaxMs: 15_000, // Guess: by then a cluster that starts as a whole has met.
};

/** One that is in use, and one that takes its place. */
const syncStreamsMaxCount = 2;
/** By contract with the agent, which has 10 s for everything. */
const stopDeadlineMs = 3_000;
const keysMaxBytes = 2 * 1_024;
/** Guess: a busy agent, and a disk that flushes. */
const keysTimeoutMs = 5_000;
const peerSweepIntervalMs = 600_000;
/** A foreign agent that keeps dialling must not fill the log; the counter has them all. */
const foreignLogIntervalMs = 10_000;

interface Running {
  readonly host: Host;
  readonly handlers: NetworkHandlers;
  readonly links: LinkTable;
  readonly gossip: Gossip;
  readonly frames: Frames;
  readonly dialer: Dialer;
  readonly pinger: Pinger;
  readonly discovery: Discovery;
  readonly sweep: NodeJS.Timeout;
}

export class Libp2pNetwork implements Network {
  readonly #options: Libp2pNetworkOptions;
  readonly #parts: Libp2pNetworkComponents;
  readonly #names: ProtocolNames;
  readonly #standings = new Map<PeerId, Standing>();
  #running: Running | undefined;
  #started = false;
  #stopped = false;
  readonly #admitted: AdmittedPeers | undefined;
  readonly #keys: RequestChannel | undefined;
  #foreignLoggedAtMs = Number.NEGATIVE_INFINITY;
  #stopping: Promise<void> | undefined;

  constructor(options: Libp2pNetworkOptions, components: Libp2pNetworkComponents) {
    this.#options = options;
    this.#parts = components;
    this.#names = protocolNames(options.cluster);
    const { authority, audit = noAuditLog, log, metrics, answerKeys, onAdmitted = () => {} } = components;
    this.#admitted = authority && new AdmittedPeers({ authority, audit, log, metrics, onAdmitted });
    this.#keys =
      answerKeys &&
      new RequestChannel(
        { protocol: this.#names.keys, maxBytes: keysMaxBytes, timeoutMs: keysTimeoutMs },
        { answer: answerKeys },
      );
  }

  async start(handlers: NetworkHandlers): Promise<LocalContact> {
    if (this.#started) throw new TypeError('the network was started before');
    this.#started = true;
    const running = await this.#assemble(handlers);
    this.#running = running;
    try {
      return await this.#listen(running);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  publish(bytes: Uint8Array): void {
    this.#running?.gossip.publish(bytes);
  }

  send(peer: PeerId, frame: Uint8Array): void {
    this.#running?.frames.send(peer, frame);
  }

  dial(target: DialTarget): void {
    this.#running?.dialer.dial(target);
  }

  ping(peer: PeerId): void {
    this.#running?.pinger.ping(peer);
  }

  lookUp(peer: PeerId): void {
    this.#running?.discovery.lookUp(peer);
  }

  hangUp(peer: PeerId): void {
    const connection = this.#running?.links.connectionTo(peer);
    if (connection === undefined) return;
    this.#running?.host.node
      .hangUp(connection.remotePeer, { signal: AbortSignal.timeout(1_000) })
      .catch(error =>
        // libp2p aborts a connection that does not close in time, so it is gone either way.
        this.#parts.log('network_fault', { during: 'hang-up', error }),
      );
  }

  setStanding(peer: PeerId, standing: Standing): void {
    if (standing === 'good') this.#standings.delete(peer);
    else this.#standings.set(peer, standing);
  }

  /** What a connected peer has proved; `undefined` where nothing is asked for. */
  admissionOf(peer: PeerId): AdmissionFacts | undefined {
    return this.#admitted?.factsOf(peer);
  }

  /**
   * Asks a peer about keys, over a link that is there or is made for it.
   *
   * @throws Error, for a person, when there is no answer in time
   */
  async askKeys(peer: PeerId, multiaddrs: readonly string[], request: Uint8Array): Promise<Uint8Array> {
    const running = this.#running;
    if (running === undefined || this.#keys === undefined) throw new Error('the network is not running');
    if (!running.links.isLinked(peer)) {
      const outcome = await running.dialer.connect({ key: `keys ${peer}`, peer, multiaddrs });
      if (!outcome.ok) throw new Error(outcome.text);
    }
    const connection = running.links.connectionTo(peer);
    if (connection === undefined) throw new Error('the connection is gone');
    return this.#keys.ask(connection, request);
  }

  async examineMdns(): Promise<readonly MdnsFinding[] | undefined> {
    return this.#running?.discovery.examineMdns();
  }

  links(): readonly LinkView[] {
    if (this.#running === undefined) return [];
    const { links, gossip } = this.#running;
    const mesh = gossip.mesh();
    return [...links.linked()].map(connection => {
      const peer = connection.remotePeer.toString();
      return {
        peer,
        address: connection.remoteAddr.toString(),
        outbound: connection.direction === 'outbound',
        subscribed: gossip.isSubscribed(peer),
        inMesh: mesh.has(peer),
        score: gossip.score(peer),
      };
    });
  }

  /** Ends pending dials and pings; from then on no handler is called. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #assemble(handlers: NetworkHandlers): Promise<Running> {
    const { log, metrics, faults } = this.#parts;
    const { cluster, privateKeyRaw } = this.#options;
    const dialTimeoutMs = this.#options.dialTimeoutMs ?? netDefaults.dialTimeoutMs;
    let running: Running | undefined;
    const parts = (): Running => {
      if (running === undefined) throw new TypeError('the network is not assembled yet');
      return running;
    };

    const host = await createHost(
      {
        privateKeyRaw,
        topic: this.#names.topic,
        connectionsMaxCount: this.#options.connectionsMaxCount ?? netDefaults.connectionsMaxCount,
        dialTimeoutMs,
        mayDial: peer =>
          !isShutOut(this.#standings.get(peer.toString())) &&
          (parts().dialer.isDialing(peer.toString()) || parts().discovery.isLookingUp),
        mayEnter: peer => !isShutOut(this.#standings.get(peer.toString())),
        scoreOf: peer => standingScore(this.#standings.get(peer)),
        ...(this.#options.limits === undefined ? {} : { limits: this.#options.limits }),
        admission: this.#admitted,
        onStreamExcess: () => metrics.streamsRefused.add(),
        onExcess: reason => metrics.connectionsRefused.add({ reason }),
        overEncrypter: faults === undefined ? undefined : make => faults.overEncrypter(make),
      },
      () => parts().links,
    );
    const { node, gate } = host;
    const self = node.peerId.toString();
    const links = new LinkTable(
      { syncProtocol: this.#names.sync },
      {
        identify: node.services.identify,
        events: {
          up: connection => this.#onUp(parts(), connection),
          down: peer => this.#onDown(parts(), peer),
          moved: connection => gate.up(connection),
          foreign: (connection, other) => this.#onForeign(parts(), connection, other),
        },
      },
    );
    running = {
      host,
      handlers,
      links,
      gossip: new Gossip(
        { topic: this.#names.topic },
        {
          gossipsub: node.services.gossip,
          gate,
          links,
          log,
          metrics,
          onGossip: (from, bytes) => handlers.onGossip(from, bytes),
          onSubscribed: peer => handlers.onSubscribed(peer),
        },
      ),
      frames: new Frames(
        { protocol: this.#names.sync },
        { links, metrics, onFrame: (from, bytes) => handlers.onFrame(from, bytes) },
      ),
      dialer: new Dialer(
        { cluster, self, timeoutMs: dialTimeoutMs },
        {
          node,
          links,
          resolve: this.#parts.resolve ?? systemResolve,
          log,
          metrics,
          onEnded: (key, outcome) => handlers.onDialEnded(key, outcome),
        },
      ),
      pinger: new Pinger({
        ping: node.services.ping,
        links,
        metrics,
        onPing: (peer, rttMs) => handlers.onPing(peer, rttMs),
      }),
      discovery: new Discovery(
        {
          cluster,
          kadProtocol: this.#names.kad,
          self,
          dhtDelayMaxMs: this.#options.dhtDelayMaxMs ?? netDefaults.dhtDelayMaxMs,
        },
        {
          host,
          links,
          log,
          metrics,
          mdns: this.#parts.mdns,
          dht: this.#parts.dht,
          onDiscovered: (peer, multiaddrs, source) => this.#onDiscovered(parts(), peer, multiaddrs, source),
        },
      ),
      sweep: setInterval(() => void this.#sweepPeers(parts()), peerSweepIntervalMs),
    };
    running.sweep.unref();
    return running;
  }

  async #listen(running: Running): Promise<LocalContact> {
    const { host, links, frames, gossip, discovery } = running;
    const { node, internals, gate } = host;
    node.addEventListener('connection:open', ({ detail }) => void links.admit(detail));
    const { syncStreamsMaxCount: streams = syncStreamsMaxCount } = this.#options.limits ?? {};
    const perConnection = { maxInboundStreams: streams, maxOutboundStreams: streams };
    await gate.handle(
      this.#names.sync,
      (stream, connection) => frames.receive(stream, connection),
      perConnection,
    );
    if (this.#keys !== undefined) {
      const keys = this.#keys;
      await gate.handle(
        this.#names.keys,
        (stream, connection) => void keys.receive(stream, connection),
        perConnection,
      );
    }
    await node.start();
    gossip.start();
    const endpoints = await listenOn(internals.transportManager, this.#options.listen);
    this.#vouchForAddresses(host);
    const peer = node.peerId.toString();
    const multiaddrs = contactMultiaddrs(endpoints, networkInterfaces(), peer);
    this.#parts.log('network_listening', { peer, multiaddrs });
    discovery.start(hosts => multiaddrsAt(endpoints, hosts, peer));
    return { peer, multiaddrs };
  }

  /** libp2p tells nobody about a public address until a stranger has confirmed it; we listen there, so it is true. */
  #vouchForAddresses({ internals }: Host): void {
    for (const address of internals.transportManager.getAddrs()) {
      internals.addressManager.confirmObservedAddr(address, {
        type: 'transport',
        ttl: 10 * 365 * 86_400_000,
      });
    }
  }

  #onUp(running: Running, connection: Connection): void {
    const peer = connection.remotePeer.toString();
    const address = connection.remoteAddr.toString();
    this.#parts.metrics.links.set(running.links.size);
    this.#parts.log('link_up', { peer, address, direction: connection.direction });
    running.handlers.onLinkUp(peer, address);
    // After the handler, so that nothing of a peer is heard before its link.
    running.host.gate.up(connection);
  }

  #onDown(running: Running, remote: Libp2pPeerId): void {
    const peer = remote.toString();
    running.host.gate.down(remote);
    running.gossip.down(peer);
    running.frames.down(peer);
    this.#parts.metrics.links.set(running.links.size);
    this.#parts.log('link_down', { peer });
    running.handlers.onLinkDown(peer);
  }

  #onForeign(running: Running, connection: Connection, cluster: string | undefined): void {
    const address = connection.remoteAddr.toString();
    const nowMs = performance.now();
    if (nowMs - this.#foreignLoggedAtMs >= foreignLogIntervalMs) {
      this.#foreignLoggedAtMs = nowMs;
      this.#parts.log('foreign_peer_refused', { address, cluster });
    }
    running.handlers.onForeign(address);
  }

  #onDiscovered(
    running: Running,
    peer: PeerId,
    multiaddrs: readonly string[],
    source: DiscoverySource,
  ): void {
    if (this.#stopped) return;
    this.#parts.metrics.discovered.add({ source });
    running.handlers.onDiscovered(peer, multiaddrs, source);
  }

  /**
   * libp2p removes peers that it has not touched for long, but only while it walks through all of them, and
   * it does not count being connected as a touch.
   */
  async #sweepPeers({ host, links }: Running): Promise<void> {
    const { peerStore } = host.node;
    try {
      await Promise.all([...links.linked()].map(({ remotePeer }) => peerStore.merge(remotePeer, {})));
      await peerStore.all();
    } catch (error) {
      // The next sweep tries again; until then a few kilobytes are kept too long.
      this.#parts.log('network_fault', { during: 'sweep', error });
    }
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    const { host, links, gossip, frames, dialer, pinger, discovery, sweep } = running;
    clearInterval(sweep);
    this.#keys?.stop();
    dialer.stop();
    pinger.stop();
    gossip.stop();
    frames.stop();
    links.stop();
    const closed = Promise.allSettled([discovery.stop(), host.node.stop()]);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<'late'>(resolve => {
      timer = setTimeout(() => resolve('late'), stopDeadlineMs);
    });
    const end = await Promise.race([closed, deadline]);
    clearTimeout(timer);
    if (end === 'late') {
      this.#parts.log('stop_forced', { component: 'network', afterMs: stopDeadlineMs });
      for (const connection of host.node.getConnections()) connection.abort(new Error('stopped'));
    }
  }
}

function isShutOut(standing: Standing | undefined): boolean {
  return standing === 'quarantined' || standing === 'banned';
}

/** What gossipsub is told: below zero nobody is in the mesh; what we publish ourselves still goes there. */
function standingScore(standing: Standing | undefined): number {
  return standing === 'no-mesh' || isShutOut(standing) ? -50 : 0;
}
