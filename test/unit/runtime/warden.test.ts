import { assert, describe, it } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { Speaker } from '../../record-builder.ts';
import { DriverBench } from './driver-bench.ts';

const other = new Speaker(2);

async function known(): Promise<DriverBench> {
  const bench = await DriverBench.begun();
  bench.hear(other, other.introduce('web-2'));
  await bench.writeAll();
  return bench;
}

async function written<T>(bench: DriverBench, call: Promise<T>): Promise<T> {
  await bench.writeAll();
  return call;
}

function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => (error instanceof FirsthandError ? error.code : String(error)),
  );
}

describe('runtime/warden', () => {
  it('bans an agent by its name, lists it with both names, and pardons it', async () => {
    const bench = await known();

    const peer = await written(bench, bench.agent.ban({ who: 'web-2', forMs: 60_000, reason: 'floods' }));
    const bans = bench.agent.bans();
    await written(bench, bench.agent.pardon({ who: 'web-2', reason: '' }));

    assert.equal(peer, other.peer);
    assert.deepEqual(
      bans.map(({ id, issuerId, reason, state, untilMs, issuedAtMs }) => [
        id,
        issuerId,
        reason,
        state,
        (untilMs ?? 0) - issuedAtMs,
      ]),
      [['web-2', 'me', 'floods', 'in-force', 60_000]],
    );
    assert.deepEqual(bench.agent.bans(), []);
  });

  it('bans a key before it was ever met', async () => {
    const bench = await DriverBench.begun();

    const peer = await written(bench, bench.agent.ban({ who: other.peer, reason: '' }));

    assert.equal(peer, other.peer);
    assert.isTrue(bench.protocol.exclusion.isBanned(other.peer));
  });

  it('counts what is said last, also when the clock was set back since', async () => {
    const bench = await known();
    await written(bench, bench.agent.ban({ who: 'web-2', reason: '' }));

    bench.clock.monoMs -= 3_600_000;
    await written(bench, bench.agent.pardon({ who: 'web-2', reason: '' }));

    assert.isFalse(bench.protocol.exclusion.isBanned(other.peer));
  });

  it.each([
    ['nobody', { who: 'web-9', reason: '' }, 'UNKNOWN_NODE'],
    ['itself', { who: 'me', reason: '' }, 'INVALID_BAN'],
    ['with a reason of two lines', { who: 'web-2', reason: 'a\nb' }, 'INVALID_BAN'],
    ['for no time', { who: 'web-2', reason: '', forMs: 0 }, 'INVALID_BAN'],
    ['for half a millisecond', { who: 'web-2', reason: '', forMs: 0.5 }, 'INVALID_BAN'],
  ])('refuses to ban %s', async (_case, request, code) => {
    const bench = await known();

    assert.equal(await codeOf(bench.agent.ban(request)), code);
    assert.deepEqual(bench.agent.bans(), []);
  });

  it('shows who misbehaved with its name, and tells a person in the status', async () => {
    const bench = await known();
    for (let i = 0; i < 4; i++)
      bench.driver.feed({ type: 'fault-seen', peer: other.peer, fault: 'bad-signature' });

    const [view] = bench.agent.reputation();

    assert.deepInclude(view, { id: 'web-2', standing: 'quarantined', points: 120 });
    assert.include(bench.network.hungUp, other.peer);
    assert.equal(bench.network.standings.get(other.peer), 'quarantined');
    assert.match(
      bench.agent.status().findings.join('\n'),
      /web-2 misbehaves \(4 × bad-signature\) and is in quarantine/,
    );
  });
});
