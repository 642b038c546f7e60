/**
 * Which connections lead to agents of our cluster.
 *
 * A new connection proves who the peer is (Noise) but not what it is. So each one is identified first,
 * and only a peer that speaks our cluster's sync protocol becomes a *link*; a link may have several
 * connections, because two agents often dial each other at the same moment, and it is up from the first
 * to the last. A foreign peer is closed after a short grace, in which it learns from its own identify
 * that it is foreign here; closing at once would leave it with "connection reset".
 *
 * Two processes may have a copy of one key. Then the connections of one peer lead to different agents, which
 * shows in the addresses that they listen on, and answers go to the one that spoke last. Otherwise one of the
 * two would hear nothing, and never find out.
 *
 * Naming the cluster in the Noise prologue was considered: nothing else would have to be refused then,
 * but both ends would see an encryption failure and nobody could say why.
 */
import type { Identify } from '@libp2p/identify';
import type { Connection, PeerId } from '@libp2p/interface';
import type { Admission } from './gated-registrar.ts';
import { clusterOf } from './protocols.ts';

export interface LinkTableOptions {
  /** The protocol that makes a peer one of us. */
  readonly syncProtocol: string;
}

/** What became of a connection. */
export type Admitted =
  | { readonly kind: 'ours' }
  /** `cluster` is absent for a peer that is no Firsthand agent at all. */
  | { readonly kind: 'foreign'; readonly cluster?: string }
  /** It closed, or did not identify itself in time. */
  | { readonly kind: 'lost'; readonly text: string };

export interface LinkEvents {
  up(connection: Connection): void;
  down(peer: PeerId): void;
  /** A linked peer has lost one connection and has another one. */
  moved(connection: Connection): void;
  foreign(connection: Connection, cluster: string | undefined): void;
}

/** Guess: a peer that is busy with a whole cluster's handshakes still answers within this. */
const identifyTimeoutMs = 10_000;
/** Guess: our identify has just succeeded, so the peer's takes about as long. */
const foreignGraceMs = 500;
/** Both ends dialling at once makes two; more are of no use to an honest peer. */
const connectionsPerPeerMaxCount = 4;

export class LinkTable implements Admission {
  readonly #syncProtocol: string;
  readonly #identify: Pick<Identify, 'identify'>;
  readonly #events: LinkEvents;
  readonly #decisions = new WeakMap<Connection, Promise<Admitted>>();
  readonly #links = new Map<string, Connection[]>();
  readonly #closing = new Set<NodeJS.Timeout>();
  /** Where the agent at the other end listens. */
  readonly #endpoints = new WeakMap<Connection, string>();
  /** Of peers that are several processes: the connection that spoke last. */
  readonly #spoke = new Map<string, Connection | undefined>();
  #stopped = false;

  constructor(
    options: LinkTableOptions,
    components: { readonly identify: Pick<Identify, 'identify'>; readonly events: LinkEvents },
  ) {
    this.#syncProtocol = options.syncProtocol;
    this.#identify = components.identify;
    this.#events = components.events;
  }

  get size(): number {
    return this.#links.size;
  }

  /** To be called for each connection that opens; later calls for the same one answer the same. */
  admit(connection: Connection): Promise<Admitted> {
    const known = this.#decisions.get(connection);
    if (known !== undefined) return known;
    const decision = this.#decide(connection);
    this.#decisions.set(connection, decision);
    return decision;
  }

  isLinked(peer: string): boolean {
    return this.#links.has(peer);
  }

  /** A frame came in: whether answers to this peer go another way from now on. */
  heard(connection: Connection): boolean {
    const peer = connection.remotePeer.toString();
    if (!this.#spoke.has(peer) || this.#spoke.get(peer) === connection) return false;
    this.#spoke.set(peer, connection);
    return true;
  }

  /** The oldest open connection to a linked peer. */
  connectionTo(peer: string): Connection | undefined {
    const connections = this.#links.get(peer);
    const spoke = this.#spoke.get(peer);
    if (spoke?.status === 'open') return spoke;
    return connections?.find(({ status }) => status === 'open') ?? connections?.[0];
  }

  isAdmitted(connection: Connection): boolean {
    return this.#links.get(connection.remotePeer.toString())?.includes(connection) === true;
  }

  async whenAdmitted(connection: Connection): Promise<boolean> {
    const decision = await this.admit(connection);
    return decision.kind === 'ours' && this.isAdmitted(connection);
  }

  *linked(): Iterable<Connection> {
    for (const peer of this.#links.keys()) {
      const connection = this.connectionTo(peer);
      if (connection !== undefined) yield connection;
    }
  }

  /** From now on nothing is admitted and nothing is reported. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#closing) clearTimeout(timer);
    this.#closing.clear();
    this.#links.clear();
  }

  async #decide(connection: Connection): Promise<Admitted> {
    connection.addEventListener('close', () => this.#remove(connection));
    const admitted = await this.#ask(connection);
    if (this.#stopped) return { kind: 'lost', text: 'the agent is stopping' };
    if (admitted.kind === 'ours') return this.#add(connection);
    if (admitted.kind === 'foreign') {
      this.#closeSoon(connection);
      this.#events.foreign(connection, admitted.cluster);
    } else {
      connection.abort(new Error(admitted.text));
    }
    return admitted;
  }

  async #ask(connection: Connection): Promise<Admitted> {
    try {
      const signal = AbortSignal.timeout(identifyTimeoutMs);
      const { protocols, listenAddrs } = await this.#identify.identify(connection, { signal });
      this.#endpoints.set(connection, listenAddrs.map(String).sort().join());
      if (protocols.includes(this.#syncProtocol)) return { kind: 'ours' };
      const cluster = clusterOf(protocols);
      return cluster === undefined ? { kind: 'foreign' } : { kind: 'foreign', cluster };
    } catch (error) {
      if (error instanceof Error && error.name === 'UnsupportedProtocolError') return { kind: 'foreign' };
      return {
        kind: 'lost',
        text:
          connection.status === 'open'
            ? `it did not say what it is within ${identifyTimeoutMs / 1_000} s`
            : 'it closed the connection before it had said what it is',
      };
    }
  }

  #add(connection: Connection): Admitted {
    if (connection.status !== 'open') return { kind: 'lost', text: 'it closed the connection' };
    const peer = connection.remotePeer.toString();
    const connections = this.#links.get(peer);
    if (connections === undefined) {
      this.#links.set(peer, [connection]);
      this.#events.up(connection);
    } else if (connections.length < connectionsPerPeerMaxCount) {
      connections.push(connection);
      const endpoints = new Set(connections.map(each => this.#endpoints.get(each)));
      if (endpoints.size > 1 && !this.#spoke.has(peer)) this.#spoke.set(peer, undefined);
    } else {
      connection.abort(new Error('too many connections of one peer'));
    }
    return { kind: 'ours' };
  }

  #remove(connection: Connection): void {
    const peer = connection.remotePeer.toString();
    const connections = this.#links.get(peer);
    const index = connections?.indexOf(connection) ?? -1;
    if (connections === undefined || index === -1) return;
    connections.splice(index, 1);
    const next = connections[0];
    if (next === undefined) {
      this.#links.delete(peer);
      this.#spoke.delete(peer);
      this.#events.down(connection.remotePeer);
    } else {
      this.#events.moved(next);
    }
  }

  #closeSoon(connection: Connection): void {
    const timer = setTimeout(() => {
      this.#closing.delete(timer);
      connection.abort(new Error('the peer is not of this cluster'));
    }, foreignGraceMs);
    this.#closing.add(timer);
  }
}
