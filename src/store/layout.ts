/**
 * How everything that an agent keeps is laid out in its database, schema version 1.
 *
 *     key                     payload
 *     schema                  JSON: the schema version, a number
 *     r!<subject>!<author>    the signed envelope of a record
 *     f!<subject>             JSON: [[author, epoch, sequence], …], below which nothing comes back
 *     c!<author>              JSON: [epoch, sequence], the latest seen of an author
 *     p!<peer>                JSON: [seen at in ms, multiaddr, …], where a peer was last reached
 *     e!<author>              proof of equivocation: 2 bytes length of the first envelope, both envelopes
 *     s!<peer>                JSON: [history, credibility], how well a peer was reachable
 *     x!<peer>                the signed claim that an agent was taken out
 *     q!<sequence>!<receiver> a delivery: 2 bytes length of its facts, JSON of these, 32 bytes link, payload
 *     q!head!<receiver>       what proves that its queue is whole
 *     q!seal                  what proves that all queues are there
 *     d!<number>              JSON: a delivery that did not arrive
 *     k!<number>              JSON: a registration that is to be confirmed, and by when
 *     m!<name>                JSON: a number that outlives a restart
 *
 * A `!` is in no node id and no peer id; receivers come last, for theirs. Keys are ASCII. Each value is a CRC-32 (4 bytes, big-endian) over
 * key and payload, then the payload: LevelDB does not notice every flipped byte, and with the key in
 * the sum a row cannot stand under another's name. A row whose sum does not fit is left out, removed
 * and counted; what it said comes back from the peers.
 */
import { crc32 } from 'node:zlib';
import type { StoredConfirmation } from '../core/confirm/confirmation.ts';
import type { QueueHead, Seal } from '../core/outbox/chain.ts';
import type { DeadLetter, StoredDelivery } from '../core/outbox/delivery.ts';
import type { FloorEntry } from '../core/record/floor.ts';
import type { NodeId } from '../core/record/node.ts';
import type { Dot, PeerId } from '../core/record/record.ts';
import type { StoredReachability } from '../core/swim/reachability.ts';
import type { MetaName, StoredContact, StoredState, StoreOperation } from '../runtime/ports.ts';
import {
  deadLetterBytes,
  deadLetterOf,
  deliveryBytes,
  deliveryOf,
  headBytes,
  headOf,
  sealBytes,
  sealOf,
} from './outbox-rows.ts';

export const schemaVersion = 1;
export const schemaKey = 'schema';

const checksumBytes = 4;

export interface Row {
  readonly key: string;
  /** Absent: the row is deleted. */
  readonly value?: Buffer;
}

/** The row that one operation writes or deletes. */
export function rowOf(operation: StoreOperation): Row {
  switch (operation.type) {
    case 'put-record': {
      const { subject, author, wire } = operation.record;
      return put(`r!${subject}!${author}`, wire);
    }
    case 'delete-record':
      return { key: `r!${operation.subject}!${operation.author}` };
    case 'put-floor': {
      const rows: FloorRow = operation.floor.map(({ author, epoch, sequence }) => [author, epoch, sequence]);
      return putJson(`f!${operation.subject}`, rows);
    }
    case 'delete-floor':
      return { key: `f!${operation.subject}` };
    case 'put-clock': {
      const row: ClockRow = [operation.dot.epoch, operation.dot.sequence];
      return putJson(`c!${operation.author}`, row);
    }
    case 'delete-clock':
      return { key: `c!${operation.author}` };
    case 'put-contact': {
      const { peer, seenAtMs, multiaddrs } = operation.contact;
      const row: ContactRow = [seenAtMs, ...multiaddrs];
      return putJson(`p!${peer}`, row);
    }
    case 'delete-contact':
      return { key: `p!${operation.peer}` };
    case 'put-proof': {
      const { first, second } = operation;
      const length = Buffer.of(first.length >> 8, first.length & 255);
      return put(`e!${operation.author}`, Buffer.concat([length, first, second]));
    }
    case 'put-reachability': {
      const { history, credibility } = operation.reachability;
      const row: ReachabilityRow = [history, credibility];
      return putJson(`s!${operation.peer}`, row);
    }
    case 'delete-reachability':
      return { key: `s!${operation.peer}` };
    case 'put-removal':
      return put(`x!${operation.claim.subject}`, operation.claim.wire);
    case 'put-ban':
      return put(`b!${operation.ban.subject}!${operation.ban.issuer}`, operation.ban.wire);
    case 'delete-ban':
      return { key: `b!${operation.ban.subject}!${operation.ban.issuer}` };
    case 'delete-removal':
      return { key: `x!${operation.peer}` };
    case 'put-delivery': {
      const { sequence, receiver } = operation.delivery;
      return put(deliveryKey(sequence, receiver), deliveryBytes(operation.delivery));
    }
    case 'delete-delivery':
      return { key: deliveryKey(operation.sequence, operation.receiver) };
    case 'put-queue':
      return put(`q!head!${operation.head.receiver}`, headBytes(operation.head));
    case 'delete-queue':
      return { key: `q!head!${operation.receiver}` };
    case 'put-outbox-seal':
      return put('q!seal', sealBytes(operation.seal));
    case 'put-dead-letter':
      return put(`d!${padded(operation.letter.number)}`, deadLetterBytes(operation.letter));
    case 'delete-dead-letter':
      return { key: `d!${padded(operation.number)}` };
    case 'put-confirmation':
      return putJson(`k!${operation.confirmation.id}`, operation.confirmation);
    case 'delete-confirmation':
      return { key: `k!${operation.id}` };
    case 'put-meta':
      return putJson(`m!${operation.name}`, operation.value);
  }
}

export function schemaRow(version: number): Row {
  return putJson(schemaKey, version);
}

/** The version in a schema row, or `undefined` when the row is damaged. */
export function schemaVersionOf(value: Buffer): number | undefined {
  const payload = payloadOf(schemaKey, value);
  return payload && parse<number>(payload);
}

type FloorRow = readonly (readonly [PeerId, number, number])[];
type ClockRow = readonly [number, number];
type ContactRow = readonly [number, ...string[]];
type ReachabilityRow = readonly [string, number];

/** Padded, so that what was written first stands first. */
function padded(number: number): string {
  return String(number).padStart(12, '0');
}

function deliveryKey(sequence: number, receiver: string): string {
  return `q!${padded(sequence)}!${receiver}`;
}

function put(key: string, payload: Uint8Array): Row {
  const value = Buffer.allocUnsafe(checksumBytes + payload.length);
  value.set(payload, checksumBytes);
  value.writeUInt32BE(crc32(payload, crc32(key)));
  return { key, value };
}

function putJson(
  key: string,
  content: FloorRow | ClockRow | ContactRow | ReachabilityRow | StoredConfirmation | number,
): Row {
  return put(key, Buffer.from(JSON.stringify(content)));
}

/** `undefined` when the sum does not fit. */
function payloadOf(key: string, value: Buffer): Buffer | undefined {
  if (value.length < checksumBytes) return undefined;
  const payload = value.subarray(checksumBytes);
  return crc32(payload, crc32(key)) === value.readUInt32BE() ? payload : undefined;
}

/** What the sum covers was written by this file, so its shape needs no second look. */
function parse<T>(payload: Buffer): T {
  return JSON.parse(payload.toString()) as T;
}

/** Collects rows, in order of key, into the state that a starting agent takes over. */
export class StateBuilder {
  readonly #records: Uint8Array[] = [];
  readonly #floors = new Map<NodeId, readonly FloorEntry[]>();
  readonly #clocks = new Map<PeerId, Dot>();
  readonly #contacts: StoredContact[] = [];
  readonly #proofs: { readonly first: Uint8Array; readonly second: Uint8Array }[] = [];
  readonly #reachability = new Map<PeerId, StoredReachability>();
  readonly #removals: Uint8Array[] = [];
  readonly #bans: Uint8Array[] = [];
  readonly #deliveries: StoredDelivery[] = [];
  readonly #heads: QueueHead[] = [];
  readonly #deadLetters: DeadLetter[] = [];
  #seal: Seal | undefined;
  readonly #confirmations: StoredConfirmation[] = [];
  readonly #meta: Partial<Record<MetaName, number>> = {};

  /** False when the row is damaged: it was left out. Of a kind that only later versions know: left alone. */
  add(key: string, value: Buffer): boolean {
    const payload = payloadOf(key, value);
    if (payload === undefined) return false;
    const name = key.slice(2);
    switch (key.slice(0, 2)) {
      case 'r!':
        this.#records.push(payload);
        return true;
      case 'f!':
        this.#floors.set(name, parse<FloorRow>(payload).map(floorEntry));
        return true;
      case 'c!': {
        const [epoch, sequence] = parse<ClockRow>(payload);
        this.#clocks.set(name, { epoch, sequence });
        return true;
      }
      case 'p!': {
        const [seenAtMs, ...multiaddrs] = parse<ContactRow>(payload);
        this.#contacts.push({ peer: name, multiaddrs, seenAtMs });
        return true;
      }
      case 'e!': {
        const secondStart = 2 + payload.readUInt16BE();
        this.#proofs.push({ first: payload.subarray(2, secondStart), second: payload.subarray(secondStart) });
        return true;
      }
      case 's!': {
        const [history, credibility] = parse<ReachabilityRow>(payload);
        this.#reachability.set(name, { history, credibility });
        return true;
      }
      case 'b!':
        this.#bans.push(payload);
        return true;
      case 'x!':
        this.#removals.push(payload);
        return true;
      case 'q!':
        this.#addOutboxRow(name, payload);
        return true;
      case 'd!':
        this.#deadLetters.push(deadLetterOf(payload));
        return true;
      case 'k!':
        this.#confirmations.push(parse<StoredConfirmation>(payload));
        return true;
      case 'm!':
        this.#meta[name as MetaName] = parse<number>(payload);
        return true;
      default:
        return true;
    }
  }

  #addOutboxRow(name: string, payload: Buffer): void {
    if (name === 'seal') {
      this.#seal = sealOf(payload);
    } else if (name.startsWith('head!')) {
      this.#heads.push(headOf(name.slice('head!'.length), payload));
    } else {
      const end = name.indexOf('!');
      this.#deliveries.push(deliveryOf(Number(name.slice(0, end)), name.slice(end + 1), payload));
    }
  }

  finish(damagedRows: number): StoredState {
    return {
      records: this.#records,
      floors: this.#floors,
      clocks: this.#clocks,
      contacts: this.#contacts,
      proofs: this.#proofs,
      reachability: this.#reachability,
      removals: this.#removals,
      bans: this.#bans,
      outbox: {
        heads: this.#heads,
        deliveries: this.#deliveries,
        deadLetters: this.#deadLetters,
        seal: this.#seal,
      },
      confirmations: this.#confirmations,
      meta: this.#meta,
      damagedRows,
    };
  }
}

function floorEntry([author, epoch, sequence]: FloorRow[number]): FloorEntry {
  return { author, epoch, sequence };
}
