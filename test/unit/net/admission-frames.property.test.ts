import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { frameBytes, readFrame, readHead } from '../../../src/net/admission-frames.ts';
import { admissionMessageMaxBytes, refusalReasons } from '../../../src/runtime/admission.ts';

const content = fc.uint8Array({ maxLength: admissionMessageMaxBytes });

describe('net/admission-frames', () => {
  it('reads back every message and every refusal that it writes', () => {
    const frames = fc.oneof(
      fc.record({ kind: fc.constant('message' as const), content }),
      fc.record({ kind: fc.constant('refusal' as const), reason: fc.constantFrom(...refusalReasons) }),
    );
    fc.assert(
      fc.property(frames, frame => {
        const bytes = frameBytes(frame);
        const head = readHead(bytes.subarray(0, 3));

        assert.equal(head?.length, bytes.length - 3);
        const read = readFrame(head?.kind ?? 'message', Uint8Array.from(bytes.subarray(3)));
        assert.deepEqual(read, frame);
      }),
    );
  });

  it('never asks for more bytes than a message may have, whatever the head says', () => {
    const heads = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(255), fc.nat(255)).map(bytes => Uint8Array.from(bytes)),
    );
    fc.assert(
      fc.property(heads, bytes => {
        const head = readHead(bytes);

        if (head !== undefined) {
          assert.equal(bytes.length, 3);
          assert.isAtMost(head.length, admissionMessageMaxBytes);
        }
      }),
    );
  });

  it('takes a refusal for a reason that it does not know as a refusal', () => {
    fc.assert(
      fc.property(content, bytes => {
        const frame = readFrame('refusal', bytes);

        assert.isTrue(frame.kind === 'refusal' && refusalReasons.includes(frame.reason));
      }),
    );
  });

  it('writes no message above the limit', () => {
    const tooLong = new Uint8Array(admissionMessageMaxBytes + 1);

    assert.throws(() => frameBytes({ kind: 'message', content: tooLong }), RangeError);
  });
});
