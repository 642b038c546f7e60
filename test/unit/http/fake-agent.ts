/** An agent without a cluster: enough of one for the HTTP shim to stand on. */
import type { ConfirmationView } from '../../../src/core/confirm/confirmation.ts';
import type { NodeFields, NodeId, Owner } from '../../../src/core/record/node.ts';
import type { PeerId } from '../../../src/core/record/record.ts';
import type {
  AgentEvent,
  DetectorMember,
  DetectorView,
  NodeView,
  OutboxView,
  PartitionView,
  RecordView,
  SubjectView,
  SyncAgreement,
  SyncView,
  TreePart,
  TreeRow,
} from '../../../src/core/view.ts';
import { FirsthandError } from '../../../src/errors.ts';
import type {
  AgentPort,
  AuthorityPort,
  BanRequest,
  ClockView,
  ComponentHealth,
  DoctorCheck,
  EventEntry,
  EvidenceView,
  FaultPort,
  FaultRule,
  FaultsView,
  KeysView,
  Listing,
  MeshView,
  NamedBan,
  NamedReputation,
  Phase,
  RegistrationOutcome,
  RegistrationRequest,
  StatusView,
} from '../../../src/runtime/agent-port.ts';

export const selfPeer = '12D3KooWSelf';
const otherPeer = '12D3KooWOther';

type ChangeListener = (id: NodeId, before: NodeView | undefined, after: NodeView | undefined) => void;

class FakeListing implements Listing {
  version = 0;
  readonly #nodes = new Map<NodeId, NodeView>();
  readonly #listeners = new Set<ChangeListener>();
  #array: readonly NodeView[] | undefined;

  nodes(): readonly NodeView[] {
    this.#array ??= [...this.#nodes.values()];
    return this.#array;
  }

  get(id: NodeId): NodeView | undefined {
    return this.#nodes.get(id);
  }

  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  put(id: NodeId, after: NodeView | undefined): void {
    const before = this.#nodes.get(id);
    if (after === undefined) this.#nodes.delete(id);
    else this.#nodes.set(id, after);
    this.#array = undefined;
    this.version += 1;
    for (const listener of this.#listeners) listener(id, before, after);
  }
}

export interface FakeAgentOptions {
  /** Events that can still be resumed from. */
  readonly keptEvents?: number;
  readonly hostedMax?: number;
}

export class FakeFaults implements FaultPort {
  rules: readonly FaultRule[] = [];

  set(rules: readonly FaultRule[]): void {
    this.rules = rules;
  }

  view(): FaultsView {
    return { rules: this.rules, datagramsDropped: 3, piecesHeld: 0 };
  }
}

export class FakeAgent implements AgentPort {
  readonly identity = {
    id: 'agent-1',
    peerId: selfPeer,
    cluster: 'default',
    epoch: 1,
    nodeType: 'backend',
    version: '0.1.0',
  } as const;
  phase: Phase = 'ready';
  onDeregister: (by: Owner | undefined) => void = () => {};
  health: ComponentHealth[] = [
    { name: 'store', ok: true, detail: 'open' },
    { name: 'network', ok: true, detail: '2 of 2 agents reachable' },
    { name: 'event_loop', ok: true, detail: 'on time' },
  ];
  readonly listing = new FakeListing();
  readonly #options: Required<FakeAgentOptions>;
  readonly #listeners = new Set<(entry: EventEntry) => void>();
  readonly #records = new Map<NodeId, RecordView>();
  #kept: EventEntry[] = [];
  #eventCount = 0;
  left = false;
  /** An agent that was started for a drill has it. */
  faults: FaultPort | undefined;
  /** One of a cluster with an authority has it. */
  authority: AuthorityPort | undefined;
  partitionView: PartitionView = {
    state: 'whole',
    reachable: 2,
    known: 2,
    isMajority: true,
    here: [],
    there: [],
  };
  checks: readonly DoctorCheck[] = [
    { name: 'clock', ok: true, detail: 'within 3 ms of the others' },
    { name: 'mdns', subject: 'eth0', ok: true, detail: 'heard itself after 2 ms' },
  ];
  /** How often `doctor` ran. */
  examinationsCount = 0;
  readonly removed: NodeId[] = [];
  newcomersRefused = 0;
  conduct: readonly NamedReputation[] = [];
  proofs: readonly EvidenceView[] = [];
  bansInForce: NamedBan[] = [];
  keysView: KeysView = { id: 'agent-1', peerId: selfPeer };
  agreement: SyncAgreement = { root: 'ab'.repeat(16), agree: 2, of: 2, sinceMs: 1_200, differ: [] };
  /** Who will have said that they hold what is to be confirmed; of two other members. */
  confirmedBy: readonly string[] = [];
  confirmationViews: readonly ConfirmationView[] = [];
  /** Thrown by the next `register`. */
  failure: unknown;
  /** `register` and `doctor` wait for it: a slow disk, a slow network. */
  gate: Promise<void> | undefined;

  constructor(options: FakeAgentOptions = {}) {
    this.#options = { keptEvents: 100, hostedMax: 10_000, ...options };
  }

  readonly events = {
    since: (lastId: string): readonly EventEntry[] | undefined => {
      const index = this.#kept.findIndex(entry => entry.id === lastId);
      return index === -1 ? undefined : this.#kept.slice(index + 1);
    },
    subscribe: (listener: (entry: EventEntry) => void): (() => void) => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    },
  };

  async register({ action, id, node, confirm }: RegistrationRequest): Promise<RegistrationOutcome> {
    if (this.gate !== undefined) await this.gate;
    if (this.failure !== undefined) throw this.failure;
    const before = this.listing.get(id);
    if (action === 'update' && before === undefined) throw new FirsthandError('UNKNOWN_NODE', { id });
    if (before !== undefined && node.lastUpdatedS < before.lastUpdatedS) {
      throw new FirsthandError('STALE_UPDATE', { last_updated: before.lastUpdatedS });
    }
    if (before === undefined && this.listing.nodes().length >= this.#options.hostedMax) {
      throw new FirsthandError('REGISTRY_FULL');
    }
    const view: NodeView = { ...node, id, status: 'alive', authors: [selfPeer] };
    const changed = before === undefined || JSON.stringify(before) !== JSON.stringify(view);
    if (changed) this.#put(view, before === undefined ? 'added' : 'updated');
    if (confirm === undefined) return { changed, node: view };
    const { wanted } = confirm;
    const isMet = this.confirmedBy.length >= (wanted === 'all' ? 2 : 1);
    const rolledBack = confirm.rollback && !isMet;
    const missing = ['agent-2', 'agent-3'].filter(name => !this.confirmedBy.includes(name));
    const confirmed = ['agent-1', ...this.confirmedBy];
    const confirmation = { wanted, confirmed, missing, needed: wanted === 'all' ? 3 : 2, isMet, rolledBack };
    return { changed, node: view, confirmation: { ...confirmation, tookMs: confirm.timeoutMs } };
  }

  async deregister(id: NodeId, by?: Owner): Promise<void> {
    this.onDeregister(by);
    const before = this.listing.get(id);
    if (before === undefined) throw new FirsthandError('UNKNOWN_NODE', { id });
    if (!before.authors.includes(selfPeer)) throw new FirsthandError('NOT_OWNER', { id });
    this.listing.put(id, undefined);
    this.emitRecord(before, 'departed');
  }

  async leave(): Promise<void> {
    this.left = true;
    this.phase = 'stopping';
  }

  reputation(): readonly NamedReputation[] {
    return this.conduct;
  }

  evidence(): readonly EvidenceView[] {
    return this.proofs;
  }

  bans(): readonly NamedBan[] {
    return this.bansInForce;
  }

  async ban({ who, reason }: BanRequest): Promise<PeerId> {
    this.bansInForce.push({ peer: who, issuer: selfPeer, issuedAtMs: 1, reason, state: 'in-force' });
    return who;
  }

  async pardon({ who }: Omit<BanRequest, 'forMs'>): Promise<PeerId> {
    this.bansInForce = this.bansInForce.filter(({ peer }) => peer !== who);
    return who;
  }

  keys(): KeysView {
    return this.keysView;
  }

  async rotateKey(): Promise<KeysView> {
    const { id, peerId } = this.keysView;
    this.keysView = { id, peerId: 'next-key', former: { peerId, endsInMs: 60_000 } };
    return this.keysView;
  }

  async revokeKey(): Promise<void> {
    this.left = true;
    this.phase = 'stopping';
  }

  async remove(id: NodeId): Promise<void> {
    const member = members.find(candidate => candidate.id === id);
    if (member === undefined) throw new FirsthandError('UNKNOWN_NODE', { text: `there is no agent ${id}` });
    if (member.state !== 'dead')
      throw new FirsthandError('STILL_ALIVE', { text: `${id} is ${member.state}` });
    this.removed.push(id);
  }

  partition(): PartitionView {
    return this.partitionView;
  }

  outbox(): OutboxView {
    return {
      entries: 3,
      entriesMax: 10_000,
      bytes: 900,
      bytesMax: 67_108_864,
      counts: {
        enqueued: 9,
        superseded: 2,
        delivered: 3,
        failed: 7,
        refused: 0,
        expired: 1,
        damaged: 0,
        turnedAway: 0,
      },
      receivers: [
        {
          receiver: 'http:http://10.0.0.9:8080',
          state: 'stuck',
          depth: 3,
          critical: 1,
          normal: 2,
          bulk: 0,
          bytes: 900,
          oldestMs: 95_000,
          delivered: 3,
          attempts: 10,
          failuresInRow: 7,
          nextTryInMs: 21_000,
          breaker: 'open',
          responseMs: 12.5,
          lastError: 'connection refused',
        },
      ],
      deadLettersCount: 1,
      deadLetters: [
        {
          number: 1,
          receiver: 'http:http://10.0.0.9:8080',
          subject: 'llama-70b',
          priority: 'normal',
          kind: 'registration',
          digest: 'ab'.repeat(32),
          reason: 'expired',
          detail: 'connection refused',
          enqueuedAtMs: 1_767_225_600_000,
          diedAtMs: 1_767_312_000_000,
        },
      ],
      damaged: [],
    };
  }

  detector(): DetectorView {
    return {
      profile: 'lan',
      incarnation: 3,
      localHealth: 1,
      probeIntervalMs: 1_000,
      ackTimeoutMs: 500,
      suspicionMinMs: 4_000,
      suspicionMaxMs: 24_000,
      isFrozen: false,
      partition: this.partitionView,
      members,
      backends: [
        {
          id: 'llama-70b',
          url: 'http://10.0.0.7:9100/metrics',
          state: 'unhealthy',
          sinceMs: 12_000,
          checks: 40,
          failures: 5,
          failuresInRow: 3,
          lastCheckMs: 800,
          lastResult: 'no answer within 2 s',
        },
        {
          id: 'whisper',
          url: 'http://10.0.0.8:9100/metrics',
          state: 'healthy',
          sinceMs: 90_000,
          checks: 0,
          failures: 0,
          failuresInRow: 0,
        },
      ],
    };
  }

  async doctor(): Promise<readonly DoctorCheck[]> {
    this.examinationsCount += 1;
    if (this.gate !== undefined) await this.gate;
    return this.checks;
  }

  subject(id: NodeId): SubjectView | undefined {
    const record = this.#records.get(id);
    if (record === undefined) return undefined;
    return { id, winner: record.digest, rule: 'only', conflict: false, records: [record], parked: 0 };
  }

  subjects(after: NodeId | undefined, limit: number): readonly SubjectView[] {
    return [...this.#records.keys()]
      .sort()
      .filter(id => after === undefined || id > after)
      .slice(0, limit)
      .map(id => this.subject(id) as SubjectView);
  }

  confirmations(): readonly ConfirmationView[] {
    return this.confirmationViews;
  }

  clock(): ClockView {
    return {
      author: selfPeer,
      epoch: 1,
      sequence: this.#eventCount,
      time: { wallMs: 1_765_000_000_000, counter: 2 },
      seen: [{ author: otherPeer, id: 'agent-2', epoch: 4, sequence: 9 }],
    };
  }

  mesh(): MeshView {
    return {
      topic: 'firsthand/default/records/1',
      peers: [
        {
          peer: otherPeer,
          id: 'agent-2',
          state: 'connected',
          liveness: 'alive',
          link: {
            peer: otherPeer,
            address: '/ip4/127.0.0.1/tcp/7946',
            outbound: true,
            subscribed: true,
            inMesh: true,
            score: 1.5,
          },
          rttMs: 0.4,
          sources: ['seed', 'record'],
          failedDials: 0,
        },
        {
          peer: '12D3KooWThird',
          state: 'waiting',
          sources: ['store'],
          failedDials: 3,
          nextDialInMs: 4_000,
          lastError: 'refused',
        },
      ],
      pendingSeeds: [{ seed: '/ip4/10.0.0.9/tcp/7946', failedDials: 1, lastError: 'no route' }],
      foreignRefused: 1,
      httpPeers: [
        {
          url: 'http://old-1:8080',
          state: 'answering',
          isConfigured: true,
          lastAnswerMs: 1_200,
          listed: 3,
          failures: 1,
          failuresInRow: 0,
          nextTryInMs: 58_800,
        },
        {
          url: 'http://old-2:8080',
          state: 'failing',
          isConfigured: false,
          listed: 0,
          failures: 7,
          failuresInRow: 7,
          lastError: 'nobody listens there',
        },
      ],
    };
  }

  sync(): SyncView {
    return {
      root: 'ab'.repeat(16),
      entries: 3,
      since: 2_938_000,
      sinceMs: 1_200,
      exchanges: 0,
      agreement: this.agreement,
      peers: [
        {
          id: 'agent-2',
          peer: otherPeer,
          liveness: 'alive',
          state: 'agrees',
          sinceMs: 900,
          root: 'ab'.repeat(16),
          entries: 3,
          heardMs: 400,
          last: {
            outcome: 'walked',
            agoMs: 900,
            tookMs: 12.5,
            received: 1,
            sent: 2,
            rounds: 3,
            bytes: 1_400,
          },
          bytes: 1_600,
          lies: 0,
        },
      ],
    };
  }

  treeParts(): readonly TreePart[] {
    return [{ prefix: 'ab', hash: 'cd'.repeat(16) }];
  }

  treeRows(_since: number, prefix: string): readonly TreeRow[] {
    const digest = `${prefix}`.repeat(32);
    return [{ subject: 'backend-1', author: selfPeer, epoch: 1, sequence: 2, digest, kind: 'entry' }];
  }

  status(): StatusView {
    return {
      sync: this.agreement,
      identity: this.identity,
      phase: this.phase,
      uptimeS: 12.5,
      agentsKnown: this.partitionView.known,
      agentsReachable: this.partitionView.reachable,
      agents: [
        { id: 'agent-1', peerId: selfPeer, state: 'alive', sinceS: 12.5 },
        { id: 'agent-2', peerId: otherPeer, state: 'alive', sinceS: 10 },
      ],
      services: {
        total: this.listing.nodes().length,
        hosted: this.listing.nodes().length,
        suspect: 0,
        unhealthy: 0,
      },
      partition: this.partitionView,
      conflicts: 0,
      quarantined: [],
      components: this.health,
      findings: [],
    };
  }

  components(): readonly ComponentHealth[] {
    return this.health;
  }

  /** As if it had come from another agent. */
  put(view: Partial<NodeView> & { readonly id: NodeId }): NodeView {
    const full = { ...nodeView(view.id), ...view };
    this.#put(full, this.listing.get(view.id) === undefined ? 'added' : 'updated');
    return full;
  }

  emitRecord(node: NodeView, change: 'added' | 'updated' | 'departed'): void {
    const data = {
      at: at(),
      id: node.id,
      change,
      node,
      author: selfPeer,
      epoch: 1,
      sequence: this.#eventCount + 1,
    };
    this.emit({ event: 'record', data });
  }

  emit(event: AgentEvent): void {
    this.#eventCount += 1;
    const entry = { id: `1-${this.#eventCount}`, event };
    this.#kept = [...this.#kept, entry].slice(-this.#options.keptEvents);
    for (const listener of this.#listeners) listener(entry);
  }

  #put(view: NodeView, change: 'added' | 'updated'): void {
    this.listing.put(view.id, view);
    this.#records.set(view.id, recordOf(view));
    this.emitRecord(view, change);
  }
}

const members: readonly DetectorMember[] = [
  {
    id: 'agent-2',
    peer: otherPeer,
    state: 'suspect',
    sinceMs: 1_500,
    isBootstrap: false,
    epoch: 4,
    incarnation: 7,
    probe: '10.0.0.2:7946',
    lastAckMs: 3_200,
    rttMs: 0.4,
    clockSkewMs: -12,
    score: 72.5,
    history: 'UUUUUILxx',
    strikes: 2,
    layers: [
      { layer: 'udp', ok: false, agoMs: 300, detail: 'no answer within 500 ms' },
      { layer: 'tcp', ok: true, agoMs: 900 },
      { layer: 'ping', ok: true, agoMs: 900 },
      { layer: 'http' },
    ],
    accusers: [
      { by: 'agent-1', says: 'suspect', refused: false, agoMs: 1_500 },
      { by: '12D3KooWThird', says: 'dead', refused: true, agoMs: 400 },
    ],
    verdictInMs: 2_500,
  },
  {
    id: 'agent-3',
    peer: '12D3KooWThird',
    state: 'dead',
    sinceMs: 60_000,
    isBootstrap: true,
    epoch: 1,
    incarnation: 0,
    probe: '10.0.0.3:7946',
    score: 0,
    history: '',
    strikes: 0,
    layers: [],
    accusers: [],
  },
];

/** As `agent-1` sees it when some of twelve agents are silent. */
export function partialView(reachable: number): PartitionView {
  return {
    state: reachable === 1 ? 'isolated' : 'suspected',
    sinceMs: 12_000,
    reachable,
    known: 12,
    isMajority: reachable > 6,
    here: ['agent-1'],
    there: ['agent-2', 'agent-3'],
  };
}

export function nodeView(id: NodeId): NodeView {
  return {
    id,
    address: '10.0.0.1:8080',
    metricsPort: 9_090,
    nodeType: 'backend',
    isLoadBalancer: false,
    capabilities: ['inference', 'model_serving', 'metrics_reporting'],
    lastUpdatedS: 1_765_000_000,
    status: 'alive',
    authors: [selfPeer],
  };
}

function recordOf({ id, status: _status, authors: _authors, ...node }: NodeView): RecordView {
  const fields: NodeFields = node;
  return {
    subject: id,
    author: selfPeer,
    authority: 'host',
    epoch: 1,
    sequence: 1,
    context: [{ author: otherPeer, epoch: 4, sequence: 9, digest: 'b'.repeat(64) }],
    time: { wallMs: 1_765_000_000_000, counter: 0 },
    claimedAt: { wallMs: 1_765_000_000_000, counter: 0 },
    leaseMs: 900_000,
    digest: 'a'.repeat(64),
    kind: 'entry',
    node: fields,
    wire: 'AAEC',
    vouches: false,
  };
}

function at(): string {
  return new Date().toISOString();
}
