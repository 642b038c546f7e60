/**
 * Records to bytes and back.
 *
 * Encoding writes known fields in order of number and leaves defaults out, so one claim has one
 * encoding. Decoding answers `undefined` for whatever is malformed or out of bounds, and never throws.
 */
import { hash } from 'node:crypto';
import { type HealthEntry, healthEntriesMaxCount } from '../core/record/health.ts';
import type { HybridTime } from '../core/record/hybrid-time.ts';
import {
  capabilitiesOf,
  type NodeFields,
  nodeTypes,
  type Owner,
  type ServiceKey,
} from '../core/record/node.ts';
import {
  type AgentContact,
  type Body,
  type ContextEntry,
  type Predecessor,
  type RecordDraft,
  recordMaxBytes,
} from '../core/record/record.ts';
import { decodeMessage } from './bounded-reader.ts';
import { recordProblem } from './bounds.ts';
import { type SignedParts, sealEnvelope } from './envelope.ts';
import { GenerationCache } from './generation-cache.ts';
import { peerIdOf, publicKeyBytes, publicKeyOf } from './peer-id.ts';
import { ReceivedRecord } from './received-record.ts';
import { type PackedRevocations, packRevocations, unpackRevocations } from './revocations.ts';
import {
  authorityNames,
  departureNames,
  healthReasonNames,
  nodeTypeNames,
  recordType,
  signedRecordType,
} from './schema.ts';

/** The largest record that is within bounds has fewer than 130 fields; the rest is for later versions. */
const recordFieldsMaxCount = 256;
const envelopeFieldsMaxCount = 8;
const digestBytes = 32;
const subjectHashBytes = 6;
/** A hash and a reason. */
const healthEntryBytes = subjectHashBytes + 1;

// What protobufjs returns. A field that was not sent is the default: 0, '', empty, or null for a message;
// an absent uint64 is 0 as an object, because only the reader knows about plain numbers.
interface TimeMessage {
  readonly wallMs: unknown;
  readonly counter: number;
}
interface ContextMessage {
  readonly author: Uint8Array;
  readonly epoch: unknown;
  readonly sequence: unknown;
  readonly digest: Uint8Array;
}
interface EntryMessage {
  readonly address: string;
  readonly metricsPort: number;
  readonly nodeType: number;
  readonly isLoadBalancer: boolean;
  readonly capabilities: readonly string[];
  readonly lastUpdatedS: unknown;
  readonly agent: AgentContact | null;
  readonly learntFrom: string;
  readonly publicKey: Uint8Array;
}
interface OwnerMessage {
  readonly publicKey: Uint8Array;
  readonly lastUpdatedS: unknown;
}
interface DepartureMessage {
  readonly reason: number;
  readonly certificate: Uint8Array;
  readonly owner: OwnerMessage | null;
}
interface RecordMessage {
  readonly cluster: string;
  readonly subject: string;
  readonly author: Uint8Array;
  readonly epoch: unknown;
  readonly sequence: unknown;
  readonly context: readonly ContextMessage[];
  readonly time: TimeMessage | null;
  readonly claimedAt: TimeMessage | null;
  readonly leaseMs: unknown;
  readonly authority: number;
  readonly body?: 'entry' | 'departure' | 'health' | 'revocations';
  readonly entry: EntryMessage | null;
  readonly departure: DepartureMessage | null;
  readonly health: { readonly unhealthy: Uint8Array } | null;
  readonly revocations: PackedRevocations | null;
  readonly predecessor: PredecessorMessage | null;
}
interface PredecessorMessage {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * The bytes that are signed.
 *
 * @throws RangeError naming what is out of bounds: whoever drafts a record checks its parts first.
 */
export function encodeRecord(cluster: string, draft: RecordDraft): Uint8Array {
  const problem = recordProblem(cluster, draft);
  if (problem !== undefined) throw new RangeError(`this record cannot be sealed: ${problem}`);
  return recordType
    .encode({
      cluster,
      subject: draft.subject,
      author: publicKeyOf(draft.author),
      epoch: draft.epoch,
      sequence: draft.sequence,
      context: draft.context.map(entry => ({
        author: publicKeyOf(entry.author),
        epoch: entry.epoch,
        sequence: entry.sequence,
        digest: Buffer.from(entry.digest, 'hex'),
      })),
      time: draft.time,
      ...(sameTime(draft.claimedAt, draft.time) ? {} : { claimedAt: draft.claimedAt }),
      leaseMs: draft.leaseMs,
      authority: authorityNames.numberOf(draft.authority),
      ...bodyMessage(draft.body),
    } as never)
    .finish();
}

function bodyMessage(body: Body): object {
  if (body.type === 'departure') {
    const { reason, certificate, owner } = body;
    return {
      departure: {
        reason: departureNames.numberOf(reason),
        ...(certificate ? { certificate } : {}),
        ...(owner ? { owner: { ...owner, publicKey: keyBytes(owner.publicKey) } } : {}),
      },
    };
  }
  if (body.type === 'health') return { health: { unhealthy: packHealth(body.entries) } };
  if (body.type === 'revocations') return { revocations: packRevocations(body) };
  const { agent, learntFrom, predecessor } = body;
  const { publicKey, ...node } = body.node;
  return {
    ...(predecessor === undefined ? {} : { predecessor: predecessorMessage(predecessor) }),
    entry: {
      ...node,
      nodeType: nodeTypeNames.numberOf(node.nodeType),
      ...(agent ? { agent } : {}),
      ...(learntFrom === undefined ? {} : { learntFrom }),
      ...(publicKey === undefined ? {} : { publicKey: keyBytes(publicKey) }),
    },
  };
}

function keyBytes(key: ServiceKey): Buffer {
  return Buffer.from(key, 'base64');
}

/** Of whatever length: out of bounds, it has to be seen to be refused. */
function keyText(bytes: Uint8Array): ServiceKey {
  return (bytes as Buffer).toString('base64');
}

function predecessorMessage({ peer, signature }: Predecessor): object {
  return { key: publicKeyOf(peer), signature: Buffer.from(signature, 'hex') };
}

/** Whatever its lengths are: out of bounds, it has to be seen to be refused. */
function predecessorOf({ key, signature }: PredecessorMessage): Predecessor {
  const peer = key.length === publicKeyBytes ? peerIdOf(key) : '';
  return { peer, signature: (signature as Buffer).toString('hex') };
}

function packHealth(entries: readonly HealthEntry[]): Buffer {
  return Buffer.concat(
    entries.flatMap(({ subjectHash, reason }) => [
      Buffer.from(subjectHash, 'hex'),
      Buffer.of(healthReasonNames.numberOf(reason)),
    ]),
  );
}

function unpackHealth(packed: Uint8Array): readonly HealthEntry[] | undefined {
  if (packed.length % healthEntryBytes !== 0) return undefined;
  if (packed.length > healthEntryBytes * healthEntriesMaxCount) return undefined;
  const bytes = packed as Buffer;
  const entries: HealthEntry[] = [];
  for (let at = 0; at < bytes.length; at += healthEntryBytes) {
    const reason = healthReasonNames.nameOf(bytes[at + subjectHashBytes] as number);
    if (reason === undefined) return undefined;
    entries.push({ subjectHash: bytes.toString('hex', at, at + subjectHashBytes), reason });
  }
  return entries;
}

function sameTime(a: HybridTime, b: HybridTime): boolean {
  return a.wallMs === b.wallMs && a.counter === b.counter;
}

/** An envelope as it was stored or received. */
export function decodeEnvelope(bytes: Uint8Array): ReceivedRecord | undefined {
  if (bytes.length > recordMaxBytes) return undefined;
  const parts = decodeMessage<SignedParts>(signedRecordType, bytes, envelopeFieldsMaxCount);
  return parts && decodeSigned(parts);
}

/** The parts of an envelope; both may be views, nothing of them is kept. */
export function decodeSigned(parts: SignedParts): ReceivedRecord | undefined {
  const envelope = sealEnvelope(parts);
  if (envelope === undefined) return undefined;
  const message = decodeMessage<RecordMessage>(recordType, parts.record, recordFieldsMaxCount);
  if (message === undefined) return undefined;
  const draft = draftOf(message);
  if (draft === undefined || recordProblem(message.cluster, draft) !== undefined) return undefined;
  return new ReceivedRecord(sharedName(message.cluster), draft, hash('sha256', parts.record), envelope);
}

/**
 * A record of our own, from what `encodeRecord` made of the draft: everybody else reads the same from it,
 * which is what decoding being the inverse of encoding means (a property test).
 */
export function sealedRecord(
  cluster: string,
  draft: RecordDraft,
  parts: SignedParts,
): ReceivedRecord | undefined {
  const envelope = sealEnvelope(parts);
  if (envelope === undefined) return undefined;
  const context = draft.context.length === 0 ? noContext : draft.context;
  const body =
    draft.body.type === 'entry' ? { ...draft.body, node: compactNode(draft.body.node) } : draft.body;
  const digest = hash('sha256', parts.record);
  return new ReceivedRecord(sharedName(cluster), { ...draft, context, body }, digest, envelope);
}

function draftOf(message: RecordMessage): RecordDraft | undefined {
  const authority = authorityNames.nameOf(message.authority);
  const context = contextOf(message.context);
  const body = bodyOf(message);
  if (authority === undefined || context === undefined || body === undefined || message.time === null) {
    return undefined;
  }
  if (message.author.length !== publicKeyBytes) return undefined;
  const time = timeOf(message.time);
  return {
    subject: message.subject,
    author: peerIdOf(message.author),
    epoch: countOf(message.epoch),
    sequence: countOf(message.sequence),
    authority,
    context,
    time,
    claimedAt: message.claimedAt === null ? time : timeOf(message.claimedAt),
    leaseMs: countOf(message.leaseMs),
    body,
  };
}

function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function timeOf({ wallMs, counter }: TimeMessage): HybridTime {
  return { wallMs: countOf(wallMs), counter };
}

const noContext: readonly ContextEntry[] = Object.freeze([]);

function contextOf(messages: readonly ContextMessage[]): readonly ContextEntry[] | undefined {
  if (messages.length === 0) return noContext;
  const context: ContextEntry[] = [];
  for (const { author, epoch, sequence, digest } of messages) {
    if (author.length !== publicKeyBytes || digest.length !== digestBytes) return undefined;
    context.push({
      author: peerIdOf(author),
      epoch: countOf(epoch),
      sequence: countOf(sequence),
      digest: (digest as Buffer).toString('hex'),
    });
  }
  return context;
}

function bodyOf(message: RecordMessage): Body | undefined {
  const said = plainBodyOf(message);
  if (message.predecessor === null || said === undefined) return said;
  return said.type === 'entry' ? { ...said, predecessor: predecessorOf(message.predecessor) } : undefined;
}

function plainBodyOf({ body, entry, departure, health, revocations }: RecordMessage): Body | undefined {
  if (body === 'departure' && departure !== null) {
    const reason = departureNames.nameOf(departure.reason);
    return reason && { type: 'departure', reason, ...certificateOf(departure), ...ownerOf(departure) };
  }
  if (body === 'revocations' && revocations !== null) {
    const lists = unpackRevocations(revocations);
    return lists && { type: 'revocations', ...lists };
  }
  if (body === 'health' && health !== null) {
    const entries = unpackHealth(health.unhealthy);
    return entries && { type: 'health', entries };
  }
  if (body !== 'entry' || entry === null) return undefined; // Of a later version, or none.
  const node = nodeOf(entry);
  if (node === undefined) return undefined;
  if (entry.learntFrom !== '') {
    // A hint has no contact; with one it is out of bounds, and has to be seen to be refused.
    const agent = entry.agent === null ? {} : { agent: entry.agent };
    return { type: 'entry', node, ...agent, learntFrom: sharedName(entry.learntFrom) };
  }
  if (entry.agent === null) return { type: 'entry', node };
  const { multiaddrs, probe, isBootstrap } = entry.agent;
  const agent = {
    multiaddrs: [...multiaddrs],
    probe,
    ...(isBootstrap === true ? { isBootstrap } : {}),
    ...certificateOf(entry.agent),
  };
  return { type: 'entry', node, agent };
}

/** A copy: what was received is a view of a larger message. */
function certificateOf({ certificate }: { readonly certificate?: Uint8Array }): {
  readonly certificate?: Uint8Array;
} {
  return certificate === undefined || certificate.length === 0
    ? {}
    : { certificate: Uint8Array.from(certificate) };
}

function ownerOf({ owner }: DepartureMessage): { readonly owner?: Owner } {
  if (owner === null) return {};
  return { owner: { publicKey: keyText(owner.publicKey), lastUpdatedS: countOf(owner.lastUpdatedS) } };
}

function compactNode(node: NodeFields): NodeFields {
  return { ...node, capabilities: sharedCapabilities(node.capabilities) };
}

function nodeOf(entry: EntryMessage): NodeFields | undefined {
  const nodeType = nodeTypeNames.nameOf(entry.nodeType);
  if (nodeType === undefined) return undefined;
  return {
    address: entry.address,
    metricsPort: entry.metricsPort,
    nodeType,
    isLoadBalancer: entry.isLoadBalancer,
    capabilities: sharedCapabilities(entry.capabilities),
    lastUpdatedS: countOf(entry.lastUpdatedS),
    ...(entry.publicKey.length === 0 ? {} : { publicKey: keyText(entry.publicKey) }),
  };
}

// --- sharing: thousands of records say the same few things ----------------------------------------

const sharedMaxCount = 256;
const names = new GenerationCache<string, string>(sharedMaxCount);
const lists = new GenerationCache<string, readonly string[]>(sharedMaxCount);
const defaultLists = new Map(nodeTypes.map(type => [capabilitiesOf(type).join(), capabilitiesOf(type)]));

function sharedName(name: string): string {
  const known = names.get(name);
  if (known === undefined) names.set(name, name);
  return known ?? name;
}

function sharedCapabilities(list: readonly string[]): readonly string[] {
  const text = list.join(); // A comma is in no capability that passes the bounds.
  const known = defaultLists.get(text) ?? lists.get(text);
  if (known !== undefined && known.length === list.length) return known;
  const kept = Object.freeze([...list]);
  lists.set(text, kept);
  return kept;
}
