/** Nodes of the predecessor: they take registrations over HTTP and answer with whom they know, and nothing else. */
import type { ListedNode, PeerFailure, PeerOutcome } from '../core/bridge/outcome.ts';
import { peerUrlOfAddress } from '../core/bridge/peer-url.ts';
import { asRegistration } from '../core/bridge/registration.ts';
import type { Random } from '../core/random.ts';
import type { NodeFields, NodeId } from '../core/record/node.ts';
import type { Clock, HttpPeers } from '../runtime/ports.ts';

const answerMaxMs = 20;
const timeoutMs = 5_000;

interface Predecessor {
  own: ListedNode;
  isUp: boolean;
  /** Whom it knows, itself included; forgotten when it is restarted. */
  known: Map<NodeId, NodeFields>;
}

export class Predecessors {
  readonly #random: Random;
  readonly #nodes = new Map<string, Predecessor>();

  constructor(components: { readonly random: Random }) {
    this.#random = components.random;
  }

  get urls(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  /** Everybody who runs. */
  get nodes(): readonly ListedNode[] {
    return [...this.#nodes.values()].filter(({ isUp }) => isUp).map(({ own }) => own);
  }

  /** A new one; it knows those that were there before, and they know it. */
  add(own: ListedNode): void {
    const url = peerUrlOfAddress(own.node.address);
    if (url === undefined) throw new TypeError(`${own.node.address} is no address`);
    this.#nodes.set(url, { own, isUp: true, known: new Map() });
    this.#meetAgain();
  }

  isUp(url: string): boolean {
    return this.#nodes.get(url)?.isUp === true;
  }

  /** What this one knows of a node. */
  knows(url: string, id: NodeId): NodeFields | undefined {
    return this.#nodes.get(url)?.known.get(id);
  }

  crash(url: string): void {
    const node = this.#nodes.get(url);
    if (node === undefined) return;
    node.isUp = false;
    node.known = new Map();
  }

  /** It is back, and so is what the others of its kind know of it; what agents told it is gone. */
  restart(url: string): void {
    const node = this.#nodes.get(url);
    if (node === undefined) return;
    node.isUp = true;
    this.#meetAgain();
  }

  /** It changes what it says of itself, and the others of its kind hear of it. */
  update(url: string, fields: Partial<NodeFields>): void {
    const node = this.#nodes.get(url);
    if (node === undefined) return;
    node.own = { id: node.own.id, node: { ...node.own.node, ...fields } };
    this.#meetAgain();
  }

  /** For one agent; dies with its clock. */
  httpPeers(clock: Clock): HttpPeers {
    return {
      register: ({ url, body }, onAnswered) => {
        const isThere = this.isUp(url);
        // Half of those that are away refuse, the others are silent.
        const isSilent = !isThere && this.#random.next() < 0.5;
        const latencyMs = isSilent ? timeoutMs : this.#random.next() * answerMaxMs;
        clock.after(latencyMs, () => onAnswered(this.#answer(url, body, latencyMs, isSilent)));
      },
      stop: () => Promise.resolve(),
    };
  }

  #answer(url: string, body: string, latencyMs: number, isSilent: boolean): PeerOutcome {
    const node = this.#nodes.get(url);
    if (node === undefined || !node.isUp || isSilent)
      return failed(isSilent ? 'timeout' : 'refused', latencyMs);
    const { action, node: said } = JSON.parse(body) as RegistrationJson;
    if (action === 'update' && !node.known.has(said.id)) {
      return this.#answer(url, asRegistration(body) ?? body, latencyMs, false); // As the adapter does at a 404.
    }
    node.known.set(said.id, {
      address: said.address,
      metricsPort: said.metrics_port,
      nodeType: said.node_type,
      isLoadBalancer: said.is_load_balancer,
      capabilities: said.capabilities,
      lastUpdatedS: said.last_updated,
    });
    const peers = [...node.known]
      .filter(([id]) => id !== said.id)
      .map(([id, fields]) => ({ id, node: fields }));
    return { ok: true, latencyMs, peers, leftOutCount: 0 };
  }

  #meetAgain(): void {
    const running = [...this.#nodes.values()].filter(({ isUp }) => isUp);
    for (const node of running) for (const { own } of running) node.known.set(own.id, own.node);
  }
}

interface RegistrationJson {
  readonly action: 'register' | 'update';
  readonly node: {
    readonly id: NodeId;
    readonly address: string;
    readonly metrics_port: number;
    readonly node_type: NodeFields['nodeType'];
    readonly is_load_balancer: boolean;
    readonly capabilities: readonly string[];
    readonly last_updated: number;
  };
}

function failed(reason: PeerFailure, latencyMs: number): PeerOutcome {
  return { ok: false, reason, detail: reason, latencyMs };
}
