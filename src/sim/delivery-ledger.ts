/** The plain truth about deliveries, kept beside the outboxes, and what must hold between the two. */
import type { DeadLetter, Receiver } from '../core/outbox/delivery.ts';
import type { SimAgent } from './agent.ts';
import type { PostOffice } from './post.ts';

export interface Entry {
  readonly receiver: Receiver;
  /** Of one agent only. */
  readonly subject: string;
  /** Counts up over everything. */
  readonly version: number;
}

export class Ledger {
  readonly #post: PostOffice;
  readonly #accepted: Entry[] = [];
  readonly #found = new Set<string>();

  constructor(post: PostOffice) {
    this.#post = post;
  }

  get acceptedCount(): number {
    return this.#accepted.length;
  }

  get arrivedCount(): number {
    return this.#post.receivers.reduce((sum, receiver) => sum + this.#post.taken(receiver).length, 0);
  }

  digestOf({ receiver, subject, version }: Entry): string {
    return JSON.stringify([receiver, subject, version]);
  }

  /** The caller was told that it is durable. */
  accepted(entry: Entry): void {
    this.#accepted.push(entry);
  }

  /** In the middle of it all: within bounds, and nothing damaged by crashes alone. */
  look(agents: readonly SimAgent[], entriesMaxCount: number): void {
    for (const agent of agents) {
      if (!agent.isUp) continue;
      const { count, damagedReceivers } = agent.protocol.outbox;
      if (count > entriesMaxCount) this.#found.add(`${agent.id} keeps ${count} deliveries`);
      if (damagedReceivers.size > 0) this.#found.add(`${agent.id} found a queue damaged`);
    }
  }

  /** No receiver here refuses anything for good, and no disk is damaged: whatever is dead has expired. */
  buried(letters: readonly DeadLetter[]): void {
    for (const { digest, reason } of letters)
      if (reason !== 'expired') this.#found.add(`${digest} is dead: ${reason}`);
  }

  /** @param dead - Digests of the dead letters. */
  violations(dead: ReadonlySet<string>): readonly string[] {
    const found = [...this.#found];
    const lastOf = new Map<string, number>();
    for (const receiver of this.#post.receivers) {
      const taken = this.#post.taken(receiver);
      if (new Set(taken).size < taken.length) found.push(`${receiver} took something twice`);
      for (const digest of taken) {
        const [, subject, version] = JSON.parse(digest) as [string, string, number];
        const key = `${receiver} ${subject}`;
        if (version < (lastOf.get(key) ?? 0)) found.push(`${key}: ${version} came after a later one`);
        lastOf.set(key, Math.max(version, lastOf.get(key) ?? 0));
      }
    }
    const latestDead = new Map<string, number>();
    for (const digest of dead) {
      const [receiver, subject, version] = JSON.parse(digest) as [string, string, number];
      const key = `${receiver} ${subject}`;
      latestDead.set(key, Math.max(version, latestDead.get(key) ?? 0));
    }
    for (const entry of this.#accepted) {
      const key = `${entry.receiver} ${entry.subject}`;
      // A later one stands for it; whether that one arrived or died is its own question.
      const reached = Math.max(lastOf.get(key) ?? 0, latestDead.get(key) ?? 0);
      if (reached < entry.version) found.push(`${key}: ${entry.version} was accepted and is nowhere`);
    }
    return found;
  }
}
