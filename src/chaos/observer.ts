/**
 * Listens to every agent from before the first fault on, and writes down what each says about the others.
 *
 * Events tell liveness, partitions, conflicts and records as they change; what they do not tell, the root of the
 * table, is asked for. A stream that breaks because its agent is gone is opened again until it is back.
 */
import { type ArrivedEvent, readEvents } from './event-reader.ts';
import type { Recorder } from './recorder.ts';
import type { StagedAgent } from './stage.ts';
import type { State } from './timeline.ts';

export interface ObserverComponents {
  readonly recorder: Recorder;
  readonly isRunning: (id: string) => boolean;
}

interface Liveness {
  readonly id: string;
  readonly from: State | null;
  readonly to: State;
}

interface RecordChange {
  readonly id: string;
  readonly change: 'added' | 'updated' | 'departed';
}

interface RecordSeen {
  readonly isDeparted: boolean;
  /** In which life of the observer. */
  readonly life: number;
}

const askEveryMs = 250;
const reopenAfterMs = 100;
const answerLimitMs = 5_000;

export class Observer {
  readonly #agents: readonly StagedAgent[];
  readonly #recorder: Recorder;
  readonly #isRunning: (id: string) => boolean;
  readonly #views = new Map<string, Map<string, State>>();
  readonly #records = new Map<string, Map<string, RecordSeen>>();
  readonly #resurrected: string[] = [];
  #forgottenCount = 0;
  readonly #closing = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(agents: readonly StagedAgent[], components: ObserverComponents) {
    this.#agents = agents;
    this.#recorder = components.recorder;
    this.#isRunning = components.isRunning;
  }

  /** Resolves once every stream is open. */
  async start(): Promise<void> {
    await Promise.all(this.#agents.map(agent => this.#follow(agent)));
    for (const agent of this.#agents) this.#askAgain(agent);
  }

  /** Asks everybody for its root now. */
  async look(): Promise<void> {
    await Promise.all(this.#agents.map(agent => this.#ask(agent)));
  }

  /** What it last said; `undefined`: nothing yet. */
  stateOf(observer: string, subject: string): State | undefined {
    return this.#views.get(observer)?.get(subject);
  }

  /**
   * How often an agent came back from a crash with a service of whose departure it had told before. It tells what it
   * hears at once, and writes it within milliseconds; it does not know then, and is told again as it joins. Whether
   * it is in the end is seen with everything else that was acknowledged.
   */
  get forgottenCount(): number {
    return this.#forgottenCount;
  }

  /** Services that some agent listed again after it had seen them depart, and where. */
  get resurrected(): readonly string[] {
    return this.#resurrected;
  }

  close(): void {
    this.#closing.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #follow(agent: StagedAgent): Promise<void> {
    if (this.#closing.signal.aborted) return;
    try {
      this.#views.set(agent.id, new Map());
      const close = await readEvents(
        `${agent.url}/events?kind=liveness,partition,conflict,record&snapshot=1`,
        event => this.#take(agent, event, close),
        () => this.#followLater(agent),
      );
      this.#closing.signal.addEventListener('abort', close, { once: true });
    } catch {
      this.#followLater(agent); // It is not there at the moment, which is what drills are about.
    }
  }

  #followLater(agent: StagedAgent): void {
    this.#later(reopenAfterMs, () => void this.#follow(agent));
  }

  #take({ id: observer }: StagedAgent, { event, data }: ArrivedEvent, close: () => void): void {
    switch (event) {
      case 'liveness': {
        const { id, from, to } = data as Liveness;
        // Services are as alive as their hosts, which is told of the hosts.
        if (id === observer || !this.#isAgent(id)) return;
        this.#views.get(observer)?.set(id, to);
        this.#recorder.add({ type: 'liveness', observer, subject: id, from, to });
        return;
      }
      case 'record':
        this.#takeRecord(observer, data as RecordChange);
        return;
      case 'partition': {
        const { state, reachable, known } = data as {
          readonly state: 'suspected' | 'healed' | 'isolated';
          readonly reachable: number;
          readonly known: number;
        };
        this.#recorder.add({ type: 'partition', observer, state, reachable, known });
        return;
      }
      case 'conflict': {
        const { id, kind } = data as { readonly id: string; readonly kind: string };
        this.#recorder.add({ type: 'conflict', observer, subject: id, kind });
        return;
      }
      case 'reset': {
        // Too many events for this reader: ask anew what is so.
        close();
        const agent = this.#agents.find(({ id }) => id === observer);
        if (agent !== undefined) this.#followLater(agent);
      }
    }
  }

  #takeRecord(observer: string, { id, change }: RecordChange): void {
    if (this.#isAgent(id)) return this.#takeAgentRecord(observer, id, change);
    let seen = this.#records.get(observer);
    if (seen === undefined) {
      seen = new Map();
      this.#records.set(observer, seen);
    }
    const life = this.#recorder.lifeOf(observer);
    const before = seen.get(id);
    // No drill registers an id again that it took out.
    if (change !== 'departed' && before?.isDeparted === true) {
      if (before.life === life) this.#resurrected.push(`${id} at ${observer}`);
      else this.#forgottenCount += 1;
    }
    seen.set(id, { isDeparted: change === 'departed', life });
  }

  /** A newcomer, or one that left: liveness events tell only what becomes of members. */
  #takeAgentRecord(observer: string, subject: string, change: RecordChange['change']): void {
    const view = this.#views.get(observer);
    const known = view?.get(subject);
    const isNewcomer = change === 'added' && (known === undefined || known === 'left');
    const to = isNewcomer ? 'alive' : change === 'departed' ? 'left' : undefined;
    if (view === undefined || to === undefined || to === known || subject === observer) return;
    view.set(subject, to);
    this.#recorder.add({ type: 'liveness', observer, subject, from: null, to });
  }

  #isAgent(id: string): boolean {
    return this.#agents.some(agent => agent.id === id);
  }

  #askAgain(agent: StagedAgent): void {
    this.#later(askEveryMs, () => {
      void this.#ask(agent).finally(() => this.#askAgain(agent));
    });
  }

  async #ask({ id, url }: StagedAgent): Promise<void> {
    if (!this.#isRunning(id)) return;
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(answerLimitMs), this.#closing.signal]);
      const answer = await fetch(`${url}/sync`, { signal });
      const { root } = (await answer.json()) as { readonly root: string };
      if (this.#isRunning(id)) this.#recorder.root(id, root);
    } catch {
      // Gone or paused: there is no root then.
    }
  }

  #later(ms: number, action: () => void): void {
    if (this.#closing.signal.aborted) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }
}
