/** What several drills look at while their faults last. */
import type { Scene } from './drill.ts';
import { type Listed, shown } from './registrations.ts';

/** Everybody writes something new, and takes something out, if it can be reached at all. */
export async function writes(scene: Scene, hosts: readonly string[]): Promise<void> {
  const outcomes = await Promise.all(
    hosts.flatMap(host => [
      scene.registrations.register(host, scene.signal).then(({ outcome }) => outcome),
      ...scene.registrations
        .of(host)
        .slice(0, 1)
        .map(id => scene.registrations.deregister(id, scene.signal)),
    ]),
  );
  const failed = outcomes.filter(outcome => outcome !== 'acknowledged').length;
  scene.conclude({
    name: 'registrations and departures are taken meanwhile',
    kind: 'liveness',
    holds: failed === 0,
    seen: failed === 0 ? `${outcomes.length} acknowledged` : `${failed} of ${outcomes.length} were not`,
  });
}

export async function listing(
  scene: Scene,
  observers: readonly string[],
  id: string,
): Promise<readonly string[]> {
  const lists = await Promise.all(
    observers.map(async observer => {
      const { body } = await scene.get<readonly { readonly id: string }[]>(
        observer,
        '/backends?format=detail',
      );
      return body.some(node => node.id === id) ? [observer] : [];
    }),
  );
  return lists.flat();
}

/** All see all alive by their events. @param when - `between the faults`, to tell this from the end. */
export async function whole(scene: Scene, when: string): Promise<boolean> {
  return scene.expect({
    name: `all see all alive ${when}`,
    withinMs: 60_000,
    ask: () =>
      scene.ids.flatMap(observer =>
        scene.ids
          .filter(subject => subject !== observer && scene.observer.stateOf(observer, subject) !== 'alive')
          .map(subject => `${observer} of ${subject}`),
      ),
    holds: missing => missing.length === 0,
    tell: missing => missing.join(', '),
  });
}

/** After a crash or a stop: out of the backends of all others, and how fast. */
export function expectGone(scene: Scene, id: string, withinMs: number): Promise<boolean> {
  const others = scene.ids.filter(other => other !== id && scene.stage.isRunning(other));
  return scene.expect({
    name: `${id} is out of the backends of all others`,
    withinMs,
    ask: () => listing(scene, others, id),
    holds: still => still.length === 0,
    tell: still => `still listed by ${still.join(', ')}`,
  });
}

/** What was acknowledged is everywhere although the fault lasts. */
export async function expectSpread(scene: Scene, what: string, withinMs: number): Promise<void> {
  await scene.expect({
    name: `what was registered is everywhere ${what}`,
    withinMs,
    ask: async () => {
      const lists = await Promise.all(
        scene.ids.map(async id => {
          const { body } = await scene.get<readonly Listed[]>(id, '/peers');
          return scene.registrations.wrongIn(body).map(wrong => `${wrong} at ${id}`);
        }),
      );
      return lists.flat();
    },
    holds: wrong => wrong.length === 0,
    tell: shown,
  });
}
