/**
 * The composition root: builds the rooms of one agent, starts them in order, stops them in reverse.
 *
 * What is slow to load (libp2p, fastify) is loaded while the disk is read.
 */
import { hostname, networkInterfaces } from 'node:os';
import { auditedLog } from './audit/noted-events.ts';
import { openAuditLog } from './audit/open.ts';
import { HttpPeerClient } from './bridge/http-peers.ts';
import { clientSecretIn } from './config/client-secret.ts';
import { protocolSettings } from './config/protocol-settings.ts';
import { type Secret, secretsFrom } from './config/secret.ts';
import { lookEveryMs, mayChange } from './config/secret-source.ts';
import { SecretWatch } from './config/secret-watch.ts';
import type { Settings } from './config/settings.ts';
import { httpScheme } from './core/bridge/delivery.ts';
import { Protocol } from './core/protocol.ts';
import { capabilitiesOf, type NodeFields } from './core/record/node.ts';
import type { AgentContact, PeerId } from './core/record/record.ts';
import { FirsthandError } from './errors.ts';
import { HttpChecker } from './health/http-checker.ts';
import type { AgentKey } from './identity/agent-key.ts';
import { AuthorityDesk } from './identity/authority-desk.ts';
import { ClusterSecret } from './identity/cluster-secret.ts';
import { nextEpoch } from './identity/epoch.ts';
import { AgentKeyKeeper } from './identity/key-keeper.ts';
import { KeyRotationFiles, type OpenedKeys } from './identity/key-rotation-files.ts';
import type { Membership } from './identity/membership.ts';
import { admissionBy, openMembership } from './identity/membership-opening.ts';
import { SignedProbeCodec } from './identity/probe-codec.ts';
import { SignedRecordCodec } from './identity/record-codec.ts';
import { SealedProbes } from './identity/sealed-probes.ts';
import { treeHash } from './identity/tree-hash.ts';
import type { AgentPort } from './runtime/agent-port.ts';
import type { RotationMember } from './runtime/cluster-secret.ts';
import { Deliverers } from './runtime/deliverers.ts';
import { Doctor } from './runtime/doctor.ts';
import { Driver } from './runtime/driver.ts';
import { RecentEvents } from './runtime/event-log.ts';
import { HttpDeliverer } from './runtime/http-deliverer.ts';
import { KeyRotation } from './runtime/key-rotation.ts';
import { LocalAgent } from './runtime/local-agent.ts';
import { LoopDelay } from './runtime/loop-delay.ts';
import { linkOf } from './runtime/outbox-link.ts';
import type { AuditLog, HealthChecker, HttpPeers, ProbeCodec } from './runtime/ports.ts';
import { ReplaceableNetwork } from './runtime/replaceable-network.ts';
import { systemClock, systemRandom } from './runtime/system.ts';
import { Warden } from './runtime/warden.ts';
import type { LevelStore } from './store/level-store.ts';
import type { StoreSecret } from './store/store-keys.ts';
import type { Log } from './telemetry/log.ts';
import {
  registerBridgeMetrics,
  registerHttpPeerMetrics,
  registerHttpPoolMetrics,
} from './telemetry/metrics/bridge.ts';
import { registerHealthMetrics, registerPoolMetrics } from './telemetry/metrics/health.ts';
import { registerMembershipMetrics } from './telemetry/metrics/membership.ts';
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

/** For each agent that an invite names, ms. Guess: a handshake with an agent that many ask at once. */
const redemptionTimeoutMs = 10_000;

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
  plainLog: Log,
  stops: (() => Promise<void> | void)[],
  stopAll: () => Promise<void>,
): Promise<RunningAgent> {
  const metrics = new MetricRegistry();
  const audit = openAuditLog({ ...settings.identity, ...settings.audit }, { log: plainLog, metrics });
  stops.push(() => audit.stop());
  const log = auditedLog(plainLog, audit);
  log('agent_starting', { version, cluster: settings.identity.cluster, data_dir: settings.identity.dataDir });
  const libraries = Promise.all([
    import('./net/network.ts'),
    import('./net/probe-socket.ts'),
    import('./http/server.ts'),
    import('./http/options.ts'),
    import('./http/access-options.ts'),
  ]);
  // Awaited below; until then a failure of the disk comes first.
  libraries.catch(() => {});

  const { LevelStore } = await import('./store/level-store.ts');
  const directory = settings.identity.dataDir;
  const { durability, ballastBytes, keys: storeKeys } = settings.store;
  const store = await LevelStore.open(
    { directory, durability, ballastBytes, secrets: storeKeys.map(storeSecretOf) },
    { log },
  );
  stops.push(() => store.close());
  const files = new KeyRotationFiles({ directory, passphrases: storeKeys.map(key => key.reveal()) });
  const stored = await store.load();
  const keys = await openKeys(files, stored.removals, log);
  const { key } = keys;
  if (stored.damagedRows > 0) log('store_rows_damaged', { rows: stored.damagedRows });

  const netMetrics = registerNetMetrics(metrics);
  const { cluster } = settings.identity;
  const id = settings.identity.id ?? defaultId(key.peerId);
  const membership = await membershipOf({ settings, log }, audit, id, key);
  const epoch = nextEpoch(stored.meta.epoch, Date.now());
  const codec = new SignedRecordCodec({ cluster }, { key });
  const probeCodec = new SignedProbeCodec({ cluster }, { key });
  const keeper = new AgentKeyKeeper({ cluster, id, keys }, { files, codec, probeCodec });
  const secret = await clusterSecret(settings, log);
  stops.push(() => secret?.stop());
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
      certificates: membership?.checker,
    },
  );
  const loopDelay = new LoopDelay();
  stops.push(() => loopDelay.stop());

  const [{ Libp2pNetwork }, { ProbeSocket }, { HttpServer }, { httpDefaults }, access] = await libraries;
  const faults = settings.net.faultInjection ? await faultLayer(probeCodec, log) : undefined;
  let libp2p: InstanceType<typeof Libp2pNetwork> | undefined;
  const networkOn = (listen: readonly string[]) => {
    libp2p = new Libp2pNetwork(
      {
        cluster,
        privateKeyRaw: keeper.key.rawPrivateKey(),
        listen,
        connectionsMaxCount: settings.limits.connectionsMaxCount,
        limits: settings.limits,
      },
      {
        log,
        audit,
        answerKeys: secret?.answer,
        metrics: netMetrics,
        mdns: settings.net.mdns
          ? async (...args) => (await import('./discovery/mdns.ts')).startMdns(...args)
          : undefined,
        dht: settings.net.dht
          ? async (...args) => (await import('./discovery/dht.ts')).startDht(...args)
          : undefined,
        faults,
        authority: membership ? admissionBy(membership, protocol.roster, Date.now) : secret?.authority,
        onAdmitted: (peer, { certificate }) => {
          if (certificate !== undefined) driver.feed({ type: 'certificate-shown', peer, certificate });
        },
      },
    );
    return libp2p;
  };
  const present = () => {
    if (libp2p === undefined) throw new TypeError('there is no network yet');
    return libp2p;
  };
  const network = new ReplaceableNetwork(networkOn(settings.net.listen), { clock: systemClock });
  const probes = new ProbeSocket({ metrics: netMetrics });
  const sealed =
    secret &&
    new SealedProbes(probes, {
      seal: secret.seal,
      onRefused: () => netMetrics.probesDropped.add({ reason: 'not_sealed' }),
    });
  const watcher = observer({
    log,
    metrics: registerProtocolMetrics(metrics),
    health: registerHealthMetrics(metrics),
  });
  const checker = healthChecker(settings, metrics);
  stops.push(() => checker.stop());
  const httpPeers = httpPeerClient(settings, metrics);
  stops.push(() => httpPeers.stop());
  const deliverers = new Deliverers({ clock: systemClock });
  stops.push(() => deliverers.stop());
  deliverers.add(httpScheme, new HttpDeliverer({ peers: httpPeers }));
  registerBridgeMetrics(metrics, () => protocol.bridge.counts);
  const seeds = [...new Set([...settings.net.seeds, ...(membership?.seeds ?? [])])];
  const driver = new Driver(
    { cluster, seeds, intake: intakeSettings(settings) },
    {
      protocol,
      codec,
      probeCodec,
      network,
      probes: sealed ?? probes,
      store,
      checker,
      deliverer: deliverers,
      httpPeers,
      membership,
      clock: systemClock,
      events,
      observer: {
        ...watcher,
        input: input => {
          watcher.input(input);
          if (input.type !== 'datagram-received') return;
          const { from, address } = input.probe;
          if (protocol.detector.member(from) !== undefined) probes.heard(address);
        },
      },
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
      membership,
      driver,
      clock: systemClock,
      self: () => protocol.author.peer,
      epoch: () => protocol.author.dot.epoch,
      isReady: () => protocol.phase === 'ready' && protocol.storeIsWell,
      moveNetwork: () =>
        network.replace(() => {
          // Until now it was the former key that met others.
          membership?.takeNext();
          return networkOn(listening);
        }),
      onFailed: (step, error) => log('key_rotation_failed', { step, error }),
    },
  );
  stops.push(() => keyRotation.stop());
  let contactMultiaddrs: readonly string[] = [];
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
  const desk =
    membership &&
    new AuthorityDesk(
      { cluster },
      {
        membership,
        protocol,
        publish: record => driver.publishRevocations(record),
        multiaddrs: () => contactMultiaddrs,
      },
    );
  if (desk !== undefined) registerMembershipMetrics(metrics, desk);
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
      authority: desk,
      secret,
    },
  );

  const http = new HttpServer(httpOptions(settings, access, httpDefaults, secret), {
    agent,
    log,
    metrics,
    audit,
  });
  stops.push(() => http.stop());
  const { url } = await http.start();
  stops.push(() => network.stop());
  secret?.attach({
    members: () => otherAgents(agent, protocol),
    contactOf: peer => protocol.peering.contact(peer)?.multiaddrs ?? [],
    ask: (peer, multiaddrs, request) => present().askKeys(peer, multiaddrs, request),
    admissionOf: peer => present().admissionOf(peer),
    linked: () => network.links().map(({ peer }) => peer),
    hangUp: peer => network.hangUp(peer),
  });
  const local = await network.start(secret?.watching(driver.handlers) ?? driver.handlers);
  listening = boundListen(settings.net.listen, local.multiaddrs);
  contactMultiaddrs = local.multiaddrs;
  stops.push(() => probes.stop());
  const probeHandlers = faults?.overProbes(driver.probeHandlers) ?? driver.probeHandlers;
  const bound = await probes.start(
    probeOptions(settings, local.multiaddrs),
    sealed?.handlers(probeHandlers) ?? probeHandlers,
  );
  probeAddress = reachable(bound);

  const { bootstrap } = settings.membership;
  const contact: AgentContact = {
    multiaddrs: local.multiaddrs,
    probe: probeAddress,
    ...(bootstrap ? { isBootstrap: true } : {}),
    ...(membership === undefined ? {} : { certificate: membership.certificate }),
  };
  const revocations = await membership?.revocations();
  if (revocations !== undefined) driver.publishRevocations(revocations);
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
  // Nobody has to wait for that, and what fails is tried again at the next start.
  store.sealAll().catch((error: unknown) => log('store_seal_failed', { error }));
  for (const watch of secretWatches(settings, { store, secret, log })) stops.push(() => watch.stop());
  const { auth, httpAuth } = settings.shim;
  // Tokens are for callers: agents have none to show each other.
  if (auth === 'jwt')
    log('agents_prove_nothing', { auth, instead: 'auth: shared_secret or mtls, http_auth: jwt' });
  if (httpAuth !== 'open') {
    const why = `auth is ${auth}, http_auth ${httpAuth}, version ${version}`;
    audit.record({ kind: 'setting', who: 'agent', what: `start ${id}`, outcome: 'allowed', why });
  }
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

/** Where an authority says who is a member: this agent's certificate, or how it gets one. */
async function membershipOf(
  { settings, log }: AgentOptions,
  audit: AuditLog,
  id: string,
  key: AgentKey,
): Promise<Membership | undefined> {
  const { membership: membershipFile, ...given } = settings.authority;
  const { dataDir: directory, cluster } = settings.identity;
  const nodeType = settings.node.type;
  const { auth } = settings.shim;
  const proof = auth === 'mtls' || auth === 'shared_secret' ? auth : undefined;
  const opened = await openMembership(
    { ...given, membershipFile, directory, cluster, peer: key.peerId, id, nodeType, proof },
    {
      redeem: async (seeds, authority) => {
        const { redeemAt } = await import('./net/redemption.ts');
        await redeemAt(
          { privateKeyRaw: key.rawPrivateKey(), seeds, timeoutMs: redemptionTimeoutMs },
          authority,
        );
        log('invite_redeemed', { cluster });
      },
      wallMs: Date.now,
      audit,
      onFailed: error => log('membership_failed', { error }),
    },
  );
  if (opened !== undefined) log('member_of_authority', { authorities: opened.checker.authorities });
  return opened;
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

/** What the agents of a cluster with a secret do with it; `undefined` where they go by none. */
async function clusterSecret({ shim, identity, limits }: Settings, log: Log) {
  if (shim.auth !== 'shared_secret' || shim.secret === undefined) return undefined;
  const { cluster, dataDir: directory } = identity;
  const { source } = shim.secret;
  return ClusterSecret.open(
    { cluster, directory, secret: shim.secret.reveal(), source, acceptOldMs: limits.oldSecretAcceptMs },
    { wallMs: () => Date.now(), random: Math.random, log },
  );
}

function storeSecretOf(key: Secret): StoreSecret {
  return { text: key.reveal(), source: key.source };
}

/** Looks whether other secrets are where those came from that the agent was started with. */
function secretWatches(
  { shim, store: { storeKey, keys } }: Settings,
  parts: { readonly store: LevelStore; readonly secret: ClusterSecret | undefined; readonly log: Log },
): readonly SecretWatch[] {
  const { store, secret, log } = parts;
  const { env } = process;
  const watch = (source: string, known: readonly Secret[], use: (first: Secret) => Promise<boolean>) =>
    new SecretWatch({ intervalMs: lookEveryMs(source) }, known, {
      read: () => secretsFrom(source, env),
      onProblem: problem => log('secret_source_failed', { source, problem }),
      onChange: async ([first]) => {
        if (first === undefined) return true;
        log('secret_source_changed', { source });
        return use(first).catch((error: unknown) => {
          log('secret_source_failed', { source, problem: String(error) });
          return false;
        });
      },
    });
  const watches: SecretWatch[] = [];
  const { secretFile } = shim;
  if (
    secret !== undefined &&
    shim.secret !== undefined &&
    secretFile !== undefined &&
    mayChange(secretFile)
  ) {
    const rotate = async (next: Secret) =>
      (await secret.rotate({ secret: next.reveal(), dropOld: false })).status === 'done';
    watches.push(watch(secretFile, [shim.secret], rotate));
  }
  if (storeKey !== undefined && mayChange(storeKey)) {
    const renew = async (next: Secret) => {
      await store.renewKey(storeSecretOf(next));
      return true;
    };
    watches.push(watch(storeKey, keys, renew));
  }
  return watches;
}

/** The agents that are there, this one left out. */
function otherAgents(agent: LocalAgent, protocol: Protocol): readonly RotationMember[] {
  return agent
    .status()
    .agents.filter(
      ({ peerId, state }) => peerId !== agent.identity.peerId && (state === 'alive' || state === 'suspect'),
    )
    .map(({ id, peerId }) => ({
      id,
      peer: peerId,
      multiaddrs: protocol.peering.contact(peerId)?.multiaddrs ?? [],
    }));
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
  const { sourceDatagramsPerSecond: sourcePerSecond, strangerDatagramsPerSecond: strangersPerSecond } =
    settings.limits;
  const gate = { sourcePerSecond, strangersPerSecond };
  if (asked !== undefined) return { ...asked, explicit: true, gate };
  // /ip4/<host>/tcp/<port>: the configured host, and the port that was really bound.
  const host = settings.net.listen[0]?.split('/')[2] ?? '0.0.0.0';
  const port = Number(multiaddrs[0]?.split('/')[4] ?? 0);
  return { host, port, explicit: false, gate };
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
      ...oauthOf(bridge),
    },
    {
      metrics: registerHttpPeerMetrics(metrics),
      clientSecret: () => clientSecretIn(bridge.oauthClientSecretFile ?? ''),
    },
  );
  registerHttpPoolMetrics(metrics, () => client.stats());
  return client;
}

function oauthOf(bridge: Settings['bridge']) {
  const { oauthTokenUrl, oauthClientId, oauthScope, oauthAudience, registerWith } = bridge;
  if (oauthTokenUrl === undefined || oauthClientId === undefined) return {};
  const oauth = {
    tokenUrl: oauthTokenUrl,
    clientId: oauthClientId,
    peers: registerWith,
    ...(oauthScope === undefined ? {} : { scope: oauthScope }),
    ...(oauthAudience === undefined ? {} : { audience: oauthAudience }),
  };
  return { oauth };
}

function intakeSettings({ gossip }: Settings) {
  return { peerMessagesPerSecond: gossip.peerMessagesPerSecond, peerBurstCount: gossip.peerBurstCount };
}

function httpOptions<Defaults extends object>(
  { shim, audit, access, health }: Settings,
  { httpAuthOf, httpTlsOf }: typeof import('./http/access-options.ts'),
  defaults: Defaults,
  secret: ClusterSecret | undefined,
) {
  const host = shim.http.host.includes(':') ? `[${shim.http.host}]` : shim.http.host;
  return {
    ...defaults,
    listen: `${host}:${shim.http.port}`,
    auth: httpAuthOf({ ...shim, ...access, secretsNow: secret && (() => secret.accepted()) }),
    tls: httpTlsOf({ ...shim, ...access }),
    auditLevel: audit.auditLevel === 'off' ? ('operator' as const) : audit.auditLevel,
    protectVitals: !shim.publicVitals,
    connectionsPerAddressMaxCount: shim.httpConnectionsPerAddressMaxCount,
    answerTimeoutMs: shim.httpAnswerTimeoutMs,
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
