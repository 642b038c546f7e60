/**
 * What happens to something that arrives from a peer while faults are injected.
 *
 * A rule is a filter in front of the agent; what arrives passes all rules that concern its sender: one that cuts
 * is enough, losses multiply, delays add up. Everything here is arithmetic: who holds and drops is elsewhere.
 */
import type { Random } from '../../core/random.ts';
import type { PeerId } from '../../core/record/record.ts';
import type { FaultRule } from '../../runtime/agent-port.ts';

/** The rules for one sender, taken together. */
export interface Weather {
  readonly isCut: boolean;
  /** 0 to 1. */
  readonly loss: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
}

export const clear: Weather = { isCut: false, loss: 0, latencyMs: 0, jitterMs: 0 };

/**
 * A lost segment is sent again after so long, ms, and after twice as long each time it is lost again: the
 * shortest retransmission timeout of Linux. Source: RFC 6298, TCP_RTO_MIN.
 */
const retransmissionMinMs = 200;
/** After that many losses in a row the next one gets through: some 13 s. */
const retransmissionsMaxCount = 6;

export function weatherOf(rules: readonly FaultRule[], peer: PeerId): Weather {
  const concerned = rules.filter(({ from }) => from === undefined || from.includes(peer));
  if (concerned.length === 0) return clear;
  return {
    isCut: concerned.some(({ cut }) => cut),
    loss: 1 - concerned.reduce((passes, { loss }) => passes * (1 - loss), 1),
    latencyMs: concerned.reduce((sum, { latencyMs }) => sum + latencyMs, 0),
    jitterMs: concerned.reduce((sum, { jitterMs }) => sum + jitterMs, 0),
  };
}

/** How much later a datagram comes, ms; `undefined`: never. */
export function datagramDelayMs(weather: Weather, random: Random): number | undefined {
  if (weather.isCut || random.next() < weather.loss) return undefined;
  return latencyMs(weather, random);
}

/** How much later a piece of a stream comes, ms: nothing is lost on a stream, it is sent again. */
export function streamDelayMs(weather: Weather, random: Random): number {
  let delayMs = latencyMs(weather, random);
  for (let lost = 0; lost < retransmissionsMaxCount && random.next() < weather.loss; lost++)
    delayMs += retransmissionMinMs * 2 ** lost;
  return delayMs;
}

function latencyMs({ latencyMs, jitterMs }: Weather, random: Random): number {
  if (jitterMs === 0) return latencyMs;
  return Math.max(0, latencyMs + (2 * random.next() - 1) * jitterMs);
}
