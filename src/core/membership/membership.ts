/**
 * Who is alive, as far as connections and pings can tell.
 *
 * A link that breaks is evidence, not proof: the member becomes suspect, is dialled again at once,
 * and is dead only when it stays away for `suspectMs`. A link that stays but does not answer two
 * pings in a row is cut, which leads down the same road.
 *
 * Members whom we keep no link to (large clusters) are judged by their last sign of life: a fresh
 * record of their own, or an occasional dial.
 */
import type { NodeId } from '../record/node.ts';
import type { PeerId } from '../record/record.ts';
import type { LivenessState } from '../view.ts';

export interface MembershipSettings {
  /** How long a member may be unreachable before it counts as dead, ms. */
  readonly suspectMs: number;
  /** Time between two pings to a linked peer, ms. */
  readonly pingIntervalMs: number;
}

export const defaultMembershipSettings: MembershipSettings = {
  suspectMs: 10_000, // Guess: a restart of a process takes 1 to 3 s, a redial round up to 5 s.
  pingIntervalMs: 5_000, // Guess: a frozen process is cut after two unanswered pings.
};

const pingsMissedMaxCount = 2;

export interface Member {
  readonly peer: PeerId;
  readonly id: NodeId;
  readonly state: LivenessState;
  /** Monotonic time of the last change of state, ms. */
  readonly sinceMonoMs: number;
}

interface Link {
  readonly address: string;
  readonly sinceMonoMs: number;
  pingDueMonoMs: number;
  pingsMissedCount: number;
  rttMs: number | undefined;
}

/** What a step of the membership asks of its owner. */
export interface MembershipChanges {
  readonly changed: readonly Member[];
  readonly ping: readonly PeerId[];
  readonly hangUp: readonly PeerId[];
}

const nothing: MembershipChanges = { changed: [], ping: [], hangUp: [] };

export class Membership {
  readonly #settings: MembershipSettings;
  readonly #members = new Map<PeerId, Member>();
  readonly #links = new Map<PeerId, Link>();

  constructor(settings: Partial<MembershipSettings> = {}) {
    this.#settings = { ...defaultMembershipSettings, ...settings };
  }

  members(): Iterable<Member> {
    return this.#members.values();
  }

  get membersCount(): number {
    return this.#members.size;
  }

  member(peer: PeerId): Member | undefined {
    return this.#members.get(peer);
  }

  isLinked(peer: PeerId): boolean {
    return this.#links.has(peer);
  }

  get linksCount(): number {
    return this.#links.size;
  }

  rttMs(peer: PeerId): number | undefined {
    return this.#links.get(peer)?.rttMs;
  }

  /** An agent's own record names it. `isFresh`: it was written just now, which is a sign of life. */
  known(peer: PeerId, id: NodeId, isFresh: boolean, monoMs: number): MembershipChanges {
    const member = this.#members.get(peer);
    if (member === undefined) {
      const state = isFresh || this.isLinked(peer) ? 'alive' : 'suspect';
      return this.#move({ peer, id, state, sinceMonoMs: monoMs });
    }
    const state =
      isFresh || (member.state === 'left' && this.isLinked(peer))
        ? 'alive'
        : member.state === 'left'
          ? 'suspect'
          : member.state;
    if (state === member.state && id === member.id) return nothing;
    return this.#move({ peer, id, state, sinceMonoMs: monoMs });
  }

  /** The agent said that it goes. */
  left(peer: PeerId, id: NodeId, monoMs: number): MembershipChanges {
    // Also one never met: what it hosted is not to be listed as if it might be there.
    return this.#members.has(peer)
      ? this.#become(peer, 'left', monoMs)
      : this.#move({ peer, id, state: 'left', sinceMonoMs: monoMs });
  }

  forget(peer: PeerId): void {
    this.#members.delete(peer);
  }

  linkUp(peer: PeerId, address: string, monoMs: number): MembershipChanges {
    this.#links.set(peer, {
      address,
      sinceMonoMs: monoMs,
      pingDueMonoMs: monoMs + this.#settings.pingIntervalMs,
      pingsMissedCount: 0,
      rttMs: undefined,
    });
    return this.#members.get(peer)?.state === 'left' ? nothing : this.#become(peer, 'alive', monoMs);
  }

  /** @param isEvidence - False where links come and go by choice, as in a partial mesh. */
  linkDown(peer: PeerId, isEvidence: boolean, monoMs: number): MembershipChanges {
    this.#links.delete(peer);
    if (!isEvidence || this.#members.get(peer)?.state !== 'alive') return nothing;
    return this.#become(peer, 'suspect', monoMs);
  }

  /** How long the link has stood, ms; 0 without a link. */
  linkAgeMs(peer: PeerId, monoMs: number): number {
    const link = this.#links.get(peer);
    return link === undefined ? 0 : monoMs - link.sinceMonoMs;
  }

  /** A dial found nobody. Says nothing about a member that is linked after all. */
  unreachable(peer: PeerId, monoMs: number): MembershipChanges {
    if (this.isLinked(peer) || this.#members.get(peer)?.state !== 'alive') return nothing;
    return this.#become(peer, 'suspect', monoMs);
  }

  pinged(peer: PeerId, rttMs: number | undefined, monoMs: number): MembershipChanges {
    const link = this.#links.get(peer);
    if (link === undefined) return nothing;
    link.rttMs = rttMs ?? link.rttMs;
    link.pingsMissedCount = rttMs === undefined ? link.pingsMissedCount + 1 : 0;
    const state = this.#members.get(peer)?.state;
    if (rttMs !== undefined) return state === 'suspect' ? this.#become(peer, 'alive', monoMs) : nothing;
    const suspected = state === 'alive' ? this.#become(peer, 'suspect', monoMs) : nothing;
    return link.pingsMissedCount >= pingsMissedMaxCount ? { ...suspected, hangUp: [peer] } : suspected;
  }

  /** To be called about once a second. */
  tick(monoMs: number): MembershipChanges {
    const ping: PeerId[] = [];
    for (const [peer, link] of this.#links) {
      if (link.pingDueMonoMs > monoMs) continue;
      link.pingDueMonoMs = monoMs + this.#settings.pingIntervalMs;
      ping.push(peer);
    }
    const changed = [...this.#members.values()]
      .filter(member => member.state === 'suspect' && monoMs - member.sinceMonoMs >= this.#settings.suspectMs)
      .flatMap(member => this.#become(member.peer, 'dead', monoMs).changed);
    return { changed, ping, hangUp: [] };
  }

  #become(peer: PeerId, state: LivenessState, monoMs: number): MembershipChanges {
    const member = this.#members.get(peer);
    if (member === undefined || member.state === state) return nothing;
    return this.#move({ ...member, state, sinceMonoMs: monoMs });
  }

  #move(member: Member): MembershipChanges {
    this.#members.set(member.peer, member);
    return { changed: [member], ping: [], hangUp: [] };
  }
}
