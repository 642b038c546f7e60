import { assert, describe, it } from 'vitest';
import {
  comparedSince,
  epochsMaxCount,
  expiryEpochMs,
  expiryEpochOf,
} from '../../../../src/core/sync/expiry.ts';
import { departure, record, startWallMs, time } from '../../../record-builder.ts';

const hourMs = 3_600_000;
const present = Math.floor(startWallMs / expiryEpochMs);

describe('core/sync/expiry', () => {
  it('puts a departed subject where its last record is, and everything else apart', () => {
    const records = [
      record({ time: time(0) }),
      record({ author: 'b', time: time(25 * 60_000), body: departure('left') }),
    ];

    assert.equal(expiryEpochOf(records, true), present + 2);
    assert.equal(expiryEpochOf(records, false), 0);
  });

  for (const [hours, epochsBack] of [
    [24, 142],
    [1, 4],
    [0.5, 1],
    [0.2, 0],
    [30 * 24, epochsMaxCount],
  ] as const) {
    it(`compares ${epochsBack} whole epochs back when departures are kept for ${hours} h`, () => {
      assert.equal(present - comparedSince(hours * hourMs, startWallMs), epochsBack);
    });
  }

  it('compares nothing that a peer whose clock is ten minutes ahead may have begun to forget', () => {
    for (let minute = 0; minute < 20; minute++) {
      const wallMs = startWallMs + minute * 60_000;
      const firstForgottenMs = wallMs + 10 * 60_000 - 24 * hourMs;

      assert.isAtLeast(comparedSince(24 * hourMs, wallMs) * expiryEpochMs, firstForgottenMs);
    }
  });
});
