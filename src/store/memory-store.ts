/**
 * A store without a disk, for simulations and tests.
 *
 * What was written outlives `close`: handing the same object to the next agent is that agent's restart.
 */
import type { StoredConfirmation } from '../core/confirm/confirmation.ts';
import type { QueueHead, Seal } from '../core/outbox/chain.ts';
import type { DeadLetter, Receiver, StoredDelivery } from '../core/outbox/delivery.ts';
import type { FloorEntry } from '../core/record/floor.ts';
import type { NodeId } from '../core/record/node.ts';
import type { Dot, PeerId, VerifiedRecord } from '../core/record/record.ts';
import { compareText } from '../core/record/record.ts';
import type { StoredReachability } from '../core/swim/reachability.ts';
import { unreachable } from '../errors.ts';
import type { MetaName, Store, StoredContact, StoredState, StoreOperation } from '../runtime/ports.ts';

interface Proof {
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

export class MemoryStore implements Store {
  readonly #records = new Map<string, VerifiedRecord>();
  readonly #floors = new Map<NodeId, readonly FloorEntry[]>();
  readonly #clocks = new Map<PeerId, Dot>();
  readonly #contacts = new Map<PeerId, StoredContact>();
  readonly #proofs = new Map<PeerId, Proof>();
  readonly #reachability = new Map<PeerId, StoredReachability>();
  readonly #removals = new Map<PeerId, Uint8Array>();
  readonly #bans = new Map<string, Uint8Array>();
  readonly #deliveries = new Map<string, StoredDelivery>();
  readonly #queues = new Map<Receiver, QueueHead>();
  readonly #deadLetters = new Map<number, DeadLetter>();
  #seal: Seal | undefined;
  readonly #confirmations = new Map<number, StoredConfirmation>();
  readonly #meta = new Map<MetaName, number>();

  async load(): Promise<StoredState> {
    return {
      records: sorted(this.#records).map(([, record]) => record.wire),
      floors: new Map(sorted(this.#floors)),
      clocks: new Map(sorted(this.#clocks)),
      contacts: sorted(this.#contacts).map(([, contact]) => contact),
      proofs: sorted(this.#proofs).map(([, proof]) => proof),
      reachability: new Map(sorted(this.#reachability)),
      removals: sorted(this.#removals).map(([, wire]) => wire),
      bans: sorted(this.#bans).map(([, wire]) => wire),
      outbox: {
        heads: sorted(this.#queues).map(([, head]) => head),
        deliveries: [...this.#deliveries.values()],
        deadLetters: [...this.#deadLetters.values()],
        seal: this.#seal,
      },
      confirmations: [...this.#confirmations.values()].sort((a, b) => a.id - b.id),
      meta: Object.fromEntries(this.#meta),
      damagedRows: 0,
    };
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    this.apply(operations);
  }

  /** The same at once. */
  apply(operations: readonly StoreOperation[]): void {
    for (const operation of operations) this.#apply(operation);
  }

  /** One record, as it was written last. */
  record(subject: NodeId, author: PeerId): VerifiedRecord | undefined {
    return this.#records.get(recordKey({ subject, author }));
  }

  /** Another one with the same content. */
  copy(): MemoryStore {
    const copy = new MemoryStore();
    const pairs = [
      [this.#records, copy.#records],
      [this.#floors, copy.#floors],
      [this.#clocks, copy.#clocks],
      [this.#contacts, copy.#contacts],
      [this.#proofs, copy.#proofs],
      [this.#reachability, copy.#reachability],
      [this.#removals, copy.#removals],
      [this.#bans, copy.#bans],
      [this.#deliveries, copy.#deliveries],
      [this.#queues, copy.#queues],
      [this.#deadLetters, copy.#deadLetters],
      [this.#confirmations, copy.#confirmations],
      [this.#meta, copy.#meta],
    ] as const;
    for (const [from, to] of pairs)
      for (const [key, value] of from) (to as Map<unknown, unknown>).set(key, value);
    copy.#seal = this.#seal;
    return copy;
  }

  async close(): Promise<void> {}

  #apply(operation: StoreOperation): void {
    switch (operation.type) {
      case 'put-record':
        this.#records.set(recordKey(operation.record), operation.record);
        break;
      case 'delete-record':
        this.#records.delete(recordKey(operation));
        break;
      case 'put-floor':
        this.#floors.set(operation.subject, operation.floor);
        break;
      case 'delete-floor':
        this.#floors.delete(operation.subject);
        break;
      case 'put-clock':
        this.#clocks.set(operation.author, operation.dot);
        break;
      case 'delete-clock':
        this.#clocks.delete(operation.author);
        break;
      case 'put-contact':
        this.#contacts.set(operation.contact.peer, operation.contact);
        break;
      case 'delete-contact':
        this.#contacts.delete(operation.peer);
        break;
      case 'put-proof':
        this.#proofs.set(operation.author, { first: operation.first, second: operation.second });
        break;
      case 'put-reachability':
        this.#reachability.set(operation.peer, operation.reachability);
        break;
      case 'delete-reachability':
        this.#reachability.delete(operation.peer);
        break;
      case 'put-removal':
        this.#removals.set(operation.claim.subject, operation.claim.wire);
        break;
      case 'put-ban':
        this.#bans.set(banKey(operation.ban), operation.ban.wire);
        break;
      case 'delete-ban':
        this.#bans.delete(banKey(operation.ban));
        break;
      case 'delete-removal':
        this.#removals.delete(operation.peer);
        break;
      case 'put-delivery':
        this.#deliveries.set(deliveryKey(operation.delivery), operation.delivery);
        break;
      case 'delete-delivery':
        this.#deliveries.delete(deliveryKey(operation));
        break;
      case 'put-queue':
        this.#queues.set(operation.head.receiver, operation.head);
        break;
      case 'delete-queue':
        this.#queues.delete(operation.receiver);
        break;
      case 'put-outbox-seal':
        this.#seal = operation.seal;
        break;
      case 'put-dead-letter':
        this.#deadLetters.set(operation.letter.number, operation.letter);
        break;
      case 'delete-dead-letter':
        this.#deadLetters.delete(operation.number);
        break;
      case 'put-confirmation':
        this.#confirmations.set(operation.confirmation.id, operation.confirmation);
        break;
      case 'delete-confirmation':
        this.#confirmations.delete(operation.id);
        break;
      case 'put-meta':
        this.#meta.set(operation.name, operation.value);
        break;
      default:
        unreachable(operation);
    }
  }
}

function recordKey({ subject, author }: { readonly subject: NodeId; readonly author: PeerId }): string {
  return `${subject}!${author}`;
}

function deliveryKey({
  receiver,
  sequence,
}: {
  readonly receiver: Receiver;
  readonly sequence: number;
}): string {
  return `${sequence}!${receiver}`;
}

/** In the order in which a database would return them. */
function sorted<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => compareText(a, b));
}

function banKey({ subject, issuer }: { readonly subject: PeerId; readonly issuer: PeerId }): string {
  return `${subject}!${issuer}`;
}
