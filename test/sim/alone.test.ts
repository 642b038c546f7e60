import { assert, describe, it } from 'vitest';
import { type Recording, RecordingHub, ReplayingHub } from '../../src/sim/alone.ts';
import type { CreateHub } from '../../src/sim/network.ts';
import type { Plan } from '../../src/sim/plan.ts';
import { World } from '../../src/sim/world.ts';

const place = 3;
const untilMs = 20_000;
const plan: Plan = {
  seed: 1,
  agentsCount: 5,
  attackers: [],
  predecessorsCount: 0,
  realSignatures: false,
  syncs: false,
  settings: {},
  endMs: untilMs,
  happenings: [],
};
const parts = { witness: { input: () => {} }, handlers: { onAnswer: () => {}, onConfirmed: () => {} } };

describe('sim/alone', () => {
  it('does alone what it did among others, to the byte', async () => {
    const { recording, root } = await recorded();

    const { hub, world } = await replayed(recording);

    assert.isTrue(hub.hasSaidTheSame);
    assert.equal(world.agent(place).protocol.tree.root(0).root, root);
    assert.isTrue(world.agents.every(agent => agent.isUp === (agent.place === place)));
  });

  it('tells when it did something else', async () => {
    const { recording } = await recorded();
    const half = recording.arrivals.length >> 1;
    const arrivals = recording.arrivals.filter((_, index) => index !== half);

    const { hub } = await replayed({ ...recording, arrivals });

    assert.isFalse(hub.hasSaidTheSame);
  });
});

async function recorded(): Promise<{ readonly recording: Recording; readonly root: string }> {
  const hubs: RecordingHub[] = [];
  const createHub: CreateHub = (...hubParts) => {
    const hub = new RecordingHub([place], ...hubParts);
    hubs.push(hub);
    return hub;
  };
  const world = new World(plan, { ...parts, createHub });
  for (const agent of world.agents) await agent.start();
  await world.scheduler.run(10_000);
  world.agent(1).crash();
  await world.scheduler.run(untilMs);
  const [recording] = hubs.flatMap(hub => hub.recordings);
  assert.isDefined(recording);
  return { recording, root: world.agent(place).protocol.tree.root(0).root };
}

async function replayed(recording: Recording) {
  const hubs: ReplayingHub[] = [];
  const world = new World(plan, {
    ...parts,
    createHub: (...hubParts) => {
      const hub = new ReplayingHub(recording, ...hubParts);
      hubs.push(hub);
      return hub;
    },
  });
  await world.agent(place).start();
  const [hub] = hubs;
  assert.isDefined(hub);
  hub.begin();
  await world.scheduler.run(untilMs);
  return { hub, world };
}
