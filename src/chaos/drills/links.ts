/** The network is there, but bad. */
import type { Drill } from '../drill.ts';
import { expectSpread } from '../expectations.ts';
import { Traffic } from '../traffic.ts';

export const loss: Drill = {
  name: 'loss',
  summary:
    'Of all that the agents send to each other 5, 15 and then 30 % is lost, while services come and go; nobody is declared dead, and news still arrives.',
  faults: ['loss'],
  agentsMinCount: 3,
  run: async scene => {
    for (const share of [0.05, 0.15, 0.3]) {
      await scene.inject.loss(share, scene.ids);
      const traffic = new Traffic(scene.ids, scene);
      await scene.hold(10_000);
      await traffic.stop();
      await expectSpread(scene, `at ${share * 100} % loss`, 20_000);
      await scene.inject.heal();
    }
  },
};

export const latency: Drill = {
  name: 'latency',
  summary:
    'All that the agents send to each other comes 50, 200 and then 500 ms later, give or take a third, while services come and go; nobody is declared dead, and news still arrives.',
  faults: ['latency'],
  agentsMinCount: 3,
  run: async scene => {
    for (const ms of [50, 200, 500]) {
      await scene.inject.latency({ ms, jitterMs: Math.round(ms / 3) }, scene.ids);
      const traffic = new Traffic(scene.ids, scene);
      await scene.hold(10_000);
      await traffic.stop();
      await expectSpread(scene, `at ${ms} ms`, 20_000);
      await scene.inject.heal();
    }
  },
};
