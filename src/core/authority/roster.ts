/**
 * Who is a member: the certificates that are known of each key, and the lists of who was shut out.
 *
 * Certificates come with connections and with what agents say about themselves. A connection or a datagram is
 * judged by the clock of the moment. A record is judged by its own time, so that every agent, whenever it hears of
 * it, comes to the same answer: else what a member said while it was one would be refused by whoever hears of
 * it after its certificate has run out, and the tables would differ for ever. Who is revoked is gone with all that
 * it ever said, for the list is the same everywhere.
 */
import type { Refusal } from '../effects.ts';
import { certificateIn, type PeerId, type VerifiedRecord } from '../record/record.ts';
import {
  allowsType,
  type CertificateFault,
  clockToleranceMs,
  lineOf,
  matchesPattern,
  renewalDueMs,
  type Serial,
  timeFault,
  type VerifiedCertificate,
} from './certificate.ts';
import { revocationsSubject } from './revocation.ts';

/** Reads what authorities sign; a function of the bytes alone. */
export interface CertificateReader {
  /** The keys that are trusted to say who is a member. */
  readonly authorities: readonly PeerId[];
  /** `undefined` unless an authority that is trusted has signed it for this cluster. */
  read(wire: Uint8Array): VerifiedCertificate | undefined;
}

/** Why a record is not taken in; `uncertified` may change when its author's certificate comes. */
export type RecordFault = Extract<Refusal, 'uncertified' | 'expired' | 'revoked' | 'misnamed'>;

interface Revoked {
  readonly serials: ReadonlySet<Serial>;
  readonly keys: ReadonlySet<PeerId>;
}

/** Guess: far more than a cluster has members. Those whose certificates ended first make room. */
const certificatesMaxCount = 10_000;
/** A key that was just replaced may say what it was saying, ms. Guess: far above the 50 ms that records take to go round. */
const lastWordsMs = 10_000;

export class Roster {
  readonly #options: { readonly self: PeerId };
  readonly #reader: CertificateReader;
  readonly #certificates = new Map<PeerId, VerifiedCertificate>();
  /** By the key that it began with: the latest certificate of each line that has more than one key. */
  readonly #lines = new Map<PeerId, VerifiedCertificate>();
  /** By authority. */
  readonly #revoked = new Map<PeerId, Revoked>();

  /** @param options.self - Read anew each time: a key can be replaced. */
  constructor(options: { readonly self: PeerId }, components: { readonly reader: CertificateReader }) {
    this.#options = options;
    this.#reader = components.reader;
  }

  isAuthority(peer: PeerId): boolean {
    return this.#reader.authorities.includes(peer);
  }

  certificateOf(peer: PeerId): VerifiedCertificate | undefined {
    return this.#certificates.get(peer);
  }

  /** Takes in what a peer shows of itself. @returns Whether that is news. */
  learn(peer: PeerId, wire: Uint8Array): boolean {
    const certificate = this.#reader.read(wire);
    if (certificate === undefined || certificate.key !== peer) return false;
    this.#noteLine(certificate);
    const known = this.#certificates.get(peer);
    // The latest counts: a renewal moves the end, and nobody can bring an older one back.
    if (known !== undefined && !isLater(certificate, known)) return false;
    this.#certificates.delete(peer);
    this.#certificates.set(peer, certificate);
    this.#makeRoom();
    return true;
  }

  learnFrom(record: VerifiedRecord): boolean {
    const wire = record.authority === 'self' ? certificateIn(record) : undefined;
    return wire !== undefined && this.learn(record.author, wire);
  }

  /** Why a peer is no member now, or `undefined`. */
  fault(peer: PeerId, wallMs: number): CertificateFault | undefined {
    if (this.isKeyRevoked(peer)) return 'revoked';
    const certificate = this.#certificates.get(peer);
    return certificate === undefined ? 'uncertified' : this.faultOf(certificate, wallMs);
  }

  /** The same for a certificate that a peer shows. */
  faultOf(certificate: VerifiedCertificate, wallMs: number): CertificateFault | undefined {
    if (this.#isRevoked(certificate)) return 'revoked';
    return timeFault(certificate, wallMs) ?? (this.#isReplaced(certificate, wallMs) ? 'replaced' : undefined);
  }

  /** What a replaced key has said still counts, until its owner ends it: only who connects is judged by this. */
  #isReplaced(certificate: VerifiedCertificate, wallMs: number): boolean {
    const latest = this.#lines.get(lineOf(certificate).origin);
    return (
      latest !== undefined &&
      latest.key !== certificate.key &&
      isFurther(latest, certificate) &&
      // Both ways: a clock that is behind must not leave the door open.
      Math.abs(wallMs - latest.issuedMs) > lastWordsMs
    );
  }

  #noteLine(certificate: VerifiedCertificate): void {
    if (certificate.line === undefined) return;
    const { origin } = certificate.line;
    const latest = this.#lines.get(origin);
    if (latest !== undefined && !isFurther(certificate, latest)) return;
    this.#lines.delete(origin);
    this.#lines.set(origin, certificate);
    if (this.#lines.size <= certificatesMaxCount) return;
    const [oldest] = this.#lines.keys();
    if (oldest !== undefined) this.#lines.delete(oldest);
  }

  /** Whether this makes the key a member now; nothing is learnt from it. */
  certifies(wire: Uint8Array, key: PeerId, wallMs: number): boolean {
    const certificate = this.#reader.read(wire);
    return certificate?.key === key && this.faultOf(certificate, wallMs) === undefined;
  }

  /** What its author has no right to say. Our own and those of authorities need no certificate. */
  recordFault(record: VerifiedRecord): RecordFault | undefined {
    const { author, authority, subject, time, body } = record;
    if (subject === revocationsSubject) {
      return this.isAuthority(author) ? undefined : 'misnamed';
    }
    if (author === this.#options.self) return undefined;
    if (this.isKeyRevoked(author)) return 'revoked';
    const certificate = this.#certificates.get(author);
    if (certificate === undefined) return 'uncertified';
    if (this.#isRevoked(certificate)) return 'revoked';
    if (time.wallMs > certificate.expiresMs + clockToleranceMs) return 'expired';
    if (authority !== 'self' || body.type === 'health') return undefined;
    if (!matchesPattern(certificate.pattern, subject)) return 'misnamed';
    const type = body.type === 'entry' ? body.node.nodeType : undefined;
    return type === undefined || allowsType(certificate.roles, type) ? undefined : 'misnamed';
  }

  /** Takes in an authority's list in place of its earlier one. @returns Keys whose certificates count no more. */
  revoke(record: VerifiedRecord): readonly PeerId[] {
    if (record.body.type !== 'revocations') return [];
    const { serials, keys } = record.body;
    this.#revoked.set(record.author, { serials: new Set(serials), keys: new Set(keys) });
    const shutOut = new Set(keys);
    for (const [peer, certificate] of this.#certificates) {
      if (this.#isRevoked(certificate)) shutOut.add(peer);
    }
    return [...shutOut];
  }

  /** When it is time to ask for our next certificate; `undefined` while we have none. */
  get renewalDueMs(): number | undefined {
    const own = this.#certificates.get(this.#options.self);
    return own && renewalDueMs(own);
  }

  isKeyRevoked(peer: PeerId): boolean {
    for (const { keys } of this.#revoked.values()) if (keys.has(peer)) return true;
    return false;
  }

  #isRevoked({ serial, key, issuer }: VerifiedCertificate): boolean {
    return this.#revoked.get(issuer)?.serials.has(serial) === true || this.isKeyRevoked(key);
  }

  #makeRoom(): void {
    if (this.#certificates.size <= certificatesMaxCount) return;
    let first: VerifiedCertificate | undefined;
    for (const certificate of this.#certificates.values()) {
      if (certificate.key === this.#options.self) continue;
      if (first === undefined || certificate.expiresMs < first.expiresMs) first = certificate;
    }
    if (first !== undefined) this.#certificates.delete(first.key);
  }
}

/** Of two certificates of one line. */
function isFurther(a: VerifiedCertificate, b: VerifiedCertificate): boolean {
  const [first, second] = [lineOf(a).generation, lineOf(b).generation];
  return first === second ? isLater(a, b) : first > second;
}

function isLater(a: VerifiedCertificate, b: VerifiedCertificate): boolean {
  return a.issuedMs > b.issuedMs || (a.issuedMs === b.issuedMs && a.expiresMs > b.expiresMs);
}
