/** Rules between the settings about certificates and tokens. */
import type { CrossCheckInput } from './cross-check.ts';
import { fileKeyOf } from './setting.ts';
import type { SettingKey } from './settings.ts';

/** Settings that have no effect without the other one. */
const needs = [
  ['httpClientCaFile', 'httpCertFile'],
  ['oauthClientId', 'oauthTokenUrl'],
  ['oauthClientSecretFile', 'oauthTokenUrl'],
  ['oauthScope', 'oauthTokenUrl'],
  ['oauthAudience', 'oauthTokenUrl'],
  ['oauthTokenUrl', 'oauthClientId'],
  ['oauthTokenUrl', 'oauthClientSecretFile'],
  ['httpCertFile', 'httpKeyFile'],
  ['httpKeyFile', 'httpCertFile'],
] as const satisfies readonly (readonly [SettingKey, SettingKey])[];

/** What a mode cannot do without. */
const modeNeeds = {
  jwt: ['jwtIssuer', 'jwtKeys'],
  mtls: ['httpCertFile', 'httpClientCaFile'],
} as const satisfies Readonly<Record<string, readonly SettingKey[]>>;

/** @returns A line for each broken rule. */
export function accessProblems({ values, broken, nameOf }: CrossCheckInput): readonly string[] {
  const lines: string[] = [];
  const isMissing = (key: SettingKey) => values[key] === undefined && !broken.has(key);

  for (const [given, needed] of needs) {
    if (values[given] === undefined || broken.has(given) || !isMissing(needed)) continue;
    lines.push(`${nameOf(given)}: needs ${fileKeyOf(needed)} too`);
  }
  const { httpAuth } = values;
  if (!broken.has('auth') && !broken.has('httpAuth') && (httpAuth === 'jwt' || httpAuth === 'mtls')) {
    const missing = modeNeeds[httpAuth].filter(isMissing).map(fileKeyOf);
    const name = nameOf(values.auth === httpAuth ? 'auth' : 'httpAuth');
    const instead = values.auth === httpAuth ? '; http_auth can be another mode than auth' : '';
    if (missing.length > 0) lines.push(`${name}: ${httpAuth} needs ${missing.join(' and ')}${instead}`);
  }
  if (values.oauthTokenUrl !== undefined && values.registerWith.length === 0 && !broken.has('registerWith')) {
    lines.push(`${nameOf('oauthTokenUrl')}: has no effect without register_with`);
  }
  if (
    values.httpClientPins.length > 0 &&
    httpAuth !== 'mtls' &&
    !broken.has('httpAuth') &&
    !broken.has('auth')
  ) {
    lines.push(`${nameOf('httpClientPins')}: has no effect unless http_auth is mtls`);
  }
  return lines;
}
