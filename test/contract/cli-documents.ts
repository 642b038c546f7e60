/** Answers of an agent, typed by what the CLI expects. */
import type {
  ClockBody,
  MeshBody,
  PeerBody,
  RecordsBody,
  StatusBody,
  SubjectBody,
} from '../../src/cli/bodies.ts';

export const alice = `12D3KooW${'a'.repeat(38)}Alice1`;
export const bob = `12D3KooW${'b'.repeat(38)}Bobby2`;

export const peers: readonly PeerBody[] = [
  {
    id: 'web-1',
    address: '10.0.0.1:7980',
    metrics_port: 7980,
    node_type: 'proxy',
    is_load_balancer: true,
    capabilities: ['load_balancing'],
    last_updated: Date.UTC(2026, 10, 23, 11, 59, 48) / 1_000,
    status: 'alive',
  },
  {
    id: 'backend-1',
    address: '10.0.0.2:8080',
    metrics_port: 9100,
    node_type: 'backend',
    is_load_balancer: false,
    capabilities: ['inference', 'model_serving'],
    last_updated: Date.UTC(2026, 10, 23, 9, 40) / 1_000,
    status: 'suspect',
  },
];

export const status: StatusBody = {
  identity: { id: 'web-1', peer_id: alice, cluster: 'prod', epoch: 4, node_type: 'proxy', version: '0.1.0' },
  phase: 'ready',
  uptime_s: 12_000,
  agents_known: 2,
  agents_reachable: 2,
  agents: [
    { id: 'web-2', peer_id: bob, state: 'alive', since_s: 90 },
    { id: 'web-1', peer_id: alice, state: 'alive', since_s: 12_000 },
  ],
  services: { total: 3, hosted: 1, suspect: 0 },
  conflicts: 0,
  quarantined: [],
  components: [{ name: 'store', ok: true, detail: 'writes are durable' }],
  findings: [],
};

const digest = 'd'.repeat(64);

export const subject: SubjectBody = {
  id: 'backend-1',
  winner: digest,
  rule: 'only',
  conflict: false,
  parked: 0,
  records: [
    {
      subject: 'backend-1',
      author: alice,
      authority: 'host',
      epoch: 4,
      sequence: 2,
      context: [],
      time: { wall_ms: 1_763_900_000_000, counter: 0 },
      claimed_at: { wall_ms: 1_763_900_000_000, counter: 0 },
      lease_ms: 900_000,
      digest,
      kind: 'entry',
      node: {
        id: 'backend-1',
        address: '10.0.0.2:8080',
        metrics_port: 9100,
        node_type: 'backend',
        is_load_balancer: false,
        capabilities: ['inference'],
      },
      wire: 'AAAA',
      vouches: false,
    },
  ],
};

export const records: RecordsBody = { records: [subject], next: null };

export const clock: ClockBody = {
  author: alice,
  epoch: 4,
  sequence: 2,
  time: { wall_ms: 1_763_900_000_000, counter: 1 },
  seen: [
    { author: bob, id: 'web-2', epoch: 1, sequence: 9 },
    { author: alice, id: 'web-1', epoch: 4, sequence: 2 },
  ],
};

export const mesh: MeshBody = {
  topic: 'firsthand/prod/records/1',
  foreign_refused: 3,
  pending_seeds: [{ seed: '/dns4/nowhere/tcp/7946', failed_dials: 2, last_error: 'no such host' }],
  peers: [
    {
      peer: bob,
      id: 'web-2',
      state: 'connected',
      liveness: 'alive',
      link: {
        peer: bob,
        address: '/ip4/10.0.0.3/tcp/7946',
        outbound: true,
        subscribed: true,
        in_mesh: true,
        score: 1.25,
      },
      rtt_ms: 0.42,
      sources: ['seed', 'record'],
      failed_dials: 0,
    },
  ],
};
