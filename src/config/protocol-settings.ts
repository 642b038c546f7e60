/** What of an agent's settings the protocol itself goes by; a simulation takes the same. */
import { defaultOutboxSettings } from '../core/outbox/settings.ts';
import type { ProtocolSettings } from '../core/protocol.ts';
import { datagramMaxBytes, datagramSealBytes } from '../core/swim/message.ts';
import { profiles, type SwimSettings } from '../core/swim/settings.ts';
import type { SettingKey, Settings } from './settings.ts';

export function protocolSettings(settings: Settings): Partial<ProtocolSettings> {
  const { peering, membership, records, gossip, store, health, bridge, shim, reputation } = settings;
  return {
    peering: {
      fullMeshMaxCount: peering.fullMeshMaxCount,
      partialMeshCount: peering.partialMeshCount,
      backoffMaxMs: peering.redialMaxMs,
    },
    swim: { ...swimSettings(membership), datagramMaxBytes: datagramBytes(shim) },
    hosting: { leaseMs: records.leaseMs, hostedMaxCount: records.hostedMaxCount },
    table: {
      subjectsPerAuthorMaxCount: records.subjectsPerAuthorMaxCount,
      tombstoneRetentionMs: records.tombstoneRetentionMs,
      driftMaxMs: records.driftMaxMs,
    },
    sync: { intervalMs: gossip.syncIntervalMs },
    gossip: {
      authorRecordsPerSecond: gossip.authorRecordsPerSecond,
      authorBurstCount: gossip.authorBurstCount,
    },
    checks: {
      intervalMs: health.healthCheckIntervalMs,
      failureThreshold: health.failureThreshold,
      recoveryThreshold: health.recoveryThreshold,
      inFlightMaxCount: health.healthChecksMaxCount,
    },
    outbox: {
      entriesMaxCount: store.outboxMaxCount,
      bytesMax: store.outboxMaxBytes,
      ageMaxMs: store.outboxMaxAgeMs,
      answerTimeoutMs: Math.max(defaultOutboxSettings.answerTimeoutMs, bridge.httpPeerTimeoutMs + 5_000),
    },
    bridge: {
      urls: bridge.registerWith,
      refreshMs: bridge.httpPeerRefreshMs,
      peersMaxCount: bridge.httpPeersMaxCount,
    },
    reputation: {
      halfLifeMs: reputation.reputationHalfLifeMs,
      throttleAt: reputation.reputationThrottleAt,
      noMeshAt: reputation.reputationNoMeshAt,
      quarantineAt: reputation.reputationQuarantineAt,
      quarantineMs: reputation.reputationQuarantineMs,
    },
    bans: { issuers: reputation.banIssuers },
    newcomers: {
      membersMaxCount: reputation.membersMaxCount,
      membersPerHostMaxCount: reputation.membersPerHostMaxCount,
      newMembersPerSecond: reputation.newMembersPerSecond,
    },
    joinTimeoutMs: gossip.joinTimeoutMs,
    retentionMs: {
      proxy: membership.proxyRetentionMs ?? membership.deadRetentionMs,
      backend: membership.backendRetentionMs ?? membership.deadRetentionMs,
      governator: membership.governatorRetentionMs ?? membership.deadRetentionMs,
    },
  };
}

/** The seal of clusters with a secret needs its place in what travels. */
function datagramBytes({ auth }: Settings['shim']): number {
  return auth === 'shared_secret' ? datagramMaxBytes - datagramSealBytes : datagramMaxBytes;
}

/** The profile, with the single numbers that were given. */
function swimSettings(given: Settings['membership']): SwimSettings {
  const profile = profiles[given.detectorProfile];
  const probeIntervalMs = given.probeIntervalMs ?? profile.probeIntervalMs;
  const ackTimeoutMaxMs = given.ackTimeoutMaxMs ?? Math.min(profile.ackTimeoutMaxMs, probeIntervalMs);
  return {
    ...profile,
    probeIntervalMs,
    ackTimeoutMaxMs,
    ackTimeoutMinMs: Math.min(profile.ackTimeoutMinMs, ackTimeoutMaxMs),
    suspicionMult: given.suspicionMult ?? profile.suspicionMult,
    strikesMaxCount: given.strikesMaxCount,
    strikeBackoffMinMs: given.strikeBackoffMinMs,
    strikeBackoffMaxMs: given.strikeBackoffMaxMs,
  };
}

/** Settings that a simulation can take: those that the protocol goes by, whatever the machine. */
export const simulatedKeys = [
  'fullMeshMaxCount',
  'partialMeshCount',
  'redialMaxMs',
  'detectorProfile',
  'probeIntervalMs',
  'ackTimeoutMaxMs',
  'suspicionMult',
  'strikesMaxCount',
  'strikeBackoffMinMs',
  'strikeBackoffMaxMs',
  'leaseMs',
  'hostedMaxCount',
  'subjectsPerAuthorMaxCount',
  'tombstoneRetentionMs',
  'driftMaxMs',
  'syncIntervalMs',
  'authorRecordsPerSecond',
  'authorBurstCount',
  'healthCheckIntervalMs',
  'failureThreshold',
  'recoveryThreshold',
  'healthChecksMaxCount',
  'joinTimeoutMs',
  'deadRetentionMs',
  'proxyRetentionMs',
  'backendRetentionMs',
  'governatorRetentionMs',
] as const satisfies readonly SettingKey[];
