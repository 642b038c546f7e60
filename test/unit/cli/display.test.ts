import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { jsonText } from '../../../src/cli/context.ts';
import { duration, localTime, safe, shortPeer, shortSpan } from '../../../src/cli/display.ts';

describe('cli/display', () => {
  it.each([
    [-5, '0 s'],
    [0, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [3_599, '59 min'],
    [3_600, '1 h'],
    [12_000, '3 h 20 min'],
    [86_400, '1 d'],
    [93_600, '1 d 2 h'],
  ])('shows %d seconds as %j', (seconds, expected) => {
    assert.equal(duration(seconds), expected);
  });

  it.each([
    [-5, '0.0 s'],
    [49, '0.0 s'],
    [1_240, '1.2 s'],
    [9_999, '9.9 s'],
    [10_000, '10 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [12_000_000, '3 h'],
    [86_399_999, '23 h'],
    [86_400_000, '1 d'],
    [200_000_000, '2 d'],
  ])('shows %d ms in a narrow column as %j', (ms, expected) => {
    assert.equal(shortSpan(ms), expected);
  });

  it('shows the end of a peer id, which tells peers apart', () => {
    assert.equal(shortPeer('12D3KooWGRUu1jBvGWPGkMB4HSbhKrtfjBrCJuN4ZFQn6zKCh2Pm'), '12D3…KCh2Pm');
    assert.equal(shortPeer('short'), 'short');
  });

  it('shows a time that no clock can have as such', () => {
    assert.equal(localTime(Number.MAX_SAFE_INTEGER), 'an impossible time');
  });

  it('keeps printable text as it is and lets no control character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        assert.notMatch(safe(text), /[\p{Cc}\p{Cf}]/u);
      }),
    );
    assert.equal(safe('grün ✓ 10.0.0.1:80'), 'grün ✓ 10.0.0.1:80');
  });

  it('writes JSON that reads back the same and holds no raw control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const written = jsonText({ text });
        assert.notMatch(written, /\p{Cc}/u);
        assert.deepEqual(JSON.parse(written), { text });
      }),
    );
  });
});
