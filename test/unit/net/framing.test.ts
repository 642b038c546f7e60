import { assert, describe, it } from 'vitest';
import { FrameDecoder, framePrefix } from '../../../src/net/framing.ts';

describe('net/framing', () => {
  for (const [length, prefix] of [
    [0, [0]],
    [127, [127]],
    [128, [0x80, 1]],
    [16_383, [0xff, 0x7f]],
    [16_384, [0x80, 0x80, 1]],
    [65_536, [0x80, 0x80, 4]],
  ] as const) {
    it(`writes the length ${length} as ${prefix.join(' ')}`, () => {
      assert.deepEqual([...framePrefix(length)], [...prefix]);
    });
  }

  it('accepts the longest allowed frame and refuses one byte more', () => {
    const longest = new FrameDecoder(200).push(Buffer.concat([framePrefix(200), Buffer.alloc(200)]));
    const longer = new FrameDecoder(200).push(framePrefix(201));

    assert.deepEqual(
      longest?.map(frame => frame.length),
      [200],
    );
    assert.isUndefined(longer);
  });

  it('refuses a length that takes more than three bytes', () => {
    assert.isUndefined(new FrameDecoder(1_000).push(Uint8Array.of(0x81, 0x80, 0x80, 0x00)));
  });

  it('refuses limits that the prefix cannot say', () => {
    assert.throws(() => new FrameDecoder(2 ** 21), RangeError);
  });
});
