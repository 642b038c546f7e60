/** Questions for receipt and their answers, on the real codec. */
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { assert, describe, it } from 'vitest';
import { heldItemsPerFrameMaxCount, type SyncMessage } from '../../../src/core/sync/message.ts';
import { frameMaxBytes } from '../../../src/runtime/ports.ts';
import { decodeFrame, encodeFrame } from '../../../src/wire/message.ts';
import { syncFrameType } from '../../../src/wire/schema.ts';
import { arbitraryShortDigests } from './sample-records.ts';

const arbitraryItem = fc.record({
  subject: fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/),
  digest: fc.stringMatching(/^[0-9a-f]{16}$/),
});

const arbitraryMessage: fc.Arbitrary<SyncMessage<never, never>> = fc.oneof(
  fc.record({
    type: fc.constant('held?' as const),
    items: fc.array(arbitraryItem, { maxLength: heldItemsPerFrameMaxCount }),
  }),
  fc.record({ type: fc.constant('held' as const), digests: arbitraryShortDigests }),
);

function question(...items: readonly object[]): Uint8Array {
  return syncFrameType.encode({ heldQuestion: { items } } as never).finish();
}

describe('wire/message: receipts', () => {
  it('read back as they were written', () => {
    fc.assert(
      fc.property(arbitraryMessage, message => {
        assert.deepEqual(decodeFrame(encodeFrame(message)), message);
      }),
      { numRuns: 100 },
    );
  });

  it('fit a frame, however long the names', () => {
    const item = { subject: 'x'.repeat(128), digest: 'f'.repeat(16) };
    const items = Array.from({ length: heldItemsPerFrameMaxCount }, () => item);

    assert.isAtMost(encodeFrame({ type: 'held?', items }).length, frameMaxBytes);
  });

  const digest = Buffer.alloc(8);
  it.each([
    ['a name that none is', question({ subject: 'a b', digest })],
    ['no name', question({ digest })],
    ['a name too long', question({ subject: 'x'.repeat(129), digest })],
    ['no digest', question({ subject: 'svc' })],
    ['a digest too short', question({ subject: 'svc', digest: Buffer.alloc(7) })],
    ['two digests in the place of one', question({ subject: 'svc', digest: Buffer.alloc(16) })],
    [
      'one item too many',
      question(...Array.from({ length: heldItemsPerFrameMaxCount + 1 }, () => ({ subject: 'svc', digest }))),
    ],
    [
      'half a digest in an answer',
      protobuf.Writer.create()
        .uint32((21 << 3) | 2)
        .fork()
        .uint32(10)
        .bytes(Buffer.alloc(9))
        .ldelim()
        .finish(),
    ],
  ])('are refused with %s', (_, bytes) => {
    assert.isUndefined(decodeFrame(bytes));
  });

  it('are never an exception, whatever the bytes', () => {
    fc.assert(
      fc.property(
        arbitraryMessage,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        (message, changes) => {
          const bytes = Buffer.from(encodeFrame(message));
          for (const [at, value] of changes) bytes[at % bytes.length] = value;

          decodeFrame(bytes);
        },
      ),
      { numRuns: 300 },
    );
  });
});
