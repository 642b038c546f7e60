/**
 * Whom operators have shut out, here and elsewhere.
 *
 * A ban is a decision of the agent through which it was said. It goes round, signed, so that everybody can see it, and
 * takes effect elsewhere only where that agent is named as one through which operators speak (`ban_issuers`). Letting
 * a ban of any member take effect was rejected: one liar could shut out everybody. The latest statement of
 * those that count decides, so that a pardon here also lifts what was decided elsewhere.
 */
import { RateLimit } from '../gossip/rate-limit.ts';
import { compareText, type PeerId } from '../record/record.ts';
import type { Now } from '../time.ts';
import type { VerifiedBan } from './ban.ts';

export interface BanSettings {
  /** Keys of agents through which operators speak for the whole cluster. */
  readonly issuers: readonly PeerId[];
  /** Statements kept of those that count; the oldest go first. */
  readonly keptMaxCount: number;
  /** Statements kept of all others, which are only shown. */
  readonly advisedMaxCount: number;
}

export const defaultBanSettings: BanSettings = {
  issuers: [], // Nobody decides for others unless they say so.
  keptMaxCount: 4_096, // Guess: as many as removals.
  advisedMaxCount: 256, // Guess: more than a person reads.
};

/** As far as clocks may differ, by default. A statement of a time to come could not be replaced until then. */
const aheadMaxMs = 2_000;
/** Told to whom we connect to. */
export const bansToldMaxCount = 256;

export interface BanView {
  readonly peer: PeerId;
  readonly issuer: PeerId;
  readonly issuedAtMs: number;
  readonly untilMs?: number;
  readonly reason: string;
  /** `in-force`: here. `advised`: by an agent that does not decide for this one. */
  readonly state: 'in-force' | 'advised';
}

export interface BansComponents {
  readonly self: () => PeerId;
  /** The key that speaks now where this one did. */
  readonly latest: (peer: PeerId) => PeerId;
  /** The keys before this one. */
  readonly formersOf: (peer: PeerId) => readonly PeerId[];
}

export class Bans {
  readonly #settings: BanSettings;
  readonly #parts: BansComponents;
  readonly #counting = new Map<string, VerifiedBan>();
  readonly #advised = new Map<string, VerifiedBan>();
  /** Of those that count, the latest about each subject. */
  readonly #deciding = new Map<PeerId, VerifiedBan>();
  readonly #rate = new RateLimit({ perSecond: 1, burstCount: 50, bucketsMaxCount: 1_024 });

  constructor(settings: Partial<BanSettings>, components: BansComponents) {
    this.#settings = { ...defaultBanSettings, ...settings };
    this.#parts = components;
  }

  /** Whether a statement is worth the cost of a signature, and of passing it on. */
  wants(ban: Pick<VerifiedBan, 'issuer' | 'subject' | 'issuedAtMs'>, isMember: boolean, now: Now): boolean {
    if (ban.issuedAtMs > now.wallMs + aheadMaxMs || ban.issuer === ban.subject) return false;
    if (!this.#counts(ban.issuer) && !isMember) return false;
    const known = this.#counting.get(keyOf(ban)) ?? this.#advised.get(keyOf(ban));
    if (known !== undefined && known.issuedAtMs >= ban.issuedAtMs) return false;
    return this.#rate.take(ban.issuer, now.monoMs);
  }

  /** @returns Statements that are forgotten for want of room; the caller takes them out of the store. */
  take(ban: VerifiedBan): readonly VerifiedBan[] {
    const counts = this.#counts(ban.issuer);
    const map = counts ? this.#counting : this.#advised;
    const known = map.get(keyOf(ban));
    if (known !== undefined && known.issuedAtMs >= ban.issuedAtMs) return [];
    map.delete(keyOf(ban));
    map.set(keyOf(ban), ban);
    const dropped: VerifiedBan[] = [];
    const maxCount = counts ? this.#settings.keptMaxCount : this.#settings.advisedMaxCount;
    for (const [key, oldest] of map) {
      if (map.size <= maxCount) break;
      map.delete(key);
      dropped.push(oldest);
    }
    if (counts) for (const { subject } of [ban, ...dropped]) this.#decide(subject);
    return dropped;
  }

  /** Nobody is, by this, who has spoken with our own key. */
  isBanned(peer: PeerId, wallMs: number): boolean {
    const { self, formersOf } = this.#parts;
    if (peer === self()) return false;
    return [peer, ...formersOf(peer)].some(key => {
      const ban = this.#deciding.get(key);
      return ban !== undefined && !ban.isLifted && (ban.untilMs === 0 || wallMs < ban.untilMs);
    });
  }

  latestAbout(subject: PeerId): VerifiedBan | undefined {
    return this.#deciding.get(subject);
  }

  /** Keys that somebody who counts has spoken about. */
  subjects(): Iterable<PeerId> {
    return this.#deciding.keys();
  }

  /** For a peer that may not have heard of them. */
  latestStatements(): readonly VerifiedBan[] {
    return [...this.#advised.values(), ...this.#counting.values()].slice(-bansToldMaxCount);
  }

  views(wallMs: number): readonly BanView[] {
    const inForce = [...this.#deciding.values()].filter(({ subject }) => this.isBanned(subject, wallMs));
    const advised = [...this.#advised.values()].filter(
      ({ isLifted, untilMs }) => !isLifted && (untilMs === 0 || wallMs < untilMs),
    );
    return [...inForce.map(ban => view(ban, 'in-force')), ...advised.map(ban => view(ban, 'advised'))].sort(
      (a, b) => compareText(a.peer, b.peer) || compareText(a.issuer, b.issuer),
    );
  }

  #counts(issuer: PeerId): boolean {
    const { self, latest } = this.#parts;
    return latest(issuer) === self() || this.#settings.issuers.some(each => latest(each) === latest(issuer));
  }

  #decide(subject: PeerId): void {
    const about = [...this.#counting.values()].filter(ban => ban.subject === subject);
    // Of the same moment: whoever shuts out, so that all come to the same.
    const [latest] = about.sort(
      (a, b) =>
        b.issuedAtMs - a.issuedAtMs ||
        Number(a.isLifted) - Number(b.isLifted) ||
        compareText(a.issuer, b.issuer),
    );
    if (latest === undefined) this.#deciding.delete(subject);
    else this.#deciding.set(subject, latest);
  }
}

function keyOf({ issuer, subject }: Pick<VerifiedBan, 'issuer' | 'subject'>): string {
  return `${issuer} ${subject}`;
}

function view(
  { subject, issuer, issuedAtMs, untilMs, reason }: VerifiedBan,
  state: BanView['state'],
): BanView {
  return { peer: subject, issuer, issuedAtMs, ...(untilMs === 0 ? {} : { untilMs }), reason, state };
}
