/** Which peers we hold a connection to. */
import type { PeerId } from '../record/record.ts';

interface Link {
  readonly address: string;
  readonly sinceMonoMs: number;
}

export class Links {
  readonly #links = new Map<PeerId, Link>();

  get count(): number {
    return this.#links.size;
  }

  peers(): Iterable<PeerId> {
    return this.#links.keys();
  }

  has(peer: PeerId): boolean {
    return this.#links.has(peer);
  }

  up(peer: PeerId, address: string, monoMs: number): void {
    this.#links.set(peer, { address, sinceMonoMs: monoMs });
  }

  down(peer: PeerId): void {
    this.#links.delete(peer);
  }

  /** How long the link has stood, ms; 0 without a link. */
  ageMs(peer: PeerId, monoMs: number): number {
    const link = this.#links.get(peer);
    return link === undefined ? 0 : monoMs - link.sinceMonoMs;
  }
}
