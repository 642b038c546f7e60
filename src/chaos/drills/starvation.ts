/** Agents that do not get what they need: time, memory, room, or the right time of day. */
import type { Drill } from '../drill.ts';
import { expectSpread, whole, writes } from '../expectations.ts';
import { Traffic } from '../traffic.ts';

export const pause: Drill = {
  name: 'pause',
  summary:
    'One agent stands still for 12 seconds and does not know it; the others miss it, and when it goes on it declares nobody dead and is back at once.',
  faults: ['pause'],
  agentsMinCount: 3,
  run: async scene => {
    const target = scene.ids.at(-1) as string;
    const others = scene.ids.filter(id => id !== target);
    await scene.inject.pause([target]);
    await scene.expect({
      name: `the others declare ${target} dead while it stands still`,
      withinMs: 20_000,
      ask: () => others.filter(other => scene.observer.stateOf(other, target) !== 'dead'),
      holds: slow => slow.length === 0,
      tell: slow => `not yet ${slow.join(', ')}`,
    });
    await writes(scene, others);
    await scene.hold(3_000);
    await scene.inject.resume([target]);
    await whole(scene, `after ${target} goes on`);
  },
};

export const cpuStarvation: Drill = {
  name: 'cpu-starvation',
  summary:
    'One agent gets 15 % of the time it wants, in slices, while services come and go; it is slow, but nobody is declared dead, by it or by others.',
  faults: ['cpu'],
  agentsMinCount: 3,
  run: async scene => {
    const target = scene.ids.at(-1) as string;
    await scene.inject.starveCpu(0.15, [target]);
    const traffic = new Traffic(scene.ids, scene);
    await scene.hold(15_000);
    await traffic.stop();
    await expectSpread(scene, 'with one agent starved', 30_000);
    await scene.inject.feedCpu([target]);
  },
};

const heapMib = 64;
const loadCount = 2_000;
const atOnceCount = 50;

export const memoryLimit: Drill = {
  name: 'memory-limit',
  summary: `One agent has ${heapMib} MiB for its objects and takes ${loadCount} registrations and as many changes; it stays, and holds all of them.`,
  faults: ['memory'],
  agentsMinCount: 2,
  equipment: ids => ({ memoryMaxMib: { mib: heapMib, ids: ids.slice(-1) } }),
  run: async scene => {
    const target = scene.ids.at(-1) as string;
    const { registrations, signal } = scene;
    const end = scene.inject.lasting(
      'memory',
      `${target} has ${heapMib} MiB and takes ${loadCount} services`,
      [target],
    );
    const all = await inTurns(Array.from({ length: loadCount }), () =>
      registrations.register(target, signal),
    );
    const changed = await inTurns(all, ({ id }) => registrations.change(id, signal));
    const taken = [...all.map(({ outcome }) => outcome), ...changed].filter(
      outcome => outcome === 'acknowledged',
    ).length;
    scene.conclude({
      name: `${target} takes all of it`,
      kind: 'liveness',
      holds: taken === 2 * loadCount,
      seen: `${taken} of ${2 * loadCount} acknowledged`,
    });
    await expectSpread(scene, 'and held by an agent with little memory', 60_000);
    end();
  },
};

async function inTurns<T, R>(items: readonly T[], call: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += atOnceCount)
    results.push(...(await Promise.all(items.slice(i, i + atOnceCount).map(call))));
  return results;
}

const diskMib = 16;
const roomBytes = 150_000;

export const fullDisk: Drill = {
  name: 'full-disk',
  summary:
    'The disk under one agent is full; it refuses registrations with 507 and says that it is not ready, goes on answering, loses nothing it said yes to, and takes registrations again when there is room.',
  faults: ['disk'],
  agentsMinCount: 3,
  equipment: ids => ({ diskMib: { mib: diskMib, ids: ids.slice(-1) } }),
  run: async scene => {
    const target = scene.ids.at(-1) as string;
    await scene.inject.fillDisk(roomBytes, target);
    await scene.expect({
      name: `${target} refuses registrations with 507 STORE_FULL once there is no room`,
      withinMs: 30_000,
      ask: async () => {
        await Promise.all(
          Array.from({ length: atOnceCount }, () => scene.registrations.register(target, scene.signal)),
        );
        return refusal(scene.stage.agents.find(({ id }) => id === target)?.url ?? '');
      },
      holds: ({ status, code }) => status === 507 && code === 'STORE_FULL',
    });
    const [peers, ready] = [await scene.get(target, '/peers'), await scene.get(target, '/health/ready')];
    scene.conclude({
      name: `${target} still lists, and says that it is not ready`,
      kind: 'liveness',
      holds: peers.status === 200 && ready.status === 503,
      seen: `/peers ${peers.status}, /health/ready ${ready.status}`,
    });
    await writes(
      scene,
      scene.ids.filter(id => id !== target),
    );
    await scene.hold(3_000);
    await scene.inject.freeDisk(target);
    await scene.expect({
      name: `${target} takes registrations again by itself`,
      withinMs: 10_000,
      ask: async () => (await scene.registrations.register(target, scene.signal)).outcome,
      holds: outcome => outcome === 'acknowledged',
    });
  },
};

/** A registration that can never be taken for one of the drill's own. */
async function refusal(url: string): Promise<{ readonly status: number; readonly code?: string }> {
  const body = JSON.stringify({ id: 'one-too-many', address: '10.9.9.9:9999', metrics_port: 9_100 });
  const answer = await fetch(`${url}/registration`, { method: 'POST', body });
  return { status: answer.status, code: ((await answer.json()) as { readonly code?: string }).code ?? '' };
}

const hourMs = 3_600_000;

export const clockSkew: Drill = {
  name: 'clock-skew',
  summary:
    'The wall clock of one agent is an hour behind, then an hour ahead, while services come and go; it is not missed, it harms nobody else, and what it said ahead of time counts soon after the clock is right.',
  faults: ['clock'],
  agentsMinCount: 3,
  equipment: ids => ({ clocks: ids.slice(-1) }),
  run: async scene => {
    const target = scene.ids.at(-1) as string;
    const others = scene.ids.filter(id => id !== target);
    for (const offsetMs of [-hourMs, hourMs]) {
      await scene.inject.skewClock(offsetMs, target);
      const traffic = new Traffic(others, scene);
      await scene.hold(6_000);
      await traffic.stop();
      await writes(scene, [target]);
      await scene.expect({
        name: `doctor finds the clock that is off by ${offsetMs / 1_000} s`,
        withinMs: 30_000,
        ask: async () => (await scene.get<Doctor>(target, '/doctor')).body.checks,
        holds: checks => checks.some(({ name, ok }) => name === 'clock' && !ok),
        tell: checks =>
          checks
            .filter(({ name }) => name === 'clock')
            .map(({ detail }) => detail)
            .join(', '),
      });
    }
    await scene.inject.skewClock(0, target);
  },
};

interface Doctor {
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}
