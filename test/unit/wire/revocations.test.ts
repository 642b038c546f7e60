import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import {
  type RevocationLists,
  revocationsSubject,
  revokedKeysMaxCount,
  revokedSerialsMaxCount,
} from '../../../src/core/authority/revocation.ts';
import {
  authorities,
  compareText,
  type RecordDraft,
  recordMaxBytes,
} from '../../../src/core/record/record.ts';
import { peerIdOf } from '../../../src/wire/peer-id.ts';
import { decodeSigned, encodeRecord } from '../../../src/wire/record.ts';
import { recordType } from '../../../src/wire/schema.ts';
import { cluster, codec, contextOf, draft, draftOf, key, keyNumber, node } from './sample-records.ts';

const signature = Buffer.alloc(64, 5);
const serials = Array.from({ length: revokedSerialsMaxCount }, (_, i) => i.toString(16).padStart(16, '0'));
const keys = Array.from({ length: revokedKeysMaxCount }, (_, i) => peerIdOf(Buffer.alloc(32, i + 1))).sort(
  compareText,
);
const [one = '', two = ''] = serials;

function listDraft(lists: Partial<RevocationLists>): RecordDraft {
  return {
    ...draft,
    subject: revocationsSubject,
    authority: 'self',
    context: [],
    leaseMs: 0,
    body: { type: 'revocations', serials: [], keys: [], ...lists },
  };
}

const list = listDraft({ serials: [one, two], keys: keys.slice(0, 1) });

function raw(changes: object): Uint8Array {
  const fields = recordType.decode(encodeRecord(cluster, list)) as unknown as Record<string, unknown>;
  return recordType.encode({ ...fields, ...changes } as never).finish();
}

function decoded(record: Uint8Array) {
  return decodeSigned({ record, signature });
}

function packed(serialsHex: string, keyBytes: Uint8Array = Buffer.alloc(0)): object {
  return { revocations: { serials: Buffer.from(serialsHex, 'hex'), keys: keyBytes } };
}

describe('wire/revocations', () => {
  it('reads a list back as it was drafted, whatever is on it', () => {
    fc.assert(
      fc.property(fc.subarray(serials), fc.subarray(keys), (some, others) => {
        const wanted = listDraft({ serials: some, keys: others });

        const { wire } = codec.seal(wanted);

        assert.deepEqual(draftOf(codec.trust(wire) as RecordDraft), wanted);
      }),
      { numRuns: 200 },
    );
  });

  it('fits the longest list into a record', () => {
    const { wire } = codec.seal(listDraft({ serials, keys }));

    assert.isAtMost(wire.length, recordMaxBytes);
    assert.isDefined(codec.trust(wire));
  });

  it.each([
    ['the untouched one', {}, true],
    ['an empty one', packed(''), true],
    ['half a serial', packed(one.slice(2)), false],
    ['half a key', packed(one, Buffer.alloc(31)), false],
    ['a serial twice', packed(one + one), false],
    ['serials out of order', packed(two + one), false],
    ['one serial too many', packed([...serials, 'f'.repeat(16)].join('')), false],
    ['one key too many', packed('', Buffer.alloc(32 * (revokedKeysMaxCount + 1))), false],
    ['the subject of a node', { subject: 'backend-1' }, false],
    ['another reserved subject', { subject: '~authority/other' }, false],
    ['the subject of health', { subject: `~health/ab/${key.peerId}` }, false],
    ['another authority than self', { authority: 3 }, false],
  ])('takes %s: %s', (_, changes, isTaken) => {
    assert.equal(decoded(raw(changes)) !== undefined, isTaken as boolean);
  });

  it('takes none with a context', () => {
    assert.throws(() => codec.seal({ ...list, context: contextOf([keyNumber(2).peerId]) }), /no context/);
  });

  it('leaves the subject of lists to lists', () => {
    for (const authority of authorities) {
      assert.throws(() =>
        codec.seal({ ...draft, subject: revocationsSubject, authority, body: { type: 'entry', node } }),
      );
    }
  });

  it.each([
    [
      'in a departure that speaks for a host',
      { authority: 'host', body: { type: 'departure', reason: 'left', certificate: Buffer.alloc(1) } },
    ],
    [
      'that is empty',
      { authority: 'self', body: { type: 'departure', reason: 'left', certificate: Buffer.alloc(0) } },
    ],
    [
      'that is too large',
      { authority: 'self', body: { type: 'departure', reason: 'left', certificate: Buffer.alloc(641) } },
    ],
    [
      'that is too large for an entry',
      {
        authority: 'self',
        body: {
          type: 'entry',
          node,
          agent: { multiaddrs: [], probe: '10.0.0.1:1', certificate: Buffer.alloc(641) },
        },
      },
    ],
  ] as const)('seals no certificate %s', (_, fields) => {
    assert.throws(() => codec.seal({ ...draft, ...fields }), RangeError);
  });
});
