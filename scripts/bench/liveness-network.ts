/** The same agents, each on a host of its own, when the network between them is at fault. */

import { eventually } from '../../src/chaos/stages/agent-process.ts';
import { available, type NamespaceNetwork } from '../../src/chaos/stages/namespaces.ts';
import { type Figure, never, spreadMs } from './figures.ts';
import { agentsUsualCount, type Fleet, pairs, pause, progress, withHosts } from './fleet.ts';
import type { BenchOptions } from './options.ts';

const lossShare = 0.1;

/** A share of the UDP datagrams never reaches its host. */
export function loss({ agents = agentsUsualCount, seconds = 120 }: BenchOptions): Promise<readonly Figure[]> {
  return onHosts('loss', agents, async (fleet, network) => {
    const mark = fleet.mark();
    await network.loseUdp(lossShare);
    progress(`loss: ${lossShare * 100} % of the datagrams to each of ${agents} hosts for ${seconds} s`);
    await pause(seconds * 1_000);
    const seen = fleet.since(mark);
    await network.heal();
    const where = `${lossShare * 100} % of the datagrams lost for ${seconds} s`;
    return [
      never(`loss: declared dead, ${where}`, pairs(seen, 'dead').size, 'pairs'),
      { name: `loss: suspected, ${where}`, value: pairs(seen, 'suspect').size, unit: 'pairs' },
    ];
  });
}

/** Two halves that hear nothing of each other, for a short and for a long time. */
export function partition({
  agents = agentsUsualCount,
  repetitions,
  seconds,
}: BenchOptions): Promise<readonly Figure[]> {
  const plan =
    seconds === undefined
      ? [
          { seconds: 30, repetitions: repetitions ?? 3, goalMs: 3_000 },
          { seconds: 300, repetitions: 1, goalMs: 20_000 },
        ]
      : [{ seconds, repetitions: repetitions ?? 1, goalMs: seconds <= 60 ? 3_000 : 20_000 }];
  return onHosts('partition', agents, async (fleet, network) => {
    const figures: Figure[] = [];
    for (const { seconds, repetitions, goalMs } of plan) {
      const healedMs: number[] = [];
      for (let round = 1; round <= repetitions; round++) {
        await pause(2_000);
        healedMs.push(await cutAndHeal(fleet, network, seconds));
        progress(
          `partition of ${seconds} s, ${round} of ${repetitions}: whole after ${healedMs.at(-1)?.toFixed(0)} ms`,
        );
      }
      figures.push(
        ...spreadMs(`partition of ${seconds} s: all alive everywhere after it healed`, healedMs, {
          p50: goalMs,
          p99: goalMs,
        }),
      );
    }
    return figures;
  });
}

/** Both halves go on writing while they are apart: how long until all hold the same? */
export function reunion({
  agents = 10,
  seconds = 60,
  repetitions = 3,
}: BenchOptions): Promise<readonly Figure[]> {
  return onHosts('reunion', agents, async (fleet, network) => {
    const half = Math.ceil(agents / 2);
    const timesMs: number[] = [];
    let written = 0;
    for (let round = 1; round <= repetitions; round++) {
      await network.partition(network.hosts.slice(0, half), network.hosts.slice(half));
      const endMs = performance.now() + seconds * 1_000;
      for (let value = 0; performance.now() < endMs; value++) {
        for (const [index, id] of fleet.ids.entries()) {
          // Services of its own, and some that agents on both sides speak about.
          const name = value % 5 === 0 ? `shared-${value % 25}` : `service-${index}-${value % 20}`;
          const { status } = await fleet.agent(id).register(name, `10.9.${round}.${index}:${1_000 + value}`);
          if (status === 200) written += 1;
        }
        await pause(200);
      }
      const before = new Set(await roots(fleet)).size;
      await network.heal();
      const healedMs = performance.now();
      await eventually(
        'one root everywhere',
        () => roots(fleet),
        all => new Set(all).size === 1,
        60_000,
      );
      timesMs.push(performance.now() - healedMs);
      progress(
        `reunion ${round} of ${repetitions}: ${before} roots, one after ${timesMs.at(-1)?.toFixed(0)} ms`,
      );
      await fleet.untilAllAlive('after the partition healed');
    }
    return [
      ...spreadMs(`partition of ${seconds} s with writes on both sides: one root after it healed`, timesMs, {
        p50: 10_000,
        p99: 10_000,
      }),
      { name: 'registrations taken while apart', value: written, unit: '' },
    ];
  });
}

function roots(fleet: Fleet): Promise<readonly string[]> {
  return Promise.all(fleet.ids.map(async id => (await fleet.agent(id).get<{ root: string }>('/sync')).root));
}

/** @returns ms from when the last rule that drops packets is gone until all see all. */
async function cutAndHeal(fleet: Fleet, network: NamespaceNetwork, seconds: number): Promise<number> {
  const half = Math.ceil(fleet.ids.length / 2);
  await network.partition(network.hosts.slice(0, half), network.hosts.slice(half));
  progress(`partition: ${half} and ${fleet.ids.length - half} for ${seconds} s`);
  await pause(seconds * 1_000);
  const { ids } = fleet;
  const states = ids.flatMap(observer => ids.map(id => fleet.stateOf(observer, id)));
  progress(
    `before it heals: ${states.filter(state => state === 'dead').length} pairs dead, ${states.filter(state => state === 'suspect').length} suspect`,
  );
  await network.heal();
  const healedMs = performance.now();
  return (await fleet.untilAllAlive('after the partition healed')) - healedMs;
}

async function onHosts(
  name: string,
  agents: number,
  use: (fleet: Fleet, network: NamespaceNetwork) => Promise<readonly Figure[]>,
): Promise<readonly Figure[]> {
  const { ok, reason } = available();
  if (ok) return withHosts({ agents }, use);
  progress(`${name}: not available, ${reason}`);
  return [];
}
