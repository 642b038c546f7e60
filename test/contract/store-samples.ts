/** What the suites of the store write. */
import type { VerifiedRecord } from '../../src/core/record/record.ts';
import type { Store, StoredState, StoreOperation } from '../../src/runtime/ports.ts';
import { Speaker } from '../record-builder.ts';
import { codec, draft, keyNumber } from '../unit/wire/sample-records.ts';

export const author = keyNumber(1).peerId;
export const otherAuthor = keyNumber(2).peerId;

/** Claims that agents were taken out. */
export const removal = new Speaker(1).claim('removed', keyNumber(3).peerId);
export const otherRemoval = new Speaker(1).claim('removed', keyNumber(4).peerId);

/** An operator has shut a key out. */
export const ban = new Speaker(1).codec.sealBan({
  issuer: author,
  subject: otherAuthor,
  issuedAtMs: 1_764_000_000_000,
  untilMs: 0,
  isLifted: false,
  reason: 'floods us',
});

export function recordNumber(number: number, sequence = 1): VerifiedRecord {
  return codec.seal({ ...draft, subject: `backend-${number}`, sequence });
}

export function putRecord(number: number, sequence = 1): StoreOperation {
  return { type: 'put-record', record: recordNumber(number, sequence) };
}

/** Subjects and sequences of the records in a state, in its order. */
export function recordsIn(state: StoredState): readonly (readonly [string, number])[] {
  return state.records.map(wire => {
    const record = codec.trust(wire);
    return [record?.subject ?? '?', record?.sequence ?? 0];
  });
}

export async function loadRecords(store: Store) {
  return recordsIn(await store.load());
}
