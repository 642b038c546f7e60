/**
 * The predecessor's variables, still read so that its deployments can be moved one step at a time.
 * They rank directly below `FIRSTHAND_*`.
 */
import { type Parsed, quote } from './kinds.ts';
import type { SettingKey } from './settings.ts';

export const deprecatedPrefix = 'INFERNO_SERVICE_DISCOVERY_';

export interface DeprecatedVariable {
  /** The setting that took its place; `secret` is no setting of its own but what `FIRSTHAND_SECRET` holds. */
  readonly key: SettingKey | 'secret';
  /** From the variable's unit and words to what the setting's own parser takes. */
  convert(text: string): Parsed<unknown>;
}

const asIs = (text: string): Parsed<unknown> => ({ ok: true, value: text });

/** The predecessor counted in seconds. */
function seconds(text: string): Parsed<unknown> {
  if (/^\s*[0-9]{1,9}\s*$/.test(text)) return { ok: true, value: Number(text) * 1_000 };
  return { ok: false, problem: `${quote(text)} is not a whole number of seconds` };
}

/** It logged its health checks when told to; that detail is what `debug` shows. */
function logging(text: string): Parsed<unknown> {
  const word = text.trim().toLowerCase();
  if (word === 'true' || word === '1') return { ok: true, value: 'debug' };
  if (word === 'false' || word === '0') return { ok: true, value: 'info' };
  return { ok: false, problem: `${quote(text)} is not true or false` };
}

export const deprecatedVariables: Readonly<Record<string, DeprecatedVariable>> = {
  AUTH_MODE: { key: 'auth', convert: asIs },
  SHARED_SECRET: { key: 'secret', convert: asIs },
  HEALTH_CHECK_INTERVAL: { key: 'healthCheckIntervalMs', convert: seconds },
  HEALTH_CHECK_TIMEOUT: { key: 'healthCheckTimeoutMs', convert: seconds },
  FAILURE_THRESHOLD: { key: 'failureThreshold', convert: asIs },
  RECOVERY_THRESHOLD: { key: 'recoveryThreshold', convert: asIs },
  REGISTRATION_TIMEOUT: { key: 'joinTimeoutMs', convert: seconds },
  ENABLE_LOGGING: { key: 'logLevel', convert: logging },
};
