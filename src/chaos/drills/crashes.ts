/** Processes end, politely or not, one or all. */
import { randomIndex } from '../../core/random.ts';
import type { Drill } from '../drill.ts';
import { expectGone, whole } from '../expectations.ts';
import { Traffic } from '../traffic.ts';

/** By measurement half a second; a busy machine takes its time. */
const goneLimitMs = 10_000;

export const killRestart: Drill = {
  name: 'kill-restart',
  summary:
    'Agents are killed with SIGKILL at random while services come and go, and come back with what they had; the others miss each at once, and nothing that was acknowledged is lost.',
  faults: ['kill'],
  agentsMinCount: 3,
  run: async scene => {
    const traffic = new Traffic(scene.ids, scene);
    try {
      for (let round = 0; round < 4; round++) {
        const victim = scene.ids[randomIndex(scene.random, scene.ids.length)] as string;
        await scene.inject.kill([victim]);
        await expectGone(scene, victim, goneLimitMs);
        await scene.hold(randomIndex(scene.random, 3_000));
        await scene.inject.start([victim]);
        await whole(scene, `after ${victim} came back`);
      }
    } finally {
      await traffic.stop();
    }
  },
};

export const rollingRestart: Drill = {
  name: 'rolling-restart',
  summary:
    'All agents are stopped and started one after the other, as for an upgrade, while services come and go; each ends cleanly, and the others go on.',
  faults: ['stop'],
  agentsMinCount: 3,
  run: async scene => {
    const traffic = new Traffic(scene.ids, scene);
    const codes: (number | null)[] = [];
    try {
      for (const id of scene.ids) {
        codes.push(...(await scene.inject.stop([id])));
        await expectGone(scene, id, goneLimitMs);
        await scene.inject.start([id]);
        await whole(scene, `after ${id} came back`);
      }
    } finally {
      await traffic.stop();
    }
    scene.conclude({
      name: 'every agent that was asked to stop ended cleanly',
      kind: 'safety',
      holds: codes.every(code => code === 0),
      seen: `exit codes ${codes.join(', ')}`,
    });
  },
};

export const powerLoss: Drill = {
  name: 'power-loss',
  summary:
    'All agents are killed at the same moment while services come and go, and started again together; they find each other without a seed that is there first, with all that was acknowledged.',
  faults: ['kill'],
  agentsMinCount: 2,
  run: async scene => {
    const traffic = new Traffic(scene.ids, scene);
    try {
      await scene.hold(3_000);
      await scene.inject.kill(scene.ids);
      await traffic.stop();
      await scene.hold(1_000);
      await scene.inject.start(scene.ids);
      await whole(scene, 'after all came back');
    } finally {
      await traffic.stop();
    }
  },
};
