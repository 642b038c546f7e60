/**
 * This agent as an author: its epoch, sequence and hybrid clock.
 *
 * `seal` encodes and signs; it is handed in and must be deterministic.
 */
import { compareHybrid, type HybridTime, mergeHybrid, nextHybrid } from './hybrid-time.ts';
import type { Dot, PeerId, RecordDraft, VerifiedRecord } from './record.ts';

export type Seal = (draft: RecordDraft) => VerifiedRecord;

export type Claim = Pick<RecordDraft, 'subject' | 'authority' | 'context' | 'leaseMs' | 'body'> & {
  /** Of this author's previous record about the subject, while the claim goes on. */
  readonly claimedAt: HybridTime | undefined;
};

export class Author {
  readonly #seal: Seal;
  #peer: PeerId;
  #epoch: number;
  #sequence = 0;
  #time: HybridTime = { wallMs: 0, counter: 0 };

  constructor(
    options: { readonly peer: PeerId; readonly epoch: number },
    components: { readonly seal: Seal },
  ) {
    this.#peer = options.peer;
    this.#epoch = options.epoch;
    this.#seal = components.seal;
  }

  get peer(): PeerId {
    return this.#peer;
  }

  /** We speak with another key from now on, which has said nothing yet. `seal` signs with it. */
  rename(peer: PeerId): void {
    this.#peer = peer;
  }

  get dot(): Dot {
    return { epoch: this.#epoch, sequence: this.#sequence };
  }

  get time(): HybridTime {
    return this.#time;
  }

  /** A record was taken in: what is written next comes after it. */
  observe(time: HybridTime): void {
    this.#time = mergeHybrid(this.#time, time);
  }

  /** Our clock was ahead, and was set back: what we write next is of now again. Dots go on as before. */
  goBack(wallMs: number): void {
    this.#time = { wallMs, counter: 0 };
  }

  /** Starts an epoch above everything said so far, and above `seen`. */
  openEpoch(seen: number): number {
    this.#epoch = Math.max(this.#epoch, seen) + 1;
    this.#sequence = 0;
    return this.#epoch;
  }

  write(claim: Claim, wallMs: number): VerifiedRecord {
    this.#time = nextHybrid(this.#time, wallMs);
    this.#sequence += 1;
    const time = this.#time;
    const claimedAt =
      claim.claimedAt !== undefined && compareHybrid(claim.claimedAt, time) <= 0 ? claim.claimedAt : time;
    return this.#seal({
      ...claim,
      claimedAt,
      author: this.#peer,
      epoch: this.#epoch,
      sequence: this.#sequence,
      time,
    });
  }
}
