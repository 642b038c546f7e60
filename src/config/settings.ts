/**
 * Every setting of an agent, by the room that uses it.
 *
 * This is the only place where a setting is named, bounded, defaulted and explained: flags,
 * variables, file keys, `--help`, `config print` and docs/CONFIG.md all come from here. Where a room of
 * the core has a default of its own, that is the one; the reason stands beside it. Names of settings
 * are unique across rooms, because flags, variables and files know no rooms.
 */
import { defaultCheckSettings } from '../core/backends/checks.ts';
import { defaultBridgeSettings } from '../core/bridge/settings.ts';
import { defaultHostingSettings } from '../core/hosting/hosting.ts';
import { defaultNewcomerSettings } from '../core/membership/newcomers.ts';
import { defaultOutboxSettings } from '../core/outbox/settings.ts';
import { defaultPeeringSettings } from '../core/peering/peering.ts';
import { defaultGossipSettings, defaultProtocolSettings } from '../core/protocol.ts';
import { defaultLedgerLimits } from '../core/record/ledger.ts';
import {
  addressMaxLength,
  capabilitiesMaxCount,
  capabilityMaxLength,
  clusterMaxLength,
  idMaxLength,
  isAddress,
  isCapability,
  isClusterName,
  isNodeId,
  metricsPortMin,
  nodeTypes,
} from '../core/record/node.ts';
import { defaultTableSettings } from '../core/record/table.ts';
import { defaultReputationSettings } from '../core/reputation/reputation.ts';
import { lan, profileNames } from '../core/swim/settings.ts';
import { defaultSyncSettings } from '../core/sync/exchange.ts';
import { defaultIntakeSettings } from '../runtime/intake.ts';
import { grant, isKeyLocation, isShortText, shortText } from './access-kinds.ts';
import { choice, hostPort, integer, type Kind, list, peerUrl, text, toggle } from './kinds.ts';
import { isListenAddress, isSeedAddress } from './multiaddr.ts';
import type { Secret } from './secret.ts';
import { open, type Setting, setting } from './setting.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const isPeerId = (value: string) => /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(value);
const inviteAllowed = "one line from 'firsthand invite' (firsthand1…)";
/** It lets somebody in, so it is never shown, also not where it is wrong. */
const invite: Kind<string> = {
  allowed: inviteAllowed,
  form: 'value',
  placeholder: 'invite',
  parse: raw =>
    typeof raw === 'string' && raw.trim().startsWith('firsthand') && raw.length <= 4_096
      ? { ok: true, value: raw.trim() }
      : { ok: false, problem: `is not ${inviteAllowed}` },
  show: () => '[redacted]',
};

/** Of callers, and of agents among each other. */
const authModes = ['open', 'shared_secret', 'jwt', 'mtls'] as const;

const secretSource = text(
  { allowed: 'a path, env:NAME, systemd:NAME or vault:MOUNT/PATH#FIELD', placeholder: 'path' },
  value => value !== '' && !value.includes('\0'),
);

const path = text({ allowed: 'a path', placeholder: 'path' }, value => value !== '' && !value.includes('\0'));

export const schema = {
  /** Who this agent is. */
  identity: {
    id: open({
      kind: text({ allowed: `1 to ${idMaxLength} of A-Z a-z 0-9 . _ -`, placeholder: 'id' }, isNodeId),
      flag: true,
      defaultText: 'host name, `-`, last 6 characters of the peer id',
      help: 'Node id of this agent, unique in its cluster.',
      basis: 'contract',
    }),
    cluster: setting({
      kind: text(
        { allowed: `1 to ${clusterMaxLength} of A-Z a-z 0-9 . _ -`, placeholder: 'name' },
        isClusterName,
      ),
      flag: true,
      default: 'default',
      help: 'Name of the cluster. Agents of different clusters never mix, even on one LAN.',
      basis: 'contract',
    }),
    dataDir: setting({
      kind: path,
      flag: true,
      defaultText:
        '`$XDG_STATE_HOME/firsthand/<cluster>/<id, or "agent">`; `~/.local/state` for the first part',
      help: 'Where the identity key and the database live. One agent per directory; a relative path starts at the working directory.',
      basis: 'contract',
    }),
  },

  /** What the agent advertises about itself. */
  node: {
    type: setting({
      kind: choice(nodeTypes),
      flag: true,
      default: 'backend',
      help: 'Type of this node.',
      basis: 'contract',
    }),
    loadBalancer: setting({
      kind: toggle,
      flag: true,
      defaultText: 'true for `proxy`',
      help: 'Advertised `is_load_balancer`.',
      basis: 'contract',
    }),
    address: open({
      kind: text(
        {
          allowed: `host:port (IPv4, [IPv6] or a DNS name; port 1 to 65535; at most ${addressMaxLength} characters)`,
          placeholder: 'host:port',
        },
        isAddress,
      ),
      flag: true,
      defaultText: 'first non-loopback address + HTTP port',
      help: 'Advertised service address.',
      basis: 'contract',
    }),
    metricsPort: open({
      kind: integer({ min: metricsPortMin, max: 65_535 }),
      flag: true,
      defaultText: 'HTTP port',
      help: 'Advertised metrics port.',
      basis: 'contract',
    }),
    capabilities: setting({
      kind: list(
        text(
          { allowed: `1 to ${capabilityMaxLength} of A-Z a-z 0-9 _ -`, placeholder: 'name' },
          isCapability,
        ),
        { min: 0, max: capabilitiesMaxCount },
      ),
      flag: 'capability',
      defaultText: 'by node type',
      help: 'Advertised capabilities.',
      basis: 'contract',
    }),
  },

  /** How the agent is reached, and whom it reaches. */
  net: {
    listen: setting({
      kind: list(
        text(
          {
            allowed: '/ip4/<address>/tcp/<port> or /ip6/<address>/tcp/<port> (port 0 picks a free one)',
            placeholder: 'multiaddr',
          },
          isListenAddress,
        ),
        { min: 1, max: 8 },
      ),
      flag: true,
      default: ['/ip4/0.0.0.0/tcp/7946'],
      help: 'libp2p addresses to listen on.',
      basis: 'contract',
    }),
    probeListen: open({
      kind: hostPort,
      flag: true,
      defaultText: 'host and port number of the first `listen`, UDP',
      help: 'Where datagrams of the failure detector are received.',
      basis: 'contract',
    }),
    seeds: setting({
      kind: list(
        text(
          {
            allowed:
              '/ip4, /ip6, /dns, /dns4 or /dns6/<host>/tcp/<port>, or /dnsaddr/<name>, with or without /p2p/<peer id>',
            placeholder: 'multiaddr',
          },
          isSeedAddress,
        ),
        { min: 0, max: 64 },
      ),
      flag: 'seed',
      default: [],
      help: 'Peers to join through. Names are resolved again at every try; a seed is never given up.',
      basis: 'contract',
    }),
    mdns: setting({
      kind: toggle,
      flag: true,
      default: true,
      help: 'Find agents of the same cluster on the LAN.',
      basis: 'contract',
    }),
    dht: setting({
      kind: toggle,
      flag: true,
      default: true,
      help: 'Keep a cluster-private Kademlia table, to find peers beyond the neighbours.',
      basis: 'contract',
    }),
    faultInjection: setting({
      kind: toggle,
      flag: true,
      default: false,
      help: 'For drills only: `POST /admin/faults` may cut off, delay and lose what this agent receives from others.',
      basis: 'derived',
    }),
  },

  /** Who says who is a member. */
  authority: {
    join: open({
      kind: invite,
      flag: true,
      defaultText: 'none',
      help: 'Invite from `firsthand invite`: the agent redeems it for a certificate, unless it has one that counts. Each is good for one agent.',
      basis: 'derived',
    }),
    membership: open({
      kind: path,
      flag: true,
      defaultText: 'none',
      help: 'File from `firsthand ca issue`, with the certificate of this agent. It is copied into the data directory.',
      basis: 'derived',
    }),
    authorities: setting({
      kind: list(
        text({ allowed: 'the peer id of an authority (12D3Koo…)', placeholder: 'peer id' }, value =>
          /^12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/.test(value),
        ),
        { min: 0, max: 4 },
      ),
      flag: 'authority',
      default: [],
      help: 'Authorities that are trusted besides the one that certified this agent, while one takes the place of the other.',
      basis: 'derived',
    }),
    caDir: open({
      kind: path,
      flag: true,
      defaultText: 'none',
      help: 'Directory of the authority (`firsthand ca init`): this agent then redeems invites and renews certificates.',
      basis: 'derived',
    }),
    caPassphraseFile: open({
      kind: path,
      flag: true,
      defaultText: 'none',
      help: 'File with the passphrase of the key in `ca_dir`; a newline at its end is not part of it.',
      basis: 'derived',
    }),
  },

  /** What is taken of what others send, before anybody knows whether it is any good. */
  limits: {
    connectionsMaxCount: setting({
      kind: integer({ min: 16, max: 100_000 }),
      default: 300,
      help: 'Connections between agents at once, foreign ones and doubles included; above, new ones are refused.',
      basis: 'guess',
    }),
    hostConnectionsPerSecond: setting({
      kind: integer({ min: 1, max: 100_000 }),
      default: 100,
      help: 'New connections a second from one host.',
      basis: 'measured',
    }),
    pendingConnectionsMaxCount: setting({
      kind: integer({ min: 1, max: 10_000 }),
      default: 100,
      help: 'Connections that are not encrypted and admitted yet.',
      basis: 'guess',
    }),
    hostPendingMaxCount: setting({
      kind: integer({ min: 1, max: 10_000 }),
      default: 50,
      help: 'Of these from one host.',
      basis: 'derived',
    }),
    admissionTimeoutMs: setting({
      kind: integer({ min: 100, max: minute, unit: 'ms' }),
      default: 5 * second,
      help: 'How long a peer may take to prove that it belongs here, where it has to.',
      basis: 'guess',
    }),
    sourceDatagramsPerSecond: setting({
      kind: integer({ min: 1, max: 1_000_000 }),
      default: 1_000,
      help: "Datagrams a second from one member's address, and from one host of which nothing is known, with a burst of twice that; what is beyond is not even decoded.",
      basis: 'guess',
    }),
    strangerDatagramsPerSecond: setting({
      kind: integer({ min: 1, max: 1_000_000 }),
      default: 2_000,
      help: 'The same for all addresses together from which no member has spoken yet.',
      basis: 'guess',
    }),
    syncStreamsMaxCount: setting({
      kind: integer({ min: 1, max: 32 }),
      default: 2,
      help: 'Streams of one protocol of ours on one connection, in each direction.',
      basis: 'paper',
    }),
    gossipStreamsMaxCount: setting({
      kind: integer({ min: 1, max: 32 }),
      default: 4,
      help: 'The same for gossip.',
      basis: 'guess',
    }),
    gossipSubscriptionsMaxCount: setting({
      kind: integer({ min: 1, max: 1_000 }),
      default: 16,
      help: 'Subscriptions that are read from one gossip message; only the one to the topic of the cluster is kept.',
      basis: 'guess',
    }),
    oldSecretAcceptMs: setting({
      kind: integer({ min: 0, max: 30 * day, unit: 'ms' }),
      default: day,
      help: "How long the cluster's secret is accepted after `firsthand keys rotate-secret` has put another one in its place. An agent that was away for longer needs the new one from its operator.",
      basis: 'derived',
    }),
  },

  /** Whom the agent keeps connections to. */
  peering: {
    fullMeshMaxCount: setting({
      kind: integer({ min: 1, max: 1_000 }),
      default: defaultPeeringSettings.fullMeshMaxCount,
      help: 'Up to this many agents everyone keeps a connection to everyone.',
      basis: 'contract',
    }),
    partialMeshCount: setting({
      kind: integer({ min: 4, max: 1_000 }),
      default: defaultPeeringSettings.partialMeshCount,
      help: 'Connections an agent keeps in a cluster larger than `full_mesh_max_count`.',
      basis: 'paper',
    }),
    redialMaxMs: setting({
      kind: integer({ min: 500, max: 10 * minute, unit: 'ms' }),
      default: defaultPeeringSettings.backoffMaxMs,
      help: 'Longest pause between two tries to reach a lost peer or a seed. The first pauses are shorter and double; there is no last one.',
      basis: 'paper',
    }),
  },

  /** When a silent agent is suspected, given up, and forgotten. */
  membership: {
    detectorProfile: setting({
      kind: choice(profileNames),
      default: 'lan',
      help: 'How fast the failure detector is: `fast` for one machine or rack, `lan`, or `wan`. The settings below change single numbers of it.',
      basis: 'paper',
    }),
    probeIntervalMs: open({
      kind: integer({ min: 50, max: minute, unit: 'ms' }),
      defaultText: 'of the profile: fast 500, lan 1000, wan 5000',
      help: 'One other agent is probed per interval.',
      basis: 'paper',
    }),
    ackTimeoutMaxMs: open({
      kind: integer({ min: 20, max: minute, unit: 'ms' }),
      defaultText: 'of the profile: fast 250, lan 500, wan 3000',
      help: 'Longest wait for the answer to a probe before others are asked. It is shorter where round trips are; at most `probe_interval_ms`.',
      basis: 'paper',
    }),
    suspicionMult: open({
      kind: integer({ min: 1, max: 100 }),
      defaultText: 'of the profile: fast and lan 3, wan 6',
      help: 'How many probe intervals, times the logarithm (base 10) of the number of agents, a suspect has to answer when others confirm the suspicion; six times as long when nobody does.',
      basis: 'measured',
    }),
    strikesMaxCount: setting({
      kind: integer({ min: 1, max: 100 }),
      default: lan.strikesMaxCount,
      help: 'Failed probe rounds in a row after which an agent that is not there is probed ever more rarely.',
      basis: 'contract',
    }),
    strikeBackoffMinMs: setting({
      kind: integer({ min: 100, max: hour, unit: 'ms' }),
      default: lan.strikeBackoffMinMs,
      help: 'First pause between two probes of such an agent; it doubles with each failure.',
      basis: 'guess',
    }),
    strikeBackoffMaxMs: setting({
      kind: integer({ min: 100, max: hour, unit: 'ms' }),
      default: lan.strikeBackoffMaxMs,
      help: 'Longest such pause; at least `strike_backoff_min_ms`.',
      basis: 'paper',
    }),
    bootstrap: setting({
      kind: toggle,
      flag: true,
      default: false,
      help: 'Others never forget this agent while it is away, and dial it first.',
      basis: 'contract',
    }),
    deadRetentionMs: setting({
      kind: integer({ min: minute, max: 30 * day, unit: 'ms' }),
      default: defaultProtocolSettings.retentionMs.backend,
      help: 'How long an agent that is dead or has left is remembered and, if dead, probed and dialled, so that long partitions heal.',
      basis: 'paper',
    }),
    proxyRetentionMs: open({
      kind: integer({ min: minute, max: 30 * day, unit: 'ms' }),
      defaultText: '`dead_retention_ms`',
      help: 'The same for agents of type `proxy`.',
      basis: 'derived',
    }),
    backendRetentionMs: open({
      kind: integer({ min: minute, max: 30 * day, unit: 'ms' }),
      defaultText: '`dead_retention_ms`',
      help: 'The same for agents of type `backend`.',
      basis: 'derived',
    }),
    governatorRetentionMs: open({
      kind: integer({ min: minute, max: 30 * day, unit: 'ms' }),
      defaultText: '`dead_retention_ms`',
      help: 'The same for agents of type `governator`.',
      basis: 'derived',
    }),
  },

  /** What is kept, and for how long. */
  records: {
    leaseMs: setting({
      kind: integer({ min: second, max: 7 * day, unit: 'ms' }),
      default: defaultHostingSettings.leaseMs,
      help: 'How long a registered service stays without a renewal: the same registration again, or a passed health check.',
      basis: 'contract',
    }),
    hostedMaxCount: setting({
      kind: integer({ min: 1, max: 100_000 }),
      default: defaultHostingSettings.hostedMaxCount,
      help: 'Services that may be registered with this agent; beyond that, 507.',
      basis: 'contract',
    }),
    subjectsPerAuthorMaxCount: setting({
      kind: integer({ min: 1, max: 1_000_000 }),
      default: defaultLedgerLimits.subjectsPerAuthorMaxCount,
      help: 'Node ids that one peer may make claims about, departed ones included; further claims are refused.',
      basis: 'derived',
    }),
    tombstoneRetentionMs: setting({
      kind: integer({ min: minute, max: 30 * day, unit: 'ms' }),
      default: defaultTableSettings.tombstoneRetentionMs,
      help: 'How long a departure is kept, by all agents alike: where some forget sooner, what is registered anew after that leaves their tables apart, though they list the same. An agent that was away for more than half of it drops its table and joins anew.',
      basis: 'paper',
    }),
    driftMaxMs: setting({
      kind: integer({ min: 0, max: 5 * minute, unit: 'ms' }),
      default: defaultTableSettings.driftMaxMs,
      help: "How far a record's time may be ahead of this machine's clock; beyond that it waits and is counted.",
      basis: 'guess',
    }),
  },

  /** Peers that misbehave, and operators who shut them out. */
  reputation: {
    reputationHalfLifeMs: setting({
      kind: integer({ min: minute, max: 7 * day, unit: 'ms' }),
      default: defaultReputationSettings.halfLifeMs,
      help: 'Points for what a peer has done wrong lose half of their weight in this time.',
      basis: 'derived',
    }),
    reputationThrottleAt: setting({
      kind: integer({ min: 1, max: 1_000_000 }),
      default: defaultReputationSettings.throttleAt,
      help: 'From so many points on a tenth of the usual messages is taken from a peer.',
      basis: 'derived',
    }),
    reputationNoMeshAt: setting({
      kind: integer({ min: 1, max: 1_000_000 }),
      default: defaultReputationSettings.noMeshAt,
      help: 'From so many points on gossip does not go through a peer.',
      basis: 'derived',
    }),
    reputationQuarantineAt: setting({
      kind: integer({ min: 1, max: 1_000_000 }),
      default: defaultReputationSettings.quarantineAt,
      help: 'From so many points on no connection with a peer is kept, for a while.',
      basis: 'derived',
    }),
    reputationQuarantineMs: setting({
      kind: integer({ min: second, max: 7 * day, unit: 'ms' }),
      default: defaultReputationSettings.quarantineMs,
      help: 'How long that is at least.',
      basis: 'guess',
    }),
    membersMaxCount: setting({
      kind: integer({ min: 2, max: 100_000 }),
      default: defaultNewcomerSettings.membersMaxCount,
      help: 'Agents that this one meets and probes; the records of further ones are kept, and they count as gone.',
      basis: 'derived',
    }),
    membersPerHostMaxCount: setting({
      kind: integer({ min: 1, max: 100_000 }),
      default: defaultNewcomerSettings.membersPerHostMaxCount,
      help: 'The same for agents that name one host in their probe address.',
      basis: 'guess',
    }),
    newMembersPerSecond: setting({
      kind: integer({ min: 1, max: 100_000 }),
      default: defaultNewcomerSettings.newMembersPerSecond,
      help: 'Keys met for the first time, a second, once as many as may be members have come at once.',
      basis: 'guess',
    }),
    banIssuers: setting({
      kind: list(text({ allowed: 'a peer id (12D3…)', placeholder: 'peer id' }, isPeerId), {
        min: 0,
        max: 64,
      }),
      default: [],
      help: 'Keys of agents through which operators speak for the whole cluster: a ban or pardon said there takes effect here too. By default each agent goes by its own operators only.',
      basis: 'guess',
    }),
  },

  /** The agent's own key. */
  keys: {
    keyOverlapMs: setting({
      kind: integer({ min: second, max: day, unit: 'ms' }),
      default: minute,
      help: 'After `keys rotate`, how long what the former key has said still counts: twice what a record may wait for others.',
      basis: 'derived',
    }),
  },

  /** How records travel, and how many of them a peer may send. */
  gossip: {
    joinTimeoutMs: setting({
      kind: integer({ min: 0, max: 10 * minute, unit: 'ms' }),
      default: defaultProtocolSettings.joinTimeoutMs,
      help: 'How long a starting agent looks for a peer to learn from before it calls itself ready alone. It goes on looking.',
      basis: 'guess',
    }),
    syncIntervalMs: setting({
      kind: integer({ min: 100, max: hour, unit: 'ms' }),
      default: defaultSyncSettings.intervalMs,
      help: 'Time between two exchanges with a random peer, which bring what gossip has lost.',
      basis: 'guess',
    }),
    authorRecordsPerSecond: setting({
      kind: integer({ min: 1, max: 1_000_000 }),
      default: defaultGossipSettings.authorRecordsPerSecond,
      help: 'Records a second taken from one author, on average; what is beyond comes later, by sync.',
      basis: 'derived',
    }),
    authorBurstCount: setting({
      kind: integer({ min: 1, max: 10_000_000 }),
      default: defaultGossipSettings.authorBurstCount,
      help: 'Records taken from one author at once.',
      basis: 'derived',
    }),
    peerMessagesPerSecond: setting({
      kind: integer({ min: 1, max: 1_000_000 }),
      default: defaultIntakeSettings.peerMessagesPerSecond,
      help: 'Gossip messages a second taken from one neighbour, on average.',
      basis: 'guess',
    }),
    peerBurstCount: setting({
      kind: integer({ min: 1, max: 10_000_000 }),
      default: defaultIntakeSettings.peerBurstCount,
      help: 'Gossip messages taken from one neighbour at once.',
      basis: 'guess',
    }),
  },

  /** The database. */
  store: {
    durability: setting({
      kind: choice(['process', 'power']),
      default: 'process',
      help: 'What an acknowledged write survives: `process` the death of the process, `power` also that of the machine (one disk flush a write).',
      basis: 'measured',
    }),
    storeKey: open({
      kind: secretSource,
      flag: true,
      defaultText: 'none: it is not sealed',
      help: 'Where the key is that the values of the database are sealed with: a file, `env:NAME`, `systemd:NAME` or `vault:MOUNT/PATH#FIELD`. One key a line, 16 to 1024 bytes; those after the first are older ones that still open it.',
      basis: 'derived',
    }),
    ballastBytes: setting({
      kind: integer({ min: 0, max: 1_073_741_824, unit: 'bytes' }),
      default: 1_048_576,
      help: 'Room that is kept on the disk for cleaning up when it is full; 0 is none.',
      basis: 'guess',
    }),
    outboxMaxCount: setting({
      kind: integer({ min: 10, max: 1_000_000 }),
      default: defaultOutboxSettings.entriesMaxCount,
      help: 'Deliveries that wait for their receivers; a tenth is reserved for critical ones.',
      basis: 'derived',
    }),
    outboxMaxBytes: setting({
      kind: integer({ min: 65_536, max: 4_294_967_296, unit: 'bytes' }),
      default: defaultOutboxSettings.bytesMax,
      help: 'The same for their size together.',
      basis: 'guess',
    }),
    outboxMaxAgeMs: setting({
      kind: integer({ min: second, max: 30 * 24 * hour, unit: 'ms' }),
      default: defaultOutboxSettings.ageMaxMs,
      help: 'How long a delivery may wait; then it is a dead letter.',
      basis: 'derived',
    }),
  },

  /** The HTTP shim. */
  shim: {
    http: setting({
      kind: hostPort,
      flag: true,
      default: { host: '127.0.0.1', port: 7980 },
      help: 'Where the HTTP shim listens.',
      basis: 'contract',
    }),
    auth: setting({
      kind: choice(authModes),
      flag: true,
      default: 'open',
      help: 'What others have to prove. `open`: nothing. `shared_secret`: callers send `Authorization: Bearer <secret>`; agents prove to each other that they know it, and seal their datagrams with it. `jwt`: callers show a signed token. `mtls`: a client certificate.',
      basis: 'contract',
    }),
    httpAuth: setting({
      kind: choice(authModes),
      flag: true,
      defaultText: '`auth`',
      help: 'The same for callers of the HTTP shim alone, where it is to be another than among agents.',
      basis: 'derived',
    }),
    secretFile: open({
      kind: secretSource,
      flag: true,
      defaultText: 'none',
      help: 'File with the cluster secret, or `systemd:NAME` or `vault:MOUNT/PATH#FIELD` where it is: printable ASCII, 16 to 1024 bytes; a newline at its end is not part of it. Looked at again while the agent runs. `FIRSTHAND_SECRET` holds the secret itself.',
      basis: 'contract',
    }),
    publicVitals: setting({
      kind: toggle,
      default: true,
      help: 'Whether `/health`, `/health/ready`, `/metrics` and `/telemetry` need no credentials where the rest does. `/health/live` never needs any.',
      basis: 'contract',
    }),
    callerRequestsPerSecond: setting({
      kind: integer({ min: 0, max: 1_000_000 }),
      default: 0,
      help: 'Requests a second that one address may make, with a burst of twice that; 0 is no limit. Health, metrics and telemetry are never limited.',
      basis: 'guess',
    }),
    totalRequestsPerSecond: setting({
      kind: integer({ min: 0, max: 1_000_000 }),
      default: 0,
      help: 'The same for all addresses together; 0 is no limit.',
      basis: 'guess',
    }),
    authFailuresPerSecond: setting({
      kind: integer({ min: 1, max: 100_000 }),
      default: 10,
      help: 'Wrong credentials a second that one address may try, with a burst of ten times that.',
      basis: 'guess',
    }),
    httpConnectionsPerAddressMaxCount: setting({
      kind: integer({ min: 0, max: 100_000 }),
      default: 2_000,
      help: 'Connections that one address may have open; more are closed at once. 0 is no limit.',
      basis: 'guess',
    }),
    httpAnswerTimeoutMs: setting({
      kind: integer({ min: second, max: hour, unit: 'ms' }),
      default: 30 * second,
      help: 'A caller that has not taken its answer in full by then is cut off. Event streams have limits of their own.',
      basis: 'guess',
    }),
  },

  /** Certificates and tokens of HTTP callers, and what they may do. */
  access: {
    httpCertFile: open({
      kind: path,
      flag: true,
      defaultText: 'none: HTTP in the clear',
      help: 'Certificate of the HTTP shim, PEM, with those between it and its authority. With it the shim speaks TLS 1.3 only. Read again when it changes.',
      basis: 'contract',
    }),
    httpKeyFile: open({
      kind: path,
      flag: true,
      defaultText: 'none',
      help: 'Private key to it, PEM, not encrypted.',
      basis: 'contract',
    }),
    httpClientCaFile: open({
      kind: path,
      flag: true,
      defaultText: 'none',
      help: 'PEM: the authorities whose client certificates are accepted in `mtls` mode. Read again when it changes.',
      basis: 'contract',
    }),
    httpClientPins: setting({
      kind: list(
        text(
          { allowed: 'sha256/ and the SHA-256 of a public key (SPKI) in base64', placeholder: 'pin' },
          value => /^sha256\/[A-Za-z0-9+/]{43}=$/.test(value),
        ),
        { min: 0, max: 256 },
      ),
      default: [],
      help: 'Keys that client certificates must have, beside the right authority. Empty: any.',
      basis: 'contract',
    }),
    grants: setting({
      kind: list(grant, { min: 0, max: 256 }),
      flag: 'grant',
      defaultText: '`register=*` in `mtls` mode, else none',
      help: 'Roles for names of client certificates and subjects of tokens: `admin=ada`, `operate=ops-*`. Roles: `read`, `register` (and read), `operate` (and read), `admin` (everything).',
      basis: 'guess',
    }),
    namePrefix: open({
      kind: text({ allowed: '1 to 200 printable characters without spaces', placeholder: 'text' }, value =>
        /^[\x21-\x7e]{1,200}$/.test(value),
      ),
      defaultText: 'none: the name itself, or the last part of a SPIFFE id',
      help: "How names of client certificates and subjects of tokens begin that stand for nodes; the rest is the node's id, and only that node's entry may be changed.",
      basis: 'guess',
    }),
    jwtIssuer: open({
      kind: text({ allowed: shortText, placeholder: 'issuer' }, isShortText),
      flag: true,
      defaultText: 'none',
      help: 'What tokens must have as `iss`.',
      basis: 'contract',
    }),
    jwtAudience: setting({
      kind: text({ allowed: shortText, placeholder: 'audience' }, isShortText),
      flag: true,
      defaultText: '`cluster`',
      help: 'What tokens must have in `aud`.',
      basis: 'paper',
    }),
    jwtKeys: open({
      kind: text(
        { allowed: 'a path, an https:// URL, or an http:// URL of this machine', placeholder: 'url|path' },
        isKeyLocation,
      ),
      flag: true,
      defaultText: 'none',
      help: 'Where the public keys for tokens are, as a JWK set: a URL or a file. Read again at an interval, and when a token names a key that is not known.',
      basis: 'contract',
    }),
    jwtAlgorithms: setting({
      kind: list(choice(['EdDSA', 'ES256', 'RS256']), { min: 1, max: 3 }),
      default: ['EdDSA', 'ES256'],
      help: 'How tokens may be signed. What a token itself says about it is not believed.',
      basis: 'paper',
    }),
    jwtRolesClaim: setting({
      kind: text({ allowed: shortText, placeholder: 'name' }, isShortText),
      default: 'roles',
      help: 'The claim with the roles, as a list or as words in one text: `read`, `register`, `operate`, `admin`, or `firsthand:read` and so on. Dots lead inwards (`realm_access.roles`).',
      basis: 'guess',
    }),
    jwtAgeMaxMs: setting({
      kind: integer({ min: second, max: 30 * day, unit: 'ms' }),
      default: hour,
      help: 'How long after it was issued a token is accepted, however long it says that it lasts.',
      basis: 'guess',
    }),
    jwtClockToleranceMs: setting({
      kind: integer({ min: 0, max: 5 * minute, unit: 'ms' }),
      default: 30 * second,
      help: "How far this machine's clock and the issuer's may be apart.",
      basis: 'paper',
    }),
    jwtKeysRefreshMs: setting({
      kind: integer({ min: 30 * second, max: day, unit: 'ms' }),
      default: 10 * minute,
      help: 'How often the keys for tokens are read again. For keys that are not known, at most every 30 s.',
      basis: 'guess',
    }),
    jwtKeysStaleMaxMs: setting({
      kind: integer({ min: minute, max: 30 * day, unit: 'ms' }),
      default: day,
      help: 'How long the keys that were read last go on counting when they cannot be read again.',
      basis: 'guess',
    }),
  },

  /** The log of decisions about security. */
  audit: {
    auditLevel: setting({
      kind: choice(['off', 'operator', 'changes', 'all']),
      defaultText: '`changes`; `operator` where callers prove nothing',
      help: 'What is taken down in `<data_dir>/audit`: `operator` is refusals, admissions, bans, keys, and what operators do; `changes` also registrations; `all` also reads.',
      basis: 'guess',
    }),
    auditFileMaxBytes: setting({
      kind: integer({ min: 65_536, max: 1_073_741_824, unit: 'bytes' }),
      default: 10_485_760,
      help: 'A file of the audit log that has so many bytes is followed by the next.',
      basis: 'guess',
    }),
    auditFilesMaxCount: setting({
      kind: integer({ min: 2, max: 10_000 }),
      default: 20,
      help: 'Files of the audit log that are kept; the oldest are removed beyond that.',
      basis: 'guess',
    }),
  },

  /** Health checks of hosted backends. */
  health: {
    healthCheckIntervalMs: setting({
      kind: integer({ min: 100, max: hour, unit: 'ms' }),
      default: defaultCheckSettings.intervalMs,
      help: 'Pause between two health checks of a backend.',
      basis: 'contract',
    }),
    healthCheckTimeoutMs: setting({
      kind: integer({ min: 10, max: 5 * minute, unit: 'ms' }),
      default: 2 * second,
      help: 'How long a health check may take; at most `health_check_interval_ms`.',
      basis: 'contract',
    }),
    failureThreshold: setting({
      kind: integer({ min: 1, max: 100 }),
      default: defaultCheckSettings.failureThreshold,
      help: 'Failed checks in a row that take a backend out; one is enough when it says that it is not ready.',
      basis: 'contract',
    }),
    recoveryThreshold: setting({
      kind: integer({ min: 1, max: 100 }),
      default: defaultCheckSettings.recoveryThreshold,
      help: 'Good checks in a row that take it back in.',
      basis: 'contract',
    }),
    healthChecksMaxCount: setting({
      kind: integer({ min: 1, max: 1_000 }),
      default: defaultCheckSettings.inFlightMaxCount,
      help: 'Health checks under way at once; the others wait for their turn.',
      basis: 'guess',
    }),
  },

  /** Peers that speak only HTTP: the predecessor's nodes. */
  bridge: {
    registerWith: setting({
      kind: list(peerUrl, { min: 0, max: 64 }),
      flag: true,
      default: [],
      help: "Base URLs of peers that speak only HTTP (the predecessor's nodes). The agent joins through their `POST /registration`, keeps them updated, and lists whom they list.",
      basis: 'contract',
    }),
    httpPeerRefreshMs: setting({
      kind: integer({ min: second, max: hour, unit: 'ms' }),
      default: defaultBridgeSettings.refreshMs,
      help: 'How often each of them is registered with anew. A node that none of them has listed for three times as long is taken out.',
      basis: 'guess',
    }),
    httpPeersMaxCount: setting({
      kind: integer({ min: 1, max: 1_000 }),
      default: defaultBridgeSettings.peersMaxCount,
      help: 'Such peers in all, those included that are learnt from the lists of others.',
      basis: 'guess',
    }),
    httpPeerTimeoutMs: setting({
      kind: integer({ min: 10, max: minute, unit: 'ms' }),
      default: 5 * second,
      help: 'How long one registration with such a peer may take.',
      basis: 'contract',
    }),
    httpPeerConnectionsMaxCount: setting({
      kind: integer({ min: 2, max: 500 }),
      default: 256,
      help: 'Connections to all of them together; two at most go to one.',
      basis: 'contract',
    }),
    oauthTokenUrl: open({
      kind: peerUrl,
      defaultText: 'none: no token',
      help: 'Where the agent gets a token (OAuth 2 client credentials) that it shows to the peers in `register_with`, and to no others.',
      basis: 'contract',
    }),
    oauthClientId: open({
      kind: text({ allowed: shortText, placeholder: 'id' }, isShortText),
      defaultText: 'none',
      help: 'As whom.',
      basis: 'contract',
    }),
    oauthClientSecretFile: open({
      kind: path,
      defaultText: 'none',
      help: 'File with the secret of that client; a newline at its end is not part of it. Read again for each token.',
      basis: 'contract',
    }),
    oauthScope: open({
      kind: text({ allowed: shortText, placeholder: 'scope' }, isShortText),
      defaultText: 'none',
      help: '`scope` that is asked for.',
      basis: 'contract',
    }),
    oauthAudience: open({
      kind: text({ allowed: shortText, placeholder: 'audience' }, isShortText),
      defaultText: 'none',
      help: '`audience` that is asked for, where the provider wants one.',
      basis: 'contract',
    }),
  },

  /** What is written to standard error. */
  log: {
    logLevel: setting({
      kind: choice(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
      flag: true,
      default: 'info',
      help: 'The least severe events that are logged.',
      basis: 'contract',
    }),
    logFormat: setting({
      kind: choice(['pretty', 'json']),
      flag: true,
      defaultText: '`pretty` on a terminal, else `json`',
      help: 'How they are written.',
      basis: 'contract',
    }),
  },
} as const;

type Schema = typeof schema;
export type Room = keyof Schema;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
type RoomValues<R extends Room> = { readonly [K in keyof Schema[R]]: ValueOf<Schema[R][K]> };

/** Every setting by its own name, without rooms. */
export type Values = RoomValues<'identity'> &
  RoomValues<'node'> &
  RoomValues<'net'> &
  RoomValues<'authority'> &
  RoomValues<'limits'> &
  RoomValues<'peering'> &
  RoomValues<'membership'> &
  RoomValues<'keys'> &
  RoomValues<'reputation'> &
  RoomValues<'records'> &
  RoomValues<'gossip'> &
  RoomValues<'store'> &
  RoomValues<'shim'> &
  RoomValues<'access'> &
  RoomValues<'audit'> &
  RoomValues<'health'> &
  RoomValues<'bridge'> &
  RoomValues<'log'>;
export type SettingKey = keyof Values;

/** What an agent runs with. `undefined` is left where only the running agent can know. */
export interface Settings {
  readonly identity: RoomValues<'identity'>;
  readonly node: RoomValues<'node'>;
  readonly net: RoomValues<'net'>;
  readonly authority: RoomValues<'authority'>;
  readonly limits: RoomValues<'limits'>;
  readonly peering: RoomValues<'peering'>;
  readonly membership: RoomValues<'membership'>;
  readonly keys: RoomValues<'keys'>;
  readonly reputation: RoomValues<'reputation'>;
  readonly records: RoomValues<'records'>;
  readonly gossip: RoomValues<'gossip'>;
  /** `keys`: what the database is sealed with, the present one first; none: it is not. */
  readonly store: RoomValues<'store'> & { readonly keys: readonly Secret[] };
  readonly shim: RoomValues<'shim'> & { readonly secret: Secret | undefined };
  readonly access: RoomValues<'access'>;
  readonly audit: RoomValues<'audit'>;
  readonly health: RoomValues<'health'>;
  readonly bridge: RoomValues<'bridge'>;
  readonly log: RoomValues<'log'>;
}

/** All settings in the order of the schema. */
export const definitions: ReadonlyMap<SettingKey, Setting<unknown>> = new Map(
  Object.values(schema).flatMap(room => Object.entries(room) as [SettingKey, Setting<unknown>][]),
);
