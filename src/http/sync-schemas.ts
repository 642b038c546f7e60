/** The JSON of `/sync` and `/sync/tree`. Only the OpenAPI document and tests load this file. */
import { Type } from 'typebox';
import {
  agreementSchema,
  count,
  exact,
  liveness,
  milliseconds,
  nodeIdSchema,
  peerId,
  rootHash as root,
} from './schemas.ts';

export const syncSchema = exact({
  root,
  entries: count,
  since: Type.Integer({ minimum: 0, description: 'First expiry epoch that is compared' }),
  since_ms: milliseconds,
  exchanges: count,
  agreement: agreementSchema,
  peers: Type.Array(
    exact({
      id: nodeIdSchema,
      peer: peerId,
      liveness,
      state: Type.Enum(['agrees', 'differs', 'unheard'], {
        description: 'unheard: not since this table changed, or never',
      }),
      since_ms: Type.Optional(milliseconds),
      root: Type.Optional(root),
      entries: Type.Optional(count),
      heard_ms: Type.Optional(milliseconds),
      last: Type.Optional(
        exact({
          outcome: Type.Enum(['same', 'walked', 'busy', 'stalled', 'lied']),
          ago_ms: milliseconds,
          took_ms: milliseconds,
          received: count,
          sent: count,
          rounds: count,
          bytes: count,
        }),
      ),
      bytes: count,
      lies: Type.Integer({ minimum: 0, description: 'How often it was caught contradicting itself' }),
    }),
  ),
});

export const treeSchema = exact({
  since: count,
  parts: Type.Optional(
    Type.Array(exact({ prefix: Type.String({ pattern: '^[0-9a-f]{2}$' }), hash: Type.String() })),
  ),
  records: Type.Optional(
    Type.Array(
      exact({
        subject: Type.String(),
        author: peerId,
        epoch: count,
        sequence: count,
        digest: Type.String(),
        kind: Type.Enum(['entry', 'health', 'revocations', 'left', 'deregistered', 'withdrawn']),
      }),
    ),
  ),
});
