import { assert, describe, it, onTestFinished } from 'vitest';
import { Vitals } from '../../../src/telemetry/vitals.ts';

function measuring(): Vitals {
  const vitals = new Vitals();
  onTestFinished(() => vitals.stop());
  return vitals;
}

describe('telemetry/vitals', () => {
  it('measures shares between 0 and 100', () => {
    const vitals = measuring();
    for (const percent of [vitals.cpuPercent(), vitals.memoryPercent(), vitals.gpuPercent() ?? 0]) {
      assert.isAtLeast(percent, 0);
      assert.isAtMost(percent, 100);
    }
    assert.isAbove(vitals.memoryPercent(), 0);
    assert.isAbove(vitals.cpuPercent(), 0, 'this process has done something since it started');
  });

  it('gives two close questions the same sample of the processor', () => {
    const vitals = measuring();
    const first = vitals.cpuPercent();
    for (let _sum = 0, i = 0; i < 1e6; i++) _sum += Math.sqrt(i);

    assert.equal(vitals.cpuPercent(), first);
  });

  it('knows no delay before the event loop has run', () => {
    assert.deepEqual(measuring().eventLoopDelay(), { meanS: 0, p99S: 0, maxS: 0 });
  });

  it('may be stopped twice', () => {
    const vitals = measuring();
    vitals.stop();
    vitals.stop();
  });
});
