/**
 * The production codec, where what one simulated agent has decoded or verified others need not again.
 *
 * Both are functions of the bytes alone, so nothing changes but the time and memory that a thousand agents take.
 */
import type { Digest, VerifiedRecord } from '../core/record/record.ts';
import type { SigningKey } from '../identity/agent-key.ts';
import { SignedRecordCodec } from '../identity/record-codec.ts';
import type { GossipMessage, UnverifiedRecord } from '../runtime/ports.ts';
import type { KeyRing } from './key-ring.ts';

/** Shared by all agents of one simulation. */
export class Decoded {
  readonly gossip = new WeakMap<Uint8Array, { readonly message: GossipMessage | undefined }>();
  readonly verified = new WeakMap<UnverifiedRecord, VerifiedRecord>();
  /** One object for each record, however often it was decoded. */
  readonly records = new Map<Digest, VerifiedRecord>();
}

export class SimRecordCodec extends SignedRecordCodec {
  readonly #decoded: Decoded;
  readonly #keys: KeyRing;

  constructor(
    options: ConstructorParameters<typeof SignedRecordCodec>[0],
    components: { readonly key: SigningKey; readonly keys: KeyRing; readonly decoded: Decoded },
  ) {
    super(options, { key: components.key, checker: components.keys });
    this.#decoded = components.decoded;
    this.#keys = components.keys;
  }

  override encodeGossip(...message: Parameters<SignedRecordCodec['encodeGossip']>): Uint8Array {
    for (const record of message[0]) this.#keys.said(record);
    return super.encodeGossip(...message);
  }

  override encodeFrame(message: Parameters<SignedRecordCodec['encodeFrame']>[0]): Uint8Array {
    if (message.type === 'records') for (const record of message.records) this.#keys.said(record);
    return super.encodeFrame(message);
  }

  override verify(record: UnverifiedRecord): VerifiedRecord | undefined {
    const known = this.#decoded.verified.get(record);
    if (known !== undefined) return known;
    const verified = super.verify(record);
    if (verified === undefined) return undefined;
    const shared = this.#share(verified);
    this.#decoded.verified.set(record, shared);
    return shared;
  }

  override trust(wire: Uint8Array): VerifiedRecord | undefined {
    const record = super.trust(wire);
    return record && this.#share(record);
  }

  override decodeGossip(bytes: Uint8Array): GossipMessage | undefined {
    let decoded = this.#decoded.gossip.get(bytes);
    if (decoded === undefined) {
      decoded = { message: super.decodeGossip(bytes) };
      this.#decoded.gossip.set(bytes, decoded);
    }
    return decoded.message;
  }

  /** The same signed bytes with another good signature would be another object, and are kept apart. */
  #share(record: VerifiedRecord): VerifiedRecord {
    const known = this.#decoded.records.get(record.digest);
    if (known !== undefined) return Buffer.compare(known.wire, record.wire) === 0 ? known : record;
    this.#decoded.records.set(record.digest, record);
    return record;
  }
}
