/**
 * Deliveries through a bad day, replayable from one seed.
 *
 * Agents enqueue updates for a few receivers; receivers go away, come back and lose their answers; agents
 * crash and start again on the disk that they had; disks fill up and are cleared. Then the faults end, and
 * everything that was accepted must have arrived, have been superseded by something that arrived, or lie in
 * the dead letters.
 */
import { createHash } from 'node:crypto';
import { priorities } from '../core/outbox/delivery.ts';
import { type Random, randomIndex } from '../core/random.ts';
import { compareText } from '../core/record/record.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import { SimAgent } from './agent.ts';
import { Clinic } from './clinic.ts';
import { Ledger } from './delivery-ledger.ts';
import { SimNetworkHub } from './network.ts';
import { PostOffice } from './post.ts';
import { Predecessors } from './predecessors.ts';
import { Scheduler } from './scheduler.ts';

export interface OutboxSimulationOptions {
  readonly seed: number;
  readonly agentsCount: number;
  /** Virtual minutes of faults. */
  readonly minutes: number;
}

export interface OutboxSimulationResult {
  readonly seed: number;
  /** The same seed gives the same. */
  readonly traceHash: string;
  readonly acceptedCount: number;
  readonly arrivedCount: number;
  readonly deadCount: number;
  readonly attemptsCount: number;
  /** Virtual time from the end of the faults until every queue was empty, ms. */
  readonly drainedAfterMs: number | undefined;
  readonly violations: readonly string[];
  readonly happened: Readonly<Record<string, number>>;
}

/** Few, so that bounds are met. */
const entriesMaxCount = 40;
const stepMeanMs = 150;
/** Invariant: a receiver that can be reached is served within twice the longest pause. */
const drainMaxMs = 120_000;
const expiriesMs = [20_000, 120_000, 3_600_000];

export async function simulateOutbox(options: OutboxSimulationOptions): Promise<OutboxSimulationResult> {
  return new OutboxSimulation(options).run();
}

class OutboxSimulation {
  readonly #options: OutboxSimulationOptions;
  readonly #scheduler = new Scheduler();
  readonly #hash = createHash('sha256');
  readonly #chaos: Random;
  readonly #post: PostOffice;
  readonly #agents: readonly SimAgent[];
  readonly #ledger: Ledger;
  readonly #happened = new Map<string, number>();
  #version = 0;

  constructor(options: OutboxSimulationOptions) {
    this.#options = options;
    const { seed, agentsCount } = options;
    this.#chaos = seededRandom(seed, 'outbox chaos');
    const receivers = ['peer:ten', 'peer:eleven', 'peer:twelve'];
    this.#post = new PostOffice({ receivers }, { random: seededRandom(seed, 'post') });
    const hub = new SimNetworkHub(
      { loss: 0, delayMinMs: 0.5, delayMaxMs: 3 },
      { scheduler: this.#scheduler, random: seededRandom(seed, 'network') },
    );
    const clinic = new Clinic({ random: seededRandom(seed, 'clinic') });
    const predecessors = new Predecessors({ random: seededRandom(seed, 'predecessors') });
    const trace = {
      input: (agent: string, { type }: { readonly type: string }) =>
        this.#hash.update(`${this.#scheduler.nowMs} ${agent} ${type}\n`),
    };
    const settings = { outbox: { entriesMaxCount, deadLettersMaxCount: 10_000, stuckAfterMs: 30_000 } };
    this.#agents = Array.from(
      { length: agentsCount },
      (_, i) =>
        new SimAgent(
          { seed, index: i + 1, seeds: [], settings },
          { hub, clinic, predecessors, trace, post: this.#post },
        ),
    );
    this.#ledger = new Ledger(this.#post);
  }

  async run(): Promise<OutboxSimulationResult> {
    for (const agent of this.#agents) await agent.start();
    const endMs = this.#options.minutes * 60_000;
    while (this.#scheduler.nowMs < endMs) {
      await this.#somethingHappens();
      await this.#scheduler.run(this.#scheduler.nowMs + 2 * stepMeanMs * this.#chaos.next());
      this.#ledger.look(this.#agents, entriesMaxCount);
    }
    await this.#calm();

    const calmAtMs = this.#scheduler.nowMs;
    const waiting = () => this.#agents.reduce((sum, { protocol }) => sum + protocol.outbox.count, 0);
    while (waiting() > 0 && this.#scheduler.nowMs - calmAtMs < drainMaxMs)
      await this.#scheduler.run(this.#scheduler.nowMs + 500);
    const isDrained = waiting() === 0;
    const dead = await this.#dead();
    return {
      seed: this.#options.seed,
      traceHash: this.#hash.digest('hex'),
      acceptedCount: this.#ledger.acceptedCount,
      arrivedCount: this.#ledger.arrivedCount,
      deadCount: dead.size,
      attemptsCount: this.#post.attemptsCount,
      drainedAfterMs: isDrained ? this.#scheduler.nowMs - calmAtMs : undefined,
      violations: [
        ...(isDrained ? [] : [`${waiting()} deliveries wait ${drainMaxMs} ms after the last fault`]),
        ...this.#ledger.violations(dead),
      ],
      happened: Object.fromEntries([...this.#happened].sort(([a], [b]) => compareText(a, b))),
    };
  }

  async #somethingHappens(): Promise<void> {
    const agent = this.#agents[randomIndex(this.#chaos, this.#agents.length)] as SimAgent;
    const receiver = this.#post.receivers[randomIndex(this.#chaos, this.#post.receivers.length)] ?? '';
    const dice = this.#chaos.next();
    if (!agent.isUp) {
      if (dice < 0.3) await this.#do('restart', () => agent.start());
    } else if (dice < 0.7) await this.#do('enqueue', () => this.#enqueue(agent, receiver));
    else if (dice < 0.75) await this.#do('receiver away', () => this.#post.set(receiver, false));
    else if (dice < 0.83) await this.#do('receiver back', () => this.#post.set(receiver, true));
    else if (dice < 0.88) await this.#do('crash', () => agent.crash());
    else if (dice < 0.91) await this.#do('disk full', () => this.#setFull(agent, true));
    else if (dice < 0.97) await this.#do('disk cleared', () => this.#setFull(agent, false));
    else {
      await this.#do('answers lost', () => {
        this.#post.lossShare = this.#chaos.next() * 0.5;
      });
    }
  }

  #enqueue(agent: SimAgent, receiver: string): void {
    this.#version += 1;
    const subject = `${agent.id} ${randomIndex(this.#chaos, 12)}`;
    const entry = { receiver, subject, version: this.#version };
    const enqueued = agent.enqueue({
      receiver,
      subject,
      priority: priorities[randomIndex(this.#chaos, priorities.length)] ?? 'normal',
      kind: 'simulated',
      payload: Uint8Array.of(this.#version & 255),
      expiresAfterMs: expiriesMs[randomIndex(this.#chaos, expiriesMs.length)] ?? 0,
      digest: this.#ledger.digestOf(entry),
    });
    this.#scheduler.settled();
    enqueued.then(isAccepted => {
      if (isAccepted) this.#ledger.accepted(entry);
    });
  }

  #setFull(agent: SimAgent, isFull: boolean): void {
    agent.disk.isFull = isFull;
  }

  async #calm(): Promise<void> {
    this.#post.lossShare = 0;
    for (const receiver of this.#post.receivers) this.#post.set(receiver, true);
    for (const agent of this.#agents) {
      agent.disk.isFull = false;
      if (!agent.isUp) await agent.start();
    }
    // Until each has found out that its disk is well again.
    await this.#scheduler.run(this.#scheduler.nowMs + 2_000);
  }

  /** Read from the disks, where they must be. */
  async #dead(): Promise<ReadonlySet<string>> {
    const states = await Promise.all(this.#agents.map(({ disk }) => disk.open().load()));
    const letters = states.flatMap(({ outbox }) => outbox.deadLetters);
    this.#ledger.buried(letters);
    return new Set(letters.map(({ digest }) => digest));
  }

  async #do(name: string, action: () => void | Promise<void>): Promise<void> {
    this.#happened.set(name, (this.#happened.get(name) ?? 0) + 1);
    this.#hash.update(`${this.#scheduler.nowMs} ${name}\n`);
    await action();
  }
}
