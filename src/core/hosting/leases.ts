/**
 * How long each hosted service is vouched for without hearing from it again.
 *
 * All leases are equally long, so the order of renewal is the order of expiry and only the head
 * has to be looked at.
 */
import type { NodeId } from '../record/node.ts';

export class Leases {
  readonly leaseMs: number;
  readonly #renewedAtMonoMs = new Map<NodeId, number>();

  constructor(leaseMs: number) {
    this.leaseMs = leaseMs;
  }

  get count(): number {
    return this.#renewedAtMonoMs.size;
  }

  ids(): Iterable<NodeId> {
    return this.#renewedAtMonoMs.keys();
  }

  has(id: NodeId): boolean {
    return this.#renewedAtMonoMs.has(id);
  }

  renew(id: NodeId, monoMs: number): void {
    this.#renewedAtMonoMs.delete(id);
    this.#renewedAtMonoMs.set(id, monoMs);
  }

  end(id: NodeId): void {
    this.#renewedAtMonoMs.delete(id);
  }

  /** Ends and returns the leases that have run out. */
  takeExpired(monoMs: number): readonly NodeId[] {
    const expired: NodeId[] = [];
    for (const [id, renewedAtMonoMs] of this.#renewedAtMonoMs) {
      if (monoMs - renewedAtMonoMs < this.leaseMs) break;
      this.#renewedAtMonoMs.delete(id);
      expired.push(id);
    }
    return expired;
  }
}
