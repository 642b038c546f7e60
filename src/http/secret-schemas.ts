/** The JSON of `/admin/keys/…` about the cluster's secret. Only the OpenAPI document and tests load this file. */
import { Type } from 'typebox';
import { count, exact, nodeIdSchema as nodeId, peerId } from './schemas.ts';

const keyId = Type.String({
  pattern: '^[0-9a-f]{8}$',
  description: 'Names a secret and tells nothing of it',
});

export const secretsSchema = exact({
  secrets: Type.Array(
    exact({
      id: keyId,
      source: Type.String({ description: 'Where the agent has it from' }),
      use: Type.Enum(['in-use', 'waits', 'accepted']),
      accepted_until_ms: Type.Optional(count),
    }),
  ),
});

export const rotateSecretSchema = exact({
  secret: Type.Optional(Type.String({ description: 'Missing: the agent makes one up' })),
  drop_old: Type.Optional(
    Type.Boolean({ description: 'Accept the old one no longer once all use the new one' }),
  ),
});

export const rotationSchema = exact({
  status: Type.Enum(['done', 'waiting']),
  step: Type.Enum(['add', 'use', 'drop']),
  key_id: keyId,
  confirmed: count,
  missing: Type.Array(exact({ id: nodeId, peer_id: peerId, why: Type.String() })),
});
