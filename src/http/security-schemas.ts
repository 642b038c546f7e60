/** The JSON of keys, bans, reputation and evidence. Only the OpenAPI document and tests load this file. */
import { Type } from 'typebox';
import { faults } from '../core/reputation/reputation.ts';
import { count, exact, milliseconds, nodeIdSchema, peerId } from './schemas.ts';

export const keysSchema = exact({
  id: nodeIdSchema,
  peer_id: peerId,
  former: Type.Optional(
    exact(
      { peer_id: peerId, ends_in_ms: milliseconds },
      'The key before, while what it has said still counts',
    ),
  ),
});

const points = Type.Number({ minimum: 0, description: 'They fade with time' });

export const reputationSchema = Type.Array(
  exact({
    id: Type.Optional(nodeIdSchema),
    peer: peerId,
    standing: Type.Enum(['good', 'throttled', 'no-mesh', 'quarantined', 'banned']),
    points,
    quarantined_for_ms: Type.Optional(milliseconds),
    faults: Type.Array(exact({ fault: Type.Enum([...faults]), count, last_ms: milliseconds })),
  }),
);

export const evidenceSchema = Type.Array(
  exact({
    id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
    author: peerId,
    subject: Type.String(),
    epoch: count,
    sequence: count,
    cluster: Type.String(),
    first: Type.String({ description: 'A signed record, base64' }),
    second: Type.String({ description: 'Another one under the same number, base64' }),
  }),
);

export const bansSchema = Type.Array(
  exact({
    id: Type.Optional(nodeIdSchema),
    peer: peerId,
    issuer: peerId,
    issuer_id: Type.Optional(nodeIdSchema),
    issued_at_ms: count,
    until_ms: Type.Optional(count),
    reason: Type.String(),
    state: Type.Enum(['in-force', 'advised']),
  }),
);

export const banSchema = exact({
  who: Type.String({ description: 'Node id of an agent, or its key' }),
  for_ms: Type.Optional(Type.Integer({ minimum: 1, description: 'Missing: until it is lifted' })),
  reason: Type.Optional(Type.String({ maxLength: 200 })),
});

export const decidedSchema = exact({ status: Type.Enum(['banned', 'pardoned']), peer: peerId });
