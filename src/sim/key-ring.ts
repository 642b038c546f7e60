/**
 * The keys of all simulated agents, and the record of what was signed with them.
 *
 * Ed25519 is two thirds of the cost of a simulation, so most runs take signatures that cost next to nothing: a
 * keyed checksum that only this ring can compute, which knows everybody's secret. A simulated attacker can
 * replay, mix up and invent, and still cannot sign for a key that it does not hold.
 */
import type { Digest, PeerId, VerifiedRecord } from '../core/record/record.ts';
import { AgentKey, type SignatureVerifier, type SigningKey } from '../identity/agent-key.ts';
import { SignatureChecker } from '../identity/signature-checker.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import { peerIdOf } from '../wire/peer-id.ts';

const signatureBytes = 64;

export class KeyRing implements SignatureVerifier {
  readonly #seed: number;
  readonly #checker: SignatureChecker | undefined;
  readonly #secrets = new Map<PeerId, number>();
  readonly #sealed = new Map<Digest, PeerId>();
  readonly #said = new Set<Digest>();
  readonly #digests = new Map<string, Digest>();
  readonly #contradictions: string[] = [];

  constructor(options: { readonly seed: number; readonly isReal: boolean }) {
    this.#seed = options.seed;
    this.#checker = options.isReal ? new SignatureChecker() : undefined;
  }

  /** The same for the same numbers: the key on an agent's first disk, on its second one, and so on. */
  key(index: number, disk: number): SigningKey {
    const random = seededRandom(this.#seed, `key ${index} ${disk}`);
    const bytes = Uint8Array.from({ length: 32 }, () => Math.floor(random.next() * 256));
    if (this.#checker !== undefined) return AgentKey.fromSeed(bytes);
    const secret = Math.floor(random.next() * 2 ** 32);
    const peerId = peerIdOf(bytes);
    this.#secrets.set(peerId, secret);
    return { peerId, sign: data => signature(data, secret) };
  }

  verify(author: PeerId, data: Uint8Array, given: Uint8Array): boolean {
    if (this.#checker !== undefined) return this.#checker.verify(author, data, given);
    const secret = this.#secrets.get(author);
    if (secret === undefined) return false;
    const expected = signature(data, secret);
    return Buffer.compare(given, expected) === 0;
  }

  /** An agent that keeps to the protocol has signed this. */
  sealed(record: VerifiedRecord): VerifiedRecord {
    this.#sealed.set(record.digest, record.author);
    return record;
  }

  /** It leaves a process. What was signed and never left, as the process ended before its write did, is nowhere. */
  said(record: VerifiedRecord): void {
    if (this.#said.has(record.digest) || !this.isGenuine(record)) return;
    this.#said.add(record.digest);
    const dot = `${record.author} ${record.epoch} ${record.sequence}`;
    const other = this.#digests.get(dot);
    if (other !== undefined && other !== record.digest)
      this.#contradictions.push(`${record.author} said two things as ${record.epoch}/${record.sequence}`);
    this.#digests.set(dot, record.digest);
  }

  /** Whether its author has really said this. */
  isGenuine({ digest, author }: Pick<VerifiedRecord, 'digest' | 'author'>): boolean {
    return this.#sealed.get(digest) === author;
  }

  /** Agents that said two different things for one dot. */
  get contradictions(): readonly string[] {
    return this.#contradictions;
  }
}

/** FNV-1a twice, from different beginnings, four bytes at a time. */
function signature(data: Uint8Array, secret: number): Uint8Array {
  let high = 0x811c9dc5 ^ secret;
  let low = 0x9dc5811c + secret;
  const { length } = data;
  for (let i = 0; i < length; i += 4) {
    const word =
      byteAt(data, i) |
      (byteAt(data, i + 1) << 8) |
      (byteAt(data, i + 2) << 16) |
      (byteAt(data, i + 3) << 24);
    high = Math.imul(high ^ word, 0x01000193);
    low = Math.imul(low ^ (word >>> 15) ^ word, 0x01000197);
  }
  const bytes = new Uint8Array(signatureBytes);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, high);
  view.setInt32(4, low ^ length);
  return bytes;
}

function byteAt(data: Uint8Array, place: number): number {
  return place < data.length ? (data[place] as number) : 0;
}
