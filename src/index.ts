/** Firsthand as a library: the same agent as `firsthand start`, in your process. */
import { type ReadyLine, type RunningAgent, startAgent } from './agent.ts';
import { loadSettings } from './config/load.ts';
import type { Values } from './config/settings.ts';
import { createLog } from './telemetry/log.ts';

export type { ConfirmationOutcome, ConfirmRequest } from './core/confirm/confirmation.ts';
export type { NodeFields, NodeId, NodeType } from './core/record/node.ts';
export { capabilitiesOf } from './core/record/node.ts';
export type { AgentEvent, NodeView, SubjectView } from './core/view.ts';
export { type ErrorCode, FirsthandError } from './errors.ts';
export type {
  AgentIdentity,
  AgentPort,
  EventEntry,
  EventLog,
  Listing,
  MeshView,
  RegistrationOutcome,
  RegistrationRequest,
  StatusView,
} from './runtime/agent-port.ts';
export { version } from './version.ts';
export type { ReadyLine, RunningAgent };

/**
 * Any setting of docs/CONFIG.md, in camelCase; lists and numbers as such, `http` and `probeListen` as
 * `host:port`, `grants` as `role=name`. Neither the environment nor a file is read. Logs errors only, unless `logLevel` says more.
 */
export type AgentOptions = Partial<Omit<Values, 'http' | 'probeListen' | 'grants'>> & {
  readonly http?: string;
  readonly probeListen?: string;
  readonly grants?: readonly string[];
  /** Cluster secret, where `auth` is `shared_secret`. */
  readonly secret?: string;
};

/**
 * Starts an agent; resolves when it has joined its cluster or knows that it is alone.
 *
 * @throws FirsthandError: CONFIG_INVALID with a line a problem, and whatever else keeps it from starting.
 */
export async function createAgent(options: AgentOptions = {}): Promise<RunningAgent> {
  const { settings } = await loadSettings({ options: { logLevel: 'error', ...options }, env: {} });
  const log = await createLog({ level: settings.log.logLevel, format: settings.log.logFormat });
  return startAgent({ settings, log });
}
