/** Every operation for the OpenAPI document: what goes in, what comes out, and how it can fail. */
import { type TSchema, Type } from 'typebox';
import { wantedMembers } from '../core/confirm/confirmation.ts';
import { nodeTypes } from '../core/record/node.ts';
import { membershipSchema, revocationsBodySchema, revocationsSchema } from './authority-schemas.ts';
import { detectorSchema, doctorSchema } from './detector-schemas.ts';
import { faultRulesSchema, faultsSchema } from './fault-schemas.ts';
import { outboxSchema } from './outbox-schemas.ts';
import * as schemas from './schemas.ts';
import { rotateSecretSchema, rotationSchema, secretsSchema } from './secret-schemas.ts';
import {
  banSchema,
  bansSchema,
  decidedSchema,
  evidenceSchema,
  keysSchema,
  reputationSchema,
} from './security-schemas.ts';
import { syncSchema, treeSchema } from './sync-schemas.ts';

export interface OperationSchema {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly body?: TSchema;
  readonly querystring?: TSchema;
  readonly params?: TSchema;
  readonly headers?: TSchema;
  /** By status. */
  readonly response: Readonly<Record<number, TSchema | object>>;
}

function json(description: string, schema: TSchema) {
  return { description, content: { 'application/json': { schema } } };
}

/** An answer about the cluster says which part of it speaks. */
function listed(description: string, schema: TSchema) {
  return { ...json(description, schema), headers: { 'Firsthand-View': viewHeader } };
}

const viewHeader = {
  description: 'Agents that can be reached, of those that are known: `7/12`; the agent itself is among them',
  schema: Type.String({ pattern: '^[0-9]+/[0-9]+$' }),
};

function text(description: string, type: string) {
  return { description, content: { [type]: { schema: Type.String() } } };
}

/** Whoever may be asked for credentials may have the wrong ones, or be told that they cannot be checked yet. */
function errors(...statuses: readonly number[]) {
  const implied = statuses.includes(401) ? [403, 431, 503] : [];
  return Object.fromEntries(
    [...new Set([...statuses, ...implied, 500])].map(status => [
      status,
      json(errorNames[status] as string, schemas.errorSchema(status)),
    ]),
  );
}

const errorNames: Readonly<Record<number, string>> = {
  400: 'Something in the request is not acceptable',
  401: 'No or wrong credentials',
  403: 'Good credentials, but not for this',
  404: 'Unknown',
  408: 'The request did not arrive in time',
  409: 'It is not as the call takes it to be: newer than what was sent, or alive',
  413: 'The body is too large',
  429: 'Too many requests; see Retry-After',
  431: 'The headers are too large',
  500: 'A bug in Firsthand',
  503: 'Not now: starting, stopping, or without the majority that was required; see Retry-After',
  507: 'The table, the outbox or the disk is full',
};

const flag = Type.Enum(['true', 'false', '1', '0']);
const idParams = Type.Object({ id: schemas.nodeIdSchema });
const required = {
  require: Type.Optional(
    Type.Literal('majority', {
      description: 'Refuse (503, NO_MAJORITY) unless more than half of the known agents can be reached',
    }),
  ),
};
const peerFilters = Type.Object({
  type: Type.Optional(Type.Enum([...nodeTypes])),
  capability: Type.Optional(
    Type.Array(Type.String(), { description: 'Repeatable or a comma list; a node must have all of them' }),
  ),
  status: Type.Optional(Type.Enum(['alive', 'suspect', 'unhealthy'])),
  load_balancer: Type.Optional(flag),
  ...required,
});

export const operations = {
  register: {
    tags: ['registration'],
    summary: 'Register or update a service with this agent',
    description:
      'The same registration sent again renews the lease and changes nothing. The answer lists everyone else.',
    body: schemas.registrationSchema,
    querystring: Type.Object({
      confirm: Type.Optional(
        Type.Enum([...wantedMembers], {
          description: 'Answer only when that many known members have it on their disk',
        }),
      ),
      timeout: Type.Optional(
        Type.String({
          pattern: '^[0-9]{1,9}(ms|s|m)?$',
          description: 'How long to wait for that: milliseconds, or like 5s (the default); at most 60s',
        }),
      ),
      rollback: Type.Optional(
        Type.Enum(['true', 'false', '1', '0'], {
          description: 'When time runs out, make what was said before count again',
        }),
      ),
    }),
    response: {
      200: listed('Registered, durably, and confirmed if that was asked for', schemas.registeredSchema),
      202: listed(
        'Registered, durably, but not confirmed in time; valid and spreading unless `rolled_back`',
        schemas.unconfirmedSchema,
      ),
      ...errors(400, 401, 403, 404, 408, 409, 413, 429, 431, 503, 507),
    },
  },
  deregister: {
    tags: ['registration'],
    summary: 'Take a service out',
    description: 'An entry that belongs to a key only with a body that is signed with it.',
    params: idParams,
    body: schemas.departureSchema,
    response: { 200: json('Gone', schemas.goneSchema), ...errors(400, 401, 403, 404, 409, 413, 429, 503) },
  },
  leave: {
    tags: ['admin'],
    summary: 'The agent leaves the cluster for good and stops',
    description: 'In open mode only for callers on the same machine.',
    response: { 200: json('Left', schemas.goneSchema), ...errors(401, 403, 413, 429, 503) },
  },
  remove: {
    tags: ['admin'],
    summary: 'Take an agent that is gone out of the cluster',
    description:
      'Everywhere, and without waiting for its retention. An agent that answers is not removed: it can leave. ' +
      'In open mode only for callers on the same machine.',
    params: idParams,
    response: {
      200: json('Removed', schemas.goneSchema),
      ...errors(400, 401, 403, 404, 409, 413, 429, 503),
    },
  },
  reputation: {
    tags: ['inspect'],
    summary: 'What peers have done wrong before the eyes of this agent, and what follows from it',
    response: { 200: json('The worst first', reputationSchema), ...errors(401, 403, 429, 503) },
  },
  evidence: {
    tags: ['inspect'],
    summary: 'Proofs that a key has signed two different records under one number',
    response: { 200: json('Whoever has one can check it', evidenceSchema), ...errors(401, 403, 429, 503) },
  },
  bans: {
    tags: ['admin'],
    summary: 'Keys that operators have shut out, here or elsewhere',
    response: { 200: json('By key', bansSchema), ...errors(401, 403, 429, 503) },
  },
  ban: {
    tags: ['admin'],
    summary: 'Shut an agent out',
    description:
      'Here at once, and wherever this agent is among the `ban_issuers`. In open mode only for callers on the same machine.',
    body: banSchema,
    response: { 200: json('Shut out', decidedSchema), ...errors(400, 401, 403, 404, 413, 429, 503, 507) },
  },
  pardon: {
    tags: ['admin'],
    summary: 'Lift a ban, and forgive what this agent holds against the peer',
    description: 'In open mode only for callers on the same machine.',
    params: Type.Object({ id: Type.String({ description: 'Node id of an agent, or its key' }) }),
    response: { 200: json('Pardoned', decidedSchema), ...errors(400, 401, 403, 404, 413, 429, 503, 507) },
  },
  keys: {
    tags: ['admin'],
    summary: 'The key that this agent speaks with, and the one before while that still counts',
    response: { 200: json('Public halves only', keysSchema), ...errors(401, 403, 429, 503) },
  },
  rotateKey: {
    tags: ['admin'],
    summary: 'Give this agent another key',
    description:
      'Its name, its services and its callers stay; its peer id changes. In open mode only for callers on the same machine.',
    response: { 200: json('The new key', keysSchema), ...errors(401, 403, 409, 413, 429, 503) },
  },
  revokeKey: {
    tags: ['admin'],
    summary: 'End the key of this agent for ever, and stop it',
    description:
      'What it has signed counts no more, anywhere. In open mode only for callers on the same machine.',
    response: { 200: json('Ended', schemas.goneSchema), ...errors(401, 403, 409, 413, 429, 503, 507) },
  },
  faults: {
    tags: ['admin'],
    summary: 'Faults that are injected into what this agent receives',
    description: 'Only an agent that was started with `--fault-injection` has any.',
    response: { 200: json('The rules in place', faultsSchema), ...errors(401, 403, 429, 503) },
  },
  setFaults: {
    tags: ['admin'],
    summary: 'Put fault rules in place of all that were there',
    description:
      'For drills, and only where the agent was started with `--fault-injection`. What arrives passes all rules ' +
      'that concern its sender. In open mode only for callers on the same machine.',
    body: faultRulesSchema,
    response: { 200: json('The rules in place', faultsSchema), ...errors(400, 401, 403, 413, 429, 503) },
  },
  membership: {
    tags: ['admin'],
    summary: 'Membership of this agent: its certificate, and whom it trusts to certify',
    description: 'Only where an authority says who is a member.',
    response: { 200: json('Membership', membershipSchema), ...errors(401, 403, 404, 429, 503) },
  },
  setRevocations: {
    tags: ['admin'],
    summary: "Hand over an authority's list of who is shut out",
    description: 'Whoever hands it over: what counts is the signature of the authority. Everybody is told.',
    body: revocationsBodySchema,
    response: {
      200: json('The list that counts now', revocationsSchema),
      ...errors(400, 401, 403, 404, 409, 413, 429, 503),
    },
  },
  secrets: {
    tags: ['admin'],
    summary: "Ids of the cluster's secrets that this agent accepts",
    description: 'Only an agent that was started with `--auth shared_secret` has any.',
    response: {
      200: json('The secrets, the one in use first', secretsSchema),
      ...errors(401, 403, 429, 503),
    },
  },
  rotateSecret: {
    tags: ['admin'],
    summary: "Change the cluster's secret at every agent",
    description:
      'Every agent accepts the new one, then every agent uses it. What was not finished goes on when it is asked ' +
      'for again. Agents that are away are given it when they come back with the old one.',
    body: rotateSecretSchema,
    response: {
      200: json('Every agent that is there uses it', rotationSchema),
      202: json('Some have not confirmed', rotationSchema),
      ...errors(400, 401, 403, 409, 413, 429, 503),
    },
  },
  peers: {
    tags: ['cluster'],
    summary: 'Who is in the cluster',
    querystring: peerFilters,
    response: { 200: listed('Everyone listed', schemas.peersSchema), ...errors(400, 401, 429, 503) },
  },
  backends: {
    tags: ['cluster'],
    summary: 'Where to send work: live, healthy backends',
    querystring: Type.Object({ format: Type.Optional(Type.Literal('detail')), ...required }),
    response: {
      200: listed('Addresses, or with `format=detail` objects', schemas.backendsSchema),
      ...errors(400, 401, 429, 503),
    },
  },
  prometheusTargets: {
    tags: ['cluster'],
    summary: 'Targets for the HTTP service discovery of Prometheus',
    querystring: peerFilters,
    response: { 200: listed('A group for each node', schemas.targetsSchema), ...errors(400, 401, 429, 503) },
  },
  metrics: {
    tags: ['health'],
    summary: 'Vital signs of this agent, measured',
    response: { 200: json('Vital signs', schemas.metricsSchema), ...errors(401) },
  },
  telemetry: {
    tags: ['health'],
    summary: 'Metrics for Prometheus',
    response: { 200: text('Prometheus text format', 'text/plain'), ...errors(401) },
  },
  health: {
    tags: ['health'],
    summary: 'One word',
    response: {
      200: text('healthy', 'text/plain'),
      503: text('unhealthy', 'text/plain'),
      ...errors(401),
    },
  },
  live: {
    tags: ['health'],
    summary: 'Does the process still answer? A restart helps only when it does not',
    response: { 200: json('Yes, with its components', schemas.healthSchema), ...errors(401) },
  },
  ready: {
    tags: ['health'],
    summary: 'Should callers be sent here?',
    response: {
      200: json('Yes', schemas.healthSchema),
      ...errors(401),
      503: json('No', schemas.unhealthySchema),
    },
  },
  discoveryHealth: {
    tags: ['health'],
    summary: "The predecessor's health",
    response: {
      200: json('Also when unhealthy: see `status`', schemas.discoverySchema),
      ...errors(401, 429, 503),
    },
  },
  discoveryStatus: {
    tags: ['health'],
    summary: "The predecessor's status",
    response: {
      200: json('Also when unhealthy: see `status`', schemas.discoverySchema),
      ...errors(401, 429, 503),
    },
  },
  events: {
    tags: ['cluster'],
    summary: 'What happens, as it happens',
    description:
      'Server-sent events. `event` is record, liveness (an agent is alive, suspect, dead or left), health (a ' +
      'hosted service passes or fails its checks), partition (which part of the cluster can be reached) or ' +
      'conflict; `reset` says that events were missed. With `id` only what is about that node. Send `Last-Event-ID` to go on after an event.',
    querystring: Type.Object({
      kind: Type.Optional(Type.Array(Type.String(), { description: 'Repeatable or a comma list' })),
      id: Type.Optional(schemas.nodeIdSchema),
      snapshot: Type.Optional(flag),
    }),
    headers: Type.Object({ 'last-event-id': Type.Optional(Type.String()) }),
    response: { 200: text('A stream without end', 'text/event-stream'), ...errors(400, 401, 429, 503) },
  },
  records: {
    tags: ['inspect'],
    summary: 'The signed records behind all entries, by id',
    querystring: Type.Object({
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100 })),
      after: Type.Optional(schemas.nodeIdSchema),
    }),
    response: { 200: json('One page', schemas.subjectsSchema), ...errors(400, 401, 429, 503) },
  },
  record: {
    tags: ['inspect'],
    summary: 'The signed records behind one entry, and why the winner won',
    params: idParams,
    response: { 200: json('The entry', schemas.subjectSchema), ...errors(400, 401, 404, 429, 503) },
  },
  clock: {
    tags: ['inspect'],
    summary: "This agent's clocks: the newest record it has seen of every author",
    response: { 200: json('The clocks', schemas.clockSchema), ...errors(401, 429, 503) },
  },
  confirmations: {
    tags: ['inspect'],
    summary: 'Confirmations that callers wait for, and how the latest ones ended',
    response: { 200: json('The confirmations', schemas.confirmationsSchema), ...errors(401, 429, 503) },
  },
  mesh: {
    tags: ['inspect'],
    summary: 'Connections and what is being done about the missing ones',
    response: { 200: json('The mesh', schemas.meshSchema), ...errors(401, 429, 503) },
  },
  status: {
    tags: ['inspect'],
    summary: 'Is this cluster well?',
    response: { 200: json('The status', schemas.statusSchema), ...errors(401, 429, 503) },
  },
  detector: {
    tags: ['inspect'],
    summary: 'How every agent answers, who accuses whom, and how hosted backends pass their checks',
    response: { 200: json('The failure detector', detectorSchema), ...errors(401, 429, 503) },
  },
  sync: {
    tags: ['inspect'],
    summary: 'The root of this table, and which agents hold the same',
    response: { 200: json('Own root and that of every peer', syncSchema), ...errors(401, 429, 503) },
  },
  tree: {
    tags: ['inspect'],
    summary: 'Hashes over the 256 parts of the table, or the records in one part',
    description: 'For comparing two agents: only parts whose hashes differ need to be fetched.',
    querystring: Type.Object({
      since: Type.Optional(
        Type.Integer({
          minimum: 1,
          description: 'First expiry epoch that counts; the default is that of /sync',
        }),
      ),
      prefix: Type.Optional(Type.String({ pattern: '^[0-9a-f]{2}$', description: 'Of one part' })),
    }),
    response: { 200: json('`parts`, or with `prefix` `records`', treeSchema), ...errors(400, 401, 429, 503) },
  },
  outbox: {
    tags: ['inspect'],
    summary: 'Deliveries that one receiver must confirm: a row per receiver, and what did not arrive',
    response: { 200: json('The outbox', outboxSchema), ...errors(401, 429, 503) },
  },
  doctor: {
    tags: ['inspect'],
    summary: 'Looks for what is wrong around this agent; takes a few seconds',
    response: {
      200: json('What was found, whether `ok` or not', doctorSchema),
      ...errors(401, 429, 503),
    },
  },
  openapi: {
    tags: ['inspect'],
    summary: 'This document',
    response: { 200: json('OpenAPI 3.1', Type.Object({ openapi: Type.String() })), ...errors(401, 429, 503) },
  },
} as const satisfies Record<string, OperationSchema>;

export type Operation = keyof typeof operations;
