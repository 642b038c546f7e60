/**
 * Who is shut out: by what it did before our eyes, for a while, or by a decision of operators.
 *
 * A quarantined key loses its connection to us, and nothing else: what it says still comes through others, and it is
 * still probed, because what it did wrong says nothing about whether its services work. A banned key is as good as
 * gone: it is not heard, its name is free, and what it vouches for is off our lists. Its records stay in the
 * table, unseen, so that tables of agents that decided differently stay equal; they are not passed on.
 */
import type { CoreLogEvent, Effect, StoreOperation, Ticket } from '../effects.ts';
import type { PeerId } from '../record/record.ts';
import type { Now } from '../time.ts';
import type { VerifiedBan } from './ban.ts';
import { type BanSettings, Bans } from './bans.ts';
import { type Fault, Reputation, type ReputationSettings, type StandingChange } from './reputation.ts';

export interface ExclusionComponents {
  readonly self: () => PeerId;
  readonly latest: (peer: PeerId) => PeerId;
  readonly formersOf: (peer: PeerId) => readonly PeerId[];
  readonly nameOf: (peer: PeerId) => string | undefined;
  /** It is not to be probed, dialled or listed any more. */
  readonly onBanned: (peer: PeerId, now: Now) => readonly Effect[];
  /** It is one among others again. */
  readonly onPardoned: (peer: PeerId, now: Now) => readonly Effect[];
}

export class Exclusion {
  readonly bans: Bans;
  readonly reputation: Reputation;
  readonly #parts: ExclusionComponents;
  readonly #banned = new Set<PeerId>();

  constructor(
    settings: { readonly bans: Partial<BanSettings>; readonly reputation: Partial<ReputationSettings> },
    components: ExclusionComponents,
  ) {
    this.#parts = components;
    this.bans = new Bans(settings.bans, components);
    this.reputation = new Reputation(settings.reputation);
  }

  isBanned(peer: PeerId): boolean {
    return this.#banned.has(peer);
  }

  /** No connection with it is kept. */
  isShutOut(peer: PeerId): boolean {
    return this.#banned.has(peer) || this.reputation.standing(peer) === 'quarantined';
  }

  /** Before anything else is restored: what the banned have said is not looked at. */
  restore(statements: readonly VerifiedBan[], now: Now): void {
    for (const ban of statements) this.bans.take(ban);
    for (const subject of this.bans.subjects())
      if (this.bans.isBanned(subject, now.wallMs)) this.#banned.add(subject);
  }

  /** What the network has to know from the start. */
  start(): readonly Effect[] {
    return [...this.#banned].map(peer => ({ type: 'standing', peer, standing: 'banned' }) as const);
  }

  fault(peer: PeerId, fault: Fault, now: Now): readonly Effect[] {
    return this.#judged(this.reputation.fault(peer, fault, now.monoMs));
  }

  /** An operator speaks through this agent; what it did before is forgiven with a pardon. */
  decide(ticket: Ticket, ban: VerifiedBan, now: Now): readonly Effect[] {
    const forgiven = ban.isLifted ? this.#judged(this.reputation.pardon(ban.subject)) : [];
    return [
      ...this.#take(ban, now),
      ...forgiven,
      {
        type: 'persist',
        operations: [],
        then: [{ type: 'reply', ticket, reply: { ok: true, changed: true } }],
      },
    ];
  }

  hear(ban: VerifiedBan, now: Now): readonly Effect[] {
    return this.#take(ban, now);
  }

  /** Whom time has forgiven. To be called about once a second. */
  tick(now: Now): readonly Effect[] {
    const judged = this.reputation.tick(now.monoMs).flatMap(change => this.#judged(change));
    const expired = [...this.#banned].filter(peer => !this.bans.isBanned(peer, now.wallMs));
    return [...judged, ...expired.flatMap(peer => this.settle(peer, now))];
  }

  #take(ban: VerifiedBan, now: Now): readonly Effect[] {
    const dropped = this.bans.take(ban);
    const operations: StoreOperation[] = [
      { type: 'put-ban', ban },
      ...dropped.map(({ issuer, subject }) => ({ type: 'delete-ban', ban: { issuer, subject } }) as const),
    ];
    const about = [ban, ...dropped].map(({ subject }) => subject);
    const subjects = new Set([...about, ...about.map(this.#parts.latest)]);
    return [
      { type: 'persist', operations, then: [{ type: 'publish-bans', bans: [ban] }] },
      ...[...subjects].flatMap(subject => this.settle(subject, now)),
    ];
  }

  /** After what is said of a key has changed, or time has passed. */
  settle(peer: PeerId, now: Now): readonly Effect[] {
    const isBanned = this.bans.isBanned(peer, now.wallMs);
    if (isBanned === this.#banned.has(peer)) return [];
    const id = this.#parts.nameOf(peer);
    if (!isBanned) {
      this.#banned.delete(peer);
      return [
        log('peer_pardoned', { peer, id }),
        { type: 'standing', peer, standing: this.reputation.standing(peer) },
        ...this.#parts.onPardoned(peer, now),
      ];
    }
    this.#banned.add(peer);
    return [
      log('peer_banned', { peer, id, ...this.#wordsAbout(peer) }),
      { type: 'standing', peer, standing: 'banned' },
      { type: 'hang-up', peer },
      ...this.#parts.onBanned(peer, now),
    ];
  }

  #wordsAbout(peer: PeerId) {
    const ban = this.bans.latestAbout(peer);
    return ban && { by: this.#parts.nameOf(ban.issuer), reason: ban.reason };
  }

  #judged(change: StandingChange | undefined): readonly Effect[] {
    if (change === undefined || this.#banned.has(change.peer)) return [];
    const { peer, from, to } = change;
    return [
      log('standing_changed', { peer, id: this.#parts.nameOf(peer), from, to }),
      { type: 'standing', peer, standing: to },
      ...(to === 'quarantined' ? [{ type: 'hang-up', peer } as const] : []),
    ];
  }
}

function log(event: CoreLogEvent, fields: Readonly<Record<string, unknown>>): Effect {
  return { type: 'log', event, fields };
}
