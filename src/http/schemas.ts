/** The JSON of requests and answers. Only the OpenAPI document and tests load this file. */
import { type Static, type TProperties, Type } from 'typebox';
import { wantedMembers } from '../core/confirm/confirmation.ts';
import { addressMaxLength, capabilitiesMaxCount, metricsPortMin, nodeTypes } from '../core/record/node.ts';
import { authorities } from '../core/record/record.ts';
import { errorCodes } from '../errors.ts';
import { statusOf } from './status-codes.ts';

/** Nothing but these properties: an answer with more is a mistake. */
export function exact<T extends TProperties>(properties: T, description?: string) {
  return Type.Object(properties, {
    additionalProperties: false,
    ...(description === undefined ? {} : { description }),
  });
}

export const milliseconds = Type.Number({ minimum: 0 });
export const count = Type.Integer({ minimum: 0 });
const unixSeconds = Type.Integer({ minimum: 0, description: 'Whole Unix seconds' });
export const peerId = Type.String({ description: "An agent's key in its libp2p form" });
const digest = Type.String({ pattern: '^[0-9a-f]{64}$' });
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Union([type, Type.Null()]);

export const nodeIdSchema = Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' });
const capability = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' });
const nodeType = Type.Enum([...nodeTypes]);
const listedStatus = Type.Enum(['alive', 'suspect', 'unhealthy']);
export const liveness = Type.Enum(['alive', 'suspect', 'dead', 'left']);
export const health = Type.Enum(['healthy', 'unhealthy']);
const phase = Type.Enum(['starting', 'ready', 'stopping']);

// --- requests ------------------------------------------------------------------------------------

const requiredFields = {
  id: nodeIdSchema,
  address: Type.String({
    maxLength: addressMaxLength,
    description: 'host:port; the host is IPv4, [IPv6] or a DNS name',
  }),
  metrics_port: Type.Integer({ minimum: metricsPortMin, maximum: 65_535 }),
};

const time = Type.Union([unixSeconds, Type.String({ format: 'date-time' })], {
  description: 'Unix seconds or RFC 3339; at most 60 s ahead of the agent; missing means now',
});

const optionalFields = {
  node_type: Type.Optional(nodeType),
  is_load_balancer: Type.Optional(Type.Boolean({ description: 'Missing: true for a proxy only' })),
  capabilities: Type.Optional(
    Type.Array(capability, {
      maxItems: capabilitiesMaxCount,
      description: "Missing: the type's defaults; duplicates are folded",
    }),
  ),
  last_updated: Type.Optional(time),
};

const keyText = Type.String({
  pattern: '^[A-Za-z0-9+/_-]{43}=?$',
  description: 'Ed25519, 32 bytes in base64 or base64url: the entry belongs to this key from now on',
});
const signatureText = Type.String({
  pattern: '^[A-Za-z0-9+/_-]{86}(==)?$',
  description:
    'By public_key, 64 bytes in base64 or base64url, over lines that each end with \\n: firsthand/registration/1, ' +
    'the cluster, register, update or deregister, the id, public_key in padded base64, the time as whole Unix ' +
    'seconds; and, unless it deregisters, address, metrics_port, node_type, is_load_balancer, and the ' +
    'capabilities joined by commas, with defaults filled in. Counts for 15 minutes',
});
/** Beside the time. In an envelope they may also stand beside the node. */
const proof = { public_key: Type.Optional(keyText), signature: Type.Optional(signatureText) };

const action = Type.Enum(['register', 'update']);

export const registrationSchema = Type.Union([
  Type.Object(
    { action, node: Type.Object({ ...requiredFields, ...optionalFields, ...proof }) },
    { title: 'Envelope' },
  ),
  Type.Object(
    {
      ...requiredFields,
      ...optionalFields,
      ...proof,
      action: Type.Optional(action),
      timestamp: Type.Optional(time),
    },
    { title: 'Flat' },
  ),
  Type.Object(requiredFields, { title: 'Legacy' }),
]);

/** Without a body: unsigned. */
export const departureSchema = Type.Object({
  ...proof,
  last_updated: Type.Optional(time),
  timestamp: Type.Optional(time),
});

// --- nodes ---------------------------------------------------------------------------------------

const nodeFields = {
  id: nodeIdSchema,
  address: Type.String(),
  metrics_port: Type.Integer(),
  node_type: nodeType,
  is_load_balancer: Type.Boolean(),
  capabilities: Type.Array(capability),
  last_updated: unixSeconds,
};

export const peerSchema = exact({ ...nodeFields, status: listedStatus });
export type PeerJson = Static<typeof peerSchema>;
export const peersSchema = Type.Array(peerSchema);

const tally = {
  wanted: Type.Enum([...wantedMembers]),
  confirmed: Type.Array(nodeIdSchema, {
    description: 'Members that hold the record, this agent included; by peer id who does not hold its name',
  }),
  missing: Type.Array(nodeIdSchema, { description: 'Known members that have not said so' }),
  needed: Type.Integer({ minimum: 1, description: 'Members that have to' }),
};
const confirmation = exact({ ...tally, took_ms: milliseconds });
const registered = {
  status: Type.Enum(['registered', 'updated']),
  message: Type.String(),
  peers: peersSchema,
};

export const registeredSchema = exact({ ...registered, confirmation: Type.Optional(confirmation) });
export const unconfirmedSchema = exact({
  ...registered,
  confirmation,
  rolled_back: Type.Optional(
    Type.Literal(true, { description: 'As asked: what was said before counts again' }),
  ),
});
export const confirmationsSchema = Type.Array(
  exact({
    id: count,
    subject: nodeIdSchema,
    digest,
    state: Type.Enum(['waiting', 'met', 'failed']),
    ...tally,
    rollback: Type.Boolean(),
    rolled_back: Type.Boolean(),
    resumed: Type.Boolean({ description: 'It was taken up again after a restart' }),
    left_ms: Type.Optional(milliseconds),
  }),
);
export type RegisteredJson = Static<typeof registeredSchema>;

export const goneSchema = exact({
  status: Type.Enum(['deregistered', 'left', 'removed', 'revoked']),
  message: Type.String(),
});

export const backendsSchema = Type.Array(Type.Union([Type.String(), peerSchema]));

export const targetsSchema = Type.Array(
  exact({ targets: Type.Array(Type.String()), labels: Type.Record(Type.String(), Type.String()) }),
);

// --- how the agent is ----------------------------------------------------------------------------

const percent = Type.Number({ minimum: 0, maximum: 100 });

export const metricsSchema = exact({
  ready: Type.Boolean(),
  requests_in_progress: Type.Integer({
    minimum: 0,
    description: 'Being answered now, without the one that asks and without event streams',
  }),
  active_requests: Type.Integer({ minimum: 0, description: 'The same with event streams' }),
  cpu_usage: Type.Number({
    minimum: 0,
    maximum: 100,
    description: 'Of this process since the last question, at least 1 s; 100 is every core it may use',
  }),
  memory_usage: Type.Number({
    minimum: 0,
    maximum: 100,
    description: "Resident memory as a share of the cgroup's limit or of the machine's memory",
  }),
  gpu_usage: Type.Union([percent, Type.Null()], {
    description: 'Mean of the graphics processors; null where none can be measured',
  }),
  failed_responses: Type.Integer({ minimum: 0, description: 'Answers with status 400 or above' }),
  connected_peers: count,
  backoff_requests: Type.Integer({ minimum: 0, description: 'Answers that said "later": 429, 503, 507' }),
  avg_response_time_ms: Type.Number({ minimum: 0, description: 'Over the last minute' }),
  error_rate: Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'Share of answers with status 400 or above over the last minute',
  }),
  uptime_seconds: count,
  status_message: Type.String(),
  version: Type.String(),
});

const component = exact({
  name: Type.Enum(['store', 'network', 'sync', 'partition', 'event_loop']),
  ok: Type.Boolean(),
  detail: Type.String(),
});

const healthFields = { phase, components: Type.Array(component) };
export const healthSchema = exact({ status: Type.Enum(['live', 'ready']), ...healthFields });

export const discoverySchema = exact({
  status: Type.Enum(['healthy', 'unhealthy']),
  auth_mode: Type.String(),
  requires_authentication: Type.Boolean(),
  health_check_interval_seconds: Type.Number(),
  health_check_timeout_seconds: Type.Number(),
  total_peers: count,
  backend_peers: count,
  proxy_peers: count,
  failure_threshold: count,
  recovery_threshold: count,
});

export const partition = exact({
  state: Type.Enum(['whole', 'suspected', 'isolated']),
  since_ms: Type.Optional(milliseconds),
  reachable: Type.Integer({ minimum: 0, description: 'Agents that can be reached, this one included' }),
  known: Type.Integer({ minimum: 0, description: 'Agents that should be there, this one included' }),
  is_majority: Type.Boolean({ description: 'More than half of the known agents can be reached' }),
  here: Type.Array(nodeIdSchema),
  there: Type.Array(nodeIdSchema, { description: 'Those that fell silent; empty while whole' }),
});

export const rootHash = Type.String({
  pattern: '^[0-9a-f]{32}$',
  description: 'Equal roots mean equal tables',
});

/** How many agents hold the same table. */
export const agreementSchema = exact({
  root: rootHash,
  agree: count,
  of: Type.Integer({ minimum: 1, description: 'Agents that can be reached, this one included' }),
  since_ms: milliseconds,
  differ: Type.Array(nodeIdSchema),
});

export const statusSchema = exact({
  sync: agreementSchema,
  identity: exact({
    id: nodeIdSchema,
    peer_id: peerId,
    cluster: Type.String(),
    epoch: count,
    node_type: nodeType,
    version: Type.String(),
  }),
  phase,
  uptime_s: Type.Number({ minimum: 0 }),
  agents_known: count,
  agents_reachable: count,
  agents: Type.Array(
    exact({ id: nodeIdSchema, peer_id: peerId, state: liveness, since_s: Type.Number({ minimum: 0 }) }),
  ),
  services: exact({ total: count, hosted: count, suspect: count, unhealthy: count }),
  partition,
  conflicts: count,
  quarantined: Type.Array(peerId),
  components: Type.Array(component),
  findings: Type.Array(Type.String({ description: 'A sentence that says what is not well' })),
});

// --- records, clock, mesh ------------------------------------------------------------------------

const dot = { epoch: count, sequence: count };
const hybridTime = exact({ wall_ms: count, counter: count });

const record = exact({
  subject: nodeIdSchema,
  author: peerId,
  authority: Type.Enum([...authorities]),
  ...dot,
  context: Type.Array(exact({ author: peerId, ...dot, digest })),
  time: hybridTime,
  claimed_at: hybridTime,
  lease_ms: count,
  digest,
  kind: Type.Enum(['entry', 'health', 'revocations', 'left', 'deregistered', 'withdrawn']),
  node: Type.Optional(exact({ ...nodeFields, public_key: Type.Optional(keyText) })),
  owner: Type.Optional(
    exact({ public_key: keyText, last_updated: unixSeconds }, 'Of a departure: whose the entry was'),
  ),
  learnt_from: Type.Optional(
    Type.String({ description: 'Of a hint: base URL of the HTTP peer that said so' }),
  ),
  wire: Type.String({ description: 'The signed envelope, base64' }),
  vouches: Type.Boolean({ description: 'Says the same as the winner' }),
  lost: Type.Optional(
    Type.String({ description: 'Why this record does not decide; absent for the winner and its vouchers' }),
  ),
});

export const subjectSchema = exact({
  id: nodeIdSchema,
  winner: Type.Optional(digest),
  rule: Type.Optional(
    Type.Enum(['only', 'authority', 'happened-before', 'majority', 'latest', 'digest'], {
      description: 'Which rule decided between the records',
    }),
  ),
  conflict: Type.Boolean(),
  records: Type.Array(record),
  parked: count,
});

export const subjectsSchema = exact({
  records: Type.Array(subjectSchema),
  next: Type.Union([nodeIdSchema, Type.Null()], {
    description: '`after` for the next page; null on the last one',
  }),
});

export const clockSchema = exact({
  author: peerId,
  ...dot,
  time: hybridTime,
  seen: Type.Array(exact({ author: peerId, id: Type.Optional(nodeIdSchema), ...dot })),
});

const link = exact({
  peer: peerId,
  address: Type.String(),
  outbound: Type.Boolean(),
  subscribed: Type.Boolean(),
  in_mesh: Type.Boolean(),
  score: Type.Number(),
});

export const meshSchema = exact({
  topic: Type.String(),
  peers: Type.Array(
    exact({
      peer: peerId,
      id: Type.Optional(nodeIdSchema),
      state: Type.Enum(['connected', 'dialing', 'waiting']),
      liveness: Type.Optional(liveness),
      link: Type.Optional(link),
      rtt_ms: Type.Optional(Type.Number({ minimum: 0 })),
      sources: Type.Array(Type.Enum(['seed', 'mdns', 'dht', 'record', 'store', 'inbound'])),
      failed_dials: count,
      next_dial_in_ms: Type.Optional(Type.Number()),
      last_error: Type.Optional(Type.String()),
    }),
  ),
  pending_seeds: Type.Array(
    exact({ seed: Type.String(), failed_dials: count, last_error: Type.Optional(Type.String()) }),
  ),
  foreign_refused: count,
  http_peers: Type.Array(
    exact({
      url: Type.String(),
      state: Type.Enum(['contacting', 'answering', 'failing']),
      is_configured: Type.Boolean({ description: 'Or learnt from the list of another one' }),
      last_answer_ms: Type.Optional(milliseconds),
      listed: Type.Integer({ minimum: 0, description: 'Nodes in its last answer, bad ones left out' }),
      failures: count,
      failures_in_row: count,
      next_try_in_ms: Type.Optional(milliseconds),
      last_error: Type.Optional(Type.String()),
    }),
    { description: "Peers that speak only HTTP: the predecessor's nodes" },
  ),
});

// --- events --------------------------------------------------------------------------------------

const at = Type.String({ format: 'date-time', description: 'RFC 3339, milliseconds' });

/** `data` by `event`. */
export const eventSchemas = {
  record: exact({
    at,
    id: nodeIdSchema,
    change: Type.Enum(['added', 'updated', 'departed']),
    node: peerSchema,
    author: peerId,
    ...dot,
  }),
  liveness: exact({
    at,
    id: nodeIdSchema,
    from: nullable(liveness),
    to: liveness,
    by: Type.Array(nodeIdSchema),
  }),
  health: exact({ at, id: nodeIdSchema, from: health, to: health, reason: Type.String() }),
  partition: exact({
    at,
    state: Type.Enum(['suspected', 'healed', 'isolated']),
    reachable: count,
    known: count,
  }),
  conflict: exact({ at, id: nodeIdSchema, kind: Type.String(), authors: Type.Array(peerId) }),
  reset: exact({ at, reason: Type.Enum(['too-old', 'too-slow']) }),
};

// --- errors --------------------------------------------------------------------------------------

/** An error with one of the codes that have this status. */
export function errorSchema(status: number) {
  const codes = errorCodes.filter(
    code => statusOf(code) === status && (status !== 500 || code === 'INTERNAL'),
  );
  return exact({
    error: Type.String({ description: 'A sentence for a person' }),
    code: Type.Enum([...codes]),
    field: Type.Optional(Type.String({ description: 'When one field is at fault' })),
    request_id: Type.String(),
    ...(status === 413 ? { max_size_bytes: count, received_size_bytes: count } : {}),
    ...(status === 401 ? { auth_mode: Type.String() } : {}),
    ...(status === 409 ? { last_updated: Type.Optional(unixSeconds) } : {}),
  });
}

/** `/health/ready` when it is not: an error with the components beside it. */
export const unhealthySchema = exact({
  error: Type.String(),
  code: Type.Literal('NOT_READY'),
  request_id: Type.String(),
  status: Type.Literal('not_ready'),
  ...healthFields,
});
