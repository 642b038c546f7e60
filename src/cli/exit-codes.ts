/** What the process ends with; part of the contract with scripts. */
import { type ErrorCode, FirsthandError } from '../errors.ts';

export const exitCodes = {
  well: 0,
  failure: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  incomplete: 5,
  refused: 6,
  checksFailed: 7,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const { failure, usage, unreachable, notFound, incomplete, refused } = exitCodes;

const byErrorCode: Readonly<Record<ErrorCode, ExitCode>> = {
  PAYLOAD_TOO_LARGE: usage,
  INVALID_JSON: usage,
  INVALID_FORMAT: usage,
  INVALID_ID: usage,
  INVALID_ADDRESS: usage,
  INVALID_METRICS_PORT: usage,
  INVALID_NODE_TYPE: usage,
  INVALID_CAPABILITY: usage,
  INVALID_TIMESTAMP: usage,
  INVALID_ACTION: usage,
  INVALID_PUBLIC_KEY: usage,
  INVALID_SIGNATURE: usage,
  INVALID_QUERY: usage,
  INVALID_REQUEST: usage,
  REQUEST_TIMEOUT: incomplete,
  HEADERS_TOO_LARGE: usage,
  AUTHENTICATION_REQUIRED: refused,
  NOT_OWNER: refused,
  FORBIDDEN: refused,
  UNKNOWN_NODE: notFound,
  NOT_FOUND: notFound,
  METHOD_NOT_ALLOWED: failure,
  STILL_ALIVE: failure,
  NO_ISSUER: failure,
  KEY_CHANGING: failure,
  NO_MAJORITY: incomplete,
  STALE_UPDATE: failure,
  RATE_LIMITED: failure,
  QUARANTINED: failure,
  INVALID_BAN: usage,
  NO_AUTHORITY: notFound,
  INVALID_REVOCATIONS: usage,
  INVALID_FAULTS: usage,
  FAULTS_OFF: refused,
  SECRET_OFF: refused,
  ROTATION_CONFLICT: failure,
  REGISTRY_FULL: failure,
  OUTBOX_FULL: failure,
  NOT_READY: failure,
  INTERNAL: failure,

  CONFIG_INVALID: usage,
  NODE_TOO_OLD: failure,
  ADDRESS_IN_USE: failure,
  ADDRESS_UNAVAILABLE: failure,
  DATA_DIR_UNUSABLE: failure,
  KEY_UNUSABLE: failure,
  STORE_LOCKED: failure,
  STORE_CORRUPT: failure,
  STORE_TOO_NEW: failure,
  STORE_KEY_WRONG: failure,
  STORE_FULL: failure,
  IMPORT_REFUSED: failure,
  STORE_FAILED: failure,
  AUTHORITY_UNUSABLE: failure,
  MEMBERSHIP_UNUSABLE: failure,
  INVITE_REFUSED: refused,
  JOIN_FAILED: unreachable,
  DRILL_BROKEN_OFF: failure,

  AGENT_UNREACHABLE: unreachable,
  TIMED_OUT: incomplete,
};

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof FirsthandError ? byErrorCode[error.code] : failure;
}

export const exitCodesHelp = `
Exit codes:
  0  well
  1  failed while running
  2  bad usage or configuration
  3  the agent could not be reached
  4  not found
  5  timed out, or only part of the cluster answered
  6  refused: credentials are missing, wrong, or not enough
  7  checks failed`;
