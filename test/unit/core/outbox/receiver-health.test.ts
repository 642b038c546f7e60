import { assert, describe, it } from 'vitest';
import { backoffCeilingMs, ReceiverHealth } from '../../../../src/core/outbox/receiver-health.ts';
import { defaultOutboxSettings } from '../../../../src/core/outbox/settings.ts';

/** Draws always the longest pause. */
const longest = { next: () => 1 };

describe('core/outbox/receiver-health', () => {
  const ceilings: readonly (readonly [number, number | undefined, number])[] = [
    [1, undefined, 1_000],
    [2, undefined, 2_000],
    [3, 40, 4_000],
    [4, 40, 8_000],
    [7, 40, 60_000],
    [500, 40, 60_000],
    [1, 1_500, 3_000],
    [2, 1_500, 6_000],
    [1, 90_000, 60_000],
  ];

  for (const [failures, responseMs, ceilingMs] of ceilings) {
    it(`pauses at most ${ceilingMs} ms after ${failures} failures of one that responds in ${responseMs} ms`, () => {
      assert.equal(backoffCeilingMs(defaultOutboxSettings, failures, responseMs), ceilingMs);
    });
  }

  it('opens after five failures, is half open when its pause is over, and closes with an answer', () => {
    const health = new ReceiverHealth(defaultOutboxSettings, longest, 0, 0);
    for (let i = 0; i < 4; i++) health.failed('refused', 0, 0);
    const before = health.breaker(false, 0);
    health.failed('refused', 0, 0);

    const states = [health.breaker(false, 0), health.breaker(true, 0), health.breaker(false, 60_000)];
    health.answered(10, undefined, 60_000);

    assert.deepEqual(
      [before, ...states, health.breaker(false, 60_000)],
      ['closed', 'open', 'half-open', 'half-open', 'closed'],
    );
  });

  it('waits as long as the receiver asks, up to a bound', () => {
    const health = new ReceiverHealth(defaultOutboxSettings, longest, 0, 0);

    health.failed('too many requests', 30_000, 0);
    const asked = health.nextTryMonoMs;
    health.failed('too many requests', 1e12, 0);

    assert.equal(asked, 30_000);
    assert.equal(health.nextTryMonoMs, 600_000);
  });

  it('goes on with the pause of an earlier run', () => {
    const health = new ReceiverHealth(defaultOutboxSettings, longest, 4, 5_000);

    assert.equal(health.nextTryMonoMs, 13_000);
  });

  it('tries at once whom somebody has seen', () => {
    const health = new ReceiverHealth(defaultOutboxSettings, longest, 4, 0);

    health.seen(100);

    assert.equal(health.nextTryMonoMs, 100);
  });
});
