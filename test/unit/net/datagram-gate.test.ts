import { assert, describe, it } from 'vitest';
import { DatagramGate } from '../../../src/net/datagram-gate.ts';

function excesses(gate: DatagramGate, address: string, count: number, nowMs = 0) {
  return Array.from({ length: count }, () => gate.excess(address, nowMs)).filter(each => each !== undefined);
}

describe('net/datagram-gate', () => {
  const options = { sourcePerSecond: 10, strangersPerSecond: 30 };

  it('lets twice the rate of a second through at once, and then the rate', () => {
    const gate = new DatagramGate(options);

    assert.lengthOf(excesses(gate, '10.0.0.1:9', 25), 5);
    assert.lengthOf(excesses(gate, '10.0.0.1:9', 25, 1_000), 15);
  });

  it('counts all ports of an unknown host together', () => {
    const gate = new DatagramGate(options);

    const refused = Array.from({ length: 25 }, (_, port) => gate.excess(`10.0.0.1:${port + 1}`, 0));

    assert.lengthOf(
      refused.filter(each => each === 'source_rate'),
      5,
    );
  });

  it('bounds what comes from many unknown hosts together', () => {
    const gate = new DatagramGate(options);

    const refused = Array.from({ length: 100 }, (_, host) => gate.excess(`10.0.0.${host + 1}:9`, 0));

    assert.lengthOf(
      refused.filter(each => each === 'strangers_rate'),
      40,
    );
  });

  it('hears a member while its host and all strangers together flood', () => {
    const gate = new DatagramGate(options);
    gate.heard('10.0.0.1:7946');

    excesses(gate, '10.0.0.1:9', 1_000);
    for (let host = 2; host < 250; host += 1) excesses(gate, `10.0.0.${host}:9`, 10);

    assert.isUndefined(gate.excess('10.0.0.1:7946', 0));
    assert.isDefined(gate.excess('10.0.0.1:9', 0));
  });

  it('forgets the member that has been silent longest when there are too many', () => {
    const gate = new DatagramGate({ sourcePerSecond: 10_000, strangersPerSecond: 1 });
    gate.heard('10.0.0.1:1');
    for (let port = 1; port <= 4_096; port += 1) gate.heard(`10.0.0.2:${port}`);

    excesses(gate, '10.0.0.3:1', 10);

    assert.equal(gate.excess('10.0.0.1:1', 0), 'strangers_rate');
    assert.isUndefined(gate.excess('10.0.0.2:1', 0));
  });
});
