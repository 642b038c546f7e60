/** Gathers what is to be gossiped in one turn into as few messages as possible. */
import type { EquivocationProof, VerifiedRecord } from '../core/record/record.ts';
import { bansPerMessageMaxCount, type VerifiedBan } from '../core/reputation/ban.ts';
import { type Clock, gossipMaxBytes, type Network, type RecordCodec } from './ports.ts';

/** Verifying a message must not hold up the receiver's event loop for more than a few milliseconds. */
export const recordsPerMessageMaxCount = 32;
/** Protobuf framing of one record. */
const framingBytes = 8;

export class Publisher {
  readonly #clock: Clock;
  readonly #codec: RecordCodec;
  readonly #network: Network;
  #records: VerifiedRecord[] = [];

  constructor(components: { readonly clock: Clock; readonly codec: RecordCodec; readonly network: Network }) {
    this.#clock = components.clock;
    this.#codec = components.codec;
    this.#network = components.network;
  }

  add(records: readonly VerifiedRecord[]): void {
    if (this.#records.length === 0) this.#clock.soon(() => this.flush());
    for (const record of records) this.#records.push(record);
  }

  addProof(proof: EquivocationProof): void {
    this.#network.publish(this.#codec.encodeGossip([], [[proof.first, proof.second]]));
  }

  addBans(bans: readonly VerifiedBan[]): void {
    for (let i = 0; i < bans.length; i += bansPerMessageMaxCount)
      this.#network.publish(this.#codec.encodeGossip([], [], bans.slice(i, i + bansPerMessageMaxCount)));
  }

  flush(): void {
    const waiting = this.#records;
    this.#records = [];
    let message: VerifiedRecord[] = [];
    let bytes = 0;
    for (const record of waiting) {
      const size = record.wire.length + framingBytes;
      if (message.length === recordsPerMessageMaxCount || bytes + size > gossipMaxBytes) {
        this.#network.publish(this.#codec.encodeGossip(message, []));
        message = [];
        bytes = 0;
      }
      message.push(record);
      bytes += size;
    }
    if (message.length > 0) this.#network.publish(this.#codec.encodeGossip(message, []));
  }
}
