import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import type { VerifiedClaim } from '../../../src/core/swim/claim.ts';
import type { SyncMessage } from '../../../src/core/sync/message.ts';
import type { UnverifiedClaim, UnverifiedRecord } from '../../../src/runtime/ports.ts';
import { decodeEnvelope } from '../../../src/wire/record.ts';
import { arbitraryClaim, claimDraftOf } from './sample-claims.ts';
import { arbitraryDraft, codec, draftOf } from './sample-records.ts';

const arbitraryRecord = arbitraryDraft.map(draft => codec.seal(draft));

const arbitraryMessage: fc.Arbitrary<SyncMessage<VerifiedRecord, VerifiedClaim>> = fc.oneof(
  fc.record({
    type: fc.constant('records' as const),
    records: fc.array(arbitraryRecord, { maxLength: 5 }),
    last: fc.boolean(),
  }),
  fc.record({ type: fc.constant('claims' as const), claims: fc.array(arbitraryClaim, { maxLength: 5 }) }),
  fc.record({ type: fc.constant('look' as const) }),
);

/** Everything that receives bytes from outside. */
const decoders: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  decodeEnvelope,
  decodeGossip: bytes => codec.decodeGossip(bytes),
  decodeFrame: bytes => codec.decodeFrame(bytes),
  trust: bytes => codec.trust(bytes),
};

const arbitraryValid: fc.Arbitrary<Uint8Array> = fc.oneof(
  arbitraryRecord.map(record => record.wire),
  fc.array(arbitraryRecord, { maxLength: 3 }).map(records => codec.encodeGossip(records, [])),
  arbitraryMessage.map(message => codec.encodeFrame(message)),
);

const arbitraryDamaged = fc
  .tuple(arbitraryValid, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.nat())
  .map(([bytes, changes, cut]) => {
    const damaged = Buffer.from(bytes);
    for (const [at, value] of changes) if (damaged.length > 0) damaged[at % damaged.length] = value;
    return cut % 3 === 0 ? damaged.subarray(0, cut % (damaged.length + 1)) : damaged;
  });

function plain(
  message:
    | SyncMessage<UnverifiedRecord, UnverifiedClaim>
    | SyncMessage<VerifiedRecord, VerifiedClaim>
    | undefined,
) {
  if (message?.type === 'claims') return { ...message, claims: message.claims.map(claimDraftOf) };
  return message?.type === 'records' ? { ...message, records: message.records.map(draftOf) } : message;
}

describe('wire laws', () => {
  it('a record reads back as it was drafted, from its own bytes and from those of others', () => {
    fc.assert(
      fc.property(arbitraryDraft, draft => {
        const record = codec.seal(draft);

        assert.deepEqual(draftOf(record), draft);
        assert.deepEqual(draftOf(codec.trust(record.wire) as VerifiedRecord), draft);
      }),
      { numRuns: 200 },
    );
  });

  it('one draft always has the same bytes', () => {
    fc.assert(
      fc.property(arbitraryDraft, draft => {
        const copy = structuredClone(draft);

        assert.deepEqual(codec.seal(copy).wire, codec.seal(draft).wire);
      }),
      { numRuns: 50 },
    );
  });

  it('a frame reads back as it was written', () => {
    fc.assert(
      fc.property(arbitraryMessage, message => {
        assert.deepEqual(plain(codec.decodeFrame(codec.encodeFrame(message))), plain(message));
      }),
      { numRuns: 200 },
    );
  });

  it('a gossip message reads back as it was written', () => {
    fc.assert(
      fc.property(fc.array(arbitraryRecord, { maxLength: 5 }), records => {
        const message = codec.decodeGossip(codec.encodeGossip(records, []));

        assert.deepEqual(message?.records.map(draftOf), records.map(draftOf));
      }),
      { numRuns: 100 },
    );
  });

  for (const [name, decode] of Object.entries(decoders)) {
    it(`${name} never throws on random bytes and leaves no trace on prototypes`, () => {
      const before = Reflect.ownKeys(Object.prototype);

      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 600 }), bytes => {
          decode(bytes);
        }),
        { numRuns: 1_000 },
      );

      assert.deepEqual(Reflect.ownKeys(Object.prototype), before);
    });

    it(`${name} never throws on damaged or truncated messages`, () => {
      fc.assert(
        fc.property(arbitraryDamaged, bytes => {
          decode(bytes);
        }),
        { numRuns: 500 },
      );
    });
  }

  it('nothing that was changed in transit passes verification as what it was', () => {
    fc.assert(
      fc.property(arbitraryRecord, fc.nat(), fc.integer({ min: 1, max: 255 }), (record, at, flip) => {
        const wire = Buffer.from(record.wire);
        const index = at % wire.length;
        wire[index] = (wire[index] as number) ^ flip;

        const read = decodeEnvelope(wire);

        assert.equal(read && codec.verify(read), undefined);
      }),
      { numRuns: 300 },
    );
  });

  it('every truncation of a record is refused', () => {
    fc.assert(
      fc.property(arbitraryRecord, fc.nat(), (record, cut) => {
        const { wire } = record;

        assert.equal(decodeEnvelope(wire.subarray(0, cut % wire.length)), undefined);
      }),
      { numRuns: 200 },
    );
  });
});
