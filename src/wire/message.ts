/**
 * What agents send each other: gossip messages and frames of the sync stream.
 *
 * Envelopes are copied into a message as they are. A message of n records takes at most 3 bytes per
 * record beyond its `wire`, 10 per proof, and 8 in all.
 */
import protobuf from 'protobufjs';
import { certificateMaxBytes } from '../core/authority/certificate.ts';
import { isNodeId } from '../core/record/node.ts';
import type { VerifiedRecord } from '../core/record/record.ts';
import { bansPerMessageMaxCount, type VerifiedBan } from '../core/reputation/ban.ts';
import type { VerifiedClaim } from '../core/swim/claim.ts';
import {
  type HeldItem,
  heldItemsPerFrameMaxCount,
  type ShortDigest,
  type SyncMessage,
  shortDigestLength,
} from '../core/sync/message.ts';
import {
  frameMaxBytes,
  type GossipMessage,
  gossipMaxBytes,
  type UnverifiedBan,
  type UnverifiedClaim,
  type UnverifiedRecord,
} from '../runtime/ports.ts';
import { decodeBan } from './ban.ts';
import { decodeMessage } from './bounded-reader.ts';
import { decodeClaim } from './claim.ts';
import { type SignedParts, signatureBytes } from './envelope.ts';
import { peerIdOf, publicKeyBytes, publicKeyOf } from './peer-id.ts';
import { decodeSigned } from './record.ts';
import { equivocationType, fieldTag, gossipType, recordsType, syncFrameType } from './schema.ts';
import { decodeExchange, type ExchangeFields, encodeExchange } from './sync.ts';

const shortDigestBytes = shortDigestLength / 2;

/** The smallest record there can be takes 122 bytes of a message, so no message within its size holds more. */
const recordsMaxCount = 600;

/** Three for a record, two more for every second one in a proof, and some for later versions. */
const fieldsMaxCount = recordsMaxCount * 4;

/** All that are told to whom one connects to, and what is said of it. */
const claimsMaxCount = 264;

type Pair<Record> = readonly [Record, Record];

/** Only `uint32`, `bytes`, `fork` and `ldelim` of it are used here. */
type Writer = protobuf.Writer;

// --- gossip --------------------------------------------------------------------------------------

const gossipRecordsTag = fieldTag(gossipType, 'records');
const gossipPairsTag = fieldTag(gossipType, 'equivocations');
const gossipBansTag = fieldTag(gossipType, 'bans');
const firstTag = fieldTag(equivocationType, 'first');
const secondTag = fieldTag(equivocationType, 'second');

/** @throws RangeError when the message would be larger than `gossipMaxBytes`. */
export function encodeGossip(
  records: readonly VerifiedRecord[],
  proofs: readonly Pair<VerifiedRecord>[],
  bans: readonly VerifiedBan[] = [],
): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const record of records) writer.uint32(gossipRecordsTag).bytes(record.wire);
  for (const [first, second] of proofs) {
    writer.uint32(gossipPairsTag).fork();
    writer.uint32(firstTag).bytes(first.wire).uint32(secondTag).bytes(second.wire).ldelim();
  }
  if (bans.length > bansPerMessageMaxCount) throw new RangeError(`${bans.length} bans in one message`);
  for (const ban of bans) writer.uint32(gossipBansTag).bytes(ban.wire);
  return finish(writer, gossipMaxBytes);
}

interface GossipFields {
  readonly records: readonly SignedParts[];
  readonly equivocations: readonly {
    readonly first: SignedParts | null;
    readonly second: SignedParts | null;
  }[];
  readonly bans: readonly Uint8Array[];
}

export function decodeGossip(bytes: Uint8Array): GossipMessage | undefined {
  if (bytes.length > gossipMaxBytes) return undefined;
  const message = decodeMessage<GossipFields>(gossipType, bytes, fieldsMaxCount);
  if (message === undefined) return undefined;
  if (message.records.length + message.equivocations.length > recordsMaxCount) return undefined;
  const records = recordsOf(message.records);
  if (records === undefined) return undefined;
  const proofs: Pair<UnverifiedRecord>[] = [];
  for (const { first, second } of message.equivocations) {
    const proof = first && second && proofOf(decodeSigned(first), decodeSigned(second));
    if (!proof) return undefined;
    proofs.push(proof);
  }
  if (message.bans.length > bansPerMessageMaxCount) return undefined;
  const bans = message.bans.map(decodeBan);
  return bans.includes(undefined) ? undefined : { records, proofs, bans: bans as UnverifiedBan[] };
}

/** A proof is two different records of one author for one dot; anything else proves nothing. */
function proofOf(
  first: UnverifiedRecord | undefined,
  second: UnverifiedRecord | undefined,
): Pair<UnverifiedRecord> | undefined {
  if (first === undefined || second === undefined || first.digest === second.digest) return undefined;
  const sameDot = first.epoch === second.epoch && first.sequence === second.sequence;
  return sameDot && first.author === second.author ? [first, second] : undefined;
}

function recordsOf(all: readonly SignedParts[]): readonly UnverifiedRecord[] | undefined {
  const records: UnverifiedRecord[] = [];
  for (const parts of all) {
    const record = decodeSigned(parts);
    if (record === undefined) return undefined;
    records.push(record);
  }
  return records;
}

// --- sync ----------------------------------------------------------------------------------------

const frameRecordsTag = fieldTag(syncFrameType, 'records');
const recordsTag = fieldTag(recordsType, 'records');
const recordsLastTag = fieldTag(recordsType, 'last');

/** @throws RangeError when the frame would be larger than `frameMaxBytes` or names something impossible. */
export function encodeFrame(message: SyncMessage<VerifiedRecord, VerifiedClaim>): Uint8Array {
  if (message.type !== 'records') {
    return finish(syncFrameType.encode(frameFields(message) as never), frameMaxBytes);
  }
  const writer = protobuf.Writer.create().uint32(frameRecordsTag).fork();
  for (const record of message.records) writer.uint32(recordsTag).bytes(record.wire);
  if (message.last) writer.uint32(recordsLastTag).bool(true);
  return finish(writer.ldelim(), frameMaxBytes);
}

function frameFields(
  message: Exclude<SyncMessage<VerifiedRecord, VerifiedClaim>, { type: 'records' }>,
): object {
  switch (message.type) {
    case 'claims':
      return { claims: { claims: message.claims.map(({ wire }) => wire) } };
    case 'look':
      return { look: {} };
    case 'held?':
      return {
        heldQuestion: {
          items: message.items.map(({ subject, digest }) => ({
            subject,
            digest: bytesOf(digest, shortDigestBytes),
          })),
        },
      };
    case 'held':
      return { held: { digests: joinDigests(message.digests) } };
    case 'renewal?':
      return { renewalRequest: {} };
    case 'renewal':
      return { renewal: { certificate: message.certificate } };
    case 'certificate?':
      return { certificateRequest: { key: publicKeyOf(message.key), signature: message.signature } };
    default:
      return encodeExchange(message);
  }
}

/** As protobufjs returns it; bytes that were not sent are an empty array, not an empty buffer. */
interface DigestsFields {
  readonly digests: Buffer | readonly never[];
}

interface FrameFields extends ExchangeFields {
  readonly message?:
    | 'records'
    | 'claims'
    | 'look'
    | 'heldQuestion'
    | 'held'
    | 'renewalRequest'
    | 'renewal'
    | 'certificateRequest'
    | keyof ExchangeFields;
  readonly records: { readonly records: readonly SignedParts[]; readonly last: boolean };
  readonly claims: { readonly claims: readonly Uint8Array[] };
  readonly heldQuestion: {
    readonly items: readonly { readonly subject: string; readonly digest: Buffer | readonly never[] }[];
  };
  readonly held: DigestsFields;
  readonly renewal: { readonly certificate: Uint8Array };
  readonly certificateRequest: { readonly key: Uint8Array; readonly signature: Uint8Array };
}

export function decodeFrame(bytes: Uint8Array): SyncMessage<UnverifiedRecord, UnverifiedClaim> | undefined {
  if (bytes.length > frameMaxBytes) return undefined;
  const frame = decodeMessage<FrameFields>(syncFrameType, bytes, fieldsMaxCount);
  if (frame === undefined) return undefined;
  switch (frame.message) {
    case 'records': {
      if (frame.records.records.length > recordsMaxCount) return undefined;
      const records = recordsOf(frame.records.records);
      return records && { type: 'records', records, last: frame.records.last };
    }
    case 'claims': {
      if (frame.claims.claims.length > claimsMaxCount) return undefined;
      const claims = frame.claims.claims.map(decodeClaim);
      return claims.includes(undefined) ? undefined : { type: 'claims', claims: claims as UnverifiedClaim[] };
    }
    case 'look':
      return { type: 'look' };
    case 'heldQuestion': {
      const items = heldItems(frame.heldQuestion.items);
      return items && { type: 'held?', items };
    }
    case 'held': {
      const digests = splitDigests(frame.held.digests);
      return digests && { type: 'held', digests };
    }
    case 'renewalRequest':
      return { type: 'renewal?' };
    case 'renewal': {
      const { certificate } = frame.renewal;
      if (certificate.length === 0 || certificate.length > certificateMaxBytes) return undefined;
      return { type: 'renewal', certificate: Uint8Array.from(certificate) };
    }
    case 'certificateRequest': {
      const { key, signature } = frame.certificateRequest;
      if (key.length !== publicKeyBytes || signature.length !== signatureBytes) return undefined;
      return { type: 'certificate?', key: peerIdOf(key), signature: Uint8Array.from(signature) };
    }
    case undefined: // A message of a later version.
      return undefined;
    default:
      return decodeExchange(frame.message, frame);
  }
}

function heldItems(items: FrameFields['heldQuestion']['items']): readonly HeldItem[] | undefined {
  if (items.length > heldItemsPerFrameMaxCount) return undefined;
  const found: HeldItem[] = [];
  for (const { subject, digest } of items) {
    const [short, another] = splitDigests(digest) ?? [];
    if (short === undefined || another !== undefined || !isNodeId(subject)) return undefined;
    found.push({ subject, digest: short });
  }
  return found;
}

function joinDigests(digests: readonly ShortDigest[]): Buffer {
  if (digests.length > heldItemsPerFrameMaxCount) {
    throw new RangeError(`${digests.length} digests in one frame`);
  }
  return Buffer.concat(digests.map(digest => bytesOf(digest, shortDigestBytes)));
}

function splitDigests(bytes: DigestsFields['digests']): readonly ShortDigest[] | undefined {
  if (!Buffer.isBuffer(bytes)) return [];
  const count = bytes.length / shortDigestBytes;
  if (!Number.isInteger(count) || count > heldItemsPerFrameMaxCount) return undefined;
  return Array.from({ length: count }, (_, i) =>
    bytes.toString('hex', i * shortDigestBytes, (i + 1) * shortDigestBytes),
  );
}

function bytesOf(hex: string, bytesCount: number): Buffer {
  const bytes = Buffer.from(hex, 'hex');
  if (bytes.length !== bytesCount || hex.length !== bytesCount * 2) {
    throw new RangeError(`${JSON.stringify(hex)} is not a digest of ${bytesCount} bytes`);
  }
  return bytes;
}

function finish(writer: Writer, maxBytes: number): Uint8Array {
  const bytes = writer.finish();
  if (bytes.length > maxBytes)
    throw new RangeError(`a message of ${bytes.length} bytes, at most ${maxBytes}`);
  return bytes;
}
