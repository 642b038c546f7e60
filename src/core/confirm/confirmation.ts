/** What it means that others hold a record: how many are wanted, who has said so, and how it ended. */
import type { NodeFields, NodeId } from '../record/node.ts';
import { compareText, type Digest, type PeerId } from '../record/record.ts';
import type { LivenessState } from '../view.ts';

export const wantedMembers = ['majority', 'all'] as const;
/** `majority` is more than half of the known members, this agent included in both. */
export type WantedMembers = (typeof wantedMembers)[number];

export const confirmTimeoutDefaultMs = 5_000; // Guess: gossip takes milliseconds, one lost message a sync.
export const confirmTimeoutMaxMs = 60_000; // Guess: proxies in between give up about then.

/** Milliseconds, or with a unit: `500`, `500ms`, `5s`, `1m`. `undefined` unless from 1 ms to the limit. */
export function confirmTimeoutOf(text: string): number | undefined {
  const [, digits, unit = 'ms'] = /^([0-9]{1,9})(ms|s|m)?$/.exec(text) ?? [];
  const ms = Number(digits ?? 0) * { ms: 1, s: 1_000, m: 60_000 }[unit as 'ms' | 's' | 'm'];
  return ms >= 1 && ms <= confirmTimeoutMaxMs ? ms : undefined;
}

export interface ConfirmRequest {
  readonly wanted: WantedMembers;
  readonly timeoutMs: number;
  /** When time runs out, what was said before counts again. */
  readonly rollback: boolean;
}

/** As the store keeps it, so that a restart forgets no promise. */
export interface StoredConfirmation {
  /** Of this agent's confirmations; never used twice while it is kept. */
  readonly id: number;
  readonly subject: NodeId;
  readonly digest: Digest;
  readonly wanted: WantedMembers;
  readonly deadlineWallMs: number;
  readonly rollback: boolean;
  /** What this agent said about the subject before; absent when it said nothing. */
  readonly previous?: NodeFields;
}

/** Whoever holds the record, and who should, by node id, sorted; by peer id where another one holds the name. */
export interface Tally {
  readonly wanted: WantedMembers;
  /** This agent included. */
  readonly confirmed: readonly NodeId[];
  readonly missing: readonly NodeId[];
  /** Members that have to hold it. */
  readonly needed: number;
}

export interface ConfirmationOutcome extends Tally {
  readonly isMet: boolean;
  readonly rolledBack: boolean;
  /** From the request to this answer, ms. */
  readonly tookMs: number;
}

/** One line of `GET /confirmations`. */
export interface ConfirmationView extends Tally {
  readonly id: number;
  readonly subject: NodeId;
  readonly digest: Digest;
  /** `waiting` until time runs out. */
  readonly state: 'waiting' | 'met' | 'failed';
  readonly rollback: boolean;
  readonly rolledBack: boolean;
  /** It was taken up again after a restart. */
  readonly resumed: boolean;
  /** Time left, ms; absent once it has ended. */
  readonly leftMs?: number;
}

export interface KnownMember {
  readonly peer: PeerId;
  readonly id: NodeId;
  readonly state: LivenessState;
}

/**
 * @param self - Holds the record by definition.
 * @param members - All others; who is dead or has left is not waited for.
 * @param holders - Keys that said that they hold it.
 */
export function tally(
  wanted: WantedMembers,
  self: NodeId,
  members: Iterable<KnownMember>,
  holders: ReadonlySet<PeerId>,
): Tally {
  const confirmed = [self];
  const missing: NodeId[] = [];
  for (const { peer, id, state } of members) {
    if (state === 'dead' || state === 'left') continue;
    (holders.has(peer) ? confirmed : missing).push(id);
  }
  const known = confirmed.length + missing.length;
  return {
    wanted,
    confirmed: confirmed.sort(compareText),
    missing: missing.sort(compareText),
    needed: wanted === 'all' ? known : Math.floor(known / 2) + 1,
  };
}

export function isMet({ confirmed, needed }: Tally): boolean {
  return confirmed.length >= needed;
}
