/** The JSON of `/admin/faults`. Only the OpenAPI document and tests load this file. */
import { Type } from 'typebox';
import { delayMaxMs, rulesMaxCount } from './fault-rules.ts';
import { count, exact, peerId } from './schemas.ts';

const share = { minimum: 0, maximum: 1 };
const delay = { minimum: 0, maximum: delayMaxMs };
const from = Type.Array(peerId, { description: 'Whose messages it concerns; missing: everybody’s' });

export const faultRulesSchema = Type.Object({
  rules: Type.Array(
    exact({
      from: Type.Optional(from),
      cut: Type.Optional(Type.Boolean({ description: 'Nothing arrives' })),
      loss: Type.Optional(
        Type.Number({ ...share, description: 'Share that is lost; on a stream it comes late' }),
      ),
      latency_ms: Type.Optional(Type.Number(delay)),
      jitter_ms: Type.Optional(Type.Number({ ...delay, description: 'Give or take' })),
    }),
    { maxItems: rulesMaxCount },
  ),
});

export const faultsSchema = exact({
  rules: Type.Array(
    exact({
      from: Type.Optional(from),
      cut: Type.Boolean(),
      loss: Type.Number(share),
      latency_ms: Type.Number(delay),
      jitter_ms: Type.Number(delay),
    }),
  ),
  datagrams_dropped: count,
  pieces_held: count,
});
