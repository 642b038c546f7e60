/** Settings of the HTTP shim. */
import type { CertificateOptions } from './client-certificate.ts';
import type { TlsFilesOptions } from './tls-files.ts';
import type { KeySourceOptions } from './token/key-source.ts';
import type { TokenOptions } from './token/token-verifier.ts';

export type HttpAuth =
  /** Whoever reaches the port. */
  | { readonly mode: 'open' }
  /** Whoever sends `Authorization: Bearer <secret>`; at least 16 bytes, without the file's last newline. */
  | {
      readonly mode: 'shared_secret';
      readonly secret: string;
      /** Where it may be replaced: those that count now, whatever the one above is; asked for every request. */
      readonly secretsNow?: () => readonly string[];
    }
  /** Whoever sends `Authorization: Bearer <token>`, signed by one of the keys. */
  | {
      readonly mode: 'jwt';
      readonly token: TokenOptions;
      readonly keys: Partial<KeySourceOptions> & Pick<KeySourceOptions, 'location'>;
    }
  /** Whoever shows a client certificate. */
  | { readonly mode: 'mtls'; readonly certificate: CertificateOptions };

/** Which decisions go into the audit log beside refusals: none, those of operators, changes too, reads too. */
export type AuditLevel = 'operator' | 'changes' | 'all';

/** How backends are checked; shown to callers by `/service-discovery/status`. */
export interface HealthCheckSettings {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly failureThreshold: number;
  readonly recoveryThreshold: number;
}

export interface HttpOptions {
  /** `host:port` to listen on; port 0 picks a free one. */
  readonly listen: string;
  readonly auth: HttpAuth;
  /** Without it the shim speaks HTTP in the clear. */
  readonly tls: TlsFilesOptions | undefined;
  readonly auditLevel: AuditLevel;
  /** Also `/health`, `/health/ready`, `/metrics` and `/telemetry` want credentials where the rest does; `/health/live` never. */
  readonly protectVitals: boolean;
  readonly bodyMaxBytes: number;
  readonly headersMaxBytes: number;
  readonly headersMaxCount: number;
  /** A request must have arrived in full by then, ms. */
  readonly requestTimeoutMs: number;
  /** An idle connection is kept this long for the next request, ms. */
  readonly keepAliveTimeoutMs: number;
  /** A connection on which no byte moves for so long is closed, ms; above `eventHeartbeatMs`. */
  readonly inactivityTimeoutMs: number;
  readonly connectionsMaxCount: number;
  /** From one address; more are closed at once. 0 is no limit. */
  readonly connectionsPerAddressMaxCount: number;
  /** A caller that has not taken an answer in full by then is cut off, ms. */
  readonly answerTimeoutMs: number;
  /**
   * Requests a second that one caller's address may make, with a burst of twice that; 0 is no limit.
   * Health, metrics and telemetry are never limited.
   */
  readonly callerRequestsPerSecond: number;
  /** The same for all callers together; 0 is no limit. */
  readonly totalRequestsPerSecond: number;
  /** Wrong credentials a second that one caller's address may try, with a burst of ten times that. */
  readonly authFailuresPerSecond: number;
  readonly eventStreamsMaxCount: number;
  /** Events that wait for one slow reader; beyond, they are dropped and the reader gets `reset`. */
  readonly eventQueueMaxCount: number;
  /** A comment on idle event streams, so that proxies keep them open, ms. */
  readonly eventHeartbeatMs: number;
  /** Requests in flight may take so long to finish at a stop, ms. */
  readonly stopTimeoutMs: number;
  readonly healthCheck: HealthCheckSettings;
}

export const httpDefaults: HttpOptions = {
  listen: '127.0.0.1:7980', // Contract.
  auth: { mode: 'open' }, // Contract.
  tls: undefined,
  auditLevel: 'operator',
  protectVitals: false, // Contract.
  bodyMaxBytes: 32 * 1_024, // Contract.
  headersMaxBytes: 8 * 1_024, // Guess: far above what our callers send.
  headersMaxCount: 100, // Guess: the same.
  requestTimeoutMs: 10_000, // Guess: a body of 32 KiB over a very bad link.
  keepAliveTimeoutMs: 5_000, // Node's default.
  inactivityTimeoutMs: 90_000, // Derived: half again the longest confirmation, which is silent meanwhile.
  connectionsMaxCount: 10_000, // Guess: below the usual limit of open files.
  connectionsPerAddressMaxCount: 2_000, // Guess: every service of a host behind one address, many times over.
  answerTimeoutMs: 30_000, // Guess: the longest list, 20 MB, over a bad link.
  // No limit fits both a service that registers once a minute and a load test from the next machine, and
  // what a flood could fill is bounded by itself: the registry, the bodies, the connections.
  callerRequestsPerSecond: 0,
  totalRequestsPerSecond: 0,
  authFailuresPerSecond: 10, // Guess: a fleet with a stale secret still gets its 401s.
  eventStreamsMaxCount: 1_000, // Guess.
  eventQueueMaxCount: 1_000, // Contract.
  eventHeartbeatMs: 15_000, // Derived: below the 30 s after which common proxies hang up.
  stopTimeoutMs: 3_000, // Guess: the process has 10 s to exit.
  healthCheck: { intervalMs: 5_000, timeoutMs: 2_000, failureThreshold: 3, recoveryThreshold: 2 }, // Contract.
};
