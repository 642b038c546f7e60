/** The network falls apart, in several ways. */
import type { Drill, Scene } from '../drill.ts';
import { listing, whole, writes } from '../expectations.ts';
import { halves } from '../injector.ts';

interface Status {
  readonly partition: { readonly state: 'whole' | 'suspected' | 'isolated'; readonly is_majority: boolean };
  readonly agents_reachable: number;
  readonly agents_known: number;
}

/** A side notices that the other one is silent: detection in a small cluster takes some 6 s. */
const noticeLimitMs = 30_000;

export const partitionHalves: Drill = {
  name: 'partition-halves',
  summary:
    'Two halves hear nothing of each other while both go on writing; each says how much of the cluster it speaks for, and on healing all that was written on either side is everywhere.',
  faults: ['cut'],
  agentsMinCount: 3,
  run: async scene => {
    const [larger, smaller] = halves(scene.ids);
    await scene.inject.partition([larger, smaller]);
    await saysPartial(scene, smaller);
    await writes(scene, scene.ids);
    await serves(scene, smaller);
    if (larger.length > smaller.length) await keepsMajority(scene, larger);
    await scene.hold(3_000);
    await scene.inject.heal();
  },
};

export const isolateOne: Drill = {
  name: 'isolate-one',
  summary:
    'One agent hears nobody and is heard by nobody; it says that it is isolated instead of calling everybody dead, and the others go on.',
  faults: ['cut'],
  agentsMinCount: 3,
  run: async scene => {
    const [lone = '', ...others] = [...scene.ids].reverse();
    await scene.inject.partition([others, [lone]], [lone]);
    await scene.expect({
      name: `${lone} says that it is isolated, and is not ready`,
      withinMs: noticeLimitMs,
      ask: async () => ({
        state: (await scene.get<Status>(lone, '/status')).body.partition.state,
        ready: (await scene.get(lone, '/health/ready')).status,
      }),
      holds: ({ state, ready }) => state === 'isolated' && ready === 503,
    });
    await scene.expect({
      name: `the others have ${lone} out of their backends`,
      withinMs: noticeLimitMs,
      ask: () => listing(scene, others, lone),
      holds: still => still.length === 0,
      tell: still => `still listed by ${still.join(', ')}`,
    });
    await writes(scene, scene.ids);
    const dead = others.filter(other => scene.observer.stateOf(lone, other) === 'dead');
    scene.conclude({
      name: `${lone} calls nobody dead`,
      kind: 'safety',
      holds: dead.length === 0,
      seen: dead.length === 0 ? 'nobody' : dead.join(', '),
    });
    await scene.inject.heal();
  },
};

export const oneWay: Drill = {
  name: 'one-way',
  summary:
    'One agent is heard by all but hears nobody, then the other way round; nobody that can be reached over others is declared dead by those who hear it.',
  faults: ['cut'],
  agentsMinCount: 4,
  run: async scene => {
    const [deaf = '', ...others] = [...scene.ids].reverse();
    await scene.inject.cut(others, [deaf], [deaf]);
    await scene.hold(10_000);
    await writes(scene, others);
    await scene.inject.heal();
    await whole(scene, 'between the two faults');
    await scene.inject.cut([deaf], others);
    await scene.hold(10_000);
    await writes(scene, others);
    await scene.inject.heal();
  },
};

export const brokenLink: Drill = {
  name: 'broken-link',
  summary:
    'Two agents do not hear each other while both hear everybody else; neither is declared dead by anyone, because the others answer for it.',
  faults: ['cut'],
  agentsMinCount: 4,
  run: async scene => {
    const [one = '', other = ''] = scene.ids.slice(-2);
    await scene.inject.partition([[one], [other]], [one, other]);
    await scene.hold(15_000);
    await writes(scene, [one, other]);
    const pairs = scene.ids.flatMap(observer =>
      [one, other].filter(
        subject => subject !== observer && scene.observer.stateOf(observer, subject) === 'dead',
      ),
    );
    scene.conclude({
      name: 'neither end of the broken link was declared dead, not even by the other end',
      kind: 'safety',
      holds: pairs.length === 0,
      seen: pairs.length === 0 ? 'none was' : pairs.join(', '),
    });
    await reaches(scene, one, other);
    await scene.inject.heal();
  },
};

export const flapping: Drill = {
  name: 'flapping-link',
  summary:
    'One agent is cut off and back every two seconds; the agents do not stay apart once it ends, and nobody else is affected.',
  faults: ['cut'],
  agentsMinCount: 3,
  run: async scene => {
    const [target = '', ...others] = [...scene.ids].reverse();
    for (let round = 0; round < 6; round++) {
      await scene.inject.partition([others, [target]], [target]);
      await scene.hold(2_000);
      await scene.inject.heal();
      await writes(scene, [target, others[round % others.length] ?? target]);
      await scene.hold(1_500);
    }
  },
};

async function saysPartial(scene: Scene, side: readonly string[]): Promise<void> {
  await scene.expect({
    name: 'each agent of the smaller side says that it speaks for a part only',
    withinMs: noticeLimitMs,
    ask: () =>
      Promise.all(side.map(async id => ({ id, ...(await scene.get<Status>(id, '/status')).body.partition }))),
    holds: views => views.every(({ state, is_majority }) => state !== 'whole' && !is_majority),
    tell: views =>
      `not yet: ${views
        .filter(({ state, is_majority }) => state === 'whole' || is_majority)
        .map(({ id }) => id)
        .join(', ')}`,
  });
  await scene.expect({
    name: 'and refuses to answer where a majority is asked for',
    withinMs: 5_000,
    ask: () => Promise.all(side.map(async id => (await scene.get(id, '/peers?require=majority')).status)),
    holds: statuses => statuses.every(status => status === 503),
    tell: statuses => `answered ${statuses.join(', ')}`,
  });
}

async function serves(scene: Scene, side: readonly string[]): Promise<void> {
  const statuses = await Promise.all(side.map(async id => (await scene.get(id, '/peers')).status));
  scene.conclude({
    name: 'the smaller side goes on serving reads',
    kind: 'liveness',
    holds: statuses.every(status => status === 200),
    seen: `answered ${statuses.join(', ')}`,
  });
}

async function keepsMajority(scene: Scene, side: readonly string[]): Promise<void> {
  const statuses = await Promise.all(
    side.map(async id => (await scene.get(id, '/peers?require=majority')).status),
  );
  scene.conclude({
    name: 'the larger side answers for the majority',
    kind: 'liveness',
    holds: statuses.every(status => status === 200),
    seen: `answered ${statuses.join(', ')}`,
  });
}

/** What is registered at one end arrives at the other one, around the broken link. */
async function reaches(scene: Scene, from: string, to: string): Promise<void> {
  const { id } = await scene.registrations.register(from, scene.signal);
  await scene.expect({
    name: `what is registered with ${from} reaches ${to} around the broken link`,
    withinMs: 30_000,
    ask: async () => (await scene.get<readonly { readonly id: string }[]>(to, '/peers')).body,
    holds: peers => peers.some(peer => peer.id === id),
    tell: () => `${id} is not listed`,
  });
}
