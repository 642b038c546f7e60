/** The JSON of `/detector` and `/doctor`. Only the OpenAPI document and tests load this file. */
import { Type } from 'typebox';
import { layers } from '../core/view.ts';
import { count, exact, health, liveness, milliseconds, nodeIdSchema, partition, peerId } from './schemas.ts';

const member = exact({
  id: nodeIdSchema,
  peer: peerId,
  state: liveness,
  since_ms: milliseconds,
  is_bootstrap: Type.Boolean(),
  epoch: count,
  incarnation: count,
  probe: Type.String({ description: 'Where its datagrams go, host:port' }),
  last_ack_ms: Type.Optional(Type.Number({ minimum: 0, description: 'When it last answered, ms ago' })),
  rtt_ms: Type.Optional(milliseconds),
  clock_skew_ms: Type.Optional(Type.Number({ description: 'Its clock minus ours' })),
  score: Type.Number({ minimum: 0, maximum: 100 }),
  history: Type.String({
    pattern: '^[UILx]*$',
    description: 'Probe rounds, newest last: U UDP, I through helpers, L over the link only, x failed',
  }),
  strikes: Type.Integer({ minimum: 0, description: 'Probe rounds failed in a row' }),
  layers: Type.Array(
    exact({
      layer: Type.Enum([...layers]),
      ok: Type.Optional(Type.Boolean({ description: 'Absent: not tried yet' })),
      ago_ms: Type.Optional(milliseconds),
      detail: Type.Optional(Type.String()),
    }),
  ),
  accusers: Type.Array(
    exact({
      by: Type.String({ description: "The accuser's id, or its key when it is not known" }),
      says: Type.Enum(['suspect', 'dead']),
      refused: Type.Boolean({ description: 'Its evidence: the host answered that nobody listens there' }),
      ago_ms: milliseconds,
    }),
  ),
  verdict_in_ms: Type.Optional(
    Type.Number({ description: 'While suspect: time left to answer; absent while verdicts are held back' }),
  ),
});

const backendCheck = exact({
  id: nodeIdSchema,
  url: Type.String(),
  state: health,
  since_ms: milliseconds,
  checks: count,
  failures: count,
  failures_in_row: count,
  last_check_ms: Type.Optional(Type.Number({ minimum: 0, description: 'ms ago' })),
  last_result: Type.Optional(Type.String({ description: 'What the last check found' })),
});

export const detectorSchema = exact({
  profile: Type.String(),
  incarnation: count,
  local_health: Type.Number({ minimum: 0, description: '0 is well; each point stretches own timeouts' }),
  probe_interval_ms: milliseconds,
  ack_timeout_ms: milliseconds,
  suspicion_min_ms: milliseconds,
  suspicion_max_ms: milliseconds,
  is_frozen: Type.Boolean({ description: 'Most members fell silent, so none of them is declared dead' }),
  partition,
  members: Type.Array(member),
  backends: Type.Array(backendCheck),
});

export const doctorSchema = exact({
  ok: Type.Boolean({ description: 'Whether every check is' }),
  checks: Type.Array(
    exact({
      name: Type.Enum([
        'clock',
        'event_loop',
        'udp_out',
        'udp_in',
        'mdns',
        'limits',
        'open_files',
        'fault_injection',
      ]),
      subject: Type.Optional(Type.String({ description: 'Where there are several: an interface, a peer' })),
      ok: Type.Boolean(),
      detail: Type.String({ description: 'A sentence: what was found' }),
      fix: Type.Optional(Type.String({ description: 'When something is wrong: what to change or to run' })),
    }),
  ),
});
