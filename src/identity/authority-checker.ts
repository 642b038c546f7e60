/** Checks what authorities sign, against the keys of those that are trusted here. */
import type { VerifiedCertificate } from '../core/authority/certificate.ts';
import type { Grant } from '../core/authority/grant.ts';
import type { CertificateReader } from '../core/authority/roster.ts';
import type { PeerId } from '../core/record/record.ts';
import { decodeCertificate } from '../wire/certificate.ts';
import { decodeGrant, type UnverifiedGrant } from '../wire/grant.ts';
import type { SignatureVerifier } from './agent-key.ts';
import { certificateDomain, grantDomain } from './domains.ts';
import { SignatureChecker } from './signature-checker.ts';

export type CertificateFlaw = 'malformed' | 'other-cluster' | 'other-authority' | 'forged';

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly flaw: CertificateFlaw };

export class AuthorityChecker implements CertificateReader {
  readonly authorities: readonly PeerId[];
  readonly #cluster: string;
  readonly #checker: SignatureVerifier;

  /** @param components.checker - Ed25519 when not given. */
  constructor(
    options: { readonly cluster: string; readonly authorities: readonly PeerId[] },
    components: { readonly checker?: SignatureVerifier } = {},
  ) {
    this.#cluster = options.cluster;
    this.authorities = options.authorities;
    this.#checker = components.checker ?? new SignatureChecker();
  }

  read(wire: Uint8Array): VerifiedCertificate | undefined {
    const checked = this.check(wire);
    return checked.ok ? checked.value : undefined;
  }

  /** The same with what is wrong. */
  check(wire: Uint8Array): Checked<VerifiedCertificate> {
    const certificate = decodeCertificate(wire);
    if (certificate === undefined) return flawed('malformed');
    const { cluster, issuer, parts, ...rest } = certificate;
    if (cluster !== this.#cluster) return flawed('other-cluster');
    if (!this.authorities.includes(issuer)) return flawed('other-authority');
    const signed = Buffer.concat([certificateDomain, parts.content]);
    if (!this.#checker.verify(issuer, signed, parts.signature)) return flawed('forged');
    return { ok: true, value: { ...rest, cluster, issuer } as VerifiedCertificate };
  }

  checkGrant(wire: Uint8Array): Checked<Grant> {
    const grant = decodeGrant(wire);
    if (grant === undefined) return flawed('malformed');
    if (grant.cluster !== this.#cluster) return flawed('other-cluster');
    if (!this.authorities.includes(grant.authority)) return flawed('other-authority');
    return isGenuine(grant, this.#checker) ? { ok: true, value: grant } : flawed('forged');
  }
}

/** Whether the authority that a grant names has signed it. Whether to trust that authority is the reader's choice. */
export function isGenuine(
  { authority, parts }: UnverifiedGrant,
  checker: SignatureVerifier = new SignatureChecker(),
): boolean {
  return checker.verify(authority, Buffer.concat([grantDomain, parts.content]), parts.signature);
}

function flawed(flaw: CertificateFlaw): { readonly ok: false; readonly flaw: CertificateFlaw } {
  return { ok: false, flaw };
}
