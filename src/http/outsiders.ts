/** Callers who have nothing to prove and still may not do everything. */
import type { FastifyRequest } from 'fastify';
import { FirsthandError } from '../errors.ts';

/**
 * Where no credentials are asked for, any web page could send such a request from its reader's browser
 * to an agent on the same machine. Browsers name the page in `Origin`; nobody else sends it.
 */
export function refuseBrowser(request: FastifyRequest): void {
  if (request.headers.origin === undefined) return;
  throw new FirsthandError('FORBIDDEN', {
    text: 'without credentials, web pages may not change anything here',
  });
}

/** In open mode there is no operator to recognise, so only this machine may end or remove an agent. */
export function refuseOutsider(request: FastifyRequest): void {
  refuseBrowser(request);
  const forwarded = request.headers['x-forwarded-for'] ?? request.headers.forwarded;
  if (forwarded === undefined && isLoopback(request.socket.remoteAddress)) return;
  throw new FirsthandError('FORBIDDEN', {
    text: 'in open mode only callers on the same machine may do that',
  });
}

export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::1|(?:::ffff:)?127\.[0-9.]+)$/.test(address);
}
