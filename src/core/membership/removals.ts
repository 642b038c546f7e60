/**
 * Agents that were taken out, by an operator or because they were gone for too long: nothing that they said
 * up to then comes back, from whomever it comes. An agent that is not gone after all hears of it when it
 * connects, and speaks anew in a later epoch. And keys that their owners have ended, which never speak again.
 */
import type { PeerId } from '../record/record.ts';
import type { VerifiedClaim } from '../swim/claim.ts';

/** Guess: far more than a cluster loses in a day. The oldest go first. */
const removalsMaxCount = 4_096;
/** Told to whom we connect to; a newcomer learns of older ones when their records reach it and are taken out again. */
const toldMaxCount = 256;

export class Removals {
  readonly #claims = new Map<PeerId, VerifiedClaim>();

  has(peer: PeerId, epoch: number): boolean {
    const claim = this.#claims.get(peer);
    return claim !== undefined && lastEpochOf(claim) >= epoch;
  }

  of(peer: PeerId): VerifiedClaim | undefined {
    return this.#claims.get(peer);
  }

  /** @returns Peers whose removal is forgotten for want of room. */
  add(claim: VerifiedClaim): readonly PeerId[] {
    this.#claims.delete(claim.subject);
    this.#claims.set(claim.subject, claim);
    const excessCount = Math.max(0, this.#claims.size - removalsMaxCount);
    const dropped = excessCount === 0 ? [] : this.#leastLasting().slice(0, excessCount);
    for (const peer of dropped) this.#claims.delete(peer);
    return dropped;
  }

  /** The newest, for a peer that may not have heard of them. */
  latest(): readonly VerifiedClaim[] {
    return [...this.#claims.values()].slice(-toldMaxCount);
  }

  /** Who was taken out may come back by itself; a key that was ended must not. */
  #leastLasting(): readonly PeerId[] {
    const peers = [...this.#claims].sort(
      ([, a], [, b]) => Number(a.kind === 'revoked') - Number(b.kind === 'revoked'),
    );
    return peers.map(([peer]) => peer);
  }
}

/** Up to which epoch nothing of the subject is taken in. */
export function lastEpochOf({ kind, epoch }: Pick<VerifiedClaim, 'kind' | 'epoch'>): number {
  return kind === 'revoked' ? Number.MAX_SAFE_INTEGER : epoch;
}
