import { assert, describe, it } from 'vitest';
import { parseRfc3339 } from '../../../src/http/timestamp.ts';

describe('http/timestamp', () => {
  const rows: readonly (readonly [string, number | undefined])[] = [
    ['1970-01-01T00:00:00Z', 0],
    ['2025-12-06T05:46:40Z', 1_765_000_000],
    ['2025-12-06T05:46:40.999Z', 1_765_000_000],
    ['2025-12-06t05:46:40z', 1_765_000_000],
    ['2025-12-06 05:46:40+00:00', 1_765_000_000],
    ['2025-12-06T07:46:40+02:00', 1_765_000_000],
    ['2025-12-05T23:16:40-06:30', 1_765_000_000],
    ['2024-02-29T00:00:00Z', 1_709_164_800],
    ['2016-12-31T23:59:60Z', 1_483_228_799],
    ['1969-12-31T23:59:59Z', -1],
    ['2025-02-29T00:00:00Z', undefined],
    ['2025-04-31T00:00:00Z', undefined],
    ['2025-13-01T00:00:00Z', undefined],
    ['2025-12-06T24:00:00Z', undefined],
    ['2025-12-06T05:60:00Z', undefined],
    ['2025-12-06T05:46:40', undefined],
    ['2025-12-06T05:46Z', undefined],
    ['2025-12-06', undefined],
    ['2025-12-06T05:46:40+24:00', undefined],
    ['1765000000', undefined],
    ['', undefined],
  ];
  for (const [text, seconds] of rows) {
    it(`reads "${text}" as ${seconds ?? 'no time'}`, () => {
      assert.equal(parseRfc3339(text), seconds);
    });
  }
});
