/**
 * How fast the failure detector is, and how sure it wants to be.
 *
 * Profiles state only their differences from `lan`. Sources: SWIM (Das, Gupta, Motivala; 2002), Lifeguard
 * (Dadgar, Phillips, Currey; 2017) and memberlist's defaults.
 */
import { datagramMaxBytes } from './message.ts';

export interface SwimSettings {
  /** One member is probed per interval, ms. */
  readonly probeIntervalMs: number;
  /**
   * Bounds of the wait for a direct ack, ms. Between them it follows the network: three times the slowest of
   * the recent round trips.
   */
  readonly ackTimeoutMinMs: number;
  readonly ackTimeoutMaxMs: number;
  /** Helpers asked after a direct probe went unanswered. */
  readonly helpersCount: number;
  /** A suspicion lasts at least this many probe intervals, times the logarithm (base 10) of the cluster's size. */
  readonly suspicionMult: number;
  /** And at most this many times as long, until other members confirm it. */
  readonly suspicionMaxMult: number;
  /** Distinct other accusers that bring a suspicion down to its minimum. */
  readonly confirmationsCount: number;
  /** The wait, ms, once two witnesses were told by the member's host that nobody listens there. */
  readonly refusedWaitMs: number;
  /** While there is news it is pushed to `gossipFanout` members each interval, ms. */
  readonly gossipIntervalMs: number;
  readonly gossipFanout: number;
  /** Each claim is sent this many times the logarithm (base 10) of the cluster's size. */
  readonly retransmitMult: number;
  /** Highest local health score; timeouts stretch to at most this many times plus one. */
  readonly localHealthMax: number;
  /** Failed probe rounds in a row after which a silent member is probed ever more rarely. */
  readonly strikesMaxCount: number;
  /** First and longest pause between two probes of such a member, ms. */
  readonly strikeBackoffMinMs: number;
  readonly strikeBackoffMaxMs: number;
  /** Longest datagram to send, bytes; less where something is put around it. */
  readonly datagramMaxBytes: number;
}

export const lan: SwimSettings = {
  probeIntervalMs: 1_000, // memberlist, LAN.
  ackTimeoutMinMs: 200, // Guess: two of the longest pauses of a healthy event loop.
  ackTimeoutMaxMs: 500, // memberlist, LAN.
  helpersCount: 3, // memberlist, LAN; more add little (SWIM, fig. 3).
  // memberlist has 4. Here nobody suspects on hearsay: every accuser has found out for itself, so a
  // confirmation weighs more, and 20 agents know of a frozen one after 6 s instead of 7.
  suspicionMult: 3,
  suspicionMaxMult: 6, // memberlist, LAN.
  confirmationsCount: 2, // memberlist, LAN: its suspicion multiplier less two.
  refusedWaitMs: 1_000, // Guess: a process that restarts at once is back by then.
  gossipIntervalMs: 200, // memberlist, LAN.
  gossipFanout: 3, // memberlist, LAN.
  retransmitMult: 4, // memberlist, LAN.
  localHealthMax: 8, // Lifeguard.
  strikesMaxCount: 3, // The usual three.
  strikeBackoffMinMs: 2_000, // Guess.
  strikeBackoffMaxMs: 30_000, // Serf reconnects every 30 s.
  datagramMaxBytes, // Of what travels.
};

export const fast: SwimSettings = {
  ...lan,
  probeIntervalMs: 500, // Derived: half of `lan`, for one machine or one rack.
  ackTimeoutMinMs: 150, // Guess.
  ackTimeoutMaxMs: 250, // Derived: half the interval.
  refusedWaitMs: 500, // Derived: half of `lan`.
  gossipIntervalMs: 100, // memberlist, local.
};

export const wan: SwimSettings = {
  ...lan,
  probeIntervalMs: 5_000, // memberlist, WAN.
  ackTimeoutMinMs: 1_000, // Guess: a round trip around the world takes 0.3 s.
  ackTimeoutMaxMs: 3_000, // memberlist, WAN.
  suspicionMult: 6, // memberlist, WAN.
  confirmationsCount: 4, // memberlist, WAN.
  refusedWaitMs: 3_000, // Guess.
  gossipIntervalMs: 500, // memberlist, WAN.
  gossipFanout: 4, // memberlist, WAN.
};

export const profiles = { lan, fast, wan } as const;
export type ProfileName = keyof typeof profiles;
export const profileNames = Object.keys(profiles) as readonly ProfileName[];
