/**
 * Keys that sign tokens, out of a JWK set (RFC 7517) from a file or a server.
 *
 * Of each key only the public part is taken, and only as a key for the one algorithm that its kind is for here:
 * a token never says how it is to be checked. Symmetric keys are left out whatever they claim, so that nobody
 * signs with a public key as if it were a shared one.
 */
import type { CryptoKey, JWK } from 'jose';

/** `EdDSA` is Ed25519. */
export const tokenAlgorithms = ['EdDSA', 'ES256', 'RS256'] as const;
export type TokenAlgorithm = (typeof tokenAlgorithms)[number];

export interface TokenKey {
  readonly kid: string | undefined;
  readonly algorithm: TokenAlgorithm;
  readonly key: CryptoKey | Uint8Array;
}

export const keySetMaxBytes = 256 * 1_024;
const keysMaxCount = 100;
const kidMaxLength = 256;
/** 2048 bits in base64url, less than a character for leading zeros. */
const modulusMinLength = 341;

export class KeySetProblem extends Error {}

/** @throws KeySetProblem when it is no key set, or none of its keys can be used. */
export async function parseKeySet(text: string): Promise<readonly TokenKey[]> {
  const { importJWK } = await import('jose');
  const found = jwksIn(text);
  if (found.length > keysMaxCount) throw new KeySetProblem(`has more than ${keysMaxCount} keys`);
  const keys: TokenKey[] = [];
  for (const jwk of found) {
    const usable = usableJwk(jwk);
    if (usable === undefined) continue;
    try {
      const key = await importJWK(usable.jwk, usable.algorithm);
      keys.push({ kid: usable.kid, algorithm: usable.algorithm, key });
    } catch {
      // Not a point on its curve and the like: one bad key must not take the others with it.
    }
  }
  if (keys.length === 0) throw new KeySetProblem('has no public key for EdDSA, ES256 or RS256');
  return keys;
}

/** The key for this token, or `undefined`: by its id, or without one if there is no choice. */
export function keyFor(
  keys: readonly TokenKey[],
  kid: string | undefined,
  algorithm: string,
): TokenKey | undefined {
  const suitable = keys.filter(
    each => each.algorithm === algorithm && (kid === undefined || each.kid === kid),
  );
  return suitable.length === 1 ? suitable[0] : undefined;
}

function jwksIn(text: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new KeySetProblem('is not JSON');
  }
  const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
  if (!Array.isArray(keys)) throw new KeySetProblem('has no list of keys');
  return keys;
}

function usableJwk(
  value: unknown,
): { readonly jwk: JWK; readonly kid: string | undefined; readonly algorithm: TokenAlgorithm } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const {
    kty,
    crv,
    x,
    y,
    n,
    e,
    use,
    alg,
    kid,
    key_ops: operations,
  } = value as Readonly<Record<string, unknown>>;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return undefined;
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > kidMaxLength)) return undefined;
  const found = publicPart({ kty, crv, x, y, n, e });
  if (found === undefined) return undefined;
  const isOther =
    alg !== undefined && alg !== found.algorithm && !(found.algorithm === 'EdDSA' && alg === 'Ed25519');
  return isOther ? undefined : { ...found, kid };
}

function publicPart({ kty, crv, x, y, n, e }: Readonly<Record<string, unknown>>) {
  if (kty === 'OKP' && crv === 'Ed25519' && isText(x)) {
    return { jwk: { kty, crv, x } as JWK, algorithm: 'EdDSA' as const };
  }
  if (kty === 'EC' && crv === 'P-256' && isText(x) && isText(y)) {
    return { jwk: { kty, crv, x, y } as JWK, algorithm: 'ES256' as const };
  }
  if (kty === 'RSA' && isText(n) && isText(e) && n.length >= modulusMinLength) {
    return { jwk: { kty, n, e } as JWK, algorithm: 'RS256' as const };
  }
  return undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 2_048;
}
