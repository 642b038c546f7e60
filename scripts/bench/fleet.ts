/**
 * Agents in processes of their own, and what each of them says about the others, as it says it.
 *
 * One stream of events per agent is read from before the first fault on. Each event gets the time of its
 * arrival in this process, so that a figure includes the way to whoever asked, and is compared with a fault
 * that this process caused: one clock for both. An agent's own time stamps are not used.
 */

import { readEvents } from '../../src/chaos/event-reader.ts';
import { type AgentProcess, aliveIds, Playground } from '../../src/chaos/stages/agent-process.ts';
import { freePort } from '../../src/chaos/stages/free-port.ts';
import { NamespaceNetwork } from '../../src/chaos/stages/namespaces.ts';

export type State = 'alive' | 'suspect' | 'dead' | 'left';

/** One agent said something new about another. */
export interface Sighting {
  readonly atMs: number;
  readonly observer: string;
  readonly id: string;
  readonly to: State;
  readonly by: readonly string[];
}

export interface FleetOptions {
  readonly agents: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Each agent on a host of its own; without it all are on loopback. */
  readonly network?: NamespaceNetwork;
  /** Without it nobody listens to the agents, which costs them nothing then. */
  readonly isFollowed?: boolean;
}

/** Where an agent is, also after a restart. */
interface Place {
  readonly flags: readonly string[];
  readonly wrapper: readonly string[];
}

/** For which the goals are set. */
export const agentsUsualCount = 20;
/** More at once would only wait for each other on a small machine. */
const startsAtOnceCount = 8;
const settleDeadlineMs = 180_000;
/** How often the lists are asked for while waiting for events, in case an event never comes. */
const lookEveryMs = 2_000;

export class Fleet {
  readonly #options: FleetOptions;
  readonly #playground: Playground;
  readonly #agents = new Map<string, AgentProcess>();
  readonly #places = new Map<string, Place>();
  readonly #closeStream = new Map<string, () => void>();
  readonly #views = new Map<string, Map<string, State>>();
  readonly #log: Sighting[] = [];
  readonly #listeners = new Set<(atMs: number) => void>();
  #broken: Error | undefined;

  private constructor(options: FleetOptions, playground: Playground) {
    this.#options = options;
    this.#playground = playground;
  }

  /** Resolves once every agent lists every other as alive. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options, await Playground.open());
    try {
      const ids = Array.from({ length: options.agents }, (_, i) => `agent-${i}`);
      progress(`starting ${ids.length} agents`);
      await fleet.add(...ids.slice(0, 1));
      for (let i = 1; i < ids.length; i += startsAtOnceCount)
        await fleet.add(...ids.slice(i, i + startsAtOnceCount));
      await fleet.untilAllAlive('after the start');
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  /** Those that run, stopped ones included. */
  get ids(): readonly string[] {
    return [...this.#agents.keys()];
  }

  others(...ids: readonly string[]): readonly string[] {
    return this.ids.filter(id => !ids.includes(id));
  }

  anyone(): string {
    const { ids } = this;
    return ids[Math.floor(Math.random() * ids.length)] as string;
  }

  agent(id: string): AgentProcess {
    const agent = this.#agents.get(id);
    if (agent === undefined) throw new TypeError(`${id} does not run`);
    return agent;
  }

  /** At once. One that ran before comes back to its data and its address. */
  async add(...ids: readonly string[]): Promise<void> {
    const [seed] = this.#agents.values();
    const seedFlags = seed === undefined ? [] : ['--seed', seed.seed];
    await Promise.all(
      ids.map(async id => {
        const { flags, wrapper } = await this.#placeOf(id);
        const agent = await this.#playground.start(id, ['--type', 'backend', ...flags, ...seedFlags], {
          wrapper,
          env: this.#options.env ?? {},
        });
        this.#agents.set(id, agent);
        if (this.#options.isFollowed ?? true) await this.#follow(id, agent);
      }),
    );
  }

  /** `kill -9`, or it ends by itself: from now on it is not spoken of as one that should be heard. */
  expectEnd(id: string): AgentProcess {
    const agent = this.agent(id);
    this.#agents.delete(id);
    this.#closeStream.get(id)?.();
    this.#closeStream.delete(id);
    this.#views.delete(id);
    return agent;
  }

  /** The place in the log from which on a fault is looked at. */
  mark(): number {
    return this.#log.length;
  }

  since(mark: number): readonly Sighting[] {
    return this.#log.slice(mark);
  }

  stateOf(observer: string, id: string): State | undefined {
    return this.#views.get(observer)?.get(id);
  }

  /**
   * When `holds` became true: on arrival of the event that made it so.
   *
   * @returns undefined when it did not within the deadline.
   * @throws Error when a stream of events broke meanwhile: what it would have said is not known.
   */
  async until(holds: () => boolean, deadlineMs: number): Promise<number | undefined> {
    const settled = Promise.withResolvers<number | undefined>();
    const listener = (atMs: number) => {
      if (this.#broken !== undefined) settled.reject(this.#broken);
      else if (holds()) settled.resolve(atMs);
    };
    this.#listeners.add(listener);
    const timer = setTimeout(() => settled.resolve(undefined), deadlineMs);
    try {
      listener(performance.now());
      return await settled.promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    }
  }

  /**
   * When every agent saw every agent alive, by its events and confirmed by its list.
   *
   * @throws Error that names who does not see whom, when that does not happen.
   */
  async untilAllAlive(when: string): Promise<number> {
    const startedMs = performance.now();
    const untilMs = startedMs + settleDeadlineMs;
    const isFollowed = this.#closeStream.size > 0;
    for (;;) {
      const holds = () => isFollowed && this.#disagreements().length === 0;
      const atMs = await this.until(holds, isFollowed ? lookEveryMs : 100);
      const nowMs = performance.now();
      const missing = await this.#unlisted();
      if (missing.length === 0) {
        if (atMs !== undefined) return atMs;
        if (isFollowed) {
          progress(`all lists are complete ${when}, but not by events: ${this.#disagreements().join(', ')}`);
          this.#believeLists();
        }
        return nowMs;
      }
      if (nowMs > untilMs)
        throw new Error(
          `not all are alive ${when} within ${settleDeadlineMs / 1_000} s: ${missing.slice(0, 20).join(', ')}`,
        );
      // The events are there before the list: ask again soon, but do not spin.
      if (atMs !== undefined) await pause(20);
    }
  }

  /** Who still hands out an agent, in `/peers` or `/backends`. */
  async stillListedBy(id: string): Promise<readonly string[]> {
    const lists = await Promise.all(
      this.others(id).map(async observer => {
        const agent = this.agent(observer);
        const [peers, backends] = await Promise.all([
          agent.peers(),
          agent.get<readonly { readonly id: string }[]>('/backends?format=detail'),
        ]);
        return [...peers, ...backends].some(node => node.id === id) ? [observer] : [];
      }),
    );
    return lists.flat();
  }

  async close(): Promise<void> {
    for (const close of this.#closeStream.values()) close();
    await this.#playground.close();
  }

  async #placeOf(id: string): Promise<Place> {
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    const { network } = this.#options;
    const place =
      network === undefined
        ? { flags: ['--listen', `/ip4/127.0.0.1/tcp/${await freePort()}`], wrapper: [] }
        : network.hosts[this.#places.size];
    if (place === undefined) throw new RangeError(`there is no host left for ${id}`);
    this.#places.set(id, place);
    return place;
  }

  async #follow(id: string, agent: AgentProcess): Promise<void> {
    const view = new Map<string, State>();
    this.#views.set(id, view);
    const close = await readEvents(
      `${agent.ready.http}/events?kind=liveness,record&snapshot=1`,
      ({ event, data }) => this.#take(id, view, event, data),
      error => {
        if (this.#views.get(id) === view) this.#break(`the events of ${id} ended: ${error ?? 'closed'}`);
      },
    );
    this.#closeStream.set(id, close);
  }

  #take(observer: string, view: Map<string, State>, event: string, data: unknown): void {
    const atMs = performance.now();
    if (event === 'reset') return this.#break(`${observer} dropped events`);
    if (event === 'liveness') {
      const { id, from, to, by } = data as Sighting & { readonly from: State | null };
      view.set(id, to);
      // Without a state before it is the answer to our opening question, not news.
      if (from !== null) this.#log.push({ atMs, observer, id, to, by });
    } else {
      const { id, change } = data as { readonly id: string; readonly change: string };
      // A newcomer; of one that is known, liveness is told separately.
      const known = view.get(id);
      if (change === 'added' && (known === undefined || known === 'left')) view.set(id, 'alive');
      if (change === 'departed') view.set(id, 'left');
    }
    for (const listener of this.#listeners) listener(atMs);
  }

  #break(text: string): void {
    this.#broken = new Error(text);
    for (const listener of this.#listeners) listener(performance.now());
  }

  /** Pairs whose events do not say "alive". */
  #disagreements(): readonly string[] {
    return this.ids.flatMap(observer =>
      this.ids
        .filter(id => id !== observer && this.stateOf(observer, id) !== 'alive')
        .map(id => `${observer} of ${id}: ${this.stateOf(observer, id) ?? 'nothing'}`),
    );
  }

  /** Pairs whose lists do not say "alive". */
  async #unlisted(): Promise<readonly string[]> {
    const lists = await Promise.all(
      this.ids.map(async observer => ({ observer, listed: aliveIds(await this.agent(observer).peers()) })),
    );
    return lists.flatMap(({ observer, listed }) =>
      this.ids.filter(id => !listed.includes(id)).map(id => `${observer} does not list ${id}`),
    );
  }

  #believeLists(): void {
    for (const view of this.#views.values()) for (const id of this.ids) view.set(id, 'alive');
  }
}

/** Who said this about whom, each pair once. */
export function pairs(
  seen: readonly Sighting[],
  state: State,
  isAbout: (id: string) => boolean = () => true,
): ReadonlySet<string> {
  return new Set(
    seen
      .filter(({ id, to }) => to === state && isAbout(id))
      .map(({ observer, id }) => `${observer} of ${id}`),
  );
}

/** A fleet for the time of `use`, whatever happens. */
export async function withFleet<T>(options: FleetOptions, use: (fleet: Fleet) => Promise<T>): Promise<T> {
  const fleet = await Fleet.start(options);
  try {
    return await use(fleet);
  } finally {
    await fleet.close();
  }
}

/** The same with each agent on a host of its own. */
export async function withHosts<T>(
  options: FleetOptions,
  use: (fleet: Fleet, network: NamespaceNetwork) => Promise<T>,
): Promise<T> {
  const network = await NamespaceNetwork.open(options.agents);
  try {
    return await withFleet({ ...options, network }, fleet => use(fleet, network));
  } finally {
    await network.close();
  }
}

export function progress(text: string): void {
  console.error(`  ${new Date().toISOString().slice(11, 19)} ${text}`);
}

export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
