/** The JSON of `/admin/membership` and `/admin/revocations`. Only the OpenAPI document and tests load this file. */
import { Type } from 'typebox';
import { memberRoles } from '../core/authority/certificate.ts';
import { count, exact, peerId } from './schemas.ts';

const serial = Type.String({ pattern: '^[0-9a-f]{16}$' });
const time = Type.String({ format: 'date-time' });

export const revocationsSchema = exact({
  authority: peerId,
  number: count,
  issued_at: time,
  serials: Type.Array(serial),
  keys: Type.Array(peerId),
});

export const membershipSchema = exact({
  authorities: Type.Array(peerId, { description: 'Trusted to say who is a member' }),
  issues: Type.Boolean({ description: 'Whether this agent redeems invites and renews certificates' }),
  multiaddrs: Type.Array(Type.String()),
  certificate: Type.Optional(
    exact({
      serial,
      id: Type.String({ description: 'Node id that this agent may claim, or the beginning of one and `*`' }),
      roles: Type.Array(Type.Enum([...memberRoles])),
      issuer: peerId,
      issued_at: time,
      expires_at: time,
    }),
  ),
  revocations: Type.Array(revocationsSchema),
});

export const revocationsBodySchema = Type.Object({
  record: Type.String({ description: 'The list as an authority has signed it, in base64', maxLength: 8_192 }),
});
