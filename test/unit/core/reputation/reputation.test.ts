import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import {
  defaultReputationSettings,
  type Fault,
  faults,
  Reputation,
  type Standing,
} from '../../../../src/core/reputation/reputation.ts';

const minuteMs = 60_000;

function after(count: number, fault: Fault, everyMs = 0): Standing {
  const reputation = new Reputation();
  for (let i = 0; i < count; i++) reputation.fault('peer', fault, i * everyMs);
  return reputation.standing('peer');
}

describe('core/reputation', () => {
  it.each<readonly [number, Fault, number, Standing]>([
    [0, 'bad-signature', 0, 'good'],
    [1, 'bad-signature', 0, 'throttled'],
    [2, 'bad-signature', 0, 'no-mesh'],
    [4, 'bad-signature', 0, 'quarantined'],
    [4, 'forged-ack', minuteMs, 'quarantined'],
    [4, 'sync-lie', 2 * minuteMs, 'quarantined'],
    [4, 'sync-lie', 60 * minuteMs, 'throttled'],
    [100_000, 'flood', 0, 'good'],
    [100_000, 'false-accusation', 0, 'good'],
    [100_000, 'malformed', 0, 'throttled'],
  ])('after %d times %s, %d ms apart, a peer is %s', (count, fault, everyMs, standing) => {
    assert.equal(after(count, fault, everyMs), standing);
  });

  it('forgives with time: out of quarantine after a while, and in good standing in the end', () => {
    const reputation = new Reputation();
    for (let i = 0; i < 4; i++) reputation.fault('peer', 'bad-signature', 0);

    const steps = [9, 11, 120, 300].flatMap(minutes =>
      reputation.tick(minutes * minuteMs).map(({ to }) => to),
    );

    assert.deepEqual(steps, ['no-mesh', 'good']);
    assert.deepEqual(reputation.views(300 * minuteMs), []);
  });

  it('forgets everything that an operator pardons', () => {
    const reputation = new Reputation();
    for (let i = 0; i < 4; i++) reputation.fault('peer', 'bad-signature', 0);

    assert.deepEqual(reputation.pardon('peer'), { peer: 'peer', from: 'quarantined', to: 'good' });
    assert.equal(reputation.standing('peer'), 'good');
  });

  it('keeps no more keys than it may, and the guilty ones of them', () => {
    const reputation = new Reputation({ keysMaxCount: 100 });
    for (let i = 0; i < 4; i++) reputation.fault('liar', 'bad-signature', 0);

    for (let i = 0; i < 10_000; i++) reputation.fault(`key-${i}`, 'flood', 1);

    assert.isAtMost(reputation.views(1).length, 100);
    assert.equal(reputation.standing('liar'), 'quarantined');
    assert.isAbove(reputation.droppedCount, 9_000);
  });

  it('never shuts a peer out for what others can make it do, however much of it there is', () => {
    const unsure = fc.constantFrom<Fault>('flood', 'false-accusation', 'malformed');
    const history = fc.array(fc.record({ fault: unsure, times: fc.nat(2_000), passMs: fc.nat(minuteMs) }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(history, happenings => {
        const reputation = new Reputation();
        let monoMs = 0;
        for (const { fault, times, passMs } of happenings) {
          monoMs += passMs;
          for (let i = 0; i < times; i++) reputation.fault('honest', fault, monoMs);
          assert.isTrue(['good', 'throttled'].includes(reputation.standing('honest')));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('never has more points than the ceilings and the rest allow, and none below zero', () => {
    const history = fc.array(
      fc.record({ fault: fc.constantFrom(...faults), passMs: fc.nat(10 * minuteMs) }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(history, happenings => {
        const reputation = new Reputation();
        let monoMs = 0;
        let naive = 0; // Without ceilings, and without forgetting.
        for (const { fault, passMs } of happenings) {
          monoMs += passMs;
          reputation.fault('peer', fault, monoMs);
          naive += 30;
          const [view] = reputation.views(monoMs);
          assert.isTrue(view === undefined || (view.points >= 0 && view.points <= naive));
          assert.equal(
            view !== undefined && view.points > defaultReputationSettings.quarantineAt,
            view !== undefined &&
              view.points > defaultReputationSettings.quarantineAt &&
              view.standing === 'quarantined',
          );
        }
      }),
    );
  });
});
