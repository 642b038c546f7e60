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

interface Accepted extends Entry {
  readonly agent: SimAgent;
  readonly atMs: number;
}

export class Ledger {
  readonly #post: PostOffice;
  #accepted: Accepted[] = [];
  /** Agents that may say again what they had forgotten that they said. */
  readonly #rewound = new Set<string>();
  readonly #found = new Set<string>();
  readonly #rotten = new Set<SimAgent>();

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
  accepted(agent: SimAgent, entry: Entry, atMs: number): void {
    this.#accepted.push({ ...entry, agent, atMs });
  }

  /** What an agent had accepted since then may have gone with its disk; or a queue of it was damaged. */
  forget(agent: SimAgent, sinceMs = Number.NEGATIVE_INFINITY): void {
    this.#accepted = this.#accepted.filter(entry => entry.agent !== agent || entry.atMs < sinceMs);
    this.#rewound.add(agent.id);
  }

  /** In the middle of it all: within bounds, and nothing damaged by crashes alone. */
  look(agents: readonly SimAgent[], entriesMaxCount: number): void {
    for (const agent of agents) {
      if (!agent.isUp) continue;
      const { count, damagedReceivers } = agent.protocol.outbox;
      if (count > entriesMaxCount) this.#found.add(`O5 ${agent.id} keeps ${count} deliveries`);
      if (damagedReceivers.size > 0 && !this.#rotten.has(agent))
        this.#found.add(`O7 ${agent.id} found a queue damaged`);
    }
  }

  /** A row of its outbox is gone: it has to find that out, and what was in there is lost. */
  rotted(agent: SimAgent): void {
    this.#rotten.add(agent);
    this.forget(agent);
  }

  /** No receiver here refuses anything for good, and no disk is damaged: whatever is dead has expired. */
  buried(letters: readonly DeadLetter[]): void {
    for (const { digest, reason } of letters)
      if (reason !== 'expired' && this.#rotten.size === 0) this.#found.add(`O6 ${digest} is dead: ${reason}`);
  }

  /** @param dead - Digests of the dead letters. */
  violations(dead: ReadonlySet<string>): readonly string[] {
    const found = [...this.#found];
    const lastOf = new Map<string, number>();
    for (const receiver of this.#post.receivers) {
      const taken = this.#post.taken(receiver);
      if (new Set(taken).size < taken.length) found.push(`O3 ${receiver} took something twice`);
      for (const digest of taken) {
        const [, subject, version] = JSON.parse(digest) as [string, string, number];
        const key = `${receiver} ${subject}`;
        const isRewound = this.#rewound.has(subject.split(' ')[0] ?? '');
        if (version < (lastOf.get(key) ?? 0) && !isRewound)
          found.push(`O4 ${key}: ${version} came after a later one`);
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
      if (reached < entry.version) found.push(`O1 ${key}: ${entry.version} was accepted and is nowhere`);
    }
    return found;
  }
}
