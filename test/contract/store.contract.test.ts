/** What every store promises, whether it writes to a disk or not. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { emptyStoredOutbox } from '../../src/core/outbox/recovery.ts';
import type { Store, StoreOperation } from '../../src/runtime/ports.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import type { StoreSecret } from '../../src/store/store-keys.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import {
  author,
  ban,
  loadRecords,
  otherAuthor,
  otherRemoval,
  putRecord,
  recordNumber,
  removal,
} from './store-samples.ts';

interface Case {
  /** A store with nothing in it. */
  create(): Promise<Store>;
  /** The same store after a restart of its agent. */
  restart(store: Store): Promise<Store>;
  remove(): Promise<void>;
}

function levelCase(durability: 'process' | 'power', secrets: readonly StoreSecret[] = []): Case {
  let directory = '';
  const open = () => LevelStore.open({ directory, durability, secrets }, { log: silentLog });
  return {
    async create() {
      directory = await mkdtemp(join(tmpdir(), 'firsthand-store-'));
      return open();
    },
    async restart(store) {
      await store.close();
      return open();
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

const memoryCase: Case = {
  create: async () => new MemoryStore(),
  async restart(store) {
    await store.close();
    return store;
  },
  remove: async () => {},
};

const cases = {
  MemoryStore: memoryCase,
  LevelStore: levelCase('process'),
  'LevelStore, power': levelCase('power'),
  'LevelStore, sealed': levelCase('process', [{ text: 'a key of sixteen or more', source: 'test' }]),
};

for (const [name, { create, restart, remove }] of Object.entries(cases)) {
  describe(`contract of the store: ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await create();
    });
    afterEach(async () => {
      await store.close();
      await remove();
    });

    it('is empty at first', async () => {
      assert.deepEqual(await store.load(), {
        records: [],
        floors: new Map(),
        clocks: new Map(),
        contacts: [],
        proofs: [],
        reachability: new Map(),
        removals: [],
        bans: [],
        outbox: emptyStoredOutbox,
        confirmations: [],
        meta: {},
        damagedRows: 0,
      });
    });

    it('gives everything back after a restart', async () => {
      const floor = [{ author, epoch: 3, sequence: 4 }];
      const contact = { peer: author, multiaddrs: ['/ip4/10.0.0.1/tcp/1'], seenAtMs: 1_764_000_000_000 };
      const [first, second] = [recordNumber(1).wire, recordNumber(2).wire];

      await store.write([
        putRecord(1),
        { type: 'put-floor', subject: 'backend-1', floor },
        { type: 'put-clock', author, dot: { epoch: Number.MAX_SAFE_INTEGER, sequence: 6 } },
        { type: 'put-contact', contact },
        { type: 'put-proof', author: otherAuthor, first, second },
        { type: 'put-reachability', peer: author, reachability: { history: 'UUxI', credibility: 0.75 } },
        { type: 'put-removal', claim: removal },
        { type: 'put-ban', ban },
        { type: 'put-meta', name: 'epoch', value: 1_764_000_000_000 },
        { type: 'put-meta', name: 'alive-at-ms', value: 0 },
      ]);
      store = await restart(store);

      const state = await store.load();
      const bytes = (wires: readonly Uint8Array[]) => wires.map(wire => Buffer.from(wire).toString('hex'));
      assert.deepEqual(bytes(state.records), bytes([recordNumber(1).wire]));
      assert.deepEqual(state.floors, new Map([['backend-1', floor]]));
      assert.deepEqual(state.clocks, new Map([[author, { epoch: Number.MAX_SAFE_INTEGER, sequence: 6 }]]));
      assert.deepEqual(state.contacts, [contact]);
      assert.deepEqual(
        state.proofs.map(proof => bytes([proof.first, proof.second])),
        [bytes([first, second])],
      );
      assert.deepEqual(state.reachability, new Map([[author, { history: 'UUxI', credibility: 0.75 }]]));
      assert.deepEqual(bytes(state.removals), bytes([removal.wire]));
      assert.deepEqual(bytes(state.bans ?? []), bytes([ban.wire]));
      assert.deepEqual(state.meta, { epoch: 1_764_000_000_000, 'alive-at-ms': 0 });
      assert.equal(state.damagedRows, 0);
    });

    it('forgets what was deleted, and nothing else', async () => {
      const contact = { peer: author, multiaddrs: [], seenAtMs: 1 };
      await store.write([
        putRecord(1),
        putRecord(2),
        { type: 'put-floor', subject: 'a', floor: [] },
        { type: 'put-floor', subject: 'a.b', floor: [] },
        { type: 'put-clock', author, dot: { epoch: 1, sequence: 1 } },
        { type: 'put-clock', author: otherAuthor, dot: { epoch: 1, sequence: 1 } },
        { type: 'put-contact', contact },
        { type: 'put-contact', contact: { ...contact, peer: otherAuthor } },
        { type: 'put-reachability', peer: author, reachability: { history: 'U', credibility: 1 } },
        { type: 'put-reachability', peer: otherAuthor, reachability: { history: 'x', credibility: 1 } },
        { type: 'put-removal', claim: removal },
        { type: 'put-ban', ban },
        { type: 'put-removal', claim: otherRemoval },
      ]);

      await store.write([
        { type: 'delete-record', subject: 'backend-1', author },
        { type: 'delete-floor', subject: 'a' },
        { type: 'delete-clock', author },
        { type: 'delete-contact', peer: author },
        { type: 'delete-reachability', peer: author },
        { type: 'delete-removal', peer: removal.subject },
        { type: 'delete-ban', ban: { issuer: ban.issuer, subject: ban.subject } },
      ]);
      store = await restart(store);

      const state = await store.load();
      assert.deepEqual(await loadRecords(store), [['backend-2', 1]]);
      assert.deepEqual([...state.floors.keys()], ['a.b']);
      assert.deepEqual([...state.clocks.keys()], [otherAuthor]);
      assert.deepEqual(
        state.contacts.map(each => each.peer),
        [otherAuthor],
      );
      assert.deepEqual([...state.reachability.keys()], [otherAuthor]);
      assert.deepEqual(
        state.removals.map(wire => Buffer.from(wire)),
        [Buffer.from(otherRemoval.wire)],
      );
      assert.deepEqual(state.bans, []);
    });

    it('takes the deletion of what is not there', async () => {
      await store.write([{ type: 'delete-record', subject: 'nobody', author }]);

      assert.deepEqual(await loadRecords(store), []);
    });

    it('keeps one record an author and subject: the last one written', async () => {
      await store.write([putRecord(1, 1), putRecord(1, 3), putRecord(1, 2)]);

      assert.deepEqual(await loadRecords(store), [['backend-1', 2]]);
    });

    it('keeps the records of two authors about one subject apart', async () => {
      const other = { ...recordNumber(1), author: otherAuthor, wire: recordNumber(1).wire } as never;
      await store.write([putRecord(1), { type: 'put-record', record: other }]);

      await store.write([{ type: 'delete-record', subject: 'backend-1', author }]);

      assert.lengthOf((await store.load()).records, 1);
    });

    it('applies one write in its order', async () => {
      await store.write([
        putRecord(1),
        { type: 'delete-record', subject: 'backend-1', author },
        putRecord(2),
      ]);

      assert.deepEqual(await loadRecords(store), [['backend-2', 1]]);
    });

    it('applies writes in the order in which they were asked for, without waiting in between', async () => {
      const writes = Array.from({ length: 200 }, (_, i) =>
        store.write([putRecord(1, i + 1), putRecord(2, i + 1)]),
      );

      await Promise.all(writes);
      store = await restart(store);

      assert.deepEqual(await loadRecords(store), [
        ['backend-1', 200],
        ['backend-2', 200],
      ]);
    });

    it('takes a write of nothing', async () => {
      await store.write([]);

      assert.deepEqual(await loadRecords(store), []);
    });

    it('finishes what was asked for before it closes, and closes twice', async () => {
      const written = Promise.all([1, 2, 3].map(number => store.write([putRecord(number)])));
      store = await restart(store);
      await written;

      await store.close();
      await store.close();
      store = await restart(store);

      assert.lengthOf(await loadRecords(store), 3);
    });

    it('returns records by subject', async () => {
      const numbers = [5, 1, 9, 3];

      for (const number of numbers) await store.write([putRecord(number)] satisfies StoreOperation[]);

      assert.deepEqual(
        (await loadRecords(store)).map(([subject]) => subject),
        ['backend-1', 'backend-3', 'backend-5', 'backend-9'],
      );
    });
  });
}
