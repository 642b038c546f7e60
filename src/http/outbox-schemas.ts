/** The JSON of `/outbox`. Only the OpenAPI document and tests load this file. */
import { Type } from 'typebox';
import { priorities } from '../core/outbox/delivery.ts';
import { count, exact, milliseconds } from './schemas.ts';

const receiver = Type.String({
  description: '`http:` and a base URL for a peer that speaks only HTTP, `peer:` and a key for an agent',
});

const row = exact({
  receiver,
  state: Type.Enum(['idle', 'waiting', 'delivering', 'stuck']),
  depth: count,
  critical: count,
  normal: count,
  bulk: count,
  bytes: count,
  oldest_ms: Type.Optional(Type.Number({ minimum: 0, description: 'How long the oldest has waited' })),
  delivered: Type.Integer({ minimum: 0, description: 'Since the agent started' }),
  attempts: Type.Integer({ minimum: 0, description: 'Since the agent started' }),
  failures_in_row: count,
  next_try_in_ms: Type.Optional(milliseconds),
  breaker: Type.Enum(['closed', 'open', 'half-open']),
  response_ms: Type.Optional(Type.Number({ minimum: 0, description: 'Average time to an answer' })),
  last_error: Type.Optional(Type.String()),
});

const deadLetter = exact({
  number: Type.Integer({ minimum: 1 }),
  receiver,
  subject: Type.Optional(Type.String({ description: 'What it was about' })),
  priority: Type.Enum([...priorities]),
  kind: Type.String(),
  digest: Type.String(),
  reason: Type.Enum(['expired', 'refused', 'damaged']),
  detail: Type.String(),
  enqueued_at_ms: count,
  died_at_ms: count,
});

export const outboxSchema = exact({
  entries: count,
  entries_max: count,
  bytes: count,
  bytes_max: count,
  counts: exact(
    {
      enqueued: count,
      superseded: Type.Integer({ minimum: 0, description: 'By a later one about the same subject' }),
      delivered: count,
      failed: Type.Integer({ minimum: 0, description: 'Attempts' }),
      refused: count,
      expired: count,
      damaged: count,
      turned_away: Type.Integer({ minimum: 0, description: 'Not taken in: no room, or the store refused' }),
    },
    'Since the agent started',
  ),
  receivers: Type.Array(row),
  dead_letters_count: count,
  dead_letters: Type.Array(deadLetter, { description: 'The latest 100, newest first' }),
  damaged: Type.Array(receiver, { description: 'Their queues were found damaged at start' }),
});
