import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { FrameDecoder, framePrefix } from '../../../src/net/framing.ts';

const frame = fc.uint8Array({ maxLength: 400 });

describe('net/framing', () => {
  it('gives back what was framed, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.nat(50), { maxLength: 60 }),
        (frames, cuts) => {
          const stream = Buffer.concat(frames.flatMap(bytes => [framePrefix(bytes.length), bytes]));
          const decoder = new FrameDecoder(400);
          const decoded: Uint8Array[] = [];

          let offset = 0;
          for (const length of [...cuts, stream.length]) {
            decoded.push(...(decoder.push(stream.subarray(offset, offset + length)) ?? []));
            offset += length;
          }

          assert.deepEqual(
            decoded.map(bytes => [...bytes]),
            frames.map(bytes => [...bytes]),
          );
        },
      ),
    );
  });

  it('never throws, and stays shut once it has refused', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), chunks => {
        const decoder = new FrameDecoder(100);

        const answers = chunks.map(chunk => decoder.push(chunk));

        const firstRefusal = answers.indexOf(undefined);
        if (firstRefusal !== -1) {
          assert.isTrue(answers.slice(firstRefusal).every(answer => answer === undefined));
        }
      }),
    );
  });
});
