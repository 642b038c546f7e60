/**
 * Admission by certificate: both sides show theirs, and a dialer without one shows an invite instead.
 *
 * No challenges: the encryption has shown that the peer holds its key, and a certificate is for that key alone, so
 * what was heard elsewhere is of no use. The listener says a last word, so that a dialer learns whether it is in.
 */
import type { CertificateFault, VerifiedCertificate } from '../core/authority/certificate.ts';
import type { Grant } from '../core/authority/grant.ts';
import type { PeerId } from '../core/record/record.ts';
import type {
  AdmissionAuthority,
  AdmissionExchange,
  AdmissionParties,
  AdmissionRefusal,
  AdmissionStep,
  RefusalReason,
} from '../runtime/admission.ts';
import { pinnedPeer } from '../wire/grant.ts';
import { decodeHello, decodeWelcome, encodeHello, encodeWelcome } from '../wire/membership.ts';
import type { AuthorityChecker, CertificateFlaw } from './authority-checker.ts';
import type { Redeemed } from './authority-directory.ts';
import { explainRefusal } from './refusal-text.ts';

export interface CertificateAdmissionComponents {
  readonly checker: AuthorityChecker;
  /** What this agent shows now. */
  readonly own: () => Uint8Array;
  /** Whether a certificate that is genuine counts now. */
  readonly faultOf: (certificate: VerifiedCertificate) => CertificateFault | undefined;
  readonly isKeyRevoked: (peer: PeerId) => boolean;
  /** Takes an invite in exchange for a certificate; absent: this agent holds no issuing key. */
  readonly redeem?: ((grant: Grant, key: PeerId) => Promise<Redeemed>) | undefined;
  /** Who was not given a certificate for an invite, and why. */
  readonly onNotRedeemed?: (
    key: PeerId,
    grant: Grant | undefined,
    outcome: 'refused' | 'failed',
    why: string,
  ) => void;
  readonly wallMs: () => number;
}

const flawReasons: Readonly<Record<CertificateFlaw, RefusalReason>> = {
  malformed: 'certificate-malformed',
  forged: 'certificate-forged',
  'other-cluster': 'other-cluster',
  'other-authority': 'other-authority',
};

const faultReasons: Readonly<Record<CertificateFault, RefusalReason>> = {
  uncertified: 'certificate-malformed',
  expired: 'certificate-expired',
  'not-yet-valid': 'certificate-not-yet-valid',
  revoked: 'certificate-revoked',
  replaced: 'certificate-replaced',
};

export class CertificateAdmission implements AdmissionAuthority {
  readonly name = 'certificate';
  readonly #parts: CertificateAdmissionComponents;

  constructor(components: CertificateAdmissionComponents) {
    this.#parts = components;
  }

  begin({ role, self, remote }: AdmissionParties): AdmissionExchange {
    const parts = this.#parts;
    const opening = encodeHello({ type: 'certificate', certificate: parts.own() });
    if (role === 'listener') return { opening, take: message => this.#admit(message, { self, remote }) };
    let shown: VerifiedCertificate | undefined;
    return {
      opening,
      take: message => {
        if (shown !== undefined) return welcomed(message, shown);
        const step = this.#judge(decodeHello(message), remote);
        if (!('serial' in step)) return step;
        shown = step;
        return { type: 'go-on' };
      },
    };
  }

  explain(refusal: AdmissionRefusal): string {
    return explainRefusal(refusal);
  }

  #admit(
    message: Uint8Array,
    { self, remote }: { readonly self: PeerId; readonly remote: PeerId },
  ): AdmissionStep | Promise<AdmissionStep> {
    const hello = decodeHello(message);
    if (hello?.type === 'grant') return this.#redeem(hello.grant, self, remote);
    const step = this.#judge(hello, remote);
    return 'serial' in step ? admitted(step, encodeWelcome({})) : step;
  }

  #judge(hello: ReturnType<typeof decodeHello>, remote: PeerId): VerifiedCertificate | AdmissionStep {
    if (hello?.type !== 'certificate') return refused('malformed');
    const checked = this.#parts.checker.check(hello.certificate);
    if (!checked.ok) return refused(flawReasons[checked.flaw]);
    if (checked.value.key !== remote) return refused('certificate-of-another-key');
    const fault = this.#parts.faultOf(checked.value);
    return fault === undefined ? checked.value : refused(faultReasons[fault]);
  }

  async #redeem(wire: Uint8Array, self: PeerId, remote: PeerId): Promise<AdmissionStep> {
    const { checker, onNotRedeemed } = this.#parts;
    const checked = checker.checkGrant(wire);
    const step = checked.ok
      ? await this.#exchange(checked.value, self, remote)
      : refused(checked.flaw === 'other-cluster' ? 'other-cluster' : 'invite-forged');
    if (step.type !== 'refused') return step;
    const { reason } = step;
    const outcome = reason === 'failed' ? 'failed' : 'refused';
    onNotRedeemed?.(
      remote,
      checked.ok ? checked.value : undefined,
      outcome,
      explainRefusal({ reason, by: 'self' }),
    );
    return step;
  }

  async #exchange(grant: Grant, self: PeerId, remote: PeerId): Promise<AdmissionStep> {
    const { redeem, isKeyRevoked, wallMs } = this.#parts;
    // Only whom it names: each keeps its own book of what was redeemed.
    if (redeem === undefined || !grant.seeds.some(seed => pinnedPeer(seed) === self)) {
      return refused('invite-not-taken-here');
    }
    if (wallMs() > grant.expiresMs) return refused('invite-expired');
    if (isKeyRevoked(remote)) return refused('certificate-revoked');
    let redeemed: Redeemed;
    try {
      redeemed = await redeem(grant, remote);
    } catch {
      return refused('failed'); // The disk refuses; the directory's owner reads that in the log.
    }
    if (!redeemed.ok) return refused(redeemed.why === 'used' ? 'invite-used' : 'failed');
    return admitted(redeemed.certificate, encodeWelcome({ issued: redeemed.certificate.wire }));
  }
}

/** The other side of an invite: for one connection, to the agent that the invite names. */
export class GrantAdmission implements AdmissionAuthority {
  readonly name = 'certificate';
  readonly #grant: Grant;
  readonly #checker: AuthorityChecker;
  readonly #onIssued: (certificate: VerifiedCertificate) => void;

  constructor(
    options: { readonly grant: Grant },
    components: {
      readonly checker: AuthorityChecker;
      readonly onIssued: (certificate: VerifiedCertificate) => void;
    },
  ) {
    this.#grant = options.grant;
    this.#checker = components.checker;
    this.#onIssued = components.onIssued;
  }

  begin({ role, self, remote }: AdmissionParties): AdmissionExchange {
    const opening = encodeHello({ type: 'grant', grant: this.#grant.wire });
    let isMember = false;
    return {
      opening,
      take: message => {
        if (role === 'listener') return refused('failed'); // Nobody is awaited here.
        if (!isMember) {
          const step = this.#judge(message, remote);
          isMember = step.type === 'go-on';
          return step;
        }
        const issued = decodeWelcome(message)?.issued;
        const checked = issued && this.#checker.check(issued);
        if (!checked?.ok) return refused('certificate-malformed');
        if (checked.value.key !== self) return refused('certificate-of-another-key');
        this.#onIssued(checked.value);
        return admitted(checked.value);
      },
    };
  }

  explain(refusal: AdmissionRefusal): string {
    if (refusal.reason !== 'other-authority' || refusal.by === 'peer') return explainRefusal(refusal);
    return 'the invite is forged, or its authority was replaced: it did not certify the agent that the invite names';
  }

  /** The network pins the key; this also wants a member of the cluster behind it. */
  #judge(message: Uint8Array, remote: PeerId): AdmissionStep {
    const hello = decodeHello(message);
    if (hello?.type !== 'certificate') return refused('malformed');
    const checked = this.#checker.check(hello.certificate);
    if (!checked.ok) return refused(flawReasons[checked.flaw]);
    return checked.value.key === remote ? { type: 'go-on' } : refused('certificate-of-another-key');
  }
}

function welcomed(message: Uint8Array, shown: VerifiedCertificate): AdmissionStep {
  return decodeWelcome(message) === undefined ? refused('malformed') : admitted(shown);
}

function admitted({ wire, roles }: VerifiedCertificate, lastWords?: Uint8Array): AdmissionStep {
  const facts = { certificate: wire, roles };
  return lastWords === undefined ? { type: 'admitted', facts } : { type: 'admitted', facts, lastWords };
}

function refused(reason: RefusalReason): AdmissionStep {
  return { type: 'refused', reason };
}
