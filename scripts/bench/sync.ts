/** How long it takes, and how many bytes, until two agents in this process hold the same again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { capabilitiesOf } from '../../src/core/record/node.ts';
import { type AgentOptions, createAgent, type RunningAgent } from '../../src/index.ts';
import type { Figure } from './figures.ts';

const entriesCount = 10_000;
const differingCount = 10;
const freshMs = 31_000;

function service(i: number, version = 0) {
  return {
    address: `10.${version}.${i % 250}.${Math.floor(i / 250)}:8000`,
    metricsPort: 9_100,
    nodeType: 'governator' as const, // Backends would be checked, and are not there.
    isLoadBalancer: false,
    capabilities: capabilitiesOf('governator'),
    lastUpdatedS: Math.floor(Date.now() / 1_000) + version,
  };
}

/** Both agents share this process and its loop, so what it is blocked for bounds either of them from above. */
export async function sync(): Promise<readonly Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'firsthand-bench-'));
  const running: RunningAgent[] = [];
  const start = async (id: string, seeds: readonly string[]): Promise<RunningAgent> => {
    const options: AgentOptions = {
      id,
      dataDir: join(directory, id),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      http: '127.0.0.1:0',
      mdns: false,
      seeds: [...seeds],
    };
    const agent = await createAgent(options);
    running.push(agent);
    return agent;
  };
  const register = (agent: RunningAgent, i: number, version = 0) =>
    agent.register({
      action: version === 0 ? 'register' : 'update',
      id: `service-${i}`,
      node: service(i, version),
    });
  try {
    const a = await start('a', []);
    for (let i = 0; i < entriesCount; i += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, j) => register(a, i + j)));
    }
    await pause(2_000);
    const seeds = a.ready.multiaddrs.slice(0, 1);

    const isInStep = (b: RunningAgent) => a.sync().root === b.sync().root;
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    const joinedMs = performance.now();
    const b = await start('b', seeds);
    const readyMs = performance.now() - joinedMs;
    await until(() => isInStep(b));
    const inStepMs = performance.now() - joinedMs;
    loop.disable();
    const blockedMs = loop.max / 1e6;
    const last = b.sync().peers[0]?.last;

    // The same tables but ten: B is away while ten change.
    await b.stop();
    await pause(500);
    for (let i = 0; i < differingCount; i++) await register(a, i * 997, 1);
    await pause(freshMs); // What is younger goes by gossip.
    const again = await start('b', seeds);
    await until(() => isInStep(again));
    await pause(20); // For what is still on its way.
    const walk = again.sync().peers[0]?.last;
    if (walk?.outcome !== 'walked' || walk.received < differingCount)
      throw new Error(`the exchange brought ${walk?.received} records, so something else was faster`);
    return [
      { name: 'empty agent joins one with 10,000 entries: ready', value: readyMs / 1_000, unit: 's' },
      {
        name: 'empty agent joins one with 10,000 entries: in step',
        value: inStepMs / 1_000,
        unit: 's',
        goal: { atMost: 5 },
      },
      { name: 'of that the exchange', value: (last?.tookMs ?? Number.NaN) / 1_000, unit: 's' },
      {
        name: 'event loop blocked at longest meanwhile, both agents on one loop',
        value: blockedMs,
        unit: 'ms',
        goal: { atMost: 50 },
      },
      {
        name: '10 of 10,000 entries differ: exchanged',
        value: walk.bytes / 1_024,
        unit: 'KiB',
        goal: { atMost: 20 },
      },
      {
        name: '10 of 10,000 entries differ: the exchange took',
        value: walk.tookMs,
        unit: 'ms',
        goal: { atMost: 200 },
      },
    ];
  } finally {
    for (const agent of running) await agent.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('the two did not come into step within 60 s');
    await pause(10);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
