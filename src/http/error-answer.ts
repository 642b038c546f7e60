/** Errors as the contract writes them: `{error, code, field?, request_id}` and the few facts that go with a code. */
import { type ErrorCode, type ErrorDetails, errorKind, FirsthandError } from '../errors.ts';
import { type AuthFailure, authFailures } from './auth-failure.ts';
import { statusOf } from './status-codes.ts';

export interface ErrorAnswer {
  readonly status: number;
  readonly code: ErrorCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Details that callers get to see; everything else in an error is for the log. */
const shownFacts = ['max_size_bytes', 'received_size_bytes', 'auth_mode', 'last_updated'] as const;

const fieldCodes: ReadonlySet<ErrorCode> = new Set([
  'INVALID_ID',
  'INVALID_ADDRESS',
  'INVALID_METRICS_PORT',
  'INVALID_NODE_TYPE',
  'INVALID_CAPABILITY',
  'INVALID_TIMESTAMP',
  'INVALID_ACTION',
  'INVALID_PUBLIC_KEY',
  'INVALID_SIGNATURE',
]);

/** Seconds after which a refused caller should try again, unless the error knows better. */
const retryAfterS: Partial<Record<ErrorCode, number>> = {
  NOT_READY: 1,
  NO_MAJORITY: 1,
  RATE_LIMITED: 1,
  STORE_FAILED: 5,
};

/** Anything that is not meant for callers comes out as `INTERNAL`, without a word about what it was. */
export function errorAnswer(error: FirsthandError, requestId: string): ErrorAnswer {
  const shown = statusOf(error.code) === 500 ? new FirsthandError('INTERNAL') : error;
  const { code, details } = shown;
  const facts = shownFacts.filter(name => details[name] !== undefined).map(name => [name, details[name]]);
  return {
    status: statusOf(code),
    code,
    headers: headersOf(shown),
    body: {
      error: sentence(shown),
      code,
      ...(details.field === undefined ? {} : { field: details.field }),
      request_id: requestId,
      ...Object.fromEntries(facts),
    },
  };
}

function headersOf({ code, details }: FirsthandError): Record<string, string> {
  const wait = details.retry_after_s ?? retryAfterS[code];
  return {
    ...(typeof wait === 'number' ? { 'retry-after': String(Math.max(1, Math.ceil(wait))) } : {}),
    ...(code === 'AUTHENTICATION_REQUIRED' ? challenge(details) : {}),
    ...(code === 'METHOD_NOT_ALLOWED' ? { allow: String(details.allow) } : {}),
  };
}

/** RFC 6750: what was wrong with a token; nothing about a secret. A certificate has no challenge in HTTP. */
function challenge({ auth_mode: mode, reason }: ErrorDetails): Record<string, string> {
  if (mode === 'mtls') return {};
  if (mode !== 'jwt' || reason === undefined || reason === 'missing') return { 'www-authenticate': 'Bearer' };
  const description = authFailures[reason as AuthFailure];
  return { 'www-authenticate': `Bearer error="invalid_token", error_description="${description}"` };
}

/** The contract fixes some sentences, and how others start. */
function sentence({ code, message }: FirsthandError): string {
  if (code === 'INVALID_JSON' || code === 'AUTHENTICATION_REQUIRED') return errorKind(code).text;
  if (fieldCodes.has(code)) return prefixed('Input validation failed: ', message);
  if (code === 'INVALID_FORMAT') return prefixed(errorKind(code).text, message);
  return message;
}

function prefixed(prefix: string, message: string): string {
  return message.startsWith(prefix) ? message : `${prefix}${prefix.endsWith(' ') ? '' : ': '}${message}`;
}
