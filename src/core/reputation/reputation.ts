/**
 * What peers have done wrong, as far as we have seen it with our own eyes, and what follows from it.
 *
 * Only two things count: a fault of the peer at the other end of a connection that its key authenticates, and of the
 * signer of something that its own signature proves. Nothing that anybody says about somebody else counts, and nothing
 * that an honest agent would do because others made it. Where that cannot be told apart for certain (a neighbour can
 * be made to pass on too much, a newer version says what we cannot read, a bad network makes an honest agent accuse)
 * the fault has a ceiling below the threshold of anything that hurts. So no amount of gossip shuts an honest peer
 * out. Sharing scores was rejected for the same reason: whoever lies about others would be believed.
 *
 * Points fade with a half-life, so that a fault long ago, or a broken disk that was replaced, is forgiven.
 */
import { compareText, type PeerId } from '../record/record.ts';

/**
 * `bad-signature`: passed on what nobody has signed. `forged-ack`: relayed an answer that was not given. `sync-lie`:
 * showed a table that contradicts itself. `false-accusation`: accused who answers us. `flood`: more than may be sent.
 * `malformed`: bytes that no version of ours makes.
 */
export const faults = [
  'bad-signature',
  'forged-ack',
  'sync-lie',
  'false-accusation',
  'flood',
  'malformed',
] as const;
export type Fault = (typeof faults)[number];

/** `throttled`: less is taken from it. `no-mesh`: gossip does not go through it. `quarantined`: no connection. */
export type Standing = 'good' | 'throttled' | 'no-mesh' | 'quarantined' | 'banned';

export interface ReputationSettings {
  /** Points lose half of their weight in this time, ms. */
  readonly halfLifeMs: number;
  readonly throttleAt: number;
  readonly noMeshAt: number;
  readonly quarantineAt: number;
  /** How long a quarantine lasts at least, ms. */
  readonly quarantineMs: number;
  /** Keys that are remembered; the least guilty go first. */
  readonly keysMaxCount: number;
}

export const defaultReputationSettings: ReputationSettings = {
  halfLifeMs: 30 * 60_000, // Derived: lies in exchanges come at doubled pauses from a minute on, so four fall into it.
  throttleAt: 30, // Derived: one fault that no mistake explains.
  noMeshAt: 60, // Derived: two of them.
  quarantineAt: 100, // Derived: four of them.
  quarantineMs: 10 * 60_000, // Guess: long enough to be worth a look, short enough to forgive without a person.
  keysMaxCount: 4_096, // Guess: more than can be linked at once, many times.
};

interface Weight {
  readonly points: number;
  /** The most that faults of this kind amount to together; absent: no ceiling. */
  readonly ceiling?: 'throttleAt' | 'noMeshAt';
}

const weights: Readonly<Record<Fault, Weight>> = {
  'bad-signature': { points: 30 }, // An honest agent checks whatever it passes on.
  'forged-ack': { points: 30 }, // Likewise.
  'sync-lie': { points: 30 }, // Told from a table that changes meanwhile, see `sync/walk.ts`.
  'false-accusation': { points: 1, ceiling: 'throttleAt' }, // Guess: a one-way cut makes honest agents accuse.
  flood: { points: 0.05, ceiling: 'throttleAt' }, // Guess: per message too many; others can make it pass them on.
  malformed: { points: 2, ceiling: 'noMeshAt' }, // Guess: a later version may say what we cannot read.
};

interface Tally {
  points: number;
  count: number;
  atMonoMs: number;
}

interface Conduct {
  readonly tallies: Map<Fault, Tally>;
  standing: Standing;
  quarantinedUntilMonoMs: number;
}

export interface StandingChange {
  readonly peer: PeerId;
  readonly from: Standing;
  readonly to: Standing;
}

export interface ReputationView {
  readonly peer: PeerId;
  readonly standing: Standing;
  readonly points: number;
  readonly quarantinedForMs?: number;
  readonly faults: readonly { readonly fault: Fault; readonly count: number; readonly lastMs: number }[];
}

/** Fewer points than this are none. */
const forgottenPoints = 0.5;

export class Reputation {
  readonly settings: ReputationSettings;
  readonly #conducts = new Map<PeerId, Conduct>();
  #droppedCount = 0;

  constructor(settings: Partial<ReputationSettings> = {}) {
    this.settings = { ...defaultReputationSettings, ...settings };
  }

  /** Keys that were forgotten for want of room. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  standing(peer: PeerId): Standing {
    return this.#conducts.get(peer)?.standing ?? 'good';
  }

  /** A fault seen first-hand. @returns What follows from it at once. */
  fault(peer: PeerId, fault: Fault, monoMs: number): StandingChange | undefined {
    const conduct = this.#conducts.get(peer) ?? this.#begin(peer, monoMs);
    const { points, ceiling } = weights[fault];
    const tally = conduct.tallies.get(fault) ?? { points: 0, count: 0, atMonoMs: monoMs };
    const raised = this.#faded(tally, monoMs) + points;
    // Just below: a threshold is reached by something else.
    tally.points = ceiling === undefined ? raised : Math.min(raised, this.settings[ceiling] - 1);
    tally.count += 1;
    tally.atMonoMs = monoMs;
    conduct.tallies.set(fault, tally);
    return this.#judge(peer, conduct, monoMs);
  }

  /** To be called now and then: whom time has forgiven. */
  tick(monoMs: number): readonly StandingChange[] {
    const changes: StandingChange[] = [];
    for (const [peer, conduct] of this.#conducts) {
      const change = this.#judge(peer, conduct, monoMs);
      if (change !== undefined) changes.push(change);
      if (conduct.standing === 'good' && this.#points(conduct, monoMs) < forgottenPoints)
        this.#conducts.delete(peer);
    }
    return changes;
  }

  /** An operator forgives everything. */
  pardon(peer: PeerId): StandingChange | undefined {
    const from = this.standing(peer);
    this.#conducts.delete(peer);
    return from === 'good' ? undefined : { peer, from, to: 'good' };
  }

  /** The worst first. */
  views(monoMs: number): readonly ReputationView[] {
    const views = [...this.#conducts].map(([peer, conduct]): ReputationView => {
      const leftMs = conduct.quarantinedUntilMonoMs - monoMs;
      return {
        peer,
        standing: conduct.standing,
        points: Math.round(10 * this.#points(conduct, monoMs)) / 10,
        ...(leftMs > 0 ? { quarantinedForMs: Math.round(leftMs) } : {}),
        faults: [...conduct.tallies].map(([fault, { count, atMonoMs }]) => ({
          fault,
          count,
          lastMs: Math.round(monoMs - atMonoMs),
        })),
      };
    });
    return views.sort((a, b) => b.points - a.points || compareText(a.peer, b.peer));
  }

  #judge(peer: PeerId, conduct: Conduct, monoMs: number): StandingChange | undefined {
    const from = conduct.standing;
    const points = this.#points(conduct, monoMs);
    const { quarantineAt, quarantineMs, noMeshAt, throttleAt } = this.settings;
    if (points >= quarantineAt && conduct.quarantinedUntilMonoMs <= monoMs)
      conduct.quarantinedUntilMonoMs = monoMs + quarantineMs;
    const isQuarantined = conduct.quarantinedUntilMonoMs > monoMs;
    const to = isQuarantined
      ? 'quarantined'
      : points >= noMeshAt
        ? 'no-mesh'
        : points >= throttleAt
          ? 'throttled'
          : 'good';
    conduct.standing = to;
    return from === to ? undefined : { peer, from, to };
  }

  #points({ tallies }: Conduct, monoMs: number): number {
    let certain = 0;
    let unsure = 0;
    for (const [fault, tally] of tallies) {
      const points = this.#faded(tally, monoMs);
      if (weights[fault].ceiling === undefined) certain += points;
      else unsure += points;
    }
    // Several things that may be honest are not proof of anything either.
    return certain + Math.min(unsure, this.settings.noMeshAt - 1);
  }

  #faded({ points, atMonoMs }: Tally, monoMs: number): number {
    return points * 2 ** (-(monoMs - atMonoMs) / this.settings.halfLifeMs);
  }

  #begin(peer: PeerId, monoMs: number): Conduct {
    if (this.#conducts.size >= this.settings.keysMaxCount) this.#dropLeast(monoMs);
    const conduct: Conduct = {
      tallies: new Map(),
      standing: 'good',
      quarantinedUntilMonoMs: Number.NEGATIVE_INFINITY,
    };
    this.#conducts.set(peer, conduct);
    return conduct;
  }

  /** A tenth at once, so that whoever comes with ever new keys does not make us sort each time. */
  #dropLeast(monoMs: number): void {
    const byGuilt = [...this.#conducts].sort(
      ([, a], [, b]) => this.#points(a, monoMs) - this.#points(b, monoMs),
    );
    for (const [peer, { standing }] of byGuilt.slice(0, Math.ceil(byGuilt.length / 10))) {
      // Whoever is shut out stays so: his connections were refused, and nobody else would know.
      if (standing === 'quarantined') break;
      this.#conducts.delete(peer);
      this.#droppedCount += 1;
    }
  }
}
