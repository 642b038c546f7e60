/**
 * An exported database: JSON, one row a line, so that it can be read, cut and compared by other programs.
 *
 *     {"kind":"firsthand-export","format":1,"cluster":…}     first
 *     {"kind":"record","subject":…,…,"envelope":…}           signed; the other fields are for the reader
 *     {"kind":"floor"|"clock"|"contact"|"proof"|"reachability"|"removal"|"ban"|"confirmation"|"meta",…}
 *     {"kind":"end","lines":…}                               last, so that a cut-off file is noticed
 *
 * Whatever is signed is checked when it is read; the identity key is not part of it.
 */
import type { StoredConfirmation } from '../core/confirm/confirmation.ts';
import { wantedMembers } from '../core/confirm/confirmation.ts';
import type { MetaName, StoreOperation } from '../core/effects.ts';
import { isClusterName, isNodeId, nodeProblem } from '../core/record/node.ts';
import type { Body, VerifiedRecord } from '../core/record/record.ts';
import { unreachable } from '../errors.ts';
import type { Verifier } from '../identity/verifier.ts';
import type { StoredState } from '../runtime/ports.ts';
import { publicKeyOf } from '../wire/peer-id.ts';

export const exportFormat = 1;
/** The largest row is a floor with some thousand authors; nothing else comes near. */
export const lineMaxBytes = 256 * 1_024;

type Fields = Readonly<Record<string, unknown>>;

export interface Header {
  readonly cluster: string;
}

/** Without header and end. Rows whose bytes cannot be read are left out: `store check` names them. */
export function* linesOf(state: StoredState, verifier: Verifier): Iterable<Fields> {
  for (const wire of state.records) {
    const record = verifier.record(wire);
    if (typeof record !== 'string') yield recordLine(record);
  }
  for (const [subject, floor] of state.floors) yield { kind: 'floor', subject, floor };
  for (const [author, dot] of state.clocks) yield { kind: 'clock', author, ...dot };
  for (const contact of state.contacts) yield { kind: 'contact', ...contact };
  for (const { first, second } of state.proofs)
    yield { kind: 'proof', first: base64(first), second: base64(second) };
  for (const [peer, reachability] of state.reachability)
    yield { kind: 'reachability', peer, ...reachability };
  for (const wire of state.removals) yield { kind: 'removal', claim: base64(wire) };
  for (const wire of state.bans ?? []) yield { kind: 'ban', ban: base64(wire) };
  for (const confirmation of state.confirmations ?? []) yield { kind: 'confirmation', ...confirmation };
  for (const [name, value] of Object.entries(state.meta)) yield { kind: 'meta', name, value };
}

function recordLine(record: VerifiedRecord): Fields {
  const { subject, author, authority, epoch, sequence, time, digest, body, wire } = record;
  const readable = { subject, author, authority, epoch, sequence, time, digest, says: whatSays(body) };
  return { kind: 'record', ...readable, envelope: base64(wire) };
}

function whatSays(body: Body): unknown {
  switch (body.type) {
    case 'entry':
      return body.node;
    case 'departure':
      return body.reason;
    case 'health':
      return body.entries;
    case 'revocations':
      return { serials: body.serials, keys: body.keys };
    default:
      return unreachable(body);
  }
}

/** What is wrong with a line, as the end of a sentence about it. */
export class LineProblem extends Error {}

/** @throws LineProblem */
export function headerOf(line: unknown): Header {
  const { kind, format, cluster } = fieldsOf(line);
  if (kind !== 'firsthand-export') throw new LineProblem('is not the first line of an export');
  if (format !== exportFormat)
    throw new LineProblem(`has format ${String(format)}, and only ${exportFormat} is known`);
  if (typeof cluster !== 'string' || !isClusterName(cluster)) throw new LineProblem('names no cluster');
  return { cluster };
}

/** The row that a line stands for. @throws LineProblem */
export function operationOf(line: unknown, verifier: Verifier, wallMs: number): StoreOperation {
  const fields = fieldsOf(line);
  switch (fields.kind) {
    case 'record': {
      const record = verified(verifier.record(bytesIn(fields, 'envelope')));
      return { type: 'put-record', record };
    }
    case 'floor': {
      const { subject, floor } = fields;
      if (typeof subject !== 'string' || !isSubject(subject)) throw new LineProblem('names no subject');
      if (!Array.isArray(floor)) throw new LineProblem('has no floor');
      return { type: 'put-floor', subject, floor: floor.map(each => authored(fieldsOf(each), wallMs)) };
    }
    case 'clock': {
      const { author, ...dot } = authored(fields, wallMs);
      return { type: 'put-clock', author, dot };
    }
    case 'contact': {
      const { multiaddrs, seenAtMs } = fields;
      if (!Array.isArray(multiaddrs) || multiaddrs.length > 64 || !multiaddrs.every(isShortText))
        throw new LineProblem('has no addresses');
      const contact = {
        peer: peerIn(fields, 'peer'),
        multiaddrs,
        seenAtMs: countIn({ seenAtMs }, 'seenAtMs'),
      };
      return { type: 'put-contact', contact };
    }
    case 'proof': {
      const first = verified(verifier.record(bytesIn(fields, 'first')));
      const second = verified(verifier.record(bytesIn(fields, 'second')));
      const contradicts =
        first.author === second.author &&
        first.epoch === second.epoch &&
        first.sequence === second.sequence &&
        first.digest !== second.digest;
      if (!contradicts) throw new LineProblem('proves nothing');
      return { type: 'put-proof', author: first.author, first: first.wire, second: second.wire };
    }
    case 'reachability': {
      const { history, credibility } = fields;
      if (!isShortText(history) || typeof credibility !== 'number' || !Number.isFinite(credibility))
        throw new LineProblem('says nothing of how a peer was reachable');
      return {
        type: 'put-reachability',
        peer: peerIn(fields, 'peer'),
        reachability: { history, credibility },
      };
    }
    case 'removal':
      return { type: 'put-removal', claim: removal(verifier, bytesIn(fields, 'claim')) };
    case 'ban':
      return { type: 'put-ban', ban: verified(verifier.ban(bytesIn(fields, 'ban'))) };
    case 'confirmation':
      return { type: 'put-confirmation', confirmation: confirmationIn(fields) };
    case 'meta':
      return metaIn(fields, wallMs);
    default:
      throw new LineProblem(
        `is of a kind that is not known: ${JSON.stringify(String(fields.kind).slice(0, 40))}`,
      );
  }
}

/** Two lines that would write one row. */
export function rowName(operation: StoreOperation): string {
  switch (operation.type) {
    case 'put-record':
      return `record ${operation.record.subject} ${operation.record.author}`;
    case 'put-floor':
      return `floor ${operation.subject}`;
    case 'put-clock':
    case 'put-proof':
      return `${operation.type} ${operation.author}`;
    case 'put-contact':
      return `contact ${operation.contact.peer}`;
    case 'put-reachability':
      return `reachability ${operation.peer}`;
    case 'put-removal':
      return `removal ${operation.claim.subject}`;
    case 'put-ban':
      return `ban ${operation.ban.subject} ${operation.ban.issuer}`;
    case 'put-confirmation':
      return `confirmation ${operation.confirmation.id}`;
    case 'put-meta':
      return `meta ${operation.name}`;
    default:
      throw new TypeError(`no line stands for ${operation.type}`);
  }
}

function removal(verifier: Verifier, wire: Uint8Array) {
  const claim = verified(verifier.claim(wire));
  if (claim.kind !== 'removed' && claim.kind !== 'revoked') throw new LineProblem('removes nobody');
  return claim;
}

function confirmationIn(fields: Fields): StoredConfirmation {
  const { subject, digest, wanted, rollback, previous } = fields;
  const word = wantedMembers.find(each => each === wanted);
  if (typeof subject !== 'string' || !isNodeId(subject)) throw new LineProblem('names no subject');
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) throw new LineProblem('names no record');
  if (word === undefined || typeof rollback !== 'boolean')
    throw new LineProblem('does not say what is wanted');
  const before = previous as StoredConfirmation['previous'];
  if (before !== undefined && !isNode(before)) throw new LineProblem('says nothing that could count again');
  const id = countIn(fields, 'id');
  const deadlineWallMs = countIn(fields, 'deadlineWallMs');
  const rest = before === undefined ? {} : { previous: before };
  return { id, subject, digest, wanted: word, deadlineWallMs, rollback, ...rest };
}

function isNode(value: unknown): boolean {
  try {
    return nodeProblem(value as Parameters<typeof nodeProblem>[0]) === undefined;
  } catch {
    return false; // Not even of that shape.
  }
}

function metaIn(fields: Fields, wallMs: number): StoreOperation {
  const { name } = fields;
  const value = countIn(fields, 'value');
  if (name !== 'epoch' && name !== 'alive-at-ms') throw new LineProblem('names no number that is kept');
  return { type: 'put-meta', name: name satisfies MetaName, value: sane(value, wallMs) };
}

/** Nobody vouches for these numbers, and one at the end of the range would end an agent's epochs for ever. */
function sane(value: number, wallMs: number): number {
  if (value > wallMs + aheadMaxMs) throw new LineProblem('is more than a year ahead of this machine’s clock');
  return value;
}

const aheadMaxMs = 366 * 86_400_000;

function authored(fields: Fields, wallMs: number) {
  const epoch = sane(countIn(fields, 'epoch'), wallMs);
  return { author: peerIn(fields, 'author'), epoch, sequence: countIn(fields, 'sequence') };
}

function verified<T extends object>(found: T | string): T {
  if (typeof found === 'string') throw new LineProblem(found);
  return found;
}

function fieldsOf(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new LineProblem('is no JSON object');
}

function bytesIn(fields: Fields, name: string): Buffer {
  const text = fields[name];
  if (typeof text === 'string' && text.length > 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text))
    return Buffer.from(text, 'base64');
  throw new LineProblem(`has no bytes in ${name}`);
}

function peerIn(fields: Fields, name: string): string {
  const peer = fields[name];
  if (typeof peer === 'string' && publicKeyOf(peer) !== undefined) return peer;
  throw new LineProblem(`names no key in ${name}`);
}

function countIn(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new LineProblem(`has no whole number in ${name}`);
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 512;
}

/** A node, or what is reserved for the health of services, or for revocations. */
function isSubject(text: string): boolean {
  return isNodeId(text) || /^~health\/[0-9a-f]{2}\/[A-Za-z0-9]{1,64}$|^~authority\/revocations$/.test(text);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
