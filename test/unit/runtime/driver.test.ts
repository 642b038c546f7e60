import { assert, describe, it } from 'vitest';
import type { ErrorCode } from '../../../src/errors.ts';
import { FirsthandError } from '../../../src/errors.ts';
import { Speaker, startWallMs } from '../../record-builder.ts';
import { DriverBench } from './driver-bench.ts';
import { settled } from './fake-ports.ts';

/** What a promise came to so far. */
function watched(promise: Promise<unknown>): { outcome: unknown } {
  const watch: { outcome: unknown } = { outcome: 'pending' };
  promise.then(
    value => {
      watch.outcome = value;
    },
    (error: unknown) => {
      watch.outcome = error;
    },
  );
  return watch;
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode> {
  const error = await promise.then(
    () => assert.fail('it was fulfilled'),
    (reason: unknown) => reason,
  );
  assert.instanceOf(error, FirsthandError);
  return error.code;
}

describe('runtime/driver', () => {
  it('answers and publishes a registration only once it is written', async () => {
    const bench = await DriverBench.begun();

    const answer = watched(bench.register('svc'));
    bench.clock.turn();
    await settled();
    const before = { outcome: answer.outcome, published: bench.publishedIds() };
    await bench.store.succeed();
    bench.clock.turn();

    assert.deepEqual(before, { outcome: 'pending', published: [] });
    assert.equal(answer.outcome, true);
    assert.deepEqual(bench.publishedIds(), [['svc']]);
  });

  it('hands checks out and their answers back, one input at a time', async () => {
    const bench = await DriverBench.begun();
    const registered = bench.register('svc', '10.0.0.9:80');
    await bench.write();
    await registered;
    bench.clock.advance(1_000);
    const [check, ...more] = bench.checker.asked;
    bench.trace.length = 0;

    check?.answer({ ok: false, reason: 'not-ready', detail: 'it says so', latencyMs: 1 });

    assert.equal(check?.target, '10.0.0.9:9090');
    assert.deepEqual(more, []);
    assert.deepEqual(bench.trace, ['> checked', '< log']);
    assert.deepInclude(bench.agent.detector().backends[0], {
      id: 'svc',
      state: 'unhealthy',
      lastResult: 'it says so',
    });
  });

  it('answers a repeated registration without a write', async () => {
    const bench = await DriverBench.begun();
    const first = bench.register('svc');
    await bench.write();
    await first;
    const { length } = bench.store.writes;

    assert.isFalse(await bench.register('svc'));
    bench.clock.turn();
    assert.lengthOf(bench.store.writes, length);
  });

  it('writes all registrations of one turn at once and publishes them together', async () => {
    const bench = await DriverBench.begun();
    const writesBefore = bench.store.writes.length;
    const ids = Array.from({ length: 20 }, (_, i) => `svc-${i}`);

    const answers = ids.map(id => bench.register(id));
    await bench.write();
    bench.clock.turn();

    assert.deepEqual(await Promise.all(answers), Array(20).fill(true));
    assert.lengthOf(bench.store.writes, writesBefore + 1);
    assert.lengthOf(bench.store.writes.at(-1) ?? [], 20);
    assert.deepEqual(bench.publishedIds(), [ids]);
  });

  it('leaves what comes in during a write to the next write', async () => {
    const bench = await DriverBench.begun();

    const first = watched(bench.register('first'));
    bench.clock.turn();
    const second = watched(bench.register('second'));
    bench.clock.turn();
    const underWay = bench.store.pendingCount;
    await bench.store.succeed();
    const between = [first.outcome, second.outcome];
    await bench.write();

    assert.equal(underWay, 1);
    assert.deepEqual(between, [true, 'pending']);
    assert.equal(second.outcome, true);
  });

  it('answers STORE_FAILED when the write fails, and publishes nothing', async () => {
    const bench = await DriverBench.begun();

    const answer = bench.register('svc');
    const code = codeOf(answer);
    await bench.failWrite();
    bench.clock.turn();

    assert.equal(await code, 'STORE_FAILED');
    assert.deepEqual(bench.publishedIds(), []);
    assert.deepEqual(bench.logged, ['store_write_failed']);
  });

  it('refuses registrations at once while the store fails', async () => {
    const bench = await DriverBench.begun();
    const failed = codeOf(bench.register('svc'));
    await bench.failWrite();
    await failed;

    assert.equal(await codeOf(bench.register('other')), 'STORE_FAILED');
    assert.isUndefined(bench.protocol.table.ledger.recordBy(bench.me.peer, 'other'));
  });

  it('tries a failed write again until it succeeds, then publishes and takes registrations', async () => {
    const bench = await DriverBench.begun();
    const failed = codeOf(bench.register('svc'));
    await bench.failWrite();
    await failed;
    bench.clock.advance(1_000);
    await bench.store.fail();

    bench.clock.advance(1_000);
    await bench.store.succeed();
    bench.clock.turn();
    const answer = bench.register('other');
    await bench.write();

    const rows = bench.store.writes
      .at(-2)
      ?.map(row => (row.type === 'put-record' ? row.record.subject : row.type));
    assert.deepEqual(rows, ['svc']);
    assert.deepEqual(bench.publishedIds(), [['svc']]);
    assert.deepEqual(bench.logged, ['store_write_failed', 'store_write_failed', 'store_recovered']);
    assert.isTrue(await answer);
  });

  it('lets an input that comes up while another is handled wait its turn', () => {
    const bench = new DriverBench({ seeds: ['/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.3/tcp/1'] });
    bench.network.onDial = ({ key }) =>
      bench.driver.handlers.onDialEnded(key, { ok: false, reason: 'unreachable', text: 'refused' });

    bench.start();

    const told = bench.trace.filter(step => step.startsWith('>') || step === '< dial');
    assert.deepEqual(told, ['> start', '< dial', '< dial', '> dial-failed', '> dial-failed']);
  });

  it('is ready at once when there is nobody to ask, and after the join time-out otherwise', async () => {
    const alone = new DriverBench();
    const seeking = new DriverBench({ seeds: ['/ip4/10.0.0.2/tcp/1'] });
    const ready = [watched(alone.driver.ready), watched(seeking.driver.ready)];

    alone.start();
    seeking.start();
    await settled();
    const atStart = ready.map(({ outcome }) => outcome);
    seeking.clock.advance(3_000);
    await settled();

    assert.deepEqual(atStart, [undefined, 'pending']);
    assert.isUndefined(ready[1]?.outcome);
  });

  it('refuses a registration before the agent is ready', async () => {
    const bench = new DriverBench({ seeds: ['/ip4/10.0.0.2/tcp/1'] });
    bench.start();

    assert.equal(await codeOf(bench.register('svc')), 'NOT_READY');
  });

  it('gives every event the time of the machine', async () => {
    const bench = await DriverBench.begun();
    const heard: string[] = [];
    bench.events.subscribe(({ event }) => heard.push(`${event.event} ${event.data.at}`));

    bench.clock.monoMs = 1_234;
    void bench.register('svc');

    assert.deepEqual(heard, [`record ${new Date(startWallMs + 1_234).toISOString()}`]);
    await bench.write();
  });

  it('publishes the departure before it says that the agent has departed', async () => {
    const bench = await DriverBench.begun();
    const registered = bench.register('svc');
    await bench.write();
    await registered;
    bench.clock.turn();
    bench.network.published.length = 0;

    const departed = bench.driver.depart(true);
    await bench.write();
    await departed;

    assert.deepEqual(bench.publishedIds(), [['svc', 'me']]);
  });

  it('takes up what an earlier run stored', async () => {
    const peer = new Speaker(2);
    const bench = new DriverBench();
    const hosted = bench.me.say({ subject: 'mine' });
    const heard = peer.say({ subject: 'theirs' });

    bench.driver.restore({
      ...(await bench.store.load()),
      records: [hosted.wire, heard.wire, Uint8Array.of(1, 2, 3)],
    });

    assert.deepEqual([...bench.protocol.table.ledger.subjects()], ['mine', 'theirs']);
    assert.deepEqual([...bench.protocol.hosting.hostedIds()], ['mine']);
  });

  it('takes up removals and how well peers were reachable', async () => {
    const [gone, peer] = [new Speaker(2), new Speaker(3)];
    const bench = new DriverBench();

    bench.driver.restore({
      ...(await bench.store.load()),
      removals: [peer.claim('removed', gone.peer).wire, Uint8Array.of(1, 2, 3)],
      reachability: new Map([[peer.peer, { history: 'UUx', credibility: 0.5 }]]),
    });
    bench.start();
    bench.hear(gone, gone.introduce('gone'));
    bench.hear(peer, peer.introduce('peer'));

    assert.isUndefined(bench.agent.listing.get('gone'));
    assert.equal(bench.protocol.detector.member(peer.peer)?.reach.history, 'UUx');
  });

  it('takes an agent out that is gone, and says so once that is written', async () => {
    const bench = await DriverBench.begun();
    const gone = new Speaker(2);
    bench.hear(gone, gone.introduce('gone'));
    bench.refuse(gone);
    await bench.write();

    const removed = watched(bench.agent.remove('gone'));
    await settled();
    const before = removed.outcome;
    await bench.write();

    assert.equal(before, 'pending');
    assert.isUndefined(removed.outcome);
    assert.include(
      bench.store.writes.flat().map(({ type }) => type),
      'put-removal',
    );
    assert.equal(await codeOf(bench.agent.remove('me')), 'STILL_ALIVE');
    assert.equal(await codeOf(bench.agent.remove('gone')), 'UNKNOWN_NODE');
  });

  it('sends a datagram from the common socket, and who is in doubt is asked from one of its own', async () => {
    const bench = await DriverBench.begun();
    const peer = new Speaker(2);
    bench.link(peer);
    bench.hear(peer, peer.introduce('peer'));
    while (bench.probes.sent.length === 0) bench.pass(50);

    const [round] = bench.probes.sent;
    bench.answering(peer);
    bench.pass(2_000);
    bench.probes.sent.length = 0;
    bench.driver.handlers.onLinkDown(peer.peer);
    const [doubt] = bench.probes.sent;

    assert.deepInclude(round, { address: '10.0.0.1:7946' });
    assert.notProperty(round, 'asked');
    assert.deepInclude(doubt, { address: '10.0.0.1:7946', asked: peer.peer });
  });

  it('reads what waits in the socket before it believes that an answer is late', async () => {
    const bench = await DriverBench.begun();
    const peer = new Speaker(2);
    bench.hear(peer, peer.introduce('peer'));
    while (bench.probes.sent.length === 0) bench.pass(50);
    const sent = bench.me.probeCodec.decodeProbe(bench.probes.sent[0]?.bytes ?? new Uint8Array());
    const nonce = sent !== undefined && sent !== 'foreign' && sent.body.type === 'ping' ? sent.body.nonce : 0;
    bench.trace.length = 0;

    bench.clock.advance(600); // The timer is due, and an answer has come in at the same time.
    const beforeTurn = bench.trace.includes('> probe-overdue');
    bench.probed(peer, peer.datagram(bench.me.peer, { type: 'ack', nonce }));
    bench.clock.turn();

    assert.isFalse(beforeTurn);
    assert.isBelow(bench.trace.indexOf('> datagram-received'), bench.trace.indexOf('> probe-overdue'));
    assert.equal(bench.protocol.livenessOf(peer.peer), 'alive');
    assert.match(bench.protocol.detector.member(peer.peer)?.reach.history ?? '', /^U/);
  });

  it('counts agents of other clusters', () => {
    const bench = new DriverBench();

    bench.driver.handlers.onForeign('/ip4/10.0.0.2/tcp/1');

    assert.equal(bench.driver.foreignCount, 1);
  });

  it('waits with stopping until the write under way is durable', async () => {
    const bench = await DriverBench.begun();
    const answer = watched(bench.register('svc'));
    bench.clock.turn();

    const stopped = watched(bench.driver.stop());
    await settled();
    const before = stopped.outcome;
    await bench.store.succeed();

    assert.equal(before, 'pending');
    assert.isUndefined(stopped.outcome);
    assert.equal(answer.outcome, true);
  });

  it('rejects who still waits when it stops', async () => {
    const bench = await DriverBench.begun();
    const failed = codeOf(bench.register('svc'));
    await bench.failWrite();
    await failed;
    const departure = codeOf(bench.driver.depart(true)); // Waits for the next try of the failing store.

    await bench.driver.stop();

    assert.equal(await departure, 'NOT_READY');
  });

  it('stops twice, cancels its timers and ignores what comes after', async () => {
    const bench = await DriverBench.begun();
    const peer = new Speaker(2);

    await Promise.all([bench.driver.stop(), bench.driver.stop()]);
    await bench.driver.stop();
    bench.link(peer);

    assert.equal(bench.clock.timersCount, 0);
    assert.equal(bench.hear(peer, peer.introduce('peer')), 'ignore');
    bench.probed(peer, peer.datagram(bench.me.peer, { type: 'ping', nonce: 1 }));
    assert.deepEqual(bench.probes.sent, []);
    assert.equal(await codeOf(bench.register('svc')), 'NOT_READY');
    assert.notInclude(bench.trace, '> link-up');
    assert.isUndefined(bench.agent.listing.get('peer'));
  });
});
