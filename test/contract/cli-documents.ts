/** Answers of an agent, typed by what the CLI expects. */
import type {
  ClockBody,
  DetectorBody,
  DoctorBody,
  MeshBody,
  OutboxBody,
  PartitionBody,
  PeerBody,
  RecordsBody,
  StatusBody,
  SubjectBody,
  SyncBody,
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

export const whole: PartitionBody = {
  state: 'whole',
  reachable: 2,
  known: 2,
  is_majority: true,
  here: [],
  there: [],
};

export const suspected: PartitionBody = {
  state: 'suspected',
  since_ms: 12_400,
  reachable: 7,
  known: 12,
  is_majority: true,
  here: ['web-1', 'web-2'],
  there: ['web-3', 'web-4'],
};

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
  services: { total: 3, hosted: 1, suspect: 0, unhealthy: 0 },
  partition: whole,
  sync: { root: '9f3a'.repeat(8), agree: 2, of: 2, since_ms: 1_200, differ: [] },
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
  http_peers: [
    {
      url: 'http://old-1:8080',
      state: 'answering',
      is_configured: true,
      last_answer_ms: 1_200,
      listed: 3,
      failures: 1,
      failures_in_row: 0,
      next_try_in_ms: 58_800,
    },
    {
      url: 'http://old-2:8080',
      state: 'failing',
      is_configured: false,
      listed: 0,
      failures: 7,
      failures_in_row: 2,
      last_error: 'nobody listens there',
    },
  ],
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

export const detector: DetectorBody = {
  profile: 'lan',
  incarnation: 3,
  local_health: 0,
  probe_interval_ms: 1_000,
  ack_timeout_ms: 500,
  suspicion_min_ms: 4_500,
  suspicion_max_ms: 24_000,
  is_frozen: false,
  partition: whole,
  members: [
    {
      id: 'web-3',
      peer: `12D3KooW${'c'.repeat(38)}Carol3`,
      state: 'suspect',
      since_ms: 1_540,
      is_bootstrap: false,
      epoch: 4,
      incarnation: 7,
      probe: '10.0.0.4:7946',
      last_ack_ms: 3_250,
      rtt_ms: 0.42,
      clock_skew_ms: -12.4,
      score: 72.4,
      history: `${'U'.repeat(20)}ILxx`,
      strikes: 2,
      layers: [
        { layer: 'udp', ok: false, ago_ms: 310, detail: 'no answer within 500 ms' },
        { layer: 'tcp', ok: true, ago_ms: 900 },
        { layer: 'ping', ok: true, ago_ms: 900 },
        { layer: 'http' },
      ],
      accusers: [
        { by: 'web-1', says: 'suspect', refused: false, ago_ms: 1_540 },
        { by: bob, says: 'dead', refused: true, ago_ms: 1_200 },
      ],
      verdict_in_ms: 2_990,
    },
    {
      id: 'web-2',
      peer: bob,
      state: 'alive',
      since_ms: 12_000_000,
      is_bootstrap: false,
      epoch: 1,
      incarnation: 0,
      probe: '10.0.0.3:7946',
      last_ack_ms: 700,
      rtt_ms: 12.31,
      clock_skew_ms: 2_450,
      score: 100,
      history: 'UUUU',
      strikes: 0,
      layers: [
        { layer: 'udp', ok: true, ago_ms: 700 },
        { layer: 'tcp', ok: true, ago_ms: 700 },
        { layer: 'ping', ok: true, ago_ms: 700 },
        { layer: 'http', ok: true, ago_ms: 700 },
      ],
      accusers: [],
    },
  ],
  backends: [
    {
      id: 'whisper',
      url: 'http://10.0.0.8:9100/metrics',
      state: 'healthy',
      since_ms: 90_000,
      checks: 0,
      failures: 0,
      failures_in_row: 0,
    },
    {
      id: 'llama-70b',
      url: 'http://10.0.0.7:9100/metrics',
      state: 'unhealthy',
      since_ms: 12_000,
      checks: 40,
      failures: 5,
      failures_in_row: 3,
      last_check_ms: 840,
      last_result: 'no answer within 2 s',
    },
  ],
};

export const examination: DoctorBody = {
  ok: false,
  checks: [
    { name: 'clock', ok: true, detail: 'within 3 ms of the others' },
    {
      name: 'mdns',
      subject: 'docker0',
      ok: false,
      detail: 'what was sent did not come back',
      fix: 'mdns_interfaces: [eth0]',
    },
    { name: 'open_files', ok: false, detail: 'at most 256 may be open', fix: 'ulimit -n 65536' },
  ],
};

export const sync: SyncBody = {
  root: '9f3a'.repeat(8),
  entries: 42,
  since: 2_938_000,
  since_ms: 1_200,
  exchanges: 1,
  agreement: { root: '9f3a'.repeat(8), agree: 2, of: 4, since_ms: 1_200, differ: ['web-3'] },
  peers: [
    {
      id: 'web-2',
      peer: bob,
      liveness: 'alive',
      state: 'agrees',
      since_ms: 1_200,
      root: '9f3a'.repeat(8),
      entries: 42,
      heard_ms: 300,
      last: {
        outcome: 'walked',
        ago_ms: 5_000,
        took_ms: 12.4,
        received: 3,
        sent: 1,
        rounds: 3,
        bytes: 2_200,
      },
      bytes: 4_000,
      lies: 0,
    },
    { id: 'web-4', peer: alice, liveness: 'alive', state: 'unheard', bytes: 0, lies: 2 },
  ],
};

export const outbox: OutboxBody = {
  entries: 0,
  entries_max: 10_000,
  bytes: 0,
  bytes_max: 67_108_864,
  counts: {
    enqueued: 3,
    superseded: 1,
    delivered: 2,
    failed: 0,
    refused: 0,
    expired: 0,
    damaged: 0,
    turned_away: 0,
  },
  receivers: [],
  dead_letters_count: 0,
  dead_letters: [],
  damaged: [],
};
