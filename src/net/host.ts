/** One libp2p host, set up for agents that manage their connections themselves. */
import { noise } from '@chainsafe/libp2p-noise';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import { type GossipSub, gossipsub } from '@libp2p/gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { ConnectionEncrypter, Libp2p, PeerId } from '@libp2p/interface';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { createLibp2p, type ServiceFactoryMap } from 'libp2p';
import { type AdmissionEncrypterComponents, admitting } from './admission-encrypter.ts';
import { type Admission, GatedRegistrar } from './gated-registrar.ts';
import { type GossipLimits, gossipLimits, gossipProfile } from './gossip-profile.ts';
import { carefulYamux } from './muxer.ts';
import { PendingConnections } from './pending-connections.ts';

export interface HostOptions {
  /** Ed25519: 32 bytes of seed, then 32 bytes of public key. */
  readonly privateKeyRaw: Uint8Array;
  readonly topic: string;
  readonly connectionsMaxCount: number;
  readonly limits?: Partial<HostLimits>;
  /** An inbound connection was refused before anything was read from it. */
  readonly onExcess?: (reason: ConnectionExcess) => void;
  /** An inbound stream was refused: its protocol has as many on that connection as it may. */
  readonly onStreamExcess?: () => void;
  readonly dialTimeoutMs: number;
  /** Whether this dial is ours: libp2p and the DHT may not dial on their own. */
  readonly mayDial: (peer: PeerId) => boolean;
  /** Whether this peer, whose key is proved by now, is let in. */
  readonly mayEnter: (peer: PeerId) => boolean;
  /** What we ourselves hold against a peer, for gossipsub's score; 0 for nothing. */
  readonly scoreOf: (peer: string) => number;
  /** Who says which peers belong here; absent: any that is of the cluster. */
  readonly admission?: AdmissionEncrypterComponents | undefined;
  /** What stands between every connection and its encryption; for drills. */
  readonly overEncrypter?: OverEncrypter | undefined;
}

/** `host_pending`: too many of its host are not ready; `limit`: one of libp2p's own three. */
export type ConnectionExcess = 'host_pending' | 'limit';

export interface HostLimits extends GossipLimits {
  /** New connections a second from one host name or address. */
  readonly hostConnectionsPerSecond: number;
  /** Connections that are not encrypted and admitted yet. */
  readonly pendingConnectionsMaxCount: number;
  /** Of these from one host. */
  readonly hostPendingMaxCount: number;
  /** For one exchange of proofs, ms. */
  readonly admissionTimeoutMs: number;
}

export const hostLimits: HostLimits = {
  hostConnectionsPerSecond: 100, // libp2p's default of 5 resets most of 20 agents that start together.
  pendingConnectionsMaxCount: 100, // Guess.
  hostPendingMaxCount: 50, // Derived: half, so that one host leaves room for others.
  admissionTimeoutMs: 5_000, // Guess: two round trips, beside everybody who starts at the same time.
  ...gossipLimits,
};

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
  const limits = { ...hostLimits, ...options.limits };
  const makeEncrypter = encrypter(options, limits);
  const pending = new PendingConnections({ perHostMaxCount: limits.hostPendingMaxCount });
  const { onExcess = () => {} } = options;
  let internals: HostInternals | undefined;
  let gate: GatedRegistrar | undefined;
  const node = await createLibp2p<Services>({
    start: false,
    privateKey: privateKeyFromRaw(options.privateKeyRaw),
    // Nothing here: addresses are listened on one by one once every protocol is registered, so that
    // whoever connects first already hears all of them.
    addresses: { listen: [] },
    transports: [tcp({ dialOpts: connectOptions })],
    connectionEncrypters: [options.overEncrypter?.(makeEncrypter) ?? makeEncrypter],
    streamMuxers: [carefulYamux({ keepAliveInterval: linkKeepAliveMs })],
    connectionGater: {
      denyDialPeer: peer => !options.mayDial(peer),
      denyInboundEncryptedConnection: peer => !options.mayEnter(peer),
      // libp2p refuses private addresses in browsers only; said here because a cluster lives on them.
      denyDialMultiaddr: () => false,
      denyInboundConnection: connection => {
        if (pending.begin(connection)) return false;
        onExcess('host_pending');
        return true;
      },
      denyInboundUpgradedConnection: (_peer, connection) => {
        pending.end(connection);
        return false;
      },
    },
    connectionManager: {
      maxConnections: options.connectionsMaxCount,
      inboundConnectionThreshold: limits.hostConnectionsPerSecond,
      maxIncomingPendingConnections: limits.pendingConnectionsMaxCount,
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
        gate = new GatedRegistrar(components.registrar, lateAdmission(admission), options.onStreamExcess);
        return gossipsub(gossipProfile(options.topic, limits, options.scoreOf))({
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
  watchRefusals(internals.connectionManager, () => onExcess('limit'));
  return { node, internals, gate };
}

function encrypter({ admission }: HostOptions, { admissionTimeoutMs: timeoutMs }: HostLimits) {
  return admission === undefined ? noise() : admitting({ timeoutMs }, noise(), admission);
}

/** libp2p tells nobody but its debug log when it refuses a connection. */
function watchRefusals(manager: HostInternals['connectionManager'], onRefused: () => void): void {
  const accept = manager.acceptIncomingConnection.bind(manager);
  manager.acceptIncomingConnection = connection => {
    const isAccepted = accept(connection);
    if (!isAccepted) onRefused();
    return isAccepted;
  };
}

/** The links need the host's identify service, and the host's services need the links. */
function lateAdmission(admission: () => Admission): Admission {
  return {
    isAdmitted: connection => admission().isAdmitted(connection),
    whenAdmitted: connection => admission().whenAdmitted(connection),
    linked: () => admission().linked(),
  };
}
