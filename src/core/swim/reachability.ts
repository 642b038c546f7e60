/**
 * How well one peer has been reachable, remembered across restarts.
 *
 * Each probe round leaves a mark; the score is their mean, recent ones weighing more, times how far the
 * peer's own accusations can be trusted. It orders nothing by itself: it is shown, and who accuses
 * falsely too often is no longer listened to.
 */
import type { PeerId } from '../record/record.ts';
import type { Layer, LayerView } from '../view.ts';
import { layers } from '../view.ts';

/** How a probe round ended: over UDP, through helpers, over the link only, not at all. */
export type Mark = 'U' | 'I' | 'L' | 'x';

/** What the store keeps of it. */
export interface StoredReachability {
  readonly history: string;
  /** 0 to 1. */
  readonly credibility: number;
}

const historyLength = 32;
const worth: Readonly<Record<Mark, number>> = { U: 1, I: 0.75, L: 0.5, x: 0 };
/** Of one mark against the next newer one. Guess: half of the score is the last eight rounds. */
const fading = 0.917;
/** Below this, somebody's accusations alone make nobody look. */
export const credibilityMin = 0.3;
/** One false accusation, or several of one slow member, may be honest; of so many different ones they are not. */
const accusedManyCount = 3;
const accusedWindowMs = 60_000;
const falseAccusationFactor = 0.75; // Guess: five of them, and nobody listens.
const lieFactor = 0.5; // Guess: after two nobody listens.
/** Regained per hour without one. Guess. */
const regainedPerMs = 0.5 / 3_600_000;

export class Reachability {
  readonly #layers = new Map<Layer, { ok: boolean; atMonoMs: number; detail: string | undefined }>();
  #history: string;
  #credibility: number;
  #credibilityAtMonoMs: number;
  readonly #accused = new Map<PeerId, number>();
  strikes = 0;
  #isDirty = false;

  constructor(stored: StoredReachability | undefined, monoMs: number) {
    this.#history = (stored?.history ?? '').slice(-historyLength);
    this.#credibility = Math.min(1, Math.max(0, stored?.credibility ?? 1));
    this.#credibilityAtMonoMs = monoMs;
  }

  get history(): string {
    return this.#history;
  }

  /** Ends a probe round. */
  mark(mark: Mark): void {
    this.#history = (this.#history + mark).slice(-historyLength);
    this.strikes = mark === 'x' ? this.strikes + 1 : 0;
    this.#isDirty = true;
  }

  layer(layer: Layer, ok: boolean, monoMs: number, detail?: string): void {
    this.#layers.set(layer, { ok, atMonoMs: monoMs, detail });
  }

  layerViews(monoMs: number): readonly LayerView[] {
    return layers.map(layer => {
      const seen = this.#layers.get(layer);
      if (seen === undefined) return { layer };
      const { ok, atMonoMs, detail } = seen;
      return { layer, ok, agoMs: Math.round(monoMs - atMonoMs), ...(detail === undefined ? {} : { detail }) };
    });
  }

  /** It accused somebody who answers us. */
  accusedFalsely(accused: PeerId, monoMs: number): void {
    this.#accused.set(accused, monoMs);
    for (const [peer, atMonoMs] of this.#accused) {
      if (monoMs - atMonoMs > accusedWindowMs) this.#accused.delete(peer);
    }
    if (this.#accused.size < accusedManyCount) return;
    this.#credibility = this.credibility(monoMs) * falseAccusationFactor;
    this.#credibilityAtMonoMs = monoMs;
    this.#isDirty = true;
  }

  /** It was caught with a lie that no mistake explains. */
  lied(monoMs: number): void {
    this.#credibility = this.credibility(monoMs) * lieFactor;
    this.#credibilityAtMonoMs = monoMs;
    this.#isDirty = true;
  }

  credibility(monoMs: number): number {
    return Math.min(1, this.#credibility + (monoMs - this.#credibilityAtMonoMs) * regainedPerMs);
  }

  /** 0 to 100. */
  score(monoMs: number): number {
    return Math.round(100 * reachOf(this.#history) * this.credibility(monoMs));
  }

  /** What to store, when there is something new. */
  takeDirty(monoMs: number): StoredReachability | undefined {
    if (!this.#isDirty) return undefined;
    this.#isDirty = false;
    return { history: this.#history, credibility: Number(this.credibility(monoMs).toFixed(3)) };
  }
}

/** Nobody is judged before the first round. */
export function reachOf(history: string): number {
  let sum = 0;
  let weights = 0;
  for (let i = history.length - 1, weight = 1; i >= 0; i--, weight *= fading) {
    sum += weight * (worth[history[i] as Mark] ?? 0);
    weights += weight;
  }
  return weights === 0 ? 1 : sum / weights;
}
