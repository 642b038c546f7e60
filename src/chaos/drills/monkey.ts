/** Anything may happen, and more and more of it. */
import { type Random, randomIndex, shuffled } from '../../core/random.ts';
import type { Drill, Scene } from '../drill.ts';
import { Traffic } from '../traffic.ts';

const roundsCount = 6;

/** One fault for one agent, or for the way to it. */
type Prank = (scene: Scene, target: string) => Promise<void>;

const pranks: readonly Prank[] = [
  (scene, target) => scene.inject.kill([target]),
  async (scene, target) => {
    await scene.inject.stop([target]);
  },
  (scene, target) => scene.inject.pause([target]),
  (scene, target) => scene.inject.starveCpu(0.2, [target]),
  (scene, target) => scene.inject.partition([scene.ids.filter(id => id !== target), [target]], [target]),
  (scene, target) =>
    scene.inject.cut(
      scene.ids.filter(id => id !== target),
      [target],
      [target],
    ),
  (scene, target) => scene.inject.loss(0.2 + 0.3 * scene.random.next(), [target]),
  (scene, target) =>
    scene.inject.latency({ ms: 50 + randomIndex(scene.random, 200), jitterMs: 40 }, [target]),
];

export const monkey: Drill = {
  name: 'monkey',
  summary:
    'Round after round more agents are killed, stopped, paused, starved, cut off or slowed down at random while services come and go; whatever it was, afterwards all is as it was acknowledged.',
  faults: ['kill', 'stop', 'pause', 'cpu', 'cut', 'loss', 'latency'],
  agentsMinCount: 3,
  run: async scene => {
    const traffic = new Traffic(scene.ids, scene);
    try {
      for (let round = 1; round <= roundsCount; round++) {
        const victims = choose(
          scene.random,
          scene.ids,
          Math.ceil((round / roundsCount) * (scene.ids.length - 1)),
        );
        scene.recorder.step(
          `round ${round} of ${roundsCount}: ${victims.length} of ${scene.ids.length} agents`,
        );
        for (const victim of victims)
          await (pranks[randomIndex(scene.random, pranks.length)] as Prank)(scene, victim);
        await scene.hold(2_000 + randomIndex(scene.random, 3_000));
        await scene.inject.endAll(scene.ids);
        await scene.hold(1_000);
      }
    } finally {
      await traffic.stop();
    }
  },
};

function choose(random: Random, ids: readonly string[], count: number): readonly string[] {
  return shuffled(random, ids).slice(0, count);
}
