/** What an agent does while its disk refuses, and when peers or its own configuration try its patience. */
import { assert, describe, it } from 'vitest';
import { Speaker } from '../../record-builder.ts';
import { DriverBench } from './driver-bench.ts';

async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'done',
    (error: unknown) => (error as { readonly code: string }).code,
  );
}

describe('runtime/driver in an outage', () => {
  it('tries a refused write no more once it has stopped', async () => {
    const bench = await DriverBench.begun();
    const registered = outcomeOf(bench.register('svc'));
    await bench.failWrite();
    bench.clock.advance(1_000);
    await bench.driver.stop();
    await bench.store.fail();
    const writesCount = bench.store.writes.length;

    bench.clock.advance(10_000);

    assert.equal(await registered, 'STORE_FAILED');
    assert.equal(bench.store.writes.length, writesCount);
  });

  it('does not call a departure said that was never written', async () => {
    const bench = await DriverBench.begun();
    const first = outcomeOf(bench.driver.depart(true));
    await bench.failWrite();

    const second = outcomeOf(bench.driver.depart(true));
    bench.clock.advance(1_000);
    await bench.store.fail();

    assert.deepEqual([await first, await second], ['STORE_FAILED', 'STORE_FAILED']);
    assert.deepEqual(bench.publishedIds(), []);
  });

  it('says its departure once the disk takes it', async () => {
    const bench = await DriverBench.begun();
    const first = outcomeOf(bench.driver.depart(false));
    await bench.failWrite();
    const second = outcomeOf(bench.driver.depart(false));
    bench.clock.advance(1_000);

    await bench.write();
    bench.clock.turn();

    assert.equal(await first, 'STORE_FAILED');
    assert.equal(await second, 'done');
    assert.deepEqual(bench.publishedIds(), [['me']]);
  });
});

describe('runtime/driver with an awkward configuration', () => {
  it('does not complain about a seed that is the agent itself', async () => {
    const seed = '/ip4/10.0.0.1/tcp/7946';
    const bench = await DriverBench.begun({ seeds: [seed] });

    bench.driver.handlers.onDialEnded(`seed:${seed}`, {
      ok: false,
      reason: 'self',
      text: 'that is this agent',
    });

    assert.deepEqual(
      bench.agent.status().findings.filter(finding => finding.includes('seed')),
      [],
    );
    assert.deepEqual(bench.agent.mesh().pendingSeeds, []);
  });
});

describe('runtime/intake under pressure', () => {
  it('keeps its queue free of records that nobody asked for', async () => {
    const bench = await DriverBench.begun();
    const pushy = new Speaker(2);
    bench.link(pushy);
    const frame = pushy.codec.encodeFrame({ type: 'records', records: [pushy.say()], last: false });

    for (let i = 0; i < 2_000; i++) bench.driver.handlers.onFrame(pushy.peer, frame);

    assert.notInclude(bench.rejected, 'queue-full');
    assert.isUndefined(bench.protocol.table.listing.get('svc'));
  });
});
