/** Datagrams and claims joined with this agent's key and cluster. */
import type { ClaimDraft, VerifiedClaim } from '../core/swim/claim.ts';
import type { ProbeMessage } from '../core/swim/message.ts';
import type { ProbeCodec, UnverifiedClaim, UnverifiedProbe } from '../runtime/ports.ts';
import { decodeClaim, encodeClaim, openClaim, sealClaim } from '../wire/claim.ts';
import { clusterTag, decodeProbe, encodeProbe, openDatagram, sealDatagram } from '../wire/probe.ts';
import type { SignatureVerifier, SigningKey } from './agent-key.ts';
import { claimDomain } from './domains.ts';
import { SignatureChecker } from './signature-checker.ts';

export class SignedProbeCodec implements ProbeCodec {
  #key: SigningKey;
  readonly #tag: number;
  readonly #checker: SignatureVerifier;
  readonly #claimDomain: Buffer;
  readonly #probeDomain: Buffer;

  /** @param components.checker - Ed25519 when not given. */
  constructor(
    options: { readonly cluster: string },
    components: { readonly key: SigningKey; readonly checker?: SignatureVerifier },
  ) {
    this.#key = components.key;
    this.#checker = components.checker ?? new SignatureChecker();
    this.#tag = clusterTag(options.cluster);
    this.#claimDomain = claimDomain(options.cluster);
    this.#probeDomain = Buffer.from(`firsthand/probe/1\0${options.cluster}\0`);
  }

  /** What is sealed and sent from now on is signed with this key. */
  takeKey(key: SigningKey): void {
    this.#key = key;
  }

  /** @throws RangeError when the draft names another issuer: a bug in the caller. */
  sealClaim(draft: ClaimDraft): VerifiedClaim {
    return this.sealClaimWith(this.#key, draft);
  }

  /** The same with another key of ours, such as the one before. */
  sealClaimWith(key: SigningKey, draft: ClaimDraft): VerifiedClaim {
    if (draft.issuer !== key.peerId) throw new RangeError(`cannot sign for ${draft.issuer}`);
    const claim = encodeClaim(draft);
    const signature = key.sign(Buffer.concat([this.#claimDomain, claim]));
    return asVerified({ ...draft, wire: sealClaim({ claim, signature }) });
  }

  verifyClaim(claim: UnverifiedClaim): VerifiedClaim | undefined {
    const parts = openClaim(claim.wire);
    if (parts === undefined) return undefined;
    const signed = Buffer.concat([this.#claimDomain, parts.claim]);
    return this.#checker.verify(claim.issuer, signed, parts.signature) ? asVerified(claim) : undefined;
  }

  trustClaim(wire: Uint8Array): VerifiedClaim | undefined {
    const claim = decodeClaim(wire);
    return claim && asVerified(claim);
  }

  encodeProbe(message: ProbeMessage): Uint8Array {
    if (message.from !== this.#key.peerId) throw new RangeError(`cannot sign for ${message.from}`);
    const probe = encodeProbe(this.#tag, message);
    return sealDatagram({ probe, signature: this.#key.sign(Buffer.concat([this.#probeDomain, probe])) });
  }

  decodeProbe(bytes: Uint8Array): UnverifiedProbe | 'foreign' | undefined {
    const probe = decodeProbe(bytes);
    return probe !== undefined && probe.tag !== this.#tag ? 'foreign' : probe;
  }

  verifyProbe(probe: UnverifiedProbe): boolean {
    const parts = openDatagram(probe.wire);
    if (parts === undefined) return false;
    const signed = Buffer.concat([this.#probeDomain, parts.probe]);
    return this.#checker.verify(probe.from, signed, parts.signature);
  }
}

/** The one place where a claim becomes verified; each caller above says why it may. */
function asVerified(claim: UnverifiedClaim): VerifiedClaim {
  return claim as unknown as VerifiedClaim;
}
