/** One libp2p host, set up for agents that manage their connections themselves. */
import { noise } from '@chainsafe/libp2p-noise';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import { type GossipSub, gossipsub } from '@libp2p/gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { ConnectionEncrypter, Libp2p, PeerId } from '@libp2p/interface';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { createLibp2p, type ServiceFactoryMap } from 'libp2p';
import { type Admission, GatedRegistrar } from './gated-registrar.ts';
import { gossipProfile } from './gossip-profile.ts';
import { carefulYamux } from './muxer.ts';

export interface HostOptions {
  /** Ed25519: 32 bytes of seed, then 32 bytes of public key. */
  readonly privateKeyRaw: Uint8Array;
  readonly topic: string;
  readonly connectionsMaxCount: number;
  readonly dialTimeoutMs: number;
  /** Whether this dial is ours: libp2p and the DHT may not dial on their own. */
  readonly mayDial: (peer: PeerId) => boolean;
  /** Whether this peer, whose key is proved by now, is let in. */
  readonly mayEnter: (peer: PeerId) => boolean;
  /** What we ourselves hold against a peer, for gossipsub's score; 0 for nothing. */
  readonly scoreOf: (peer: string) => number;
  /** What stands between every connection and its encryption; for drills. */
  readonly overEncrypter?: OverEncrypter | undefined;
}

export type OverEncrypter = <Components>(
  make: (components: Components) => ConnectionEncrypter,
) => (components: Components) => ConnectionEncrypter;

interface Services extends Record<string, unknown> {
  readonly identify: Identify;
  readonly ping: Ping;
  readonly gossip: GossipSub;
}

/** Everything that libp2p's own services see of a host. */
export type HostInternals = Parameters<ServiceFactoryMap<Services>['gossip']>[0];

export interface Host {
  readonly node: Libp2p<Services>;
  readonly internals: HostInternals;
  /** What gossipsub and the DHT get instead of the host's own registrar. */
  readonly gate: GatedRegistrar;
}

/** Per host name or address; the default of 5 resets most of 20 agents that start together. */
const inboundConnectionsPerSecond = 100;
/**
 * To open a TCP connection, ms. Far less than the rest of a dial may take: an address that swallows packets
 * must leave time for the next one, whereas a handshake (10 to 40 ms of CPU) is slow when everybody starts
 * at once. With 1.5 s for both, 91 of 153 dials failed between 18 agents on two busy cores.
 */
const connectTimeoutMs = 2_000;
/** Several of ours and of the peer's may meet on one connection. */
const pingStreamsMaxCount = 16;
/**
 * Who is alive is the failure detector's business; this only keeps middle boxes from forgetting an idle
 * connection. The usual 30 s cost an agent among 20 a tenth of its idle time (measured).
 */
const linkKeepAliveMs = 120_000;
const negotiationTimeoutMs = 10_000;
/** Handed on to `net.connect`. */
const connectOptions = { keepAlive: true, timeout: connectTimeoutMs };
/** How long libp2p remembers a peer after the last sweep in which it was linked. */
const peerMaxAgeMs = 3_600_000;

/** Creates the host, not yet started and not listening. */
export async function createHost(options: HostOptions, admission: () => Admission): Promise<Host> {
  let internals: HostInternals | undefined;
  let gate: GatedRegistrar | undefined;
  const node = await createLibp2p<Services>({
    start: false,
    privateKey: privateKeyFromRaw(options.privateKeyRaw),
    // Nothing here: addresses are listened on one by one once every protocol is registered, so that
    // whoever connects first already hears all of them.
    addresses: { listen: [] },
    transports: [tcp({ dialOpts: connectOptions })],
    connectionEncrypters: [options.overEncrypter?.(noise()) ?? noise()],
    streamMuxers: [carefulYamux({ keepAliveInterval: linkKeepAliveMs })],
    connectionGater: {
      denyDialPeer: peer => !options.mayDial(peer),
      denyInboundEncryptedConnection: peer => !options.mayEnter(peer),
      // libp2p refuses private addresses in browsers only; said here because a cluster lives on them.
      denyDialMultiaddr: () => false,
    },
    connectionManager: {
      maxConnections: options.connectionsMaxCount,
      inboundConnectionThreshold: inboundConnectionsPerSecond,
      maxIncomingPendingConnections: 100,
      dialTimeout: options.dialTimeoutMs,
      addressDialTimeout: options.dialTimeoutMs,
      addressSorter: () => 0, // The order is decided where the addresses are known.
      inboundUpgradeTimeout: negotiationTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: negotiationTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: negotiationTimeoutMs,
      connectionCloseTimeout: 1_000,
      reconnectRetries: 0,
    },
    // It pings every connection every 10 s and closes those that fail; the core does both.
    connectionMonitor: { enabled: false },
    // A peer's addresses are kept as long as the peer: linked ones are identified only once.
    peerStore: { maxPeerAge: peerMaxAgeMs, maxAddressAge: Number.POSITIVE_INFINITY },
    services: {
      identify: identify({ runOnConnectionOpen: false }),
      ping: ping({ maxInboundStreams: pingStreamsMaxCount, maxOutboundStreams: pingStreamsMaxCount }),
      gossip: components => {
        internals = components;
        gate = new GatedRegistrar(components.registrar, lateAdmission(admission));
        return gossipsub(gossipProfile(options.topic, options.scoreOf))({
          privateKey: components.privateKey,
          peerId: components.peerId,
          peerStore: components.peerStore,
          registrar: gate,
          connectionManager: components.connectionManager,
          logger: components.logger,
        });
      },
    },
  });
  if (internals === undefined || gate === undefined) throw new TypeError('libp2p did not ask for gossipsub');
  return { node, internals, gate };
}

/** The links need the host's identify service, and the host's services need the links. */
function lateAdmission(admission: () => Admission): Admission {
  return {
    isAdmitted: connection => admission().isAdmitted(connection),
    whenAdmitted: connection => admission().whenAdmitted(connection),
    linked: () => admission().linked(),
  };
}
