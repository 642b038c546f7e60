/** Why there is no answer to use: the words that every request of this agent shares. */
import { ForbiddenAddressError } from './forbidden-addresses.ts';

export type Failure =
  | 'timeout'
  | 'refused'
  | 'unreachable'
  | 'status'
  | 'redirect'
  | 'too-large'
  | 'garbage'
  | 'forbidden-address';

export interface FailedAnswer {
  readonly reason: Failure;
  /** One short sentence; quotes nothing that the other side sent. */
  readonly detail: string;
}

/** @returns What is wrong with the status of an answer, or `undefined`. */
export function statusFailure(status: number): FailedAnswer | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) {
    return { reason: 'redirect', detail: `it answered ${status}; redirects are not followed` };
  }
  return { reason: 'status', detail: `it answered ${status}` };
}

/** @returns Why there is no answer at all. */
export function failureOf(error: unknown): FailedAnswer {
  if (error instanceof ForbiddenAddressError) {
    return { reason: 'forbidden-address', detail: `${error.message}, which is never called` };
  }
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') return { reason: 'refused', detail: 'nobody listens there' };
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return { reason: 'timeout', detail: 'no connection in time' };
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return { reason: 'too-large', detail: 'the headers of its answer are too long' };
  }
  if (code.startsWith('HPE_') || code === 'HTTPParserError')
    return { reason: 'garbage', detail: 'its answer is not HTTP' };
  return { reason: 'unreachable', detail: unreachableTexts[code] ?? `the connection failed (${code})` };
}

/** The other side has closed the connection, before or while it was asked. */
export function isCutConnection(error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(error));
}

const unreachableTexts: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name does not resolve at the moment',
  EHOSTUNREACH: 'no way to its host',
  ENETUNREACH: 'no way to its network',
  ECONNRESET: 'it cut the connection',
  EPIPE: 'it cut the connection',
  UND_ERR_SOCKET: 'it closed the connection without an answer',
};

/** The error's code, or its name where it has none. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
