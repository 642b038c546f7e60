/** The failure detector as `inspect detector` shows it. */
import type { Protocol } from '../core/protocol.ts';
import { compareText } from '../core/record/record.ts';
import type { Tracked } from '../core/swim/member.ts';
import type { Now } from '../core/time.ts';
import type { AccusationView, DetectorMember, DetectorView } from '../core/view.ts';

export function detectorView(profile: string, protocol: Protocol, now: Now): DetectorView {
  const { monoMs } = now;
  const { detector } = protocol;
  const { minMs, maxMs } = detector.suspicionRange;
  return {
    profile,
    incarnation: detector.life.incarnation,
    localHealth: detector.localHealth,
    probeIntervalMs: detector.settings.probeIntervalMs,
    ackTimeoutMs: Math.round(detector.ackTimeoutMs),
    suspicionMinMs: Math.round(minMs),
    suspicionMaxMs: Math.round(maxMs),
    isFrozen: detector.isFrozen,
    partition: protocol.partition(monoMs),
    members: [...detector.members()]
      .sort((a, b) => compareText(a.id, b.id) || compareText(a.peer, b.peer))
      .map(member => memberView(protocol, member, monoMs)),
    backends: protocol.backends.views(now),
  };
}

function memberView(protocol: Protocol, member: Tracked, monoMs: number): DetectorMember {
  const { detector } = protocol;
  const { id, peer, state, life, address, isBootstrap, reach, lastAckMonoMs, rttMs, skewMs } = member;
  const verdictInMs = detector.verdictLeftMs(member, monoMs);
  const accusers = [...member.accusers].map(
    ([by, { says, refused, atMonoMs }]): AccusationView => ({
      by: protocol.nodeIdOf(by) ?? by,
      says,
      refused,
      agoMs: Math.round(monoMs - atMonoMs),
    }),
  );
  return {
    id,
    peer,
    state,
    sinceMs: Math.round(monoMs - member.sinceMonoMs),
    isBootstrap,
    epoch: life.epoch,
    incarnation: life.incarnation,
    probe: address,
    ...(lastAckMonoMs === undefined ? {} : { lastAckMs: Math.round(monoMs - lastAckMonoMs) }),
    ...(rttMs === undefined ? {} : { rttMs: Number(rttMs.toFixed(2)) }),
    ...(skewMs === undefined ? {} : { clockSkewMs: Math.round(skewMs) }),
    score: reach.score(monoMs),
    history: reach.history,
    strikes: reach.strikes,
    layers: reach.layerViews(monoMs),
    accusers: accusers.sort((a, b) => b.agoMs - a.agoMs),
    ...(verdictInMs === undefined ? {} : { verdictInMs: Math.max(0, Math.round(verdictInMs)) }),
  };
}
