/**
 * A store without a disk, for simulations and tests.
 *
 * What was written outlives `close`: handing the same object to the next agent is that agent's restart.
 */
import type { StoredConfirmation } from '../core/confirm/confirmation.ts';
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
      confirmations: [...this.#confirmations.values()].sort((a, b) => a.id - b.id),
      meta: Object.fromEntries(this.#meta),
      damagedRows: 0,
    };
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    for (const operation of operations) this.#apply(operation);
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
      case 'delete-removal':
        this.#removals.delete(operation.peer);
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

/** In the order in which a database would return them. */
function sorted<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => compareText(a, b));
}
