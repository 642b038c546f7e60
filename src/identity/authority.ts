/**
 * What the cluster's authority signs: certificates, invites, and the list of who is shut out.
 *
 * Its key is another one than any agent's. X.509 was considered for certificates and rejected: nothing here
 * needs its names, its extensions or its parsers, and the key that libp2p authenticates is a bare Ed25519 key.
 */
import { randomBytes } from 'node:crypto';
import type { KeyLine, MemberRole, Serial, VerifiedCertificate } from '../core/authority/certificate.ts';
import { memberRoles } from '../core/authority/certificate.ts';
import type { Grant } from '../core/authority/grant.ts';
import { type RevocationLists, revocationsSubject } from '../core/authority/revocation.ts';
import type { Dot, PeerId, VerifiedRecord } from '../core/record/record.ts';
import { sealByAuthority } from '../wire/authority-envelope.ts';
import { decodeCertificate, encodeCertificate, serialBytes } from '../wire/certificate.ts';
import { encodeGrant, grantIdBytes } from '../wire/grant.ts';
import type { SigningKey } from './agent-key.ts';
import { certificateDomain, grantDomain } from './domains.ts';
import { SignedRecordCodec } from './record-codec.ts';

export interface CertificateRequest {
  readonly key: PeerId;
  readonly pattern: string;
  readonly roles: readonly MemberRole[];
  readonly lifetimeMs: number;
  readonly nowMs: number;
  /** Member since; now, when not given. */
  readonly notBeforeMs?: number;
  /** Of a key that follows another one. */
  readonly line?: KeyLine | undefined;
}

export interface GrantRequest {
  readonly seeds: readonly string[];
  readonly pattern: string;
  readonly roles: readonly MemberRole[];
  /** Of the certificate, ms. */
  readonly lifetimeMs: number;
  readonly expiresMs: number;
}

export class Authority {
  readonly cluster: string;
  readonly #key: SigningKey;
  readonly #random: (bytesCount: number) => Uint8Array;

  /** @param components.random - For serials; the system's when not given. */
  constructor(
    options: { readonly cluster: string },
    components: { readonly key: SigningKey; readonly random?: (bytesCount: number) => Uint8Array },
  ) {
    this.cluster = options.cluster;
    this.#key = components.key;
    this.#random = components.random ?? randomBytes;
  }

  /** What members trust. */
  get peerId(): PeerId {
    return this.#key.peerId;
  }

  /** @throws RangeError for what is out of bounds: whoever asks checks first. */
  issue(request: CertificateRequest): VerifiedCertificate {
    const { key, pattern, roles, lifetimeMs, nowMs, notBeforeMs = nowMs, line } = request;
    const content = encodeCertificate({
      cluster: this.cluster,
      serial: Buffer.from(this.#random(serialBytes)).toString('hex'),
      key,
      pattern,
      roles: inOrder(roles),
      notBeforeMs: Math.min(notBeforeMs, nowMs),
      issuedMs: nowMs,
      expiresMs: nowMs + lifetimeMs,
      issuer: this.peerId,
      ...(line === undefined ? {} : { line }),
    });
    const signature = this.#key.sign(Buffer.concat([certificateDomain, content]));
    return decodeCertificate(sealByAuthority({ content, signature })) as unknown as VerifiedCertificate;
  }

  /** @throws RangeError for what is out of bounds: whoever asks checks first. */
  invite(request: GrantRequest): Grant {
    const draft = {
      ...request,
      roles: inOrder(request.roles),
      cluster: this.cluster,
      id: Buffer.from(this.#random(grantIdBytes)).toString('hex'),
      authority: this.peerId,
    };
    const content = encodeGrant(draft);
    const signature = this.#key.sign(Buffer.concat([grantDomain, content]));
    return { ...draft, wire: sealByAuthority({ content, signature }) };
  }

  /** As a record, which is how it travels. @throws RangeError for what is out of bounds. */
  revoke(lists: RevocationLists, dot: Dot, nowMs: number): VerifiedRecord {
    const time = { wallMs: nowMs, counter: 0 };
    return new SignedRecordCodec({ cluster: this.cluster }, { key: this.#key }).seal({
      ...dot,
      subject: revocationsSubject,
      author: this.peerId,
      authority: 'self',
      context: [],
      time,
      claimedAt: time,
      leaseMs: 0,
      body: {
        type: 'revocations',
        serials: sorted<Serial>(lists.serials),
        keys: sorted<PeerId>(lists.keys),
      },
    });
  }
}

function inOrder(roles: readonly MemberRole[]): readonly MemberRole[] {
  return memberRoles.filter(role => roles.includes(role));
}

function sorted<Text extends string>(texts: readonly Text[]): readonly Text[] {
  return [...new Set(texts)].sort();
}
