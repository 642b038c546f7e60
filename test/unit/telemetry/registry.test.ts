import { assert, describe, it } from 'vitest';
import { MetricRegistry } from '../../../src/telemetry/registry.ts';

describe('telemetry/registry', () => {
  it('reports totals that are kept elsewhere, however often it is scraped', async () => {
    const registry = new MetricRegistry();
    let total = 3;
    registry.totals('things_total', 'Things', ['kind'], report => {
      report(total, { kind: 'a' });
      report(1, { kind: 'b' });
    });
    await registry.text();
    total = 5;

    const text = await registry.text();

    assert.include(text, '# TYPE things_total counter');
    assert.include(text, 'things_total{kind="a"} 5');
    assert.include(text, 'things_total{kind="b"} 1');
  });
});
