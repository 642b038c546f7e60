/** One side of an exchange on a table: messages go over the real codec, so that what they take is what it says. */
import { Ledger } from '../../../../src/core/record/ledger.ts';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import type { VerifiedClaim } from '../../../../src/core/swim/claim.ts';
import { type ExchangeEnd, SyncExchange, type SyncSettings } from '../../../../src/core/sync/exchange.ts';
import { expiryEpochOf } from '../../../../src/core/sync/expiry.ts';
import type { ExchangeMessage, SyncMessage } from '../../../../src/core/sync/message.ts';
import { RecordTree } from '../../../../src/core/sync/tree.ts';
import type { Lie } from '../../../../src/core/sync/walk.ts';
import { treeHash } from '../../../../src/identity/tree-hash.ts';
import { decodeFrame, encodeFrame } from '../../../../src/wire/message.ts';
import { at, record, startWallMs } from '../../../record-builder.ts';

export type Message = SyncMessage<VerifiedRecord, VerifiedClaim>;

export const dayMs = 24 * 3_600_000;

export interface Said {
  readonly from: string;
  readonly message: Message;
  readonly bytes: number;
}

export class Side {
  readonly name: string;
  readonly tree = new RecordTree({ hash: treeHash });
  readonly ledger: Ledger;
  readonly exchange: SyncExchange;
  readonly ends: ExchangeEnd[] = [];
  readonly lies: Lie[] = [];
  isInStep = false;
  monoMs = 0;

  constructor(name: string, records: readonly VerifiedRecord[] = [], settings: Partial<SyncSettings> = {}) {
    this.name = name;
    this.ledger = new Ledger(
      { subjectsPerAuthorMaxCount: 100_000 },
      {
        onSubject: (subject, hash, all) => {
          const isDeparted = this.ledger.resolution(subject).winner?.body.type === 'departure';
          this.tree.put(hash, subject, all, expiryEpochOf(all, isDeparted));
        },
      },
    );
    for (const each of records) this.ledger.admit(each);
    this.exchange = new SyncExchange(settings, {
      self: name,
      tree: this.tree,
      hash: treeHash,
      retentionMs: dayMs,
    });
  }

  get root(): string {
    return this.tree.root(0).root;
  }

  begin(peer: string): readonly Message[] {
    return this.exchange.begin(peer, at(this.monoMs));
  }

  hear(from: string, message: Message): readonly Message[] {
    const now = at(this.monoMs);
    let bytes = 0;
    if (message.type === 'records') {
      for (const each of message.records) {
        bytes += each.wire.length;
        if (this.exchange.takeAsked(from, each)) this.ledger.admit(each);
      }
    }
    const step =
      message.type === 'records'
        ? this.exchange.arrived(from, bytes, message.last, now)
        : this.exchange.receive(from, message as ExchangeMessage, now);
    this.isInStep ||= step.inStep;
    if (step.ended !== undefined) this.ends.push(step.ended);
    if (step.lie !== undefined) this.lies.push(step.lie);
    return step.send;
  }
}

/** Delivers in order, both ways, until nobody has anything more to say; answers with what was said. */
export function talk(
  a: Side,
  b: Side,
  opening: readonly Message[] = a.begin(b.name),
  twist: (from: string, message: Message) => Message | undefined = (_from, message) => message,
): readonly Said[] {
  const said: Said[] = [];
  const queue = opening.map(message => ({ to: b, from: a, message }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { from, to } = next;
    const message = twist(from.name, next.message);
    if (message === undefined) continue;
    const wire = message.type === 'records' ? undefined : encodeFrame(message);
    // Records of these tests are not signed, so they stay as they are; what each takes it says itself.
    const recordBytes =
      message.type === 'records' ? message.records.reduce((n, { wire }) => n + wire.length + 3, 8) : 0;
    said.push({ from: from.name, message, bytes: wire?.length ?? recordBytes });
    if (said.length > 20_000) throw new Error('they never stop');
    const heard = wire === undefined ? message : (decodeFrame(wire) as Message);
    for (const answer of to.hear(from.name, heard)) queue.push({ to: from, from: to, message: answer });
  }
  return said;
}

export function bytesOf(said: readonly Said[]): number {
  return said.reduce((sum, { bytes }) => sum + bytes, 0);
}

export function records(
  author: string,
  count: number,
  wireBytes = 300,
  wallMs = startWallMs,
): VerifiedRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    ...record({ author, subject: `${author}-${i}`, sequence: i + 1, time: { wallMs, counter: 0 } }),
    wire: new Uint8Array(wireBytes),
  }));
}
