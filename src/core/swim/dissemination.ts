/**
 * Claims on their way round: each is sent a limited number of times, those sent least go first.
 *
 * They are pushed to a few members at a time, which is fast, and ride on pings, which costs nothing: pings are
 * padded to a size that has room for a claim. A claim about a later life drives out what was said about earlier
 * ones. Source: SWIM, section 4.1.
 *
 * Whoever hears a claim again from others need not push it as often. That leaves some members out, whom the pings of
 * the next seconds tell. To push until nobody is left out takes a number of datagrams that grows with the cluster.
 * Source: rumour mongering with feedback and counters (Demers and others, 1987, section 1.4).
 */
import type { PeerId } from '../record/record.ts';
import { type ClaimDraft, compareLives, isAccusation, type Life, type VerifiedClaim } from './claim.ts';
import { claimOverheadBytes, claimsPerDatagramMaxCount } from './message.ts';

interface Item {
  readonly claim: VerifiedClaim;
  readonly order: number;
  pushedCount: number;
  /** Pings that it went with. */
  riddenCount: number;
  heardCount: number;
}

/** A copy that somebody else sent is worth so many of ours. Measured among 300: a claim is pushed 3 to 4 times by each. */
const heardWeight = 4;
/** Pushes that no number of copies heard spares: whoever repeats a claim must not keep it from going round. */
const pushesMinCount = 2;

export interface Room {
  /** Pushes to members, or rides on a ping; absent: there is room for `first` only. */
  readonly by?: 'push' | 'ride' | undefined;
  readonly budgetBytes: number;
  /** Copies after which a claim has gone round, of either kind. */
  readonly limit: number;
  /** Goes before all others: what the receiver itself should hear. Not counted. */
  readonly first?: readonly VerifiedClaim[] | undefined;
}

/** Beyond this the claim that was sent most is dropped. */
const itemsMaxCount = 1_024;

export class Dissemination {
  readonly #items = new Map<string, Item>();
  #order = 0;

  get size(): number {
    return this.#items.size;
  }

  /** Whether there is anything to push. */
  isPushing(limit: number): boolean {
    for (const item of this.#items.values()) if (!isPushed(item, limit)) return true;
    return false;
  }

  add(claim: VerifiedClaim): void {
    for (const [key, { claim: other }] of this.#items) {
      if (other.subject === claim.subject && isOvertaken(other, claim)) this.#items.delete(key);
    }
    this.#order += 1;
    this.#items.set(keyOf(claim), {
      claim,
      order: this.#order,
      pushedCount: 0,
      riddenCount: 0,
      heardCount: 0,
    });
    if (this.#items.size > itemsMaxCount) this.#dropMostSent();
  }

  /** A member sent what we are sending ourselves. @param claim - Unverified: only the very same bytes count. */
  heardAgain(claim: ClaimDraft & { readonly wire: Uint8Array }): void {
    const item = this.#items.get(keyOf(claim));
    if (item !== undefined && isSameBytes(item.claim.wire, claim.wire)) item.heardCount += 1;
  }

  /** What was said about a member is of no use any more. */
  forget(subject: PeerId): void {
    for (const [key, { claim }] of this.#items) if (claim.subject === subject) this.#items.delete(key);
  }

  /** What was said about earlier lives of a member is of no use any more. */
  forgetBefore(subject: PeerId, life: Life): void {
    for (const [key, { claim }] of this.#items) {
      if (claim.subject === subject && claim.kind !== 'removed' && compareLives(claim, life) < 0)
        this.#items.delete(key);
    }
  }

  /** Up to `claimsPerDatagramMaxCount` claims within a budget, counted as sent. */
  take({ by, budgetBytes, limit, first = [] }: Room): readonly VerifiedClaim[] {
    const taken: VerifiedClaim[] = [];
    let leftBytes = budgetBytes;
    const fits = (claim: VerifiedClaim) => {
      const bytes = claim.wire.length + claimOverheadBytes;
      if (taken.length >= claimsPerDatagramMaxCount || bytes > leftBytes || taken.includes(claim))
        return false;
      leftBytes -= bytes;
      taken.push(claim);
      return true;
    };
    for (const claim of first) fits(claim);
    if (by === undefined || this.#items.size === 0) return taken;
    const isDone = by === 'push' ? isPushed : hasRidden;
    const waiting: [string, Item][] = [];
    for (const entry of this.#items) if (!isDone(entry[1], limit)) waiting.push(entry);
    waiting.sort(([, a], [, b]) => sentCount(a) - sentCount(b) || b.order - a.order);
    for (const [key, item] of waiting) {
      if (taken.length >= claimsPerDatagramMaxCount) break;
      if (!fits(item.claim)) continue;
      if (by === 'push') item.pushedCount += 1;
      else item.riddenCount += 1;
      if (isPushed(item, limit) && hasRidden(item, limit)) this.#items.delete(key);
    }
    return taken;
  }

  #dropMostSent(): void {
    let most: [string, Item] | undefined;
    for (const entry of this.#items)
      if (most === undefined || sentCount(entry[1]) > sentCount(most[1])) most = entry;
    if (most !== undefined) this.#items.delete(most[0]);
  }
}

function sentCount({ pushedCount, riddenCount }: Item): number {
  return pushedCount + riddenCount;
}

function isPushed({ pushedCount, heardCount }: Item, limit: number): boolean {
  return pushedCount >= Math.min(limit, Math.max(pushesMinCount, limit - heardWeight * heardCount));
}

function hasRidden({ riddenCount }: Item, limit: number): boolean {
  return riddenCount >= limit;
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** One voice per issuer about a subject; what the subject says of itself is one voice as well. */
function keyOf({ issuer, subject, kind }: ClaimDraft): string {
  return `${subject} ${issuer} ${kind === 'removed' || kind === 'revoked' ? kind : ''}`;
}

function isOvertaken(older: VerifiedClaim, newer: VerifiedClaim): boolean {
  if (older.kind === 'revoked') return false;
  const order = compareLives(older, newer);
  if (order < 0) return true;
  // Of the same life: leaving ends all accusations.
  return order === 0 && newer.kind === 'left' && isAccusation(older.kind);
}
