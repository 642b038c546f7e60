/**
 * Every error that Firsthand names, in one place.
 *
 * Codes are stable and documented in docs/ERRORS.md (a test compares); texts may change unless the
 * HTTP contract fixes them. Match `code`, never the message. Which HTTP status a code has is the
 * business of `http/status-codes.ts`, which exit code it has that of `cli/exit-codes.ts`.
 */
export interface ErrorKind {
  /** Did the thing happen? After `unknown` a retry must be idempotent. */
  readonly done: 'no' | 'yes' | 'unknown';
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retry: boolean;
  /** What a person reads when nothing more precise is given. */
  readonly text: string;
}

const catalogue = {
  // What a caller of the HTTP shim or of the embedded agent sent.
  PAYLOAD_TOO_LARGE: { done: 'no', retry: false, text: 'the body is larger than allowed' },
  INVALID_JSON: { done: 'no', retry: false, text: 'Invalid JSON format' },
  INVALID_FORMAT: { done: 'no', retry: false, text: 'Invalid registration data format' },
  INVALID_ID: { done: 'no', retry: false, text: 'id must be 1 to 128 of A-Z a-z 0-9 . _ -' },
  INVALID_ADDRESS: { done: 'no', retry: false, text: 'address must be host:port' },
  INVALID_METRICS_PORT: { done: 'no', retry: false, text: 'metrics_port must be 1024 to 65535' },
  INVALID_NODE_TYPE: { done: 'no', retry: false, text: 'node_type must be proxy, backend or governator' },
  INVALID_CAPABILITY: { done: 'no', retry: false, text: 'capabilities must be at most 32 names' },
  INVALID_TIMESTAMP: { done: 'no', retry: false, text: 'the time is not acceptable' },
  INVALID_ACTION: { done: 'no', retry: false, text: 'action must be register or update' },
  INVALID_PUBLIC_KEY: { done: 'no', retry: false, text: 'public_key must be an Ed25519 key' },
  INVALID_SIGNATURE: { done: 'no', retry: false, text: 'signature must be 64 bytes in base64' },
  INVALID_QUERY: { done: 'no', retry: false, text: 'the query is not acceptable' },
  INVALID_REQUEST: { done: 'no', retry: false, text: 'the request is not acceptable HTTP' },
  REQUEST_TIMEOUT: { done: 'no', retry: true, text: 'the request did not arrive in time' },
  HEADERS_TOO_LARGE: { done: 'no', retry: false, text: 'the headers are larger than allowed' },
  AUTHENTICATION_REQUIRED: { done: 'no', retry: false, text: 'Authentication required' },
  NOT_OWNER: { done: 'no', retry: false, text: 'only the node itself may change its entry' },
  FORBIDDEN: { done: 'no', retry: false, text: 'these credentials do not allow that' },
  UNKNOWN_NODE: { done: 'no', retry: false, text: 'nobody registered that id' },
  NOT_FOUND: { done: 'no', retry: false, text: 'there is nothing at this path' },
  METHOD_NOT_ALLOWED: { done: 'no', retry: false, text: 'this path does not take that method' },
  STILL_ALIVE: {
    done: 'no',
    retry: false,
    text: 'the agent is alive; it can leave by itself',
  },
  NO_ISSUER: {
    done: 'no',
    retry: true,
    text: 'no agent that issues certificates has answered, and without one another key would be no member; nothing has changed: see that one runs with --ca-dir and is linked to this agent (firsthand peers), then ask again',
  },
  KEY_CHANGING: { done: 'no', retry: true, text: 'the key of this agent is being changed' },
  NO_MAJORITY: {
    done: 'no',
    retry: true,
    text: 'this agent reaches no majority of the agents it knows',
  },
  STALE_UPDATE: { done: 'no', retry: false, text: 'older than what is known' },
  RATE_LIMITED: { done: 'no', retry: true, text: 'too many requests' },
  QUARANTINED: {
    done: 'no',
    retry: false,
    text: 'the key of this agent is proved to have signed contradictory records; start it with a new data directory',
  },
  INVALID_BAN: { done: 'no', retry: false, text: 'the ban is not acceptable' },
  NO_AUTHORITY: {
    done: 'no',
    retry: false,
    text: 'this agent is a member by no authority; see firsthand ca init',
  },
  INVALID_REVOCATIONS: {
    done: 'no',
    retry: false,
    text: 'this is no list that an authority trusted here has signed for this cluster',
  },
  INVALID_FAULTS: { done: 'no', retry: false, text: 'the faults are not acceptable' },
  FAULTS_OFF: {
    done: 'no',
    retry: false,
    text: 'this agent takes no faults; only one that was started with --fault-injection does',
  },
  SECRET_OFF: {
    done: 'no',
    retry: false,
    text: 'this agent goes by no secret; only one that was started with --auth shared_secret does',
  },
  ROTATION_CONFLICT: {
    done: 'no',
    retry: false,
    text: 'another change of the secret is under way',
  },
  REGISTRY_FULL: { done: 'no', retry: true, text: 'this agent hosts as many entries as it may' },
  OUTBOX_FULL: { done: 'no', retry: true, text: 'as many deliveries wait to be taken as may' },
  NOT_READY: { done: 'no', retry: true, text: 'the agent is starting or stopping' },
  INTERNAL: { done: 'unknown', retry: false, text: 'a bug in Firsthand; the log has the details' },

  // Configuration and the world.
  CONFIG_INVALID: { done: 'no', retry: false, text: 'the configuration is not acceptable' },
  NODE_TOO_OLD: { done: 'no', retry: false, text: 'Node.js 22.18 or later is needed' },
  ADDRESS_IN_USE: { done: 'no', retry: true, text: 'the address is taken by another process' },
  ADDRESS_UNAVAILABLE: { done: 'no', retry: false, text: 'the address cannot be listened on' },
  DATA_DIR_UNUSABLE: { done: 'no', retry: false, text: 'the data directory cannot be used' },
  KEY_UNUSABLE: { done: 'no', retry: false, text: 'the identity key cannot be used' },
  STORE_LOCKED: { done: 'no', retry: false, text: 'another process holds the data directory' },
  STORE_CORRUPT: { done: 'no', retry: false, text: 'the database is damaged' },
  STORE_KEY_WRONG: { done: 'no', retry: false, text: 'the database is sealed with another key' },
  STORE_TOO_NEW: { done: 'no', retry: false, text: 'the database was written by a later version' },
  STORE_FULL: { done: 'unknown', retry: true, text: 'the disk of the data directory is full' },
  IMPORT_REFUSED: { done: 'no', retry: false, text: 'the file is no export that can be taken in' },
  STORE_FAILED: { done: 'unknown', retry: true, text: 'the database refused a write' },

  AUTHORITY_UNUSABLE: { done: 'no', retry: false, text: 'the directory of the authority cannot be used' },
  MEMBERSHIP_UNUSABLE: {
    done: 'no',
    retry: false,
    text: 'this agent has no certificate that makes it a member',
  },
  INVITE_REFUSED: { done: 'no', retry: false, text: 'the invite is not acceptable' },
  JOIN_FAILED: {
    done: 'unknown',
    retry: true,
    text: 'none of the agents that the invite names could be asked for a certificate',
  },

  DRILL_BROKEN_OFF: {
    done: 'unknown',
    retry: true,
    text: 'the drill was broken off before there was a verdict; nothing is left running',
  },

  // The CLI as a client.
  AGENT_UNREACHABLE: { done: 'unknown', retry: true, text: 'the agent could not be reached' },
  TIMED_OUT: { done: 'unknown', retry: true, text: 'the answer did not come in time' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof catalogue;

export const errorCodes = Object.keys(catalogue) as readonly ErrorCode[];

export function errorKind(code: ErrorCode): ErrorKind {
  return catalogue[code];
}

/** Facts about one error; `text` replaces the catalogue's sentence, the rest is shown and logged as it is. */
export interface ErrorDetails {
  readonly text?: string;
  readonly field?: string;
  readonly [fact: string]: unknown;
}

export class FirsthandError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    super(details.text ?? catalogue[code].text, cause === undefined ? undefined : { cause });
    this.name = 'FirsthandError';
    this.code = code;
    this.details = details;
  }

  get kind(): ErrorKind {
    return catalogue[this.code];
  }
}

/** The end of a `switch` over a closed union: a new variant fails to compile here. */
export function unreachable(value: never): never {
  throw new TypeError(`unhandled variant: ${JSON.stringify(value)}`);
}
