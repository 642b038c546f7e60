/** How callers prove who they are, out of the settings as an operator gives them. */
import type { HttpAuth } from './options.ts';
import type { Grant } from './principal.ts';
import type { TlsFilesOptions } from './tls-files.ts';
import type { TokenAlgorithm } from './token/key-set.ts';
import { defaultKeySourceOptions } from './token/key-source.ts';

/** As they are in the configuration, whose rules between them hold. */
export interface AccessValues {
  readonly httpAuth: HttpAuth['mode'];
  readonly secret: { reveal(): string } | undefined;
  /** Where it may change while the agent runs: those that count now. */
  readonly secretsNow?: (() => readonly string[]) | undefined;
  readonly httpCertFile: string | undefined;
  readonly httpKeyFile: string | undefined;
  readonly httpClientCaFile: string | undefined;
  readonly httpClientPins: readonly string[];
  readonly grants: readonly Grant[];
  readonly namePrefix: string | undefined;
  readonly jwtIssuer: string | undefined;
  readonly jwtAudience: string;
  readonly jwtKeys: string | undefined;
  readonly jwtAlgorithms: readonly TokenAlgorithm[];
  readonly jwtRolesClaim: string;
  readonly jwtAgeMaxMs: number;
  readonly jwtClockToleranceMs: number;
  readonly jwtKeysRefreshMs: number;
  readonly jwtKeysStaleMaxMs: number;
}

/** @throws TypeError when something is missing that the mode needs: the configuration was not checked. */
export function httpAuthOf(values: AccessValues): HttpAuth {
  const { grants, namePrefix } = values;
  switch (values.httpAuth) {
    case 'open':
      return { mode: 'open' };
    case 'shared_secret':
      return {
        mode: 'shared_secret',
        secret: given('secret', values.secret).reveal(),
        ...(values.secretsNow === undefined ? {} : { secretsNow: values.secretsNow }),
      };
    case 'mtls':
      return { mode: 'mtls', certificate: { pins: values.httpClientPins, grants, namePrefix } };
    case 'jwt':
      return {
        mode: 'jwt',
        token: {
          issuer: given('jwt_issuer', values.jwtIssuer),
          audience: values.jwtAudience,
          algorithms: values.jwtAlgorithms,
          clockToleranceMs: values.jwtClockToleranceMs,
          ageMaxMs: values.jwtAgeMaxMs,
          rolesClaim: values.jwtRolesClaim,
          grants,
          namePrefix,
        },
        keys: {
          ...defaultKeySourceOptions,
          location: given('jwt_keys', values.jwtKeys),
          refreshMs: values.jwtKeysRefreshMs,
          staleMaxMs: values.jwtKeysStaleMaxMs,
        },
      };
  }
}

/** Files are looked at so often: a renewal is in use before anybody misses it. */
const reloadMs = 10_000;

export function httpTlsOf({
  httpCertFile,
  httpKeyFile,
  httpClientCaFile,
}: AccessValues): TlsFilesOptions | undefined {
  if (httpCertFile === undefined) return undefined;
  const keyFile = given('http_key_file', httpKeyFile);
  return { certFile: httpCertFile, keyFile, clientCaFile: httpClientCaFile, reloadMs };
}

function given<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw new TypeError(`${name} is missing`);
  return value;
}
