/** Defaults that follow from other settings or from the machine. */
import { isAbsolute, join } from 'node:path';
import { capabilitiesOf } from '../core/record/node.ts';
import { definitions, type SettingKey, type Values } from './settings.ts';

export interface DerivationHost {
  /** Absent for a user without one, as in some containers. */
  readonly homeDir: string | undefined;
  /** `$XDG_STATE_HOME`. */
  readonly stateHome: string | undefined;
  /** Whether standard error is a terminal. */
  readonly isTerminal: boolean;
}

export interface Derived {
  readonly values: Values;
  readonly problems: readonly { readonly key: SettingKey; readonly line: string }[];
}

/** Fills in everything that was not given; what only a running agent can know stays `undefined`. */
export function derive(given: Partial<Values>, host: DerivationHost): Derived {
  const fixed = Object.fromEntries([...definitions].map(([key, { default: value }]) => [key, value]));
  const stateHome = stateHomeOf(host);
  const base = { ...fixed, ...given } as Values;
  const values: Values = {
    ...base,
    loadBalancer: given.loadBalancer ?? base.type === 'proxy',
    capabilities: given.capabilities ?? capabilitiesOf(base.type),
    httpAuth: given.httpAuth ?? base.auth,
    jwtAudience: given.jwtAudience ?? base.cluster,
    grants:
      given.grants ?? ((given.httpAuth ?? base.auth) === 'mtls' ? [{ role: 'register', name: '*' }] : []),
    auditLevel: given.auditLevel ?? ((given.httpAuth ?? base.auth) === 'open' ? 'operator' : 'changes'),
    logFormat: given.logFormat ?? (host.isTerminal ? 'pretty' : 'json'),
    dataDir: given.dataDir ?? join(stateHome ?? '', 'firsthand', base.cluster, base.id ?? 'agent'),
  };
  const problems: { key: SettingKey; line: string }[] = [];
  if (given.dataDir === undefined && stateHome === undefined) {
    problems.push({
      key: 'dataDir',
      line: 'data_dir: must be given, because this user has no home directory',
    });
  }
  for (const key of ['cluster', 'id'] as const) {
    // Both are good names, but as directories they would lead out of the state directory.
    if (given.dataDir === undefined && (values[key] === '.' || values[key] === '..')) {
      problems.push({
        key,
        line: `data_dir: must be given, because the ${key} ${values[key]} is no directory name`,
      });
    }
  }
  return { values, problems };
}

/** The XDG rule says that a relative path in its variables is to be ignored. */
function stateHomeOf(host: DerivationHost): string | undefined {
  if (host.stateHome !== undefined && isAbsolute(host.stateHome)) return host.stateHome;
  return host.homeDir === undefined ? undefined : join(host.homeDir, '.local', 'state');
}
