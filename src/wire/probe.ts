/** Datagrams of the failure detector, to bytes and back. */
import { hash } from 'node:crypto';
import {
  claimsPerDatagramMaxCount,
  datagramMaxBytes,
  type ProbeBody,
  type ProbeMessage,
} from '../core/swim/message.ts';
import { type TreeRoot, treeHashLength } from '../core/sync/tree.ts';
import { unreachable } from '../errors.ts';
import type { UnverifiedClaim, UnverifiedProbe } from '../runtime/ports.ts';
import { decodeMessage } from './bounded-reader.ts';
import { isCount } from './bounds.ts';
import { decodeClaim, signatureBytes } from './claim.ts';
import { peerIdOf, publicKeyBytes, publicKeyOf } from './peer-id.ts';
import { datagramType, fieldTag, probeType } from './schema.ts';

const fieldsMaxCount = 48;
/** Tag and length of both fields, and the signature. */
const envelopeBytes = 3 + 2 + signatureBytes;
const paddingTag = fieldTag(probeType, 'padding');

/**
 * No answer is larger than its question: an ack without claims takes at most this, a relay with the ack of the
 * helped at most 451. Shorter questions are none.
 */
export const pingMinBytes = 242;
export const pingRequestMinBytes = 480;
/** Pings are padded to this size unless they are brief: an ack with one claim takes at most 418 bytes. */
export const roomyPingBytes = 420;

interface OriginMessage {
  readonly peer: Uint8Array;
  readonly nonce: unknown;
}
interface QuestionMessage {
  readonly nonce: unknown;
  readonly origin: OriginMessage | null;
}
interface ProbeFields {
  readonly cluster: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly epoch: unknown;
  readonly counter: unknown;
  readonly incarnation: number;
  readonly wallMs: unknown;
  readonly body?: 'ping' | 'ack' | 'pingRequest' | 'nack' | 'relay' | 'news';
  readonly ping: QuestionMessage;
  readonly ack: QuestionMessage;
  readonly pingRequest: { readonly nonce: unknown; readonly target: Uint8Array };
  readonly nack: { readonly nonce: unknown };
  readonly relay: { readonly ack: Uint8Array };
  readonly claims: readonly Uint8Array[];
  readonly table: {
    readonly since: number;
    readonly root: Buffer | readonly never[];
    readonly entries: number;
  } | null;
}

export interface DatagramParts {
  readonly probe: Uint8Array;
  readonly signature: Uint8Array;
}

/** The first four bytes of the SHA-256 of a cluster's name, as a number. */
export function clusterTag(cluster: string): number {
  return hash('sha256', Buffer.from(cluster), 'buffer').readUInt32BE();
}

/** The bytes that are signed. */
export function encodeProbe(tag: number, message: ProbeMessage): Uint8Array {
  const { from, to, epoch, counter, incarnation, wallMs, body, claims, table } = message;
  const content = probeType
    .encode({
      cluster: tag,
      from: publicKeyOf(from),
      to: publicKeyOf(to),
      epoch,
      counter,
      incarnation,
      wallMs,
      ...bodyFields(body),
      claims: claims.map(({ wire }) => wire),
      ...(table === undefined ? {} : { table: { ...table, root: Buffer.from(table.root, 'hex') } }),
    } as never)
    .finish();
  const isRoomy = body.type === 'ping' && body.isBrief !== true;
  return padded(content, isRoomy ? roomyPingBytes : questionMinBytes(body));
}

/** 0 for what is no question. */
function questionMinBytes({ type }: ProbeBody): number {
  if (type === 'ping') return pingMinBytes;
  return type === 'ping-request' ? pingRequestMinBytes : 0;
}

/** @throws RangeError above `datagramMaxBytes`: a bug in whoever chose the claims. */
export function sealDatagram(parts: DatagramParts): Uint8Array {
  const bytes = datagramType.encode(parts as never).finish();
  if (bytes.length > datagramMaxBytes) throw new RangeError(`a datagram of ${bytes.length} bytes`);
  return bytes;
}

export function openDatagram(bytes: Uint8Array): DatagramParts | undefined {
  if (bytes.length > datagramMaxBytes) return undefined;
  const parts = decodeMessage<DatagramParts>(datagramType, bytes, 4);
  return parts?.signature.length === signatureBytes ? parts : undefined;
}

export function decodeProbe(bytes: Uint8Array): (UnverifiedProbe & { readonly tag: number }) | undefined {
  const parts = openDatagram(bytes);
  const fields = parts && decodeMessage<ProbeFields>(probeType, parts.probe, fieldsMaxCount);
  if (fields === undefined || fields.claims.length > claimsPerDatagramMaxCount) return undefined;
  if (fields.from.length !== publicKeyBytes || fields.to.length !== publicKeyBytes) return undefined;
  const body = bodyOf(fields);
  const claims = fields.claims.map(decodeClaim);
  if (body === undefined || claims.includes(undefined)) return undefined;
  // Who asks for more than it sends wants the answer to go to somebody else.
  if (bytes.length < questionMinBytes(body)) return undefined;
  const table = tableOf(fields.table);
  if (fields.table !== null && table === undefined) return undefined;
  return {
    tag: fields.cluster,
    from: peerIdOf(fields.from),
    to: peerIdOf(fields.to),
    epoch: numberOf(fields.epoch),
    counter: numberOf(fields.counter),
    incarnation: fields.incarnation,
    wallMs: numberOf(fields.wallMs),
    body,
    claims: claims as UnverifiedClaim[],
    wire: bytes,
    ...(table === undefined ? {} : { table }),
  };
}

function tableOf(fields: ProbeFields['table']): TreeRoot | undefined {
  if (fields === null || !Buffer.isBuffer(fields.root) || fields.root.length !== treeHashLength / 2)
    return undefined;
  return { since: fields.since, root: fields.root.toString('hex'), entries: fields.entries };
}

function bodyFields(body: ProbeBody): object {
  switch (body.type) {
    case 'ping':
      return { ping: questionFields(body) };
    case 'ack':
      return { ack: questionFields(body) };
    case 'ping-request':
      return { pingRequest: { nonce: body.nonce, target: publicKeyOf(body.target) } };
    case 'nack':
      return { nack: { nonce: body.nonce } };
    case 'relay':
      return { relay: { ack: body.ack } };
    case 'news':
      return { news: {} };
    default:
      return unreachable(body);
  }
}

function questionFields({ nonce, origin }: Extract<ProbeBody, { readonly type: 'ping' | 'ack' }>): object {
  if (origin === undefined) return { nonce };
  return { nonce, origin: { peer: publicKeyOf(origin.peer), nonce: origin.nonce } };
}

function bodyOf(fields: ProbeFields): ProbeBody | undefined {
  switch (fields.body) {
    case 'ping':
      return questionOf('ping', fields.ping);
    case 'ack':
      return questionOf('ack', fields.ack);
    case 'pingRequest': {
      const { nonce, target } = fields.pingRequest;
      if (target.length !== publicKeyBytes) return undefined;
      return { type: 'ping-request', nonce: numberOf(nonce), target: peerIdOf(target) };
    }
    case 'nack':
      return { type: 'nack', nonce: numberOf(fields.nack.nonce) };
    case 'relay':
      return { type: 'relay', ack: fields.relay.ack };
    case 'news':
      return { type: 'news' };
    case undefined: // Of a later version, or none.
      return undefined;
  }
}

function questionOf<Type extends 'ping' | 'ack'>(
  type: Type,
  { nonce, origin }: QuestionMessage,
): Extract<ProbeBody, { readonly type: Type }> | undefined {
  type Body = Extract<ProbeBody, { readonly type: Type }>;
  if (origin === null) return { type, nonce: numberOf(nonce) } as Body;
  if (origin.peer.length !== publicKeyBytes) return undefined;
  const asker = { peer: peerIdOf(origin.peer), nonce: numberOf(origin.nonce) };
  return { type, nonce: numberOf(nonce), origin: asker } as Body;
}

/** An absent number is an object of protobufjs, and means 0. */
function numberOf(value: unknown): number {
  return typeof value === 'number' && isCount(value) ? value : 0;
}

/** A field with zeros at the end, as protobuf allows fields in any order. */
function padded(content: Uint8Array, datagramMinBytes: number): Uint8Array {
  const missing = datagramMinBytes - envelopeBytes - content.length;
  if (missing <= 0) return content;
  const zeros = Math.max(0, missing - (missing < 130 ? 2 : 3));
  const head = missing < 130 ? [paddingTag, zeros] : [paddingTag, (zeros & 127) | 128, zeros >>> 7];
  const bytes = Buffer.alloc(content.length + head.length + zeros);
  bytes.set(content);
  bytes.set(head, content.length);
  return bytes;
}
