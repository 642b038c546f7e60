/**
 * The composition root: builds the rooms of one agent, starts them in order, stops them in reverse.
 *
 * What is slow to load (libp2p, fastify) is loaded while the disk is read.
 */
import { hostname, networkInterfaces } from 'node:os';
import { HttpPeerClient } from './bridge/http-peers.ts';
import { protocolSettings } from './config/protocol-settings.ts';
import type { Settings } from './config/settings.ts';
import { httpScheme } from './core/bridge/delivery.ts';
import { Protocol } from './core/protocol.ts';
import { capabilitiesOf, type NodeFields } from './core/record/node.ts';
import type { AgentContact, PeerId } from './core/record/record.ts';
import { FirsthandError } from './errors.ts';
import { HttpChecker } from './health/http-checker.ts';
import { nextEpoch } from './identity/epoch.ts';
import { AgentKeyKeeper } from './identity/key-keeper.ts';
import { KeyRotationFiles, type OpenedKeys } from './identity/key-rotation-files.ts';
import { SignedProbeCodec } from './identity/probe-codec.ts';
import { SignedRecordCodec } from './identity/record-codec.ts';
import { treeHash } from './identity/tree-hash.ts';
import type { AgentPort } from './runtime/agent-port.ts';
import { Deliverers } from './runtime/deliverers.ts';
import { Doctor } from './runtime/doctor.ts';
import { Driver } from './runtime/driver.ts';
import { RecentEvents } from './runtime/event-log.ts';
import { HttpDeliverer } from './runtime/http-deliverer.ts';
import { KeyRotation } from './runtime/key-rotation.ts';
import { LocalAgent } from './runtime/local-agent.ts';
import { LoopDelay } from './runtime/loop-delay.ts';
import { linkOf } from './runtime/outbox-link.ts';
import type { HealthChecker, HttpPeers, Network, ProbeCodec } from './runtime/ports.ts';
import { ReplaceableNetwork } from './runtime/replaceable-network.ts';
import { systemClock, systemRandom } from './runtime/system.ts';
import { Warden } from './runtime/warden.ts';
import type { Log } from './telemetry/log.ts';
import {
  registerBridgeMetrics,
  registerHttpPeerMetrics,
  registerHttpPoolMetrics,
} from './telemetry/metrics/bridge.ts';
import { registerHealthMetrics, registerPoolMetrics } from './telemetry/metrics/health.ts';
import { registerNetMetrics } from './telemetry/metrics/net.ts';
import { registerProtocolMetrics } from './telemetry/metrics/protocol.ts';
import { observer } from './telemetry/observe.ts';
import { MetricRegistry } from './telemetry/registry.ts';
import { openFilesMax } from './telemetry/vitals.ts';
import { version } from './version.ts';
import { decodeClaim } from './wire/claim.ts';

/** What the one line on standard output says. */
export interface ReadyLine {
  readonly id: string;
  readonly peer_id: PeerId;
  readonly multiaddrs: readonly string[];
  /** `host:port` of the failure detector's datagrams. */
  readonly probe: string;
  /** Base URL of the HTTP shim. */
  readonly http: string;
}

export interface RunningAgent extends AgentPort {
  readonly ready: ReadyLine;
  /** Announces departure, drains and flushes. Safe to call twice; hosted services come back with the agent. */
  stop(): Promise<void>;
  /** Settles when the agent has ended: it was stopped, or it left for good and should be stopped. */
  readonly closed: Promise<'left' | 'stopped'>;
}

export interface AgentOptions {
  readonly settings: Settings;
  readonly log: Log;
}

/**
 * Starts an agent; resolves when it has joined its cluster or knows that it is alone.
 *
 * @throws FirsthandError: DATA_DIR_UNUSABLE, KEY_UNUSABLE, STORE_LOCKED, STORE_CORRUPT, STORE_TOO_NEW,
 *   ADDRESS_IN_USE, ADDRESS_UNAVAILABLE, CONFIG_INVALID. Nothing is left running then.
 */
export async function startAgent({ settings, log }: AgentOptions): Promise<RunningAgent> {
  const stops: (() => Promise<void> | void)[] = [];
  const stopAll = async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    return await assemble(settings, log, stops, stopAll);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function assemble(
  settings: Settings,
  log: Log,
  stops: (() => Promise<void> | void)[],
  stopAll: () => Promise<void>,
): Promise<RunningAgent> {
  log('agent_starting', { version, cluster: settings.identity.cluster, data_dir: settings.identity.dataDir });
  const libraries = Promise.all([
    import('./net/network.ts'),
    import('./net/probe-socket.ts'),
    import('./http/server.ts'),
    import('./http/options.ts'),
  ]);
  // Awaited below; until then a failure of the disk comes first.
  libraries.catch(() => {});

  const { LevelStore } = await import('./store/level-store.ts');
  const directory = settings.identity.dataDir;
  const store = await LevelStore.open(
    { directory, durability: settings.store.durability, ballastBytes: settings.store.ballastBytes },
    { log },
  );
  stops.push(() => store.close());
  const files = new KeyRotationFiles({ directory });
  const stored = await store.load();
  const keys = await openKeys(files, stored.removals, log);
  const { key } = keys;
  if (stored.damagedRows > 0) log('store_rows_damaged', { rows: stored.damagedRows });

  const metrics = new MetricRegistry();
  const netMetrics = registerNetMetrics(metrics);
  const { cluster } = settings.identity;
  const id = settings.identity.id ?? defaultId(key.peerId);
  const epoch = nextEpoch(stored.meta.epoch, Date.now());
  const codec = new SignedRecordCodec({ cluster }, { key });
  const probeCodec = new SignedProbeCodec({ cluster }, { key });
  const keeper = new AgentKeyKeeper({ cluster, id, keys }, { files, codec, probeCodec });
  const events = new RecentEvents({ epoch });
  const protocol = new Protocol(
    {
      id,
      peer: key.peerId,
      epoch,
      settings: protocolSettings(settings),
      predecessor: keeper.predecessor,
    },
    {
      seal: draft => codec.seal(draft),
      sealClaim: draft => probeCodec.sealClaim(draft),
      linkOf,
      random: systemRandom,
      hash: treeHash,
    },
  );
  const loopDelay = new LoopDelay();
  stops.push(() => loopDelay.stop());

  const [{ Libp2pNetwork }, { ProbeSocket }, { HttpServer }, { httpDefaults }] = await libraries;
  const faults = settings.net.faultInjection ? await faultLayer(probeCodec, log) : undefined;
  const networkOn = (listen: readonly string[]): Network =>
    new Libp2pNetwork(
      { cluster, privateKeyRaw: keeper.key.rawPrivateKey(), listen },
      {
        log,
        metrics: netMetrics,
        mdns: settings.net.mdns
          ? async (...args) => (await import('./discovery/mdns.ts')).startMdns(...args)
          : undefined,
        dht: settings.net.dht
          ? async (...args) => (await import('./discovery/dht.ts')).startDht(...args)
          : undefined,
        faults,
      },
    );
  const network = new ReplaceableNetwork(networkOn(settings.net.listen), { clock: systemClock });
  const probes = new ProbeSocket({ metrics: netMetrics });
  const checker = healthChecker(settings, metrics);
  stops.push(() => checker.stop());
  const httpPeers = httpPeerClient(settings, metrics);
  stops.push(() => httpPeers.stop());
  const deliverers = new Deliverers({ clock: systemClock });
  stops.push(() => deliverers.stop());
  deliverers.add(httpScheme, new HttpDeliverer({ peers: httpPeers }));
  registerBridgeMetrics(metrics, () => protocol.bridge.counts);
  const driver = new Driver(
    { cluster, seeds: settings.net.seeds, intake: intakeSettings(settings) },
    {
      protocol,
      codec,
      probeCodec,
      network,
      probes,
      store,
      checker,
      deliverer: deliverers,
      httpPeers,
      clock: systemClock,
      events,
      observer: observer({
        log,
        metrics: registerProtocolMetrics(metrics),
        health: registerHealthMetrics(metrics),
      }),
    },
  );
  stops.push(() => driver.stop());
  driver.restore(stored);
  let probeAddress: string | undefined;
  let listening: readonly string[] = settings.net.listen;
  const keyRotation = new KeyRotation(
    { id, overlapMs: settings.keys.keyOverlapMs },
    {
      keeper,
      driver,
      clock: systemClock,
      self: () => protocol.author.peer,
      epoch: () => protocol.author.dot.epoch,
      isReady: () => protocol.phase === 'ready' && protocol.storeIsWell,
      moveNetwork: () => network.replace(() => networkOn(listening)),
      onFailed: (step, error) => log('key_rotation_failed', { step, error }),
    },
  );
  stops.push(() => keyRotation.stop());
  const doctor = new Doctor(
    {
      fullMeshMaxCount: settings.peering.fullMeshMaxCount,
      hostedMaxCount: settings.records.hostedMaxCount,
      driftMaxMs: settings.records.driftMaxMs,
    },
    {
      protocol,
      driver,
      network,
      clock: systemClock,
      loopDelayMs: () => loopDelay.p99Ms,
      openFilesMax,
      ownProbe: () => probeAddress,
      takesFaults: faults !== undefined,
    },
  );
  const agent = new LocalAgent(
    {
      identity: { id, peerId: key.peerId, cluster, epoch, nodeType: settings.node.type, version },
      topic: `firsthand/${cluster}/records/1`,
    },
    {
      protocol,
      driver,
      network,
      clock: systemClock,
      events,
      loopDelayMs: () => loopDelay.p99Ms,
      profile: settings.membership.detectorProfile,
      doctor,
      faults,
      keyRotation,
      warden: new Warden({ cluster }, { protocol, driver, codec, clock: systemClock }),
    },
  );

  const http = new HttpServer(httpOptions(settings, httpDefaults), { agent, log, metrics });
  stops.push(() => http.stop());
  const { url } = await http.start();
  stops.push(() => network.stop());
  const local = await network.start(driver.handlers);
  listening = boundListen(settings.net.listen, local.multiaddrs);
  stops.push(() => probes.stop());
  const bound = await probes.start(
    probeOptions(settings, local.multiaddrs),
    faults?.overProbes(driver.probeHandlers) ?? driver.probeHandlers,
  );
  probeAddress = reachable(bound);

  const { bootstrap } = settings.membership;
  const contact: AgentContact = {
    multiaddrs: local.multiaddrs,
    probe: probeAddress,
    ...(bootstrap ? { isBootstrap: true } : {}),
  };
  driver.start({ node: ownNode(settings, Number(new URL(url).port)), agent: contact });
  await driver.ready;

  const ready: ReadyLine = {
    id,
    peer_id: key.peerId,
    multiaddrs: local.multiaddrs,
    probe: probeAddress,
    http: url,
  };
  log('agent_ready', { ...ready });
  return runningAgent(agent, driver, ready, log, stopAll);
}

function runningAgent(
  agent: LocalAgent,
  driver: Driver,
  ready: ReadyLine,
  log: Log,
  stopAll: () => Promise<void>,
): RunningAgent {
  const stopped = Promise.withResolvers<'stopped'>();
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    log('agent_stopping');
    // A disk that refuses must not keep the process from ending; that was logged when it happened.
    await driver.depart(false).catch(() => {});
    await stopAll();
    log('agent_stopped');
    stopped.resolve('stopped');
  };
  return Object.assign(agent, {
    ready,
    closed: Promise.race([agent.left.then(() => 'left' as const), stopped.promise]),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  });
}

/** The agent's key; one that its owner has ended is not taken up again, whatever the process was doing then. */
async function openKeys(
  files: KeyRotationFiles,
  removals: readonly Uint8Array[],
  log: Log,
): Promise<OpenedKeys> {
  const keys = await files.open();
  if (keys.rolledBack) log('key_rotation_rolled_back', { peer: keys.key.peerId });
  const isRevoked = removals.some(wire => {
    const claim = decodeClaim(wire);
    return claim?.kind === 'revoked' && claim.subject === keys.key.peerId;
  });
  if (!isRevoked) return keys;
  await files.setAside();
  return files.open();
}

/** Where a network listens that takes the place of another one: the ports that were free ones then. */
function boundListen(listen: readonly string[], multiaddrs: readonly string[]): readonly string[] {
  const ports = new Set(multiaddrs.map(each => each.split('/')[4] ?? '0'));
  const [port = '0'] = ports;
  // Several ports picked by the system cannot be told apart by their addresses.
  return ports.size === 1 ? listen.map(each => each.replace(/\/tcp\/0$/, `/tcp/${port}`)) : listen;
}

/** Loaded for a drill only: an agent that was not started for one cannot be told to lose anything. */
async function faultLayer(codec: ProbeCodec, log: Log) {
  const { FaultLayer } = await import('./net/faults/fault-layer.ts');
  log('fault_injection_on', { setting: 'fault_injection' });
  const senderOf = (bytes: Uint8Array) => {
    const probe = codec.decodeProbe(bytes);
    return typeof probe === 'object' ? probe.from : undefined;
  };
  return new FaultLayer({ random: systemRandom, senderOf });
}

function defaultId(peer: PeerId): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 100);
  return `${host}-${peer.slice(-6)}`;
}

/** The entry that this agent gossips about itself. */
function ownNode(settings: Settings, httpPort: number): NodeFields {
  const { type, loadBalancer, address, metricsPort, capabilities } = settings.node;
  const port = metricsPort ?? httpPort;
  if (port < 1_024) {
    throw new FirsthandError('CONFIG_INVALID', {
      text: `--metrics-port (FIRSTHAND_METRICS_PORT, metrics_port): must be given, because the HTTP port ${port} is below 1024`,
    });
  }
  return {
    address: address ?? `${firstAddress()}:${httpPort}`,
    metricsPort: port,
    nodeType: type,
    isLoadBalancer: loadBalancer ?? type === 'proxy',
    capabilities: capabilities ?? capabilitiesOf(type),
    lastUpdatedS: Math.floor(Date.now() / 1_000),
  };
}

function firstAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap(each => each ?? []);
  const chosen = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
  return chosen?.address ?? '127.0.0.1';
}

function probeOptions(settings: Settings, multiaddrs: readonly string[]) {
  const asked = settings.net.probeListen;
  if (asked !== undefined) return { ...asked, explicit: true };
  // /ip4/<host>/tcp/<port>: the configured host, and the port that was really bound.
  const host = settings.net.listen[0]?.split('/')[2] ?? '0.0.0.0';
  const port = Number(multiaddrs[0]?.split('/')[4] ?? 0);
  return { host, port, explicit: false };
}

/** A wildcard is where we listen, not where others find us. */
function reachable({ host, port }: { readonly host: string; readonly port: number }): string {
  if (host === '0.0.0.0' || host === '::') return `${firstAddress()}:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function healthChecker({ health }: Settings, metrics: MetricRegistry): HealthChecker {
  const checker = new HttpChecker({
    timeoutMs: health.healthCheckTimeoutMs,
    keepAliveMs: Math.min(2 * health.healthCheckIntervalMs, 60_000), // Longer would be worth no connection.
  });
  registerPoolMetrics(metrics, () => checker.stats());
  return checker;
}

function httpPeerClient({ bridge }: Settings, metrics: MetricRegistry): HttpPeers {
  const client = new HttpPeerClient(
    {
      timeoutMs: bridge.httpPeerTimeoutMs,
      connectionsMaxCount: bridge.httpPeerConnectionsMaxCount,
      keepAliveMs: Math.min(bridge.httpPeerRefreshMs + 5_000, 120_000), // Longer would be worth no connection.
    },
    { metrics: registerHttpPeerMetrics(metrics) },
  );
  registerHttpPoolMetrics(metrics, () => client.stats());
  return client;
}

function intakeSettings({ gossip }: Settings) {
  return { peerMessagesPerSecond: gossip.peerMessagesPerSecond, peerBurstCount: gossip.peerBurstCount };
}

function httpOptions<Defaults extends object>({ shim, health }: Settings, defaults: Defaults) {
  const auth =
    shim.auth === 'shared_secret' && shim.secret !== undefined
      ? ({ mode: 'shared_secret', secret: shim.secret.reveal() } as const)
      : ({ mode: 'open' } as const);
  const host = shim.http.host.includes(':') ? `[${shim.http.host}]` : shim.http.host;
  return {
    ...defaults,
    listen: `${host}:${shim.http.port}`,
    auth,
    protectVitals: !shim.publicVitals,
    callerRequestsPerSecond: shim.callerRequestsPerSecond,
    totalRequestsPerSecond: shim.totalRequestsPerSecond,
    authFailuresPerSecond: shim.authFailuresPerSecond,
    healthCheck: {
      intervalMs: health.healthCheckIntervalMs,
      timeoutMs: health.healthCheckTimeoutMs,
      failureThreshold: health.failureThreshold,
      recoveryThreshold: health.recoveryThreshold,
    },
  };
}
