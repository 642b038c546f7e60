/** What the failure detector keeps of one member. */
import type { NodeId, NodeType } from '../record/node.ts';
import type { PeerId } from '../record/record.ts';
import type { LivenessState } from '../view.ts';
import type { Life, VerifiedClaim } from './claim.ts';
import type { Nonce } from './message.ts';
import type { Reachability } from './reachability.ts';
import { ReplayWindow } from './replay-window.ts';

/**
 * So long a member that is dead without a sign of its end counts among the silent. Guess: by then somebody has
 * looked, or the machine is gone for good.
 */
export const silentDeadCountMs = 3_600_000;

/** What a member's own record says of it. */
export interface MemberFields {
  readonly peer: PeerId;
  readonly id: NodeId;
  readonly nodeType: NodeType;
  readonly isBootstrap: boolean;
  /** Where its datagrams go, `host:port`. */
  readonly address: string;
  /** Where its `/metrics` are, the host with the brackets of an IPv6 address. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
}

/** As others see it. */
export interface Member extends MemberFields {
  readonly state: LivenessState;
  /** Monotonic time of the last change of state, ms. */
  readonly sinceMonoMs: number;
  readonly life: Life;
}

export interface Accusation {
  readonly says: 'suspect' | 'dead';
  readonly refused: boolean;
  readonly atMonoMs: number;
  /** It came from the accuser itself. */
  readonly isFirstHand: boolean;
  /** It goes round from here as well. */
  isSpread: boolean;
}

/** Our own suspicion: a probe of ours failed. */
export interface Suspicion {
  readonly sinceMonoMs: number;
  /** When the member's host first told us that nobody listens there. */
  refusedMonoMs: number | undefined;
  /** When a probe last failed: a verdict wants a fresh one. */
  failedMonoMs: number;
}

/** The same with everything that moves. */
export type Tracked = { -readonly [K in keyof Member]: Member[K] } & {
  readonly reach: Reachability;
  readonly window: ReplayWindow;
  /** Absent while suspect only because nobody has heard of it since this agent started. */
  suspicion: Suspicion | undefined;
  /** Who accuses it in its present life; this agent among them. */
  accusers: Map<PeerId, Accusation>;
  /** Accusers whom a probe of ours has just contradicted: until when they are not asked again, mono ms. */
  readonly contradicted: Map<PeerId, number>;
  /** Somebody accuses it and we have not looked yet. */
  isHearsay: boolean;
  /** What we say of it, ready to be sent. */
  ownClaim: VerifiedClaim | undefined;
  /** It fell silent: nothing says that its process has ended. */
  isSilent: boolean;
  probe: Nonce | undefined;
  /** When to look at it outside the round, mono ms. */
  checkDueMonoMs: number;
  /** When it last answered, whichever way, and over UDP directly. */
  lastAckMonoMs: number | undefined;
  lastUdpMonoMs: number | undefined;
  /** When it last asked us. */
  lastPingMonoMs: number | undefined;
  rttMs: number | undefined;
  skewMs: number | undefined;
};

export function track(
  fields: MemberFields,
  start: {
    readonly state: LivenessState;
    readonly life: Life;
    readonly monoMs: number;
    readonly reach: Reachability;
  },
): Tracked {
  return {
    ...fields,
    state: start.state,
    sinceMonoMs: start.monoMs,
    life: start.life,
    reach: start.reach,
    window: new ReplayWindow(),
    suspicion: undefined,
    accusers: new Map(),
    contradicted: new Map(),
    isHearsay: false,
    ownClaim: undefined,
    isSilent: false,
    probe: undefined,
    checkDueMonoMs: Number.POSITIVE_INFINITY,
    lastAckMonoMs: undefined,
    lastUdpMonoMs: undefined,
    lastPingMonoMs: undefined,
    rttMs: undefined,
    skewMs: undefined,
  };
}

/** The accuser's latest word; that it goes round already holds for the next one that says no more. */
export function noteAccusation(
  { accusers }: Pick<Tracked, 'accusers'>,
  accuser: PeerId,
  accusation: Omit<Accusation, 'isSpread'>,
): void {
  const before = accusers.get(accuser);
  const isSpread = before?.isSpread === true && before.refused === accusation.refused;
  accusers.set(accuser, { ...accusation, isSpread });
}
