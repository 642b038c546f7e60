/**
 * A cluster through a bad day, replayable from one seed.
 *
 * Agents join; services come, change and go; agents crash, leave and come back; links lose and
 * delay; the cluster is cut in two and healed; services fall ill and recover. Then the faults end, and
 * everybody has to agree; who is ill by then stays so, and everybody has to know.
 */
import { createHash } from 'node:crypto';
import { checkFailures } from '../core/backends/outcome.ts';
import type { ConfirmationOutcome } from '../core/confirm/confirmation.ts';
import type { Input } from '../core/effects.ts';
import type { ProtocolSettings } from '../core/protocol.ts';
import { type Random, randomIndex } from '../core/random.ts';
import { capabilitiesOf, type NodeId } from '../core/record/node.ts';
import { compareText } from '../core/record/record.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import { SimAgent } from './agent.ts';
import { brokenPromises, disagreements, lostWrites, misjudgements, unbridged } from './checkers.ts';
import { Clinic } from './clinic.ts';
import { SimNetworkHub } from './network.ts';
import { Predecessors } from './predecessors.ts';
import { Scheduler } from './scheduler.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly agentsCount: number;
  /** Virtual minutes of faults; settling comes after. */
  readonly minutes: number;
  readonly settings?: Partial<ProtocolSettings>;
  /** Nodes of the predecessor; the first two agents join through the first two of them. */
  readonly predecessorsCount?: number;
}

export interface SimulationResult {
  readonly seed: number;
  /** SHA-256 over every input of every agent, in order: the same seed gives the same hash. */
  readonly traceHash: string;
  readonly inputsCount: number;
  /** Virtual time from the end of the faults until everybody agreed, ms. */
  readonly settledAfterMs: number | undefined;
  /** What is wrong in the end; empty when the run passed. */
  readonly violations: readonly string[];
  /** How often each kind of thing happened. */
  readonly happened: Readonly<Record<string, number>>;
}

const settleMaxMs = 120_000;
const checkEveryMs = 500;
const stepMeanMs = 400;
const bridgesCount = 2;
const peerRefreshMs = 5_000;

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  return new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #scheduler = new Scheduler();
  readonly #hash = createHash('sha256');
  readonly #chaos: Random;
  /** Apart from the chaos, which so stays the same with or without illness. */
  readonly #fate: Random;
  /** Of the predecessor's nodes; apart as well. */
  readonly #past: Random;
  readonly #predecessors: Predecessors;
  /** Likewise. */
  readonly #doubt: Random;
  readonly #clinic: Clinic;
  readonly #hub: SimNetworkHub;
  readonly #agents: readonly SimAgent[];
  readonly #happened = new Map<string, number>();
  readonly #brokenPromises: string[] = [];
  #inputsCount = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#chaos = seededRandom(options.seed, 'chaos');
    this.#fate = seededRandom(options.seed, 'fate');
    this.#past = seededRandom(options.seed, 'predecessors');
    this.#predecessors = new Predecessors({ random: seededRandom(options.seed, 'predecessors answer') });
    for (let index = 1; index <= (options.predecessorsCount ?? 0); index++) this.#addPredecessor(index);
    this.#doubt = seededRandom(options.seed, 'doubt');
    this.#clinic = new Clinic({ random: seededRandom(options.seed, 'clinic') });
    this.#hub = new SimNetworkHub(
      { loss: 0, delayMinMs: 0.5, delayMaxMs: 3 },
      { scheduler: this.#scheduler, random: seededRandom(options.seed, 'network') },
    );
    const trace = { input: (agent: string, input: Input) => this.#record(agent, input) };
    const agents: SimAgent[] = [];
    for (let index = 1; index <= options.agentsCount; index++) {
      const seeds = agents.slice(0, 2).map(agent => agent.peer);
      const urls = index <= bridgesCount ? this.#predecessors.urls.slice(0, 2) : [];
      const settings = { bridge: { urls, refreshMs: peerRefreshMs }, ...options.settings };
      const components = { hub: this.#hub, clinic: this.#clinic, predecessors: this.#predecessors, trace };
      agents.push(new SimAgent({ seed: options.seed, index, seeds, settings }, components));
    }
    this.#agents = agents;
  }

  async run(): Promise<SimulationResult> {
    for (const agent of this.#agents) await agent.start();
    await this.#scheduler.run(5_000);
    const endMs = this.#scheduler.nowMs + this.#options.minutes * 60_000;
    while (this.#scheduler.nowMs < endMs) {
      await this.#somethingHappens();
      await this.#somebodyIsStruck();
      await this.#thePastStirs();
      await this.#somebodyWantsToBeSure();
      await this.#scheduler.run(this.#scheduler.nowMs + 2 * stepMeanMs * this.#chaos.next());
    }
    await this.#calm();

    const calmAtMs = this.#scheduler.nowMs;
    let violations = this.#violations();
    while (violations.length > 0 && this.#scheduler.nowMs - calmAtMs < settleMaxMs) {
      await this.#scheduler.run(this.#scheduler.nowMs + checkEveryMs);
      violations = this.#violations();
    }
    return {
      seed: this.#options.seed,
      traceHash: this.#hash.digest('hex'),
      inputsCount: this.#inputsCount,
      settledAfterMs: violations.length > 0 ? undefined : this.#scheduler.nowMs - calmAtMs,
      violations: [...violations, ...lostWrites(this.#agents), ...this.#brokenPromises],
      happened: Object.fromEntries([...this.#happened].sort(([a], [b]) => compareText(a, b))),
    };
  }

  async #somethingHappens(): Promise<void> {
    const agent = this.#agents[randomIndex(this.#chaos, this.#agents.length)] as SimAgent;
    // Few ids, so that agents get into each other's way.
    const service = `service-${randomIndex(this.#chaos, this.#agents.length * 2)}`;
    const dice = this.#chaos.next();
    if (!agent.isUp) {
      if (dice < 0.5) await this.#do('restart', () => agent.start());
    } else if (dice < 0.6) {
      await this.#do('register', () => agent.register(service, 8_000 + randomIndex(this.#chaos, 3)));
    } else if (dice < 0.8) await this.#do('deregister', () => agent.deregister(service));
    else if (dice < 0.85) await this.#do('crash', () => agent.crash());
    else if (dice < 0.88) await this.#do('stop', () => agent.stop());
    else if (dice < 0.9) await this.#do('partition', () => this.#partition());
    else if (dice < 0.94) await this.#do('heal', () => this.#hub.heal());
    else await this.#do('weather', () => this.#weather());
  }

  async #somebodyIsStruck(): Promise<void> {
    const dice = this.#fate.next();
    const services = this.#agents.flatMap(agent => agent.backends.map(({ url }) => url));
    const struck = services[randomIndex(this.#fate, Math.max(1, services.length))];
    const patient = this.#clinic.patients[randomIndex(this.#fate, Math.max(1, this.#clinic.patients.length))];
    const ailment = checkFailures[randomIndex(this.#fate, checkFailures.length)];
    if (dice < 0.1 && struck !== undefined && ailment !== undefined) {
      await this.#do('sick', () => this.#clinic.fallsIll(struck, ailment));
    } else if (dice > 0.93 && patient !== undefined) {
      await this.#do('cured', () => this.#clinic.isCured(patient));
    }
  }

  async #thePastStirs(): Promise<void> {
    const { urls } = this.#predecessors;
    const url = urls[randomIndex(this.#past, Math.max(1, urls.length))];
    const dice = this.#past.next();
    if (url === undefined) return;
    if (!this.#predecessors.isUp(url)) {
      if (dice < 0.1) await this.#do('predecessor back', () => this.#predecessors.restart(url));
    } else if (dice < 0.03) await this.#do('predecessor gone', () => this.#predecessors.crash(url));
    else if (dice < 0.1) {
      const metricsPort = 9_000 + randomIndex(this.#past, 10);
      await this.#do('predecessor changed', () => this.#predecessors.update(url, { metricsPort }));
    }
  }

  #addPredecessor(index: number): void {
    this.#predecessors.add({
      id: `old-${index}`,
      node: {
        address: `10.2.0.${index}:8000`,
        metricsPort: 9_000,
        nodeType: 'backend',
        isLoadBalancer: false,
        capabilities: capabilitiesOf('backend'),
        lastUpdatedS: 1_767_225_600,
      },
    });
  }

  async #somebodyWantsToBeSure(): Promise<void> {
    if (this.#doubt.next() > 0.1) return;
    const agent = this.#agents[randomIndex(this.#doubt, this.#agents.length)] as SimAgent;
    // Ids that nobody else speaks about, so that what is confirmed can be looked for.
    const id = `sure-of-${agent.id}-${randomIndex(this.#doubt, 3)}`;
    const confirm = {
      wanted: this.#doubt.next() < 0.5 ? 'majority' : 'all',
      timeoutMs: 500 + 2_000 * this.#doubt.next(),
      rollback: this.#doubt.next() < 0.5,
    } as const;
    const port = 8_100 + randomIndex(this.#doubt, 3);
    await this.#do('confirm', () => {
      void agent.registerConfirmed(id, port, confirm).then(outcome => this.#checkPromise(agent, id, outcome));
    });
  }

  #checkPromise(agent: SimAgent, id: NodeId, outcome: ConfirmationOutcome | undefined): void {
    const ending = outcome === undefined ? 'unheard' : outcome.rolledBack ? 'rolled back' : outcome.isMet;
    this.#happened.set(`confirmed ${ending}`, (this.#happened.get(`confirmed ${ending}`) ?? 0) + 1);
    if (outcome === undefined) return;
    this.#brokenPromises.push(...brokenPromises(agent, id, outcome, this.#agents));
  }

  #violations(): readonly string[] {
    return [
      ...disagreements(this.#agents),
      ...misjudgements(this.#agents, this.#clinic),
      ...unbridged(this.#agents, this.#predecessors),
    ];
  }

  async #do(name: string, action: () => void | Promise<void>): Promise<void> {
    this.#happened.set(name, (this.#happened.get(name) ?? 0) + 1);
    this.#hash.update(`${this.#scheduler.nowMs} ${name}\n`);
    await action();
  }

  #partition(): void {
    const sides = new Map(this.#agents.map(agent => [agent.peer, randomIndex(this.#chaos, 2)]));
    this.#hub.partition(peer => sides.get(peer) ?? 0);
  }

  #weather(): void {
    const delayMinMs = this.#chaos.next() * 20;
    const delayMaxMs = delayMinMs + this.#chaos.next() * 100;
    this.#hub.conditions = { loss: this.#chaos.next() * 0.3, delayMinMs, delayMaxMs };
  }

  /** The faults end: the network is whole and fast, and everybody runs. */
  async #calm(): Promise<void> {
    this.#hub.heal();
    this.#hub.conditions = { loss: 0, delayMinMs: 0.5, delayMaxMs: 3 };
    await this.#scheduler.run(this.#scheduler.nowMs + 1_000);
    for (const agent of this.#agents) if (!agent.isUp) await agent.start();
    for (const url of this.#predecessors.urls) {
      if (!this.#predecessors.isUp(url)) this.#predecessors.restart(url);
    }
  }

  #record(agent: string, input: Input): void {
    this.#inputsCount += 1;
    this.#hash.update(`${this.#scheduler.nowMs} ${agent} ${input.type}`);
    if (input.type === 'records-received')
      for (const record of input.records) this.#hash.update(record.digest);
    if (input.type === 'sync-message') this.#hash.update(input.message.type);
    if (input.type === 'checked') this.#hash.update(`${input.key} ${input.outcome.ok}`);
    this.#hash.update('\n');
  }
}
