/** Which HTTP status an error code has. A new code fails to compile until it is here. */
import type { ErrorCode } from '../errors.ts';

const statuses = {
  PAYLOAD_TOO_LARGE: 413,
  INVALID_JSON: 400,
  INVALID_FORMAT: 400,
  INVALID_ID: 400,
  INVALID_ADDRESS: 400,
  INVALID_METRICS_PORT: 400,
  INVALID_NODE_TYPE: 400,
  INVALID_CAPABILITY: 400,
  INVALID_TIMESTAMP: 400,
  INVALID_ACTION: 400,
  INVALID_PUBLIC_KEY: 400,
  INVALID_SIGNATURE: 400,
  INVALID_QUERY: 400,
  INVALID_REQUEST: 400,
  REQUEST_TIMEOUT: 408,
  HEADERS_TOO_LARGE: 431,
  AUTHENTICATION_REQUIRED: 401,
  NOT_OWNER: 403,
  FORBIDDEN: 403,
  INVALID_BAN: 400,
  NO_AUTHORITY: 404,
  INVALID_REVOCATIONS: 400,
  INVALID_FAULTS: 400,
  FAULTS_OFF: 403,
  UNKNOWN_NODE: 404,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  STALE_UPDATE: 409,
  STILL_ALIVE: 409,
  NO_ISSUER: 503,
  KEY_CHANGING: 409,
  ROTATION_CONFLICT: 409,
  SECRET_OFF: 403,
  RATE_LIMITED: 429,
  REGISTRY_FULL: 507,
  OUTBOX_FULL: 507,
  STORE_FULL: 507,
  NOT_READY: 503,
  NO_MAJORITY: 503,
  // The disk refuses; the same registration may be sent again later, or to another agent.
  STORE_FAILED: 503,
  // This agent's word counts no more, whoever asks; another agent's does.
  QUARANTINED: 503,

  // Not a caller's business: answered as INTERNAL, and logged.
  INTERNAL: 500,
  CONFIG_INVALID: 500,
  NODE_TOO_OLD: 500,
  ADDRESS_IN_USE: 500,
  ADDRESS_UNAVAILABLE: 500,
  DATA_DIR_UNUSABLE: 500,
  KEY_UNUSABLE: 500,
  STORE_LOCKED: 500,
  STORE_CORRUPT: 500,
  STORE_TOO_NEW: 500,
  STORE_KEY_WRONG: 500,
  IMPORT_REFUSED: 500,
  AUTHORITY_UNUSABLE: 500,
  MEMBERSHIP_UNUSABLE: 500,
  INVITE_REFUSED: 500,
  JOIN_FAILED: 500,
  DRILL_BROKEN_OFF: 500,
  AGENT_UNREACHABLE: 500,
  TIMED_OUT: 500,
} as const satisfies Record<ErrorCode, number>;

export type HttpStatus = (typeof statuses)[ErrorCode];

export function statusOf(code: ErrorCode): HttpStatus {
  return statuses[code];
}
