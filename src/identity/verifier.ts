/** Checks what others signed, without a key of one's own: for files that lie around. */
import type { VerifiedRecord } from '../core/record/record.ts';
import type { BanDraft, VerifiedBan } from '../core/reputation/ban.ts';
import type { VerifiedClaim } from '../core/swim/claim.ts';
import { decodeBan, openBan } from '../wire/ban.ts';
import { decodeClaim, openClaim } from '../wire/claim.ts';
import { openEnvelope } from '../wire/envelope.ts';
import { decodeEnvelope } from '../wire/record.ts';
import { banDomain, claimDomain, recordDomain } from './domains.ts';
import { SignatureChecker } from './signature-checker.ts';
import { hasGenuinePredecessor } from './succession.ts';

export class Verifier {
  readonly #cluster: string;
  readonly #checker = new SignatureChecker();

  constructor(options: { readonly cluster: string }) {
    this.#cluster = options.cluster;
  }

  /** The record, or in a few words what is wrong with it. */
  record(wire: Uint8Array): VerifiedRecord | string {
    const record = decodeEnvelope(wire);
    if (record === undefined) return 'is no record';
    if (record.cluster !== this.#cluster) return `belongs to cluster ${record.cluster}, not ${this.#cluster}`;
    const parts = openEnvelope(record.wire);
    const signed = Buffer.concat([recordDomain(this.#cluster), parts.record]);
    if (!this.#checker.verify(record.author, signed, parts.signature)) return 'has a wrong signature';
    if (!hasGenuinePredecessor(this.#cluster, record, this.#checker))
      return 'names a predecessor that did not say so';
    return record as unknown as VerifiedRecord; // As the lines above just found.
  }

  ban(wire: Uint8Array): VerifiedBan | string {
    const ban = decodeBan(wire);
    const parts = openBan(wire);
    if (ban === undefined || parts === undefined) return 'is no ban';
    const signed = Buffer.concat([banDomain(this.#cluster), parts.ban]);
    if (!this.#checker.verify(ban.issuer, signed, parts.signature)) return 'has a wrong signature';
    return ban as BanDraft as VerifiedBan; // As the line above just found.
  }

  claim(wire: Uint8Array): VerifiedClaim | string {
    const claim = decodeClaim(wire);
    const parts = openClaim(wire);
    if (claim === undefined || parts === undefined) return 'is no claim';
    const signed = Buffer.concat([claimDomain(this.#cluster), parts.claim]);
    if (!this.#checker.verify(claim.issuer, signed, parts.signature)) return 'has a wrong signature';
    return claim as unknown as VerifiedClaim; // Likewise.
  }
}
