/**
 * Shows a libp2p service only the connections to agents of our own cluster.
 *
 * libp2p tells its services about every connection, and gossipsub would exchange subscriptions with an
 * agent of another cluster before anybody has looked at what it is. So gossipsub and the DHT are given
 * this registrar instead of the real one: streams wait until the connection is admitted, and topologies
 * hear of links, not of connections.
 *
 * It also keeps to the number of streams that a protocol may have on one connection. libp2p does too, but tells
 * nobody, so it is given one more, and what is beyond the limit is refused and counted here.
 */
import type { GossipSubComponents } from '@libp2p/gossipsub';
import type {
  Connection,
  PeerId,
  Stream,
  StreamHandler,
  StreamHandlerOptions,
  Topology,
} from '@libp2p/interface';

export type Registrar = GossipSubComponents['registrar'];

/** What the gate needs to know of the links. */
export interface Admission {
  /** Whether the connection is already known to lead to our cluster. */
  isAdmitted(connection: Connection): boolean;
  /** Resolves once that is decided; never rejects. */
  whenAdmitted(connection: Connection): Promise<boolean>;
  /** One open connection for each linked peer. */
  linked(): Iterable<Connection>;
}

export class GatedRegistrar implements Registrar {
  readonly #registrar: Registrar;
  readonly #admission: Admission;
  readonly #onExcess: () => void;
  readonly #topologies = new Map<string, Topology>();
  #nextId = 1;

  /** @param onExcess - A peer has opened more streams of a protocol than it may. */
  constructor(registrar: Registrar, admission: Admission, onExcess: () => void = () => {}) {
    this.#registrar = registrar;
    this.#admission = admission;
    this.#onExcess = onExcess;
  }

  /** To be called when a peer is linked, and again to have services look at their streams to it. */
  up(connection: Connection): void {
    for (const topology of new Set(this.#topologies.values())) {
      void topology.onConnect?.(connection.remotePeer, connection);
    }
  }

  down(peer: PeerId): void {
    for (const topology of new Set(this.#topologies.values())) void topology.onDisconnect?.(peer);
  }

  handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void> {
    const maxCount = options?.maxInboundStreams;
    const gated: StreamHandler = (stream, connection) => {
      if (maxCount !== undefined && inboundCount(stream, connection) > maxCount) {
        stream.abort(new Error(`more than ${maxCount} streams of ${stream.protocol}`));
        this.#onExcess();
        return undefined;
      }
      // At once where possible: a stream that is read late may already have ended.
      if (this.#admission.isAdmitted(connection)) return handler(stream, connection);
      return this.#admission.whenAdmitted(connection).then(admitted => {
        if (admitted) return handler(stream, connection);
        stream.abort(new Error('the peer is not of this cluster'));
        return undefined;
      });
    };
    const lenient = maxCount === undefined ? options : { ...options, maxInboundStreams: maxCount + 1 };
    return this.#registrar.handle(protocol, gated, lenient);
  }

  async register(_protocol: string, topology: Topology): Promise<string> {
    const id = `gated-${this.#nextId}`;
    this.#nextId += 1;
    const isNew = ![...this.#topologies.values()].includes(topology);
    this.#topologies.set(id, topology);
    if (isNew) {
      for (const connection of this.#admission.linked()) {
        void topology.onConnect?.(connection.remotePeer, connection);
      }
    }
    return id;
  }

  unregister(id: string): void {
    this.#topologies.delete(id);
  }

  getTopologies(_protocol: string): Topology[] {
    return [...new Set(this.#topologies.values())];
  }

  unhandle(...args: Parameters<Registrar['unhandle']>): Promise<void> {
    return this.#registrar.unhandle(...args);
  }

  getProtocols(): string[] {
    return this.#registrar.getProtocols();
  }

  getHandler(protocol: string): ReturnType<Registrar['getHandler']> {
    return this.#registrar.getHandler(protocol);
  }

  use(...args: Parameters<Registrar['use']>): void {
    this.#registrar.use(...args);
  }

  unuse(protocol: string): void {
    this.#registrar.unuse(protocol);
  }

  getMiddleware(protocol: string): ReturnType<Registrar['getMiddleware']> {
    return this.#registrar.getMiddleware(protocol);
  }
}

/** Streams of the same protocol that the peer has opened on this connection, this one included. */
function inboundCount({ protocol }: Stream, { streams }: Connection): number {
  return streams.filter(each => each.protocol === protocol && each.direction === 'inbound').length;
}
