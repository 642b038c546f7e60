/** Rules between settings: values that are fine alone but not together. */
import { metricsPortMin } from '../core/record/node.ts';
import { profiles } from '../core/swim/settings.ts';
import { accessProblems } from './access-check.ts';
import type { Secret } from './secret.ts';
import type { SettingKey, Values } from './settings.ts';
import type { Origin } from './sources.ts';

export interface CrossCheckInput {
  readonly values: Values;
  readonly secret: Secret | undefined;
  readonly secretOrigin: Origin;
  /** Rules about these are skipped: the value that was meant is not known. */
  readonly broken: ReadonlySet<SettingKey | 'secret'>;
  /** How the operator would recognise the setting. */
  readonly nameOf: (key: SettingKey) => string;
}

/** @returns A line for each broken rule. */
export function crossCheck(input: CrossCheckInput): readonly string[] {
  const { values, secret, secretOrigin, broken, nameOf } = input;
  const lines: string[] = [];
  const rule = (keys: readonly (SettingKey | 'secret')[], holds: boolean, line: () => string) => {
    if (!holds && !keys.some(key => broken.has(key))) lines.push(line());
  };

  const { healthCheckTimeoutMs, healthCheckIntervalMs } = values;
  rule(
    ['healthCheckTimeoutMs', 'healthCheckIntervalMs'],
    healthCheckTimeoutMs <= healthCheckIntervalMs,
    () => {
      const interval = `${nameOf('healthCheckIntervalMs')}, which is ${healthCheckIntervalMs} ms`;
      return `${nameOf('healthCheckTimeoutMs')}: ${healthCheckTimeoutMs} ms must be at most ${interval}`;
    },
  );

  const { probeIntervalMs, ackTimeoutMaxMs, strikeBackoffMinMs, strikeBackoffMaxMs, detectorProfile } =
    values;
  const intervalMs = probeIntervalMs ?? profiles[detectorProfile].probeIntervalMs;
  const timeoutMs = ackTimeoutMaxMs ?? Math.min(profiles[detectorProfile].ackTimeoutMaxMs, intervalMs);
  rule(['probeIntervalMs', 'ackTimeoutMaxMs', 'detectorProfile'], timeoutMs <= intervalMs, () => {
    const interval = `${nameOf('probeIntervalMs')}, which is ${intervalMs} ms`;
    return `${nameOf('ackTimeoutMaxMs')}: ${timeoutMs} ms must be at most ${interval}`;
  });
  rule(['strikeBackoffMinMs', 'strikeBackoffMaxMs'], strikeBackoffMinMs <= strikeBackoffMaxMs, () => {
    const longest = `${nameOf('strikeBackoffMaxMs')}, which is ${strikeBackoffMaxMs} ms`;
    return `${nameOf('strikeBackoffMinMs')}: ${strikeBackoffMinMs} ms must be at most ${longest}`;
  });

  const { reputationThrottleAt, reputationNoMeshAt, reputationQuarantineAt } = values;
  const thresholds = ['reputationThrottleAt', 'reputationNoMeshAt', 'reputationQuarantineAt'] as const;
  const isRising = reputationThrottleAt < reputationNoMeshAt && reputationNoMeshAt < reputationQuarantineAt;
  rule(thresholds, isRising, () => {
    return `${nameOf('reputationNoMeshAt')}: ${reputationNoMeshAt} must lie between ${nameOf('reputationThrottleAt')} (${reputationThrottleAt}) and ${nameOf('reputationQuarantineAt')} (${reputationQuarantineAt})`;
  });

  const wantsSecret = values.auth === 'shared_secret' || values.httpAuth === 'shared_secret';
  rule(['auth', 'httpAuth', 'secret'], !wantsSecret || secret !== undefined, () => {
    return `${nameOf(values.auth === 'shared_secret' ? 'auth' : 'httpAuth')}: shared_secret needs a secret; give --secret-file, FIRSTHAND_SECRET_FILE or FIRSTHAND_SECRET`;
  });
  // A variable may be there for the client commands; a flag or a file says that the agent should ask for it.
  const forTheAgent = secret !== undefined && secretOrigin.from !== 'variable';
  const isOpen = values.auth === 'open' && values.httpAuth === 'open';
  rule(['auth', 'httpAuth', 'secret'], !isOpen || !forTheAgent, () => {
    return `${secretOrigin.name}: has no effect while auth is open; set auth to shared_secret`;
  });

  lines.push(...accessProblems(input));

  const { port } = values.http;
  rule(
    ['http', 'metricsPort'],
    values.metricsPort !== undefined || port === 0 || port >= metricsPortMin,
    () => {
      return `${nameOf('metricsPort')}: must be given, because the HTTP port ${port} is below ${metricsPortMin}`;
    },
  );
  return lines;
}
