/**
 * Agents of a simulation, run once more with nobody around them: what one costs on a machine of its own.
 *
 * A thousand agents in one process have gigabytes of tables that no processor cache holds, and one collector for all
 * of them. What reaches an agent says all there is to know of the others, so it is taken down, and later brought to
 * the same agent at the same times. It does the same then, to the byte.
 */
import { createHash } from 'node:crypto';
import type { PeerId } from '../core/record/record.ts';
import type { LocalContact, NetworkHandlers } from '../runtime/ports.ts';
import { SimHost } from './host.ts';
import { type Place, SimNetworkHub } from './network.ts';

type Handlers = Record<string, (...args: unknown[]) => unknown>;

/** Holds nothing but what came, or the whole crowd would stay in memory with it. */
interface Arrival {
  readonly atMs: number;
  readonly at: 'network' | 'probes';
  readonly handler: string;
  readonly args: readonly unknown[];
}

/** What has reached one agent, and what it had said in the end: nothing but data, to be kept in a file. */
export interface Recording {
  readonly place: Place;
  readonly arrivals: readonly Arrival[];
  /** SHA-256 over all datagrams that it has sent. */
  readonly said: string;
}

class Recorder {
  readonly #place: Place;
  readonly #arrivals: Arrival[] = [];
  readonly #said = createHash('sha256');

  constructor(place: Place) {
    this.#place = place;
  }

  says(bytes: Uint8Array): void {
    this.#said.update(bytes);
  }

  arrives(arrival: Arrival): void {
    this.#arrivals.push(arrival);
  }

  get recording(): Recording {
    return { place: this.#place, arrivals: [...this.#arrivals], said: this.#said.copy().digest('hex') };
  }
}

type HubParts = ConstructorParameters<typeof SimNetworkHub>;

/** Takes down what reaches some agents, which have to stay up. */
export class RecordingHub extends SimNetworkHub {
  readonly #recorders: ReadonlyMap<Place, Recorder>;

  constructor(places: readonly Place[], ...parts: HubParts) {
    super(...parts);
    this.#recorders = new Map(places.map(place => [place, new Recorder(place)]));
  }

  /** Up to now. */
  get recordings(): readonly Recording[] {
    return [...this.#recorders.values()].map(({ recording }) => recording);
  }

  protected override createHost(place: Place, peer: PeerId): SimHost {
    const recorder = this.#recorders.get(place);
    const host = super.createHost(place, peer);
    if (recorder === undefined) return host;
    const start = host.start.bind(host);
    host.start = handlers => start(this.#overheard(handlers, 'network', recorder));
    return host;
  }

  override probes(place: Place): ReturnType<SimNetworkHub['probes']> {
    const port = super.probes(place);
    const recorder = this.#recorders.get(place);
    if (recorder === undefined) return port;
    return {
      ...saying(port, bytes => recorder.says(bytes)),
      listen: handlers => port.listen(this.#overheard(handlers, 'probes', recorder)),
    };
  }

  #overheard<T extends object>(handlers: T, at: Arrival['at'], recorder: Recorder): T {
    return new Proxy(handlers, {
      get: (target, name: keyof T & string) => {
        const handler = target[name];
        if (typeof handler !== 'function') return handler;
        return (...args: unknown[]) => {
          recorder.arrives({ atMs: this.scheduler.nowMs, at, handler: name, args });
          return handler(...args);
        };
      },
    });
  }
}

/** Brings what was recorded, and nothing else. */
export class ReplayingHub extends SimNetworkHub {
  readonly #said = createHash('sha256');
  readonly #handlers = new Map<Arrival['at'], Handlers>();
  readonly #recording: Recording;

  constructor(recording: Recording, ...parts: HubParts) {
    super(...parts);
    this.#recording = recording;
  }

  get hasSaidTheSame(): boolean {
    return this.#said.copy().digest('hex') === this.#recording.said;
  }

  /** To be called when the agent has been started, at the time at which it was. */
  begin(): void {
    this.#bring(0);
  }

  protected override createHost(place: Place, peer: PeerId): SimHost {
    return new DeafHost(
      { place, peer },
      { hub: this, listen: handlers => this.#listen('network', handlers) },
    );
  }

  override probes(): ReturnType<SimNetworkHub['probes']> {
    const port = { send: () => {}, ask: () => {} };
    return {
      ...saying(port, bytes => this.#said.update(bytes)),
      listen: handlers => this.#listen('probes', handlers),
    };
  }

  #listen(at: Arrival['at'], handlers: object): void {
    this.#handlers.set(at, handlers as Handlers);
  }

  #bring(index: number): void {
    const arrival = this.#recording.arrivals[index];
    if (arrival === undefined) return;
    this.scheduler.at(arrival.atMs, () => {
      this.#handlers.get(arrival.at)?.[arrival.handler]?.(...arrival.args);
      this.#bring(index + 1);
    });
  }
}

/** Sends nothing, and brings nothing by itself. */
class DeafHost extends SimHost {
  readonly #listen: (handlers: NetworkHandlers) => void;

  constructor(
    options: ConstructorParameters<typeof SimHost>[0],
    { hub, listen }: { readonly hub: SimNetworkHub; readonly listen: (handlers: NetworkHandlers) => void },
  ) {
    super(options, { hub });
    this.#listen = listen;
  }

  override start(handlers: NetworkHandlers): Promise<LocalContact> {
    this.#listen(handlers);
    return super.start(handlers);
  }

  override publish(): void {}
  override send(): void {}
  override dial(): void {}
  override ping(): void {}
  override hangUp(): void {}
}

type Mouth = Pick<ReturnType<SimNetworkHub['probes']>, 'send' | 'ask'>;

function saying({ send, ask }: Mouth, say: (bytes: Uint8Array) => void): Mouth {
  return {
    send: (to, bytes) => {
      say(bytes);
      send(to, bytes);
    },
    ask: (peer, to, bytes) => {
      say(bytes);
      ask(peer, to, bytes);
    },
  };
}
