import { assert, describe, it } from 'vitest';
import { Speaker } from '../../record-builder.ts';
import { DriverBench } from './driver-bench.ts';

/** Knows `well`, who answers, and `gone`, whose host refuses, and whom `well` accuses as well. */
async function troubled() {
  const bench = await DriverBench.begun();
  const [well, gone] = [new Speaker(2), new Speaker(3)];
  bench.answering(well);
  bench.hear(well, well.introduce('well'));
  bench.hear(gone, gone.introduce('gone'));
  bench.link(well);
  bench.pass(3_000);
  bench.refuse(gone);
  bench.pass(100);
  const accusation = well.claim('dead', gone.peer, { refused: true });
  bench.probed(well, well.datagram(bench.me.peer, { type: 'news' }, { claims: [accusation] }));
  return { bench, well, gone };
}

describe('runtime/detector-view', () => {
  it('shows the settings in force and the agent itself', async () => {
    const bench = await DriverBench.begun();

    const view = bench.agent.detector();

    assert.deepInclude(view, {
      profile: 'lan',
      incarnation: 0,
      localHealth: 0,
      probeIntervalMs: 1_000,
      ackTimeoutMs: 500,
      suspicionMinMs: 3_000,
      suspicionMaxMs: 18_000,
      isFrozen: false,
      members: [],
    });
    assert.deepInclude(view.partition, { state: 'whole', reachable: 1, known: 1 });
  });

  it('shows who suspects whom, since when and on what evidence', async () => {
    const { bench, gone } = await troubled();
    bench.pass(500);

    const member = bench.agent.detector().members.find(({ id }) => id === 'gone');

    assert.deepInclude(member, {
      peer: gone.peer,
      state: 'suspect',
      epoch: 1,
      incarnation: 0,
      probe: '10.0.0.1:7946',
    });
    assert.deepEqual(member?.accusers.map(({ by, says, refused }) => [by, says, refused]).sort(), [
      ['me', 'suspect', true],
      ['well', 'dead', true],
    ]);
    assert.deepEqual(
      member?.accusers.map(({ by }) => by),
      ['me', 'well'],
      'the oldest first',
    );
    // Two witnesses: a second in all.
    assert.isAtMost(member?.verdictInMs ?? 9_999, 1_000);
    assert.match(member?.history ?? '', /x$/);
    assert.equal(member?.strikes, member?.history.match(/x*$/)?.[0].length);
    assert.deepInclude(
      member?.layers.find(({ layer }) => layer === 'tcp'),
      { ok: false, detail: 'connection refused' },
    );
  });

  it('shows how well the others answer', async () => {
    const { bench } = await troubled();

    const member = bench.agent.detector().members.find(({ id }) => id === 'well');

    assert.deepInclude(member, { state: 'alive', score: 100, strikes: 0, accusers: [] });
    assert.isAtMost(member?.lastAckMs ?? 9_999, 2_000);
    assert.isNumber(member?.rttMs);
    assert.isNumber(member?.clockSkewMs);
    assert.notProperty(member, 'verdictInMs');
    assert.deepEqual(
      member?.layers.map(({ layer, ok }) => [layer, ok]),
      [
        ['udp', true],
        ['tcp', true],
        ['ping', undefined],
        ['http', undefined],
      ],
    );
  });

  it('is in order of id', async () => {
    const bench = await DriverBench.begun();
    for (const [number, id] of [
      [2, 'c'],
      [3, 'a'],
      [4, 'b'],
    ] as const) {
      const speaker = new Speaker(number);
      bench.hear(speaker, speaker.introduce(id));
    }

    assert.deepEqual(
      bench.agent.detector().members.map(({ id }) => id),
      ['a', 'b', 'c'],
    );
  });

  it('tells no time of a verdict that is held back', async () => {
    const bench = await DriverBench.begun();
    const alone = new Speaker(2);
    bench.hear(alone, alone.introduce('alone'));
    bench.pass(5_000);

    const view = bench.agent.detector();

    assert.isTrue(view.isFrozen);
    assert.equal(view.members[0]?.state, 'suspect');
    assert.notProperty(view.members[0], 'verdictInMs');
  });
});
