/** What is not Firsthand's own: refusals of the router, and of the system when it is to listen. */
import { FirsthandError } from '../errors.ts';

/** What the router itself refuses. */
export function frameworkError(error: Error & { readonly code?: string }): FirsthandError {
  if (error.code === 'FST_ERR_MAX_PARAM_LENGTH') return new FirsthandError('INVALID_ID', { field: 'id' });
  if (error.code === 'FST_ERR_BAD_URL') {
    return new FirsthandError('INVALID_REQUEST', { text: 'the path is not well escaped' });
  }
  return new FirsthandError('INTERNAL', {}, error);
}

export function listenError(address: string, cause: unknown): FirsthandError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE') {
    const text = `the HTTP address ${address} is taken by another process`;
    return new FirsthandError('ADDRESS_IN_USE', { text, address }, cause);
  }
  const text = `the HTTP address ${address} cannot be listened on (${code ?? 'unknown reason'})`;
  return new FirsthandError('ADDRESS_UNAVAILABLE', { text, address }, cause);
}
