/** The arithmetic of SWIM and Lifeguard, as memberlist has it. */

export interface SuspicionRange {
  readonly minMs: number;
  readonly maxMs: number;
  /** Distinct other accusers that bring the wait down to `minMs`; 0: it is `minMs` from the start. */
  readonly confirmationsCount: number;
}

export interface RangeOptions {
  readonly suspicionMult: number;
  readonly suspicionMaxMult: number;
  readonly confirmationsCount: number;
  readonly probeIntervalMs: number;
}

/**
 * How long a suspicion may last in a cluster of this size.
 *
 * @param membersCount - Members that take part, this agent included; integer >= 1. With fewer than could
 *   confirm (the accuser and the accused do not count), nobody is waited for.
 *
 * Source: memberlist, util.go and state.go.
 */
export function suspicionRange(options: RangeOptions, membersCount: number): SuspicionRange {
  const { suspicionMult, suspicionMaxMult, confirmationsCount, probeIntervalMs } = options;
  const minMs = suspicionMult * Math.max(1, Math.log10(Math.max(1, membersCount))) * probeIntervalMs;
  const canConfirm = membersCount - 2 >= confirmationsCount;
  return { minMs, maxMs: suspicionMaxMult * minMs, confirmationsCount: canConfirm ? confirmationsCount : 0 };
}

/**
 * Time a suspected member still has to refute before it is declared dead.
 *
 * Falls from `maxMs` to `minMs` as independent members confirm, so that one slow observer cannot kill a
 * healthy member alone.
 *
 * @param confirmed - Distinct members that agreed, the first accuser excluded; integer >= 0.
 * @param elapsedMs - Milliseconds since the suspicion was raised.
 * @returns Milliseconds left; zero or less means "declare now".
 * @throws RangeError if `confirmed` is negative: a bug in the caller, never a peer's doing.
 *
 * Source: Lifeguard (Dadgar, Phillips, Currey; 2017), section IV-B.
 */
export function suspicionLeftMs(range: SuspicionRange, confirmed: number, elapsedMs: number): number {
  if (confirmed < 0) throw new RangeError(`${confirmed} confirmations`);
  const { minMs, maxMs, confirmationsCount } = range;
  if (confirmationsCount === 0) return minMs - elapsedMs;
  const share = Math.log(confirmed + 1) / Math.log(confirmationsCount + 1);
  return Math.max(minMs, maxMs - (maxMs - minMs) * share) - elapsedMs;
}

/** How often one claim is sent before it counts as spread. Source: memberlist, util.go; SWIM, section 4.1. */
export function retransmitLimit(retransmitMult: number, membersCount: number): number {
  return retransmitMult * Math.ceil(Math.log10(membersCount + 1));
}

/** The wait for a direct ack: three times the slowest recent round trip, within bounds. */
export function ackTimeoutMs(
  bounds: { readonly ackTimeoutMinMs: number; readonly ackTimeoutMaxMs: number },
  slowestRttMs: number | undefined,
): number {
  const { ackTimeoutMinMs, ackTimeoutMaxMs } = bounds;
  if (slowestRttMs === undefined) return ackTimeoutMaxMs;
  return Math.min(ackTimeoutMaxMs, Math.max(ackTimeoutMinMs, 3 * slowestRttMs));
}

/**
 * How far checks of one suspect by everybody are spread out, ms: a slow agent must not be drowned by a
 * large cluster that asks whether it is well. Up to 50 agents there is no need to wait.
 */
export function checkSpreadMs(probeIntervalMs: number, membersCount: number): number {
  return membersCount <= 50 ? 0 : (probeIntervalMs * membersCount) / 500;
}

/**
 * Over how long the accusations of those who find out at once are spread, ms: as long as it takes the first ones to
 * be heard by all. Alone with the accused there is nobody to wait for.
 */
export function accusationSpreadMs(gossipIntervalMs: number, membersCount: number): number {
  return gossipIntervalMs * Math.log10(Math.max(1, membersCount - 1));
}
