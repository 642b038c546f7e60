/**
 * JSON Web Tokens as proof of who calls (RFC 7519, with the rules of RFC 8725).
 *
 * What the token itself says about how to check it is not believed: the algorithm must be one that the settings
 * allow and the one its key is for, the key comes from the configured set by its id, and whatever else in the header
 * points to a key (`jwk`, `jku`, `x5u`, `x5c`) is not looked at. Signed once, not encrypted, not nested. A list of
 * tokens that were used up was rejected: a service renews its lease with the token that it has.
 */
import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { Clock } from '../../runtime/ports.ts';
import type { Role } from '../access-table.ts';
import type { AuthFailure } from '../auth-failure.ts';
import { type NamingOptions, type Principal, principalOf } from '../principal.ts';
import { rolesInClaim } from './claim-roles.ts';
import type { TokenAlgorithm, TokenKey } from './key-set.ts';
import type { KeySource } from './key-source.ts';

export interface TokenOptions extends NamingOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly TokenAlgorithm[];
  readonly clockToleranceMs: number;
  /** Since it was issued, however long it says that it lasts. */
  readonly ageMaxMs: number;
  readonly rolesClaim: string;
}

export type TokenVerdict =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly reason: AuthFailure };

export const tokenMaxBytes = 4 * 1_024;
const subjectMaxLength = 256;
/** Tokens that were found good and need no second look until they or the keys end. */
const knownMaxCount = 1_000;

interface KnownToken {
  readonly principal: Principal;
  readonly untilWallMs: number;
  readonly version: number;
}

interface Header {
  readonly alg: string;
  readonly kid: string | undefined;
}

export class TokenVerifier {
  readonly #options: TokenOptions;
  readonly #keys: KeySource;
  readonly #clock: Clock;
  readonly #known = new Map<string, KnownToken>();

  constructor(options: TokenOptions, components: { readonly keys: KeySource; readonly clock: Clock }) {
    this.#options = options;
    this.#keys = components.keys;
    this.#clock = components.clock;
  }

  /** @param token - What stands behind `Bearer`. Never throws, whatever it is. */
  async verify(token: string): Promise<TokenVerdict> {
    if (token.length > tokenMaxBytes) return refused('too_large');
    const digest = createHash('sha256').update(token).digest('base64');
    const known = this.#known.get(digest);
    if (
      known !== undefined &&
      known.version === this.#keys.version &&
      this.#clock.now().wallMs < known.untilWallMs
    ) {
      return { ok: true, principal: known.principal };
    }
    this.#known.delete(digest);
    const header = this.#headerOf(token);
    if (typeof header === 'string') return refused(header);
    const found = await this.#keys.find(header.kid, header.alg === 'Ed25519' ? 'EdDSA' : header.alg);
    if (!found.ok) return refused(found.reason);
    const { key, version } = found;
    return this.#judge(token, digest, { key: key.key, alg: header.alg, version });
  }

  #headerOf(token: string): Header | AuthFailure {
    const [encoded] = /^([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.exec(token)?.slice(1) ?? [];
    if (encoded === undefined) return token === '' ? 'missing' : 'malformed';
    const fields = jsonObject(encoded);
    if (fields === undefined) return 'malformed';
    const { alg, kid, typ, cty } = fields;
    const isAllowed = this.#options.algorithms.some(
      allowed => alg === allowed || (allowed === 'EdDSA' && alg === 'Ed25519'),
    );
    if (typeof alg !== 'string' || !isAllowed) return 'algorithm';
    if (typeof typ !== 'string' || !/^(?:application\/)?(?:jwt|at\+jwt)$/i.test(typ) || cty !== undefined)
      return 'type';
    if (['crit', 'b64', 'zip', 'enc'].some(name => Object.hasOwn(fields, name))) return 'type';
    if (kid !== undefined && typeof kid !== 'string') return 'unknown_key';
    return { alg, kid };
  }

  async #judge(
    token: string,
    digest: string,
    { key, alg, version }: { readonly key: TokenKey['key']; readonly alg: string; readonly version: number },
  ): Promise<TokenVerdict> {
    const { issuer, audience, clockToleranceMs, ageMaxMs } = this.#options;
    const { jwtVerify, errors } = await import('jose');
    const { wallMs } = this.#clock.now();
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [alg],
        issuer,
        audience,
        requiredClaims: ['exp', 'iat', 'sub'],
        clockTolerance: clockToleranceMs / 1_000,
        maxTokenAge: ageMaxMs / 1_000,
        currentDate: new Date(wallMs),
      });
      return this.#accept(digest, payload, version);
    } catch (error) {
      if (error instanceof errors.JWTExpired) return refused(error.claim === 'iat' ? 'too_old' : 'expired');
      if (error instanceof errors.JWSSignatureVerificationFailed) return refused('signature');
      if (error instanceof errors.JWTClaimValidationFailed) return refused(claimFailure(error.claim));
      return refused('malformed');
    }
  }

  #accept(digest: string, payload: JWTPayload, version: number): TokenVerdict {
    const { clockToleranceMs, ageMaxMs, rolesClaim } = this.#options;
    const { sub, exp = 0, iat = 0 } = payload;
    if (typeof sub !== 'string' || sub === '' || sub.length > subjectMaxLength) return refused('claims');
    const roles: readonly Role[] = rolesInClaim(payload, rolesClaim);
    const untilWallMs = Math.min(exp * 1_000, iat * 1_000 + ageMaxMs) + clockToleranceMs;
    const principal = principalOf({ kind: 'jwt', names: [sub], roles, untilWallMs }, this.#options);
    this.#known.set(digest, { principal, untilWallMs, version });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= knownMaxCount) break;
      this.#known.delete(oldest);
    }
    return { ok: true, principal };
  }
}

function refused(reason: AuthFailure): TokenVerdict {
  return { ok: false, reason };
}

function claimFailure(claim: string): AuthFailure {
  switch (claim) {
    case 'iss':
      return 'issuer';
    case 'aud':
      return 'audience';
    case 'nbf':
    case 'iat':
      return 'not_yet_valid';
    default:
      return 'claims';
  }
}

function jsonObject(encoded: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    // Whatever it is, it is no header.
    return undefined;
  }
}
