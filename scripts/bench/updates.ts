/**
 * 1,000 updates at once over all agents: most of them of services of their own, some of services that several
 * agents host. How long after the last answer does everybody hold the same?
 */
import { createHash } from 'node:crypto';
import { type AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { dotsOf } from '../../test/cluster/crash-load.ts';
import { type Figure, median, never } from './figures.ts';
import type { BenchOptions } from './options.ts';

const updatesCount = 1_000;
/** Services that every agent speaks about, at the same time, each saying something else. */
const sharedCount = 20;

export async function updates({
  agents: agentsCount = 10,
  repetitions = 3,
}: BenchOptions): Promise<readonly Figure[]> {
  const playground = await Playground.open();
  try {
    const agents = await playground.cluster(Array.from({ length: agentsCount }, (_, i) => `agent-${i}`));
    for (const agent of agents)
      await eventually(
        'all met',
        () => agent.peers(),
        peers => aliveIds(peers).length === agentsCount,
      );
    const timesMs: number[] = [];
    let failed = 0;
    let conflicts = 0;
    for (let round = 0; round < repetitions; round++) {
      const statuses = (
        await Promise.all(agents.map((agent, index) => updateAll(agent, index, agentsCount, round)))
      ).flat();
      const lastMs = performance.now();
      failed += statuses.filter(status => status !== 200 && status !== 403 && status !== 409).length;
      await eventually(
        'everybody holds the same',
        () => tables(agents),
        all => new Set(all).size === 1,
        60_000,
      );
      timesMs.push(performance.now() - lastMs);
      conflicts = (await (agents[0] as AgentProcess).get<{ conflicts: number }>('/status')).conflicts;
    }
    return [
      {
        name: `${updatesCount} concurrent updates over ${agentsCount} agents, from the last answer to equal tables`,
        value: median(timesMs),
        unit: 'ms',
        goal: { atMost: 5_000 },
      },
      { name: 'the same, worst', value: Math.max(...timesMs), unit: 'ms', goal: { atMost: 5_000 } },
      { name: 'ids in conflict in the end', value: conflicts, unit: '' },
      never('updates that failed', failed, ''),
    ];
  } finally {
    await playground.close();
  }
}

function updateAll(
  agent: AgentProcess,
  index: number,
  agentsCount: number,
  round: number,
): Promise<readonly number[]> {
  const count = updatesCount / agentsCount;
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const id = i < sharedCount ? `shared-${round}-${i}` : `own-${index}-${i % 40}`;
      const answer = await agent.register(id, `127.0.0.1:${10_000 + 1_000 * round + index * count + i}`);
      await answer.arrayBuffer();
      return answer.status;
    }),
  );
}

/** A hash of each agent's records; equal for equal tables. */
function tables(agents: readonly AgentProcess[]): Promise<readonly string[]> {
  return Promise.all(
    agents.map(async agent => {
      const dots = [...(await dotsOf(agent))].sort().join('\n');
      return createHash('sha256').update(dots).digest('hex');
    }),
  );
}
