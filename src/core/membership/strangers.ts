/**
 * Authors that nobody introduces: services that they host are known, and nothing says who and where they are.
 *
 * Usually their own record is on its way. Where it does not come, everybody who had it has lost it, so they are
 * taken for gone: else what they hosted would be shown as suspect for ever.
 */
import type { PeerId } from '../record/record.ts';

/** Six times the pause between two exchanges, which bring what is there. */
const introducedMs = 60_000;
const strangersMaxCount = 4_096;

export class Strangers {
  /** When an author was heard of first; those that come in when there is no room are never given up. */
  readonly #sinceMonoMs = new Map<PeerId, number>();
  readonly #gone = new Set<PeerId>();

  note(author: PeerId, monoMs: number): void {
    if (this.#sinceMonoMs.size < strangersMaxCount && !this.#sinceMonoMs.has(author))
      this.#sinceMonoMs.set(author, monoMs);
  }

  isGone(author: PeerId): boolean {
    return this.#gone.has(author);
  }

  /** To be called now and then. @returns Those that are taken for gone from now on. */
  giveUp(isMember: (author: PeerId) => boolean, monoMs: number): readonly PeerId[] {
    const found: PeerId[] = [];
    for (const [author, sinceMonoMs] of this.#sinceMonoMs) {
      if (isMember(author)) {
        this.#sinceMonoMs.delete(author);
        this.#gone.delete(author);
      } else if (monoMs - sinceMonoMs >= introducedMs && !this.#gone.has(author)) {
        this.#gone.add(author);
        found.push(author);
      }
    }
    return found;
  }
}
