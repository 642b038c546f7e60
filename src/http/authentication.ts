/** Who a caller is, by whatever the mode asks for. What it may do then is the access table's business. */
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import type { AuthFailure } from './auth-failure.ts';
import { CertificateCheck } from './client-certificate.ts';
import type { HttpAuth } from './options.ts';
import { anonymous, holderOfSecret, type Principal } from './principal.ts';
import { SecretCheck } from './secret-check.ts';
import { defaultKeySourceOptions, KeySource } from './token/key-source.ts';
import { TokenVerifier } from './token/token-verifier.ts';

export type AuthVerdict =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly reason: AuthFailure };

export interface AuthenticationComponents {
  readonly clock: Clock;
  readonly log: Log;
}

type Check = (request: FastifyRequest) => AuthVerdict | Promise<AuthVerdict>;

export class Authentication {
  readonly mode: HttpAuth['mode'];
  readonly #check: Check;
  readonly #keys: KeySource | undefined;

  /** @throws FirsthandError CONFIG_INVALID when the secret is too short to be one. */
  constructor(auth: HttpAuth, { clock, log }: AuthenticationComponents) {
    this.mode = auth.mode;
    if (auth.mode === 'jwt') {
      this.#keys = new KeySource({ ...defaultKeySourceOptions, ...auth.keys }, { clock, log });
      const tokens = new TokenVerifier(auth.token, { keys: this.#keys, clock });
      this.#check = request => tokens.verify(bearerOf(request));
    } else this.#check = checkOf(auth, clock);
  }

  get required(): boolean {
    return this.mode !== 'open';
  }

  /** @throws FirsthandError CONFIG_INVALID for a file that should have the keys for tokens and has none. */
  async start(): Promise<void> {
    await this.#keys?.start();
  }

  stop(): void {
    this.#keys?.stop();
  }

  /** At once where nothing has to be waited for. Never rejects. */
  verify(request: FastifyRequest): AuthVerdict | Promise<AuthVerdict> {
    return this.#check(request);
  }
}

function checkOf(auth: Exclude<HttpAuth, { readonly mode: 'jwt' }>, clock: Clock): Check {
  switch (auth.mode) {
    case 'open':
      return () => ({ ok: true, principal: anonymous });
    case 'shared_secret': {
      const { secret, secretsNow = () => [secret] } = auth;
      const check = new SecretCheck(secretsNow);
      // A missing header takes the same way as a wrong one, so that both take the same time.
      return request => {
        const token = bearerOf(request);
        if (check.accepts(token)) return { ok: true, principal: holderOfSecret };
        return { ok: false, reason: token === '' ? 'missing' : 'wrong_secret' };
      };
    }
    case 'mtls': {
      const certificates = new CertificateCheck(auth.certificate);
      return request => certificates.verify(request.raw.socket, clock.now().wallMs);
    }
  }
}

/** Empty when there is none. */
function bearerOf({ headers }: FastifyRequest): string {
  return /^Bearer +(.*)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}
