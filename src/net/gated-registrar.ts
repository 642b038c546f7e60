/**
 * Shows a libp2p service only the connections to agents of our own cluster.
 *
 * libp2p tells its services about every connection, and gossipsub would exchange subscriptions with an
 * agent of another cluster before anybody has looked at what it is. So gossipsub and the DHT are given
 * this registrar instead of the real one: streams wait until the connection is admitted, and topologies
 * hear of links, not of connections.
 */
import type { GossipSubComponents } from '@libp2p/gossipsub';
import type { Connection, PeerId, StreamHandler, StreamHandlerOptions, Topology } from '@libp2p/interface';

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
  readonly #topologies = new Map<string, Topology>();
  #nextId = 1;

  constructor(registrar: Registrar, admission: Admission) {
    this.#registrar = registrar;
    this.#admission = admission;
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
    const gated: StreamHandler = (stream, connection) => {
      // At once where possible: a stream that is read late may already have ended.
      if (this.#admission.isAdmitted(connection)) return handler(stream, connection);
      return this.#admission.whenAdmitted(connection).then(admitted => {
        if (admitted) return handler(stream, connection);
        stream.abort(new Error('the peer is not of this cluster'));
        return undefined;
      });
    };
    return this.#registrar.handle(protocol, gated, options);
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
