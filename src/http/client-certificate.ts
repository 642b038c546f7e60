/**
 * Client certificates as proof of who calls.
 *
 * TLS has checked the chain; this looks at the rest, once a connection: that it is still valid when it is used,
 * whom it names, and whether its key is one that is pinned. A connection without a good certificate is let through
 * the handshake, so that vital signs can be asked for without one and that a refusal is an answer.
 */
import { createHash, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { AuthFailure } from './auth-failure.ts';
import { certificateNames } from './certificate-names.ts';
import { type NamingOptions, type Principal, principalOf } from './principal.ts';

export interface CertificateOptions extends NamingOptions {
  /** `sha256/<base64>` of public keys (SPKI); empty: any key that the authority has signed. */
  readonly pins: readonly string[];
}

export type CertificateVerdict =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly reason: AuthFailure };

type Known = CertificateVerdict & { readonly fromMs: number; readonly toMs: number };

export class CertificateCheck {
  readonly #options: CertificateOptions;
  readonly #pins: ReadonlySet<string>;
  readonly #known = new WeakMap<Socket, Known>();

  constructor(options: CertificateOptions) {
    this.#options = options;
    this.#pins = new Set(options.pins);
  }

  verify(socket: Socket, wallMs: number): CertificateVerdict {
    let known = this.#known.get(socket);
    if (known === undefined) {
      known = this.#look(socket);
      this.#known.set(socket, known);
    }
    // A connection may outlive the certificate that it was made with.
    if (known.ok && (wallMs < known.fromMs || wallMs > known.toMs)) return refused('certificate_expired');
    return known;
  }

  #look(socket: Socket): Known {
    const always = { fromMs: 0, toMs: Number.POSITIVE_INFINITY };
    const raw = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
    if (raw === undefined || !(socket instanceof TLSSocket))
      return { ...refused('no_certificate'), ...always };
    if (!socket.authorized) {
      const isOld = /EXPIRED|NOT_YET_VALID/.test(String(socket.authorizationError));
      return { ...refused(isOld ? 'certificate_expired' : 'untrusted'), ...always };
    }
    const certificate = new X509Certificate(raw);
    const validity = { fromMs: Date.parse(certificate.validFrom), toMs: Date.parse(certificate.validTo) };
    if (this.#pins.size > 0 && !this.#pins.has(pinOf(certificate))) {
      return { ...refused('certificate_pin'), ...validity };
    }
    const [first, ...others] = certificateNames(certificate.subjectAltName);
    if (first === undefined) return { ...refused('certificate_name'), ...validity };
    const principal = principalOf(
      { kind: 'certificate', names: [first, ...others], roles: [], untilWallMs: validity.toMs },
      this.#options,
    );
    return { ok: true, principal, ...validity };
  }
}

/** Of the public key, so that a renewed certificate for the same key is the same pin. */
export function pinOf({ publicKey }: X509Certificate): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(spki).digest('base64')}`;
}

function refused(reason: AuthFailure) {
  return { ok: false, reason } as const;
}
