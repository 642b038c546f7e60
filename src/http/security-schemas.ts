/** The JSON of keys, bans, reputation and evidence. Only the OpenAPI document and tests load this file. */
import { Type } from 'typebox';
import { exact, milliseconds, nodeIdSchema, peerId } from './schemas.ts';

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
