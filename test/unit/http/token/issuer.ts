/** Somebody who signs tokens, rightly or wrongly. */
import { createHmac, type KeyObject, sign } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

export const issuerName = 'https://id.example';
export const audience = 'default';

export type Algorithm = 'EdDSA' | 'ES256' | 'RS256';

export class Issuer {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly #privateKey: Parameters<SignJWT['sign']>[0];
  readonly publicJwk: JWK;

  private constructor(
    kid: string,
    algorithm: Algorithm,
    privateKey: Parameters<SignJWT['sign']>[0],
    publicJwk: JWK,
  ) {
    this.kid = kid;
    this.algorithm = algorithm;
    this.#privateKey = privateKey;
    this.publicJwk = publicJwk;
  }

  static async make(kid = 'k1', algorithm: Algorithm = 'EdDSA'): Promise<Issuer> {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    return new Issuer(kid, algorithm, privateKey, { ...(await exportJWK(publicKey)), kid, use: 'sig' });
  }

  /** As a provider would; `claims` and `header` change what it says. */
  token(
    claims: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    return new SignJWT({ ...goodClaims(), ...claims })
      .setProtectedHeader({ alg: this.algorithm, typ: 'JWT', kid: this.kid, ...header })
      .sign(this.#privateKey);
  }
}

export function goodClaims(nowS = Math.floor(Date.now() / 1_000)): JWTPayload {
  return {
    iss: issuerName,
    aud: audience,
    sub: 'backend-1',
    iat: nowS,
    exp: nowS + 300,
    roles: ['register'],
  };
}

export function keySet(...issuers: readonly Issuer[]): string {
  return JSON.stringify({ keys: issuers.map(({ publicJwk }) => publicJwk) });
}

export function encoded(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** Whatever header and claims, with an HMAC under `key`. */
export function hmacToken(header: unknown, claims: unknown, key: string | Buffer): string {
  const input = `${encoded(header)}.${encoded(claims)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

/** Whatever header and claims, with an Ed25519 signature. */
export function signedToken(header: unknown, claims: unknown, key: KeyObject): string {
  const input = `${encoded(header)}.${encoded(claims)}`;
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`;
}
