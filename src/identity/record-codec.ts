/** The wire format joined with this agent's key and cluster. */
import type { PeerId, RecordDraft, VerifiedRecord } from '../core/record/record.ts';
import type { BanDraft, VerifiedBan } from '../core/reputation/ban.ts';
import type { VerifiedClaim } from '../core/swim/claim.ts';
import type { SyncMessage } from '../core/sync/message.ts';
import type {
  GossipMessage,
  RecordCodec,
  UnverifiedBan,
  UnverifiedClaim,
  UnverifiedRecord,
} from '../runtime/ports.ts';
import { decodeBan, encodeBan, openBan, sealBan } from '../wire/ban.ts';
import { openEnvelope } from '../wire/envelope.ts';
import { decodeFrame, decodeGossip, encodeFrame, encodeGossip } from '../wire/message.ts';
import { decodeEnvelope, encodeRecord, sealedRecord } from '../wire/record.ts';
import type { SignatureVerifier, SigningKey } from './agent-key.ts';
import { banDomain, recordDomain } from './domains.ts';
import { SignatureChecker } from './signature-checker.ts';
import { hasGenuinePredecessor, isAskedByBoth } from './succession.ts';

export class SignedRecordCodec implements RecordCodec {
  readonly #cluster: string;
  #key: SigningKey;
  readonly #checker: SignatureVerifier;
  /** Signed before the record: what this is, and for whom. No other use of the key begins like this. */
  readonly #domain: Buffer;

  /** @param components.checker - Ed25519 when not given. */
  constructor(
    options: { readonly cluster: string },
    components: { readonly key: SigningKey; readonly checker?: SignatureVerifier },
  ) {
    this.#cluster = options.cluster;
    this.#key = components.key;
    this.#checker = components.checker ?? new SignatureChecker();
    this.#domain = recordDomain(options.cluster);
  }

  /** What is sealed from now on is signed with this key. */
  takeKey(key: SigningKey): void {
    this.#key = key;
  }

  /** @throws RangeError when the draft is out of bounds or names another author: a bug in the caller. */
  seal(draft: RecordDraft): VerifiedRecord {
    if (draft.author !== this.#key.peerId) throw new RangeError(`cannot sign for ${draft.author}`);
    const record = encodeRecord(this.#cluster, draft);
    const signature = this.#key.sign(Buffer.concat([this.#domain, record]));
    const sealed = sealedRecord(this.#cluster, draft, { record, signature });
    if (sealed === undefined) throw new RangeError(`a record of ${record.length} bytes cannot be sealed`);
    return asVerified(sealed);
  }

  verify(record: UnverifiedRecord): VerifiedRecord | undefined {
    if (record.cluster !== this.#cluster) return undefined;
    const parts = openEnvelope(record.wire);
    const signed = Buffer.concat([this.#domain, parts.record]);
    if (!this.#checker.verify(record.author, signed, parts.signature)) return undefined;
    return hasGenuinePredecessor(this.#cluster, record, this.#checker) ? asVerified(record) : undefined;
  }

  trust(wire: Uint8Array): VerifiedRecord | undefined {
    const record = decodeEnvelope(wire);
    return record?.cluster === this.#cluster ? asVerified(record) : undefined;
  }

  encodeGossip(
    records: readonly VerifiedRecord[],
    proofs: readonly (readonly [VerifiedRecord, VerifiedRecord])[],
    bans: readonly VerifiedBan[] = [],
  ): Uint8Array {
    return encodeGossip(records, proofs, bans);
  }

  /** @throws RangeError when the draft is out of bounds or names another issuer: a bug in the caller. */
  sealBan(draft: BanDraft): VerifiedBan {
    if (draft.issuer !== this.#key.peerId) throw new RangeError(`cannot sign for ${draft.issuer}`);
    const ban = encodeBan(draft);
    const signature = this.#key.sign(Buffer.concat([banDomain(this.#cluster), ban]));
    return { ...draft, wire: sealBan({ ban, signature }) } as BanDraft as VerifiedBan;
  }

  verifyBan(ban: UnverifiedBan): VerifiedBan | undefined {
    const parts = openBan(ban.wire);
    if (parts === undefined) return undefined;
    const signed = Buffer.concat([banDomain(this.#cluster), parts.ban]);
    const isGenuine = this.#checker.verify(ban.issuer, signed, parts.signature);
    return isGenuine ? (ban as BanDraft as VerifiedBan) : undefined;
  }

  trustBan(wire: Uint8Array): VerifiedBan | undefined {
    const ban = decodeBan(wire);
    return ban && (ban as BanDraft as VerifiedBan);
  }

  decodeGossip(bytes: Uint8Array): GossipMessage | undefined {
    return decodeGossip(bytes);
  }

  mayFollow(former: PeerId, next: PeerId, signature: Uint8Array): boolean {
    return isAskedByBoth({ cluster: this.#cluster, former, next }, signature, this.#checker);
  }

  encodeFrame(message: SyncMessage<VerifiedRecord, VerifiedClaim>): Uint8Array {
    return encodeFrame(message);
  }

  decodeFrame(bytes: Uint8Array): SyncMessage<UnverifiedRecord, UnverifiedClaim> | undefined {
    return decodeFrame(bytes);
  }
}

/** The one place where a record becomes verified; each caller above says why it may. */
function asVerified(record: UnverifiedRecord): VerifiedRecord {
  return record as unknown as VerifiedRecord;
}
