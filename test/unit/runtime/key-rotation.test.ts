import { assert, describe, it } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { certificateFor } from '../../authority-builder.ts';
import { Speaker } from '../../record-builder.ts';
import { DriverBench } from './driver-bench.ts';
import { settled } from './fake-ports.ts';

const next = new Speaker(9);

/** Writes what waits, and lets time go by, until it is done. */
async function finished<T>(bench: DriverBench, answer: Promise<T>): Promise<T> {
  let isDone = false;
  const done = answer.finally(() => {
    isDone = true;
  });
  done.catch(() => {}); // The caller looks at it.
  for (let i = 0; i < 100 && !isDone; i++) {
    bench.clock.advance(100);
    await bench.writeAll();
    await settled();
  }
  return done;
}

function codeOf(answer: Promise<unknown>): Promise<string | undefined> {
  return answer.then(
    () => undefined,
    (error: unknown) => (error instanceof FirsthandError ? error.code : String(error)),
  );
}

describe('runtime/key rotation', () => {
  it('changes the key, then the network, and ends the former key when the overlap is over', async () => {
    const bench = await DriverBench.begun();
    const before = bench.agent.identity.peerId;

    const view = await finished(bench, bench.agent.rotateKey());
    const during = bench.agent.keys();
    bench.clock.advance(61_000);
    for (let i = 0; i < 5; i++) {
      await bench.writeAll();
      await settled();
    }

    assert.equal(view.peerId, next.peer);
    assert.equal(bench.agent.identity.peerId, next.peer);
    assert.equal(during.former?.peerId, before);
    assert.equal(bench.networkMovesCount, 1);
    assert.isTrue(bench.protocol.retirement.isRevoked(before));
    assert.deepEqual(bench.agent.keys(), { id: 'me', peerId: next.peer });
    assert.deepEqual(bench.failedSteps, []);
  });

  it('refuses to change a key while the one before still counts, and says how long that is', async () => {
    const bench = await DriverBench.begun();
    await finished(bench, bench.agent.rotateKey());

    const refused = await bench.agent.rotateKey().catch((error: unknown) => error as FirsthandError);

    assert.instanceOf(refused, FirsthandError);
    assert.equal((refused as FirsthandError).code, 'KEY_CHANGING');
    assert.match((refused as FirsthandError).message, /ends in \d+ s/);
  });

  it('changes nothing without a certificate for the next key where an authority says who is a member', async () => {
    const bench = await DriverBench.begun({ isCertified: true });
    const before = bench.agent.keys();

    const code = await codeOf(finished(bench, bench.agent.rotateKey()));

    assert.equal(code, 'NO_ISSUER');
    assert.deepEqual(bench.agent.keys(), before);
    assert.equal(bench.keys.former, undefined);
    assert.equal(bench.networkMovesCount, 0);
    assert.deepEqual(bench.kept, []);
  });

  it('writes the certificate for the next key down before the key is changed', async () => {
    const bench = await DriverBench.begun({ isCertified: true });
    const before = bench.agent.identity.peerId;
    const line = { origin: before, generation: 1 };
    const { wire } = certificateFor(next.peer, { line });

    const rotated = bench.agent.rotateKey();
    await settled();
    const peerWhenAsked = bench.agent.identity.peerId;
    bench.driver.feed({ type: 'renewed', certificate: wire });
    const view = await finished(bench, rotated);

    assert.equal(peerWhenAsked, before);
    assert.deepEqual(bench.kept, [wire]);
    assert.equal(view.peerId, next.peer);
    assert.deepEqual(bench.protocol.roster?.certificateOf(next.peer)?.line, line);
  });

  it('goes on with the present key when the certificate cannot be written down', async () => {
    const bench = await DriverBench.begun({ isCertified: true });
    const before = bench.agent.keys();
    bench.keepFails = true;

    const rotated = bench.agent.rotateKey();
    await settled();
    bench.driver.feed({ type: 'renewed', certificate: certificateFor(next.peer).wire });

    assert.equal(await codeOf(finished(bench, rotated)), 'MEMBERSHIP_UNUSABLE');
    assert.deepEqual(bench.agent.keys(), before);
    assert.equal(bench.networkMovesCount, 0);
  });

  it('refuses to change a key before the agent is ready', async () => {
    const bench = new DriverBench({ seeds: ['/ip4/10.0.0.9/tcp/7946'] });
    bench.start();

    assert.equal(await codeOf(bench.agent.rotateKey()), 'NOT_READY');
  });

  it('ends its own key, and the agent with it', async () => {
    const bench = await DriverBench.begun();

    await finished(bench, bench.agent.revokeKey());

    assert.equal(bench.agent.phase, 'stopping');
    assert.notEqual(bench.keys.former, bench.me.peer);
    await bench.agent.left;
  });
});
