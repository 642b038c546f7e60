/**
 * A scenario of a user: how fast news spreads, and who is mistaken for whom, in a cluster like theirs.
 *
 * Nothing is judged here but the end, when everybody has to agree; the rest are figures. They come from the
 * virtual clock, so they are the same on every machine, and say nothing about how fast a processor is.
 */
import type { SimAgent } from './agent.ts';
import { disagreements, notAlive } from './checkers.ts';
import { type Happening, isFault, type Plan } from './plan.ts';
import { World } from './world.ts';

/** Times in ms of what was measured so far; those that did not happen in time are counted apart. */
export interface Durations {
  readonly ms: readonly number[];
  /** Not seen by all before the next one took its place, or the end came. */
  readonly unfinishedCount: number;
}

export interface ScenarioResult {
  readonly seed: number;
  /** From a registration that was answered until every running agent lists it. */
  readonly updates: Durations;
  /** From the crash of an agent until no running one takes it for alive or suspect; those that came back are left out. */
  readonly crashes: Durations;
  /** From the end of a partition until all tables are equal and all see all alive. */
  readonly heals: Durations;
  /** Times that a running agent was declared dead by another. */
  readonly falseDeathsCount: number;
  /** Of those: while a partition was between the two. */
  readonly cutOffDeathsCount: number;
  /** Of those: by and about agents that no fault had touched for a minute, with a whole network. */
  readonly baselessDeathsCount: number;
  /** What one agent sends, from joining to the end of the plan. */
  readonly bytesPerSecond: number;
  readonly datagramsPerSecond: number;
  readonly datagrams: number;
  readonly virtualMs: number;
  /** After the last fault; `undefined`: they did not, within a minute. */
  readonly agreedAfterMs: number | undefined;
}

/** Before anything is measured. */
export const scenarioStartMs = 10_000;
/** How finely times are known: news is quick, and what lasts need not be known to the millisecond. */
const fineMs = 1;
const coarseMs = 10;
const fineForMs = 100;
const updateEveryMs = 5_000;
const agreeMaxMs = 60_000;
const touchedMs = 60_000;
const noticedMaxMs = 300_000;

export async function runScenario(plan: Plan): Promise<ScenarioResult> {
  return new Scenario(plan).run();
}

interface Watched {
  readonly sinceMs: number;
  readonly isOver: () => boolean;
  readonly isVoid?: () => boolean;
  readonly into: Tally;
}

class Tally implements Durations {
  readonly ms: number[] = [];
  unfinishedCount = 0;
}

class Scenario {
  readonly #plan: Plan;
  readonly #world: World;
  readonly #updates = new Tally();
  readonly #crashes = new Tally();
  readonly #heals = new Tally();
  /** What is waited for, by name: a newer one of the same name takes its place. */
  readonly #watched = new Map<string, Watched>();
  #falseDeathsCount = 0;
  #cutOffDeathsCount = 0;
  #baselessDeathsCount = 0;
  #port = 8_000;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#world = new World(plan, {
      witness: {
        input: () => {},
        event: (agent, { event, data }) => {
          if (event === 'liveness' && data.to === 'dead') this.#noteDeath(agent, data.id);
        },
      },
      handlers: {
        onAnswer: (work, agent, outcome) => {
          if (work.type === 'register' && outcome.ok) this.#watchUpdate(agent, work.service, work.port);
        },
        onConfirmed: () => {},
      },
    });
  }

  async run(): Promise<ScenarioResult> {
    const { scheduler, agents } = this.#world;
    for (const agent of agents) await agent.start();
    await this.#pass(scenarioStartMs);
    const before = this.#traffic();
    for (const happening of this.#script()) {
      await this.#pass(happening.atMs);
      await this.#world.begin(happening);
      if (isFault(happening)) this.#watchFault(happening);
    }
    await this.#pass(this.#plan.endMs);
    const after = this.#traffic();
    const measuredS = (this.#plan.endMs - scenarioStartMs) / 1_000;
    await this.#world.calm();
    const agreedAfterMs = await this.#untilAgreed();
    for (const { into } of this.#watched.values()) into.unfinishedCount += 1;
    const datagrams = after.datagrams - before.datagrams;
    return {
      seed: this.#plan.seed,
      updates: this.#updates,
      crashes: this.#crashes,
      heals: this.#heals,
      falseDeathsCount: this.#falseDeathsCount,
      cutOffDeathsCount: this.#cutOffDeathsCount,
      baselessDeathsCount: this.#baselessDeathsCount,
      bytesPerSecond: (after.bytes - before.bytes) / agents.length / measuredS,
      datagramsPerSecond: datagrams / agents.length / measuredS,
      datagrams,
      virtualMs: scheduler.nowMs,
      agreedAfterMs,
    };
  }

  /** The plan, and a registration every few seconds, round the agents. */
  #script(): readonly Happening[] {
    const { agentsCount, endMs, happenings } = this.#plan;
    const updates: Happening[] = [];
    for (let atMs = scenarioStartMs, i = 0; atMs < endMs - updateEveryMs; atMs += updateEveryMs, i++) {
      this.#port += 1;
      const agent = 1 + (i % agentsCount);
      updates.push({ type: 'register', agent, service: `measured-${agent}`, port: this.#port, atMs });
    }
    return [...happenings, ...updates].sort((a, b) => a.atMs - b.atMs);
  }

  #watchUpdate(origin: SimAgent, service: string, port: number): void {
    const hasIt = ({ protocol }: SimAgent) =>
      protocol.table.listing.get(service)?.address.endsWith(`:${port}`) === true;
    this.#watch(`update ${origin.id}`, this.#updates, () => this.#running().every(hasIt));
  }

  #watchFault(fault: Happening): void {
    const { scheduler } = this.#world;
    switch (fault.type) {
      case 'crash':
      case 'power loss':
      case 'wipe': {
        const places = fault.type === 'power loss' ? fault.agents : [fault.agent];
        for (const place of places) this.#watchCrash(this.#world.agent(place));
        return;
      }
      case 'partition':
      case 'one-way':
        scheduler.after(fault.forMs, () => this.#watch('heal', this.#heals, () => this.#isWhole()));
        return;
      default:
    }
  }

  #watchCrash(agent: SimAgent): void {
    const { peer } = agent;
    const isGone = ({ protocol }: SimAgent) => {
      const state = protocol.livenessOf(peer);
      return state !== 'alive' && state !== 'suspect';
    };
    const { nowMs } = this.#world;
    const isVoid = () => agent.isUp || this.#world.nowMs - nowMs > noticedMaxMs;
    this.#watch(`crash ${agent.id}`, this.#crashes, () => this.#running().every(isGone), isVoid);
  }

  #watch(name: string, into: Tally, isOver: () => boolean, isVoid?: () => boolean): void {
    if (this.#watched.has(name)) into.unfinishedCount += 1;
    this.#watched.set(name, {
      sinceMs: this.#world.nowMs,
      into,
      isOver,
      ...(isVoid === undefined ? {} : { isVoid }),
    });
  }

  /** Runs up to then, and looks for what is over every few ms while anything is waited for. */
  async #pass(untilMs: number): Promise<void> {
    const { scheduler } = this.#world;
    const fineUntilMs = scheduler.nowMs + fineForMs;
    while (scheduler.nowMs < untilMs) {
      const stepMs = scheduler.nowMs < fineUntilMs ? fineMs : coarseMs;
      await scheduler.run(Math.min(untilMs, scheduler.nowMs + stepMs));
      for (const [name, { sinceMs, isOver, isVoid, into }] of this.#watched) {
        if (isVoid?.() === true) this.#watched.delete(name);
        else if (isOver()) {
          into.ms.push(scheduler.nowMs - sinceMs);
          this.#watched.delete(name);
        }
      }
    }
  }

  async #untilAgreed(): Promise<number | undefined> {
    const startMs = this.#world.nowMs;
    while (!this.#isWhole() || disagreements(this.#world.agents).length > 0) {
      if (this.#world.nowMs - startMs >= agreeMaxMs) return undefined;
      await this.#pass(this.#world.nowMs + 100);
    }
    return this.#world.nowMs - startMs;
  }

  /** The cheap question first: it is asked every few ms. */
  #isWhole(): boolean {
    const running = this.#running();
    const roots = new Set(running.map(({ protocol }) => protocol.tree.root(0).root));
    return roots.size === 1 && notAlive(running).length === 0;
  }

  #running(): readonly SimAgent[] {
    return this.#world.agents.filter(({ isUp }) => isUp);
  }

  #noteDeath(observer: SimAgent, id: string): void {
    const subject = this.#world.agents.find(agent => agent.id === id);
    if (subject === undefined || subject === observer || !subject.isUp) return;
    this.#falseDeathsCount += 1;
    if (!this.#world.hub.connects(observer.place, subject.place)) this.#cutOffDeathsCount += 1;
    const calmMs = this.#world.trouble.calmMs([observer.place, subject.place]);
    if (calmMs > touchedMs) this.#baselessDeathsCount += 1;
  }

  #traffic(): { readonly bytes: number; readonly datagrams: number } {
    let [bytes, datagrams] = [0, 0];
    for (const { place } of this.#world.agents) {
      const sent = this.#world.hub.traffic(place);
      bytes += sent.datagramBytes + sent.streamBytes;
      datagrams += sent.datagrams;
    }
    return { bytes, datagrams };
  }
}
