/**
 * A cluster through a bad day, replayable from one seed.
 *
 * Agents join; services come, change and go; then whatever the plan says befalls them, while invariants are
 * checked all along. Then the faults end, and everybody has to agree, soon, and to stay so.
 */
import type { Input } from '../core/effects.ts';
import type { OutboxRow } from '../core/view.ts';
import type { SimAgent, Witness } from './agent.ts';
import { disagreements, lostWrites, misjudgements, unbridged } from './checkers.ts';
import { Coverage } from './coverage.ts';
import { AnswerInvariants } from './invariants/answers.ts';
import { BoundInvariants } from './invariants/bounds.ts';
import { ConductInvariants } from './invariants/conduct.ts';
import { DeliveryInvariants } from './invariants/deliveries.ts';
import { DurabilityInvariants } from './invariants/durability.ts';
import { ExchangeInvariants } from './invariants/exchanges.ts';
import type { Invariant } from './invariants/invariant.ts';
import { LoadInvariants } from './invariants/load.ts';
import { MembershipInvariants } from './invariants/membership.ts';
import { RecordInvariants } from './invariants/records.ts';
import { RootInvariants } from './invariants/roots.ts';
import { ServiceInvariants } from './invariants/services.ts';
import { TableWatch } from './invariants/table-changes.ts';
import { VerdictInvariants } from './invariants/verdicts.ts';
import { describe, type Plan } from './plan.ts';
import { type DrawOptions, drawPlan } from './plan-draw.ts';
import { Trace } from './trace.ts';
import { World } from './world.ts';

export interface SimulationResult {
  readonly plan: Plan;
  /** SHA-256 over every input of every agent, in order: the same plan gives the same hash. */
  readonly traceHash: string;
  /** The last of what happened, for a person. */
  readonly story: readonly string[];
  readonly inputsCount: number;
  readonly virtualMs: number;
  /** Virtual time from the end of the faults until everybody agreed, ms. */
  readonly settledAfterMs: number | undefined;
  /** `R5 …`; empty when the run passed. */
  readonly violations: readonly string[];
  /** How often each kind of thing happened. */
  readonly happened: Readonly<Record<string, number>>;
}

/** R2 and F6: everybody agrees so long after the last fault. */
const settleMaxMs = 60_000;
/** The same where disks were lost: each key that held a name has to be given up before the next one may. */
const successionMaxMs = 180_000;
/** O8: a receiver that can be reached is served within twice the longest pause. */
const drainMaxMs = 120_000;
const checkEveryMs = 500;
/** Quiet for so long in the end, to see that it stays so. */
const calmMs = 15_000;
const lookEveryMs = 1_000;
const violationsMaxCount = 20;

/** Draws a plan from a seed and runs it. */
export function simulate(options: DrawOptions): Promise<SimulationResult> {
  return runPlan(drawPlan(options));
}

export async function runPlan(plan: Plan): Promise<SimulationResult> {
  return new Simulation(plan).run();
}

class Simulation {
  readonly #plan: Plan;
  readonly #world: World;
  readonly #trace = new Trace();
  readonly #coverage = new Coverage();
  readonly #found = new Map<string, string>();
  readonly #answers: AnswerInvariants;
  readonly #load: LoadInvariants;
  readonly #invariants: readonly Invariant[];
  #inputsCount = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    const world = new World(plan, {
      witness: this.#witness(),
      handlers: {
        onAnswer: (work, agent, outcome) => {
          this.#coverage.note(outcome.ok ? `${work.type} done` : `${work.type} refused: ${outcome.code}`);
          for (const invariant of this.#invariants) invariant.answered?.(work, agent, outcome);
        },
        onConfirmed: (agent, id, outcome) => {
          const ending =
            outcome === undefined ? 'unheard' : outcome.rolledBack ? 'rolled back' : outcome.isMet;
          this.#coverage.note(`confirmed ${ending}`);
          this.#answers.confirmed(agent, id, outcome);
        },
      },
    });
    this.#world = world;
    const report = (name: string, text: string) => this.#report(name, text);
    const parts = { world, report, watch: new TableWatch(world) };
    this.#answers = new AnswerInvariants(parts);
    this.#load = new LoadInvariants(parts);
    this.#invariants = [
      new RecordInvariants(parts),
      new RootInvariants(parts),
      new MembershipInvariants(parts),
      new BoundInvariants(parts),
      new ExchangeInvariants(parts),
      new VerdictInvariants(parts),
      new ConductInvariants(parts),
      new DeliveryInvariants(parts),
      new DurabilityInvariants(parts),
      new ServiceInvariants(parts),
      this.#answers,
      this.#load,
    ];
  }

  async run(): Promise<SimulationResult> {
    try {
      await this.#live();
      const settledAfterMs = await this.#settle();
      return this.#result(settledAfterMs);
    } catch (error) {
      // Nothing that a peer, a disk or a caller does may end an agent.
      this.#report('X1', error instanceof Error ? (error.stack ?? error.message) : String(error));
      return this.#result(undefined);
    }
  }

  async #live(): Promise<void> {
    const { scheduler } = this.#world;
    for (const agent of this.#world.agents) await agent.start();
    let nextLookMs = lookEveryMs;
    for (const happening of [...this.#plan.happenings, undefined]) {
      const untilMs = happening?.atMs ?? this.#plan.endMs;
      while (nextLookMs < untilMs) {
        await scheduler.run(nextLookMs);
        this.#look();
        nextLookMs += lookEveryMs;
      }
      await scheduler.run(untilMs);
      if (happening === undefined || this.#isBroken) return;
      this.#coverage.note('kind' in happening ? `${happening.type}: ${happening.kind}` : happening.type);
      this.#trace.tell(this.#world.nowMs, describe(happening).slice(10).trim());
      await this.#world.begin(happening);
    }
  }

  /** @returns How long it took until everybody agreed, ms. */
  async #settle(): Promise<number | undefined> {
    if (this.#isBroken) return undefined;
    const world = this.#world;
    await world.calm();
    const calmAtMs = world.nowMs;
    const hasLostDisks = this.#plan.happenings.some(({ type }) => type === 'wipe');
    const maxMs = hasLostDisks ? successionMaxMs : settleMaxMs;
    const settled = await this.#until(() => this.#disagreements(), maxMs);
    for (const text of settled) this.#report('R2', text);
    const settledAfterMs = world.nowMs - calmAtMs;
    if (this.#isBroken) return undefined;
    const waiting = await this.#until(() => this.#undelivered(), drainMaxMs);
    for (const text of waiting) this.#report('O8', text);
    // Until what they tell each other about all that has gone round.
    await world.scheduler.run(world.nowMs + calmMs);
    this.#load.calm();
    await world.scheduler.run(world.nowMs + calmMs);
    this.#look();
    const apart = await this.#until(() => this.#disagreements(), settleMaxMs);
    for (const text of [...apart, ...lostWrites(world.honest)]) this.#report('R1', text);
    for (const invariant of this.#invariants) invariant.end?.();
    await this.#checkDeliveries();
    return settledAfterMs;
  }

  async #until(found: () => readonly string[], maxMs: number): Promise<readonly string[]> {
    const { scheduler } = this.#world;
    const startMs = scheduler.nowMs;
    let left = found();
    while (left.length > 0 && scheduler.nowMs - startMs < maxMs) {
      await scheduler.run(scheduler.nowMs + checkEveryMs);
      left = found();
    }
    return left;
  }

  #disagreements(): readonly string[] {
    const { honest, clinic, predecessors } = this.#world;
    const parked = honest
      .filter(({ isUp, protocol }) => isUp && protocol.table.parking.count > 0)
      .map(({ id, protocol }) => `${id} still waits with ${protocol.table.parking.count} records`);
    return [
      ...disagreements(honest),
      ...misjudgements(honest, clinic),
      ...unbridged(honest, predecessors),
      ...parked,
    ];
  }

  #undelivered(): readonly string[] {
    return this.#world.honest
      .filter(({ isUp }) => isUp)
      .filter(({ protocol }) => protocol.outbox.views({ monoMs: 0, wallMs: 0 }).receivers.some(isOfPost))
      .map(({ id }) => `${id} has not delivered everything`);
  }

  async #checkDeliveries(): Promise<void> {
    const { deliveries, agents } = this.#world;
    const states = await Promise.all(agents.map(({ disk }) => disk.content()));
    const letters = states
      .flatMap(({ outbox }) => outbox.deadLetters)
      .filter(({ kind }) => kind === 'simulated');
    deliveries.buried(letters);
    for (const text of deliveries.violations(new Set(letters.map(({ digest }) => digest)))) {
      const [name = '', ...words] = text.split(' ');
      this.#report(name, words.join(' '));
    }
  }

  #look(): void {
    const { deliveries, honest } = this.#world;
    for (const invariant of this.#invariants) invariant.look?.();
    deliveries.look(honest, this.#plan.settings.outbox?.entriesMaxCount ?? 10_000);
  }

  get #isBroken(): boolean {
    return this.#found.size > 0;
  }

  #report(name: string, text: string): void {
    const violation = `${name} ${text}`;
    if (this.#found.has(violation) || this.#found.size >= violationsMaxCount) return;
    this.#found.set(violation, name);
    this.#trace.tell(this.#world.nowMs, `VIOLATED ${violation}`);
  }

  #result(settledAfterMs: number | undefined): SimulationResult {
    return {
      plan: this.#plan,
      traceHash: this.#trace.digest(),
      story: this.#trace.lines,
      inputsCount: this.#inputsCount,
      virtualMs: this.#world.nowMs,
      settledAfterMs: this.#isBroken ? undefined : settledAfterMs,
      violations: [...this.#found.keys()],
      happened: this.#coverage.counts,
    };
  }

  #witness(): Witness {
    return {
      input: (agent, input) => this.#hear(agent, input),
      effect: (agent, effect) => {
        if (effect.type === 'sync-ended') this.#coverage.note(`sync: ${effect.end.outcome}`);
        for (const invariant of this.#invariants) invariant.effect?.(agent, effect);
      },
      event: (agent, event) => {
        const { data } = event;
        if (event.event === 'liveness')
          this.#trace.tell(this.#world.nowMs, `${agent.id} takes ${event.data.id} for ${event.data.to}`);
        const what =
          'to' in data ? data.to : 'state' in data ? data.state : 'kind' in data ? data.kind : data.change;
        this.#coverage.note(`event: ${event.event} ${what}`);
        for (const invariant of this.#invariants) invariant.event?.(agent, event);
      },
      rejected: (_, reason) => this.#coverage.note(`rejected: ${reason}`),
      log: (agent, event) => {
        this.#coverage.note(`log: ${event}`);
        if (event !== 'dial_failed') this.#trace.tell(this.#world.nowMs, `${agent.id} logs ${event}`);
        for (const invariant of this.#invariants) invariant.log?.(agent, event);
      },
      restored: (agent, stored) => {
        this.#trace.tell(this.#world.nowMs, `${agent.id} starts with ${stored.records.length} records`);
        for (const invariant of this.#invariants) invariant.restored?.(agent, stored);
      },
    };
  }

  #hear(agent: SimAgent, input: Input): void {
    this.#inputsCount += 1;
    for (const invariant of this.#invariants) invariant.input?.(agent, input);
    let text = `${this.#world.nowMs} ${agent.place} ${input.type}`;
    if (input.type === 'records-received') for (const { digest } of input.records) text += digest;
    if (input.type === 'sync-message') text += input.message.type;
    if (input.type === 'checked') text += `${input.key} ${input.outcome.ok}`;
    this.#trace.add(`${text}\n`);
  }
}

function isOfPost({ receiver, depth }: OutboxRow): boolean {
  return receiver.startsWith('peer:') && depth > 0;
}
