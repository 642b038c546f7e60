import { assert, describe, it } from 'vitest';
import { clear, datagramDelayMs, streamDelayMs, weatherOf } from '../../../../src/net/faults/rules.ts';
import type { FaultRule } from '../../../../src/runtime/agent-port.ts';
import { seededRandom } from '../../../../src/runtime/seeded-random.ts';

const rule = (parts: Partial<FaultRule>): FaultRule => ({
  cut: false,
  loss: 0,
  latencyMs: 0,
  jitterMs: 0,
  ...parts,
});

/** Gives these numbers in turn, and then the last one for ever. */
function chances(...values: readonly number[]) {
  let index = 0;
  return { next: () => values[Math.min(index++, values.length - 1)] ?? 0 };
}

describe('net/faults/rules', () => {
  it('leaves a peer alone that no rule concerns', () => {
    assert.deepEqual(weatherOf([rule({ from: ['a'], cut: true })], 'b'), clear);
  });

  it('passes a message through all rules that concern its sender', () => {
    const rules = [
      rule({ loss: 0.5, latencyMs: 10 }),
      rule({ from: ['a'], loss: 0.5, latencyMs: 5, jitterMs: 2 }),
      rule({ from: ['b'], cut: true }),
    ];

    assert.deepEqual(weatherOf(rules, 'a'), { isCut: false, loss: 0.75, latencyMs: 15, jitterMs: 2 });
    assert.deepEqual(weatherOf(rules, 'b'), { isCut: true, loss: 0.5, latencyMs: 10, jitterMs: 0 });
  });

  it('loses every datagram of a peer that is cut off', () => {
    assert.isUndefined(datagramDelayMs({ ...clear, isCut: true }, chances(0.999)));
  });

  it.each([
    [0.3, 0.29, undefined],
    [0.3, 0.3, 0],
    [0, 0, 0],
  ])('with a loss of %d and a chance of %d delays a datagram by %s ms', (loss, chance, delayMs) => {
    assert.equal(datagramDelayMs({ ...clear, loss }, chances(chance)), delayMs);
  });

  it.each([
    [100, 0, 0.9, 100],
    [100, 40, 0, 60],
    [100, 40, 0.5, 100],
    [10, 40, 0, 0],
  ])(
    'with %d ms give or take %d and a chance of %d delays by %d ms',
    (latencyMs, jitterMs, chance, delayMs) => {
      assert.equal(streamDelayMs({ ...clear, latencyMs, jitterMs }, chances(chance)), delayMs);
    },
  );

  it.each([
    [[0.9], 0],
    [[0.1, 0.9], 200],
    [[0.1, 0.1, 0.9], 600],
    [[0.1], 12_600],
  ] as const)('sends a lost piece of a stream again: chances %j cost %d ms', (values, delayMs) => {
    assert.equal(streamDelayMs({ ...clear, loss: 0.5 }, chances(...values)), delayMs);
  });

  it('loses the share that it is told to', () => {
    const random = seededRandom(7);
    const weather = { ...clear, loss: 0.3 };

    const lost = Array.from({ length: 20_000 }, () => datagramDelayMs(weather, random)).filter(
      delayMs => delayMs === undefined,
    ).length;

    assert.approximately(lost / 20_000, 0.3, 0.015);
  });
});
