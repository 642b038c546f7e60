/** Membership of this agent, and the authority's list of who is shut out: `/admin/membership`, `/admin/revocations`. */
import { FirsthandError } from '../errors.ts';
import type { AgentPort, AuthorityPort, AuthorityView, RevocationsView } from '../runtime/agent-port.ts';
import { bodyText } from './body.ts';
import type { Route } from './route.ts';

/** A record in base64. */
const recordMaxLength = 8_192;

export function authorityRoutes(agent: AgentPort): readonly Route[] {
  return [
    {
      operation: 'membership',
      method: 'GET',
      paths: ['/admin/membership'],
      handle: (_request, reply) => reply.send(viewJson(authorityOf(agent).view())),
    },
    {
      operation: 'setRevocations',
      method: 'POST',
      paths: ['/admin/revocations'],
      handle: (request, reply) =>
        reply.send(listJson(authorityOf(agent).revoke(parseRecord(bodyText(request))))),
    },
  ];
}

function authorityOf({ authority }: AgentPort): AuthorityPort {
  if (authority !== undefined) return authority;
  throw new FirsthandError('NO_AUTHORITY');
}

/** @throws FirsthandError INVALID_JSON, INVALID_REVOCATIONS */
function parseRecord(body: string): Uint8Array {
  let record: unknown;
  try {
    record = (JSON.parse(body) as { readonly record?: unknown } | null)?.record;
  } catch (cause) {
    throw new FirsthandError('INVALID_JSON', {}, cause);
  }
  if (typeof record === 'string' && record.length <= recordMaxLength && /^[A-Za-z0-9+/]+=*$/.test(record)) {
    return Buffer.from(record, 'base64');
  }
  const text = 'the body must be {"record": "<base64>"}, as firsthand ca publish sends it';
  throw new FirsthandError('INVALID_REVOCATIONS', { text, field: 'record' });
}

function viewJson({ authorities, issues, multiaddrs, certificate, revocations }: AuthorityView): object {
  return {
    authorities,
    issues,
    multiaddrs,
    ...(certificate === undefined
      ? {}
      : {
          certificate: {
            serial: certificate.serial,
            id: certificate.pattern,
            roles: certificate.roles,
            issuer: certificate.issuer,
            issued_at: iso(certificate.issuedMs),
            expires_at: iso(certificate.expiresMs),
          },
        }),
    revocations: revocations.map(listJson),
  };
}

function listJson({ authority, number, issuedMs, serials, keys }: RevocationsView): object {
  return { authority, number, issued_at: iso(issuedMs), serials, keys };
}

function iso(ms: number): string {
  return new Date(Math.min(ms, 8.64e15)).toISOString();
}
