/** Agents in processes of their own: start, joining, how fast news travels. */

import { readEvents } from '../../src/chaos/event-reader.ts';
import { type AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { type Figure, median, percentile } from './figures.ts';

async function withPlayground<T>(use: (playground: Playground) => Promise<T>): Promise<T> {
  const playground = await Playground.open();
  try {
    return await use(playground);
  } finally {
    await playground.close();
  }
}

/** A first start fills the code cache and makes the key; it is not counted. */
export function readyTime(): Promise<readonly Figure[]> {
  return withPlayground(async playground => {
    const timesMs: number[] = [];
    for (let i = 0; i < 8; i++) {
      const agent = await playground.start(`agent-${i}`);
      timesMs.push(agent.readyMs);
      await agent.stop();
    }
    return [
      {
        name: 'start to ready, one process',
        value: median(timesMs.slice(1)),
        unit: 'ms',
        goal: { atMost: 800 },
      },
    ];
  });
}

/** Calls back with every changed address of one node. */
function follow(agent: AgentProcess, id: string, onAddress: (address: string) => void): Promise<() => void> {
  return readEvents(`${agent.ready.http}/events?kind=record&id=${id}`, ({ data }) =>
    onAddress((data as { node: { address: string } }).node.address),
  );
}

export function propagation(): Promise<readonly Figure[]> {
  return withPlayground(async playground => {
    const agents = await playground.cluster(Array.from({ length: 10 }, (_, i) => `agent-${i}`));
    for (const agent of agents)
      await eventually(
        'all met',
        () => agent.peers(),
        peers => aliveIds(peers).length === 10,
      );
    let onAddress: (address: string) => void = () => {};
    const stops = await Promise.all(
      agents.map(agent => follow(agent, 'service', address => onAddress(address))),
    );

    const lastMs: number[] = [];
    const eachMs: number[] = [];
    for (let i = 0; i < 300; i++) {
      const address = `10.0.${i % 250}.1:8000`;
      const origin = agents[0] as AgentProcess;
      const startedMs = performance.now();
      await new Promise<void>((resolve, reject) => {
        let missing = agents.length;
        onAddress = seen => {
          if (seen !== address) return;
          eachMs.push(performance.now() - startedMs);
          missing -= 1;
          if (missing === 0) resolve();
        };
        origin.register('service', address).then(answer => {
          if (answer.status !== 200) reject(new Error(`registration answered ${answer.status}`));
        }, reject);
      });
      lastMs.push(performance.now() - startedMs);
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    for (const stop of stops) stop();
    return [
      { name: 'update over 10 processes, seen by each, p50', value: median(eachMs), unit: 'ms' },
      {
        name: 'update over 10 processes, seen by all, p50',
        value: median(lastMs),
        unit: 'ms',
        goal: { atMost: 30 },
      },
      {
        name: 'update over 10 processes, seen by all, p99',
        value: percentile(lastMs, 99),
        unit: 'ms',
        goal: { atMost: 150 },
      },
    ];
  });
}

/** From its ready line until the last of ten running agents lists the newcomer. */
export function newcomer(): Promise<readonly Figure[]> {
  return withPlayground(async playground => {
    const agents = await playground.cluster(Array.from({ length: 10 }, (_, i) => `agent-${i}`));
    for (const agent of agents)
      await eventually(
        'all met',
        () => agent.peers(),
        peers => aliveIds(peers).length === 10,
      );
    const timesMs: number[] = [];
    for (let round = 0; round < 7; round++) {
      const id = `newcomer-${round}`;
      const agent = await playground.start(id, ['--seed', (agents[0] as AgentProcess).seed]);
      const readyMs = performance.now();
      await Promise.all(
        agents.map(other =>
          eventually(
            'listed',
            () => other.peers(),
            peers => aliveIds(peers).includes(id),
            30_000,
          ),
        ),
      );
      timesMs.push(performance.now() - readyMs);
      await agent.stop();
      await Promise.all(
        agents.map(other =>
          eventually(
            'gone',
            () => other.peers(),
            peers => !peers.some(peer => peer.id === id),
          ),
        ),
      );
    }
    return [
      {
        name: 'newcomer into 10 agents, from ready to everyone’s list',
        value: median(timesMs),
        unit: 'ms',
        goal: { atMost: 250 },
      },
    ];
  });
}

export function massJoin(): Promise<readonly Figure[]> {
  return withPlayground(async playground => {
    const seed = await playground.start('agent-0');
    const startedMs = performance.now();
    const others = Array.from({ length: 24 }, (_, i) =>
      playground.start(`agent-${i + 1}`, ['--seed', seed.seed]),
    );
    const agents = [seed, ...(await Promise.all(others))];
    await Promise.all(
      agents.map(agent =>
        eventually(
          'all met',
          () => agent.peers(),
          peers => aliveIds(peers).length === 25,
          120_000,
        ),
      ),
    );
    const seconds = (performance.now() - startedMs) / 1_000;
    return [
      {
        name: '25 agents at once through one seed, all see all',
        value: seconds,
        unit: 's',
        goal: { atMost: 15 },
      },
    ];
  });
}
