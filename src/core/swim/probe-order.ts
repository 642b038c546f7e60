/**
 * Whom to probe next: everybody once per round, in an order drawn anew each round.
 *
 * A newcomer is put at a random place of the present round, so that a member is probed at the latest after
 * twice as many intervals as there are members. Source: SWIM, section 4.3.
 */
import { type Random, randomIndex, shuffled } from '../random.ts';
import type { PeerId } from '../record/record.ts';

export class ProbeOrder {
  readonly #random: Random;
  #round: PeerId[] = [];
  readonly #members = new Set<PeerId>();

  constructor(random: Random) {
    this.#random = random;
  }

  add(peer: PeerId): void {
    if (this.#members.has(peer)) return;
    this.#members.add(peer);
    this.#round.splice(randomIndex(this.#random, this.#round.length + 1), 0, peer);
  }

  remove(peer: PeerId): void {
    this.#members.delete(peer);
  }

  /** The next member; `undefined` when there is none that may be probed. */
  next(mayBeProbed: (peer: PeerId) => boolean): PeerId | undefined {
    for (let left = 2 * this.#members.size; left > 0; left--) {
      if (this.#round.length === 0) this.#round = shuffled(this.#random, this.#members);
      const peer = this.#round.pop();
      if (peer !== undefined && this.#members.has(peer) && mayBeProbed(peer)) return peer;
    }
    return undefined;
  }
}
