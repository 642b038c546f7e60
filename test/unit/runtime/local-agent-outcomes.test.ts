/** What callers hear when the world moves between their question and the answer. */
import { assert, describe, it } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { nodeFields, Speaker } from '../../record-builder.ts';
import { DriverBench } from './driver-bench.ts';

describe('runtime/local-agent, outcomes', () => {
  it('answers UNKNOWN_NODE for a registration that departed again before it was written', async () => {
    const bench = await DriverBench.begun();

    const answer = bench.agent.register({ action: 'register', id: 'svc', node: nodeFields() });
    const refusal = answer.then(
      () => assert.fail('it was fulfilled'),
      (error: unknown) => error,
    );
    const departed = bench.agent.deregister('svc');
    await bench.write();
    await departed;

    const error = await refusal;
    assert.instanceOf(error, FirsthandError);
    assert.equal(error.code, 'UNKNOWN_NODE');
  });

  it('tells a member that is briefly away from one that is dead', async () => {
    const bench = await DriverBench.begun();
    const [near, far] = [new Speaker(2), new Speaker(3)];
    bench.answering(near);
    for (const [speaker, id] of [
      [near, 'near'],
      [far, 'far'],
    ] as const) {
      bench.link(speaker);
      bench.hear(speaker, speaker.introduce(id));
    }
    const well = bench.agent.status().findings;

    bench.driver.handlers.onLinkDown(far.peer);
    bench.driver.probeHandlers.onRefused(far.peer);
    const away = bench.agent.status().findings;
    bench.pass(11_000);
    const dead = bench.agent.status().findings;

    assert.deepEqual([well, away], [[], ['not reachable at the moment: far']]);
    assert.lengthOf(dead, 1);
    assert.match(dead[0] ?? '', /^dead: far; 'firsthand remove ID'/);
  });

  it('shows a linked peer that nobody has named as a stranger who came in', async () => {
    const bench = await DriverBench.begun();
    const stranger = new Speaker(2);
    const link = {
      peer: stranger.peer,
      address: '/ip4/10.0.0.2/tcp/1',
      outbound: false,
      subscribed: true,
      inMesh: true,
      score: 0,
    };
    bench.network.linked = [link];
    bench.link(stranger);

    const { peers } = bench.agent.mesh();

    assert.deepEqual(peers, [
      { peer: stranger.peer, state: 'connected', link, sources: ['inbound'], failedDials: 0 },
    ]);
  });
});
