/** An agent inside this process: registering, listing, resolving, memory, and how fast news travels. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capabilitiesOf, type NodeFields } from '../../src/core/record/node.ts';
import type { VerifiedRecord } from '../../src/core/record/record.ts';
import { Table } from '../../src/core/record/table.ts';
import { AgentKey } from '../../src/identity/agent-key.ts';
import { SignedRecordCodec } from '../../src/identity/record-codec.ts';
import { type AgentOptions, createAgent, type RunningAgent } from '../../src/index.ts';
import { type Figure, median, percentile } from './figures.ts';
import type { BenchOptions } from './options.ts';

function service(i: number): NodeFields {
  return {
    address: `10.0.${i % 250}.${Math.floor(i / 250)}:8000`,
    metricsPort: 9_100,
    nodeType: 'backend',
    isLoadBalancer: false,
    capabilities: capabilitiesOf('backend'),
    lastUpdatedS: Math.floor(Date.now() / 1_000),
  };
}

async function withAgents<T>(
  count: number,
  use: (agents: readonly RunningAgent[]) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'firsthand-bench-'));
  const agents: RunningAgent[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const seeds = agents[0]?.ready.multiaddrs.slice(0, 1) ?? [];
      const options: AgentOptions = {
        id: `agent-${i}`,
        dataDir: join(directory, String(i)),
        listen: ['/ip4/127.0.0.1/tcp/0'],
        http: '127.0.0.1:0',
        mdns: false,
        seeds,
        healthCheckIntervalMs: 3_600_000, // What is registered here is not there.
      };
      agents.push(await createAgent(options));
    }
    return await use(agents);
  } finally {
    for (const agent of agents) await agent.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The mean of many calls at a time hides what a single one waits for, so both are measured. */
export async function registration(): Promise<readonly Figure[]> {
  return withAgents(1, async ([agent]) => {
    if (agent === undefined) return [];
    const register = (i: number) =>
      agent.register({ action: 'register', id: `service-${i}`, node: service(i) });
    for (let i = 0; i < 1_000; i++) await register(i);

    const roundsUs: number[] = [];
    for (let round = 0; round < 20; round++) {
      const startedMs = performance.now();
      await Promise.all(Array.from({ length: 100 }, (_, i) => register(1_000 + round * 100 + i)));
      roundsUs.push(((performance.now() - startedMs) * 1_000) / 100);
    }
    const singleUs: number[] = [];
    for (let i = 0; i < 500; i++) {
      const startedMs = performance.now();
      await register(5_000 + i);
      singleUs.push((performance.now() - startedMs) * 1_000);
    }
    return [
      {
        name: 'in-process registration, durable and signed, 100 at a time',
        value: median(roundsUs),
        unit: 'µs',
        goal: { atMost: 80 },
      },
      { name: 'in-process registration, one after the other', value: median(singleUs), unit: 'µs' },
    ];
  });
}

export async function listing(): Promise<readonly Figure[]> {
  return withAgents(1, async ([agent]) => {
    if (agent === undefined) return [];
    for (let i = 0; i < 99; i++)
      await agent.register({ action: 'register', id: `service-${i}`, node: service(i) });
    let seen = 0;
    const startedMs = performance.now();
    for (let i = 0; i < 100_000; i++) seen += agent.listing.nodes().length;
    const keptUs = ((performance.now() - startedMs) * 1_000) / 100_000;

    const afterChangeUs: number[] = [];
    for (let i = 0; i < 500; i++) {
      await agent.register({ action: 'update', id: 'service-7', node: service(1_000 + i) });
      const changedMs = performance.now();
      seen += agent.listing.nodes().length;
      afterChangeUs.push((performance.now() - changedMs) * 1_000);
    }
    if (seen !== 100_500 * 100) throw new Error(`the list had ${seen / 100_500} nodes`);
    return [
      { name: 'peer list of 100, unchanged', value: keptUs, unit: 'µs', goal: { atMost: 10 } },
      {
        name: 'peer list of 100, after a change',
        value: median(afterChangeUs),
        unit: 'µs',
        goal: { atMost: 10 },
      },
    ];
  });
}

/** Ten agents each say something else about the same ten nodes. */
export function resolution(): readonly Figure[] {
  const lists: VerifiedRecord[][] = [];
  for (let author = 0; author < 10; author++) {
    const key = AgentKey.fromSeed(new Uint8Array(32).fill(author + 1));
    const codec = new SignedRecordCodec({ cluster: 'bench' }, { key });
    const time = { wallMs: 1_800_000_000_000 + author, counter: 0 };
    lists.push(
      Array.from({ length: 10 }, (_, subject) =>
        codec.seal({
          subject: `service-${subject}`,
          author: key.peerId,
          authority: 'host',
          epoch: 1,
          sequence: subject + 1,
          context: [],
          time,
          claimedAt: time,
          leaseMs: 900_000,
          body: { type: 'entry', node: service((author % 4) * 10 + subject) },
        }),
      ),
    );
  }
  const now = { monoMs: 0, wallMs: 1_800_000_001_000 };
  const roundsUs: number[] = [];
  for (let round = 0; round < 8_000; round++) {
    const table = new Table({}, { self: 'nobody', livenessOf: () => 'alive' });
    const startedMs = performance.now();
    for (const list of lists) for (const record of list) table.take(record, now);
    for (let subject = 0; subject < 10; subject++) table.ledger.resolution(`service-${subject}`);
    roundsUs.push((performance.now() - startedMs) * 1_000);
    if (table.ledger.conflictsCount !== 10) throw new Error('ten conflicts were expected');
  }
  return [
    {
      name: 'resolution of 10 conflicting lists of 10',
      value: median(roundsUs.slice(6_000)),
      unit: 'µs',
      goal: { atMost: 400 },
    },
  ];
}

export async function memory(): Promise<readonly Figure[]> {
  const [entry, backend] = [await bytesPerHosted('proxy'), await bytesPerHosted('backend')];
  return [
    { name: 'memory per hosted entry', value: entry / 1_024, unit: 'KiB', goal: { atMost: 1.5 } },
    { name: 'the same of a backend, with its health checks', value: backend / 1_024, unit: 'KiB' },
  ];
}

/** Backends are checked, proxies are not. */
async function bytesPerHosted(nodeType: 'proxy' | 'backend'): Promise<number> {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('run with --expose-gc');
  const entriesCount = 9_000;
  return withAgents(1, async ([agent]) => {
    if (agent === undefined) return 0;
    const register = (i: number) => {
      const node = { ...service(i), nodeType, capabilities: capabilitiesOf(nodeType) };
      return agent.register({ action: 'register', id: `service-${i}`, node });
    };
    // Fills what is kept of recent records and events, which is bounded and not counted.
    for (let i = 0; i < 12_000; i += 100) {
      await Promise.all(
        Array.from({ length: 100 }, (_, j) =>
          agent.register({ action: 'register', id: 'warm', node: service(i + j) }),
        ),
      );
    }
    for (let i = 0; i < 500; i++) await register(i);
    const measure = () => settledBytes(agent, collect);
    const before = await measure();
    for (let i = 500; i < 500 + entriesCount; i += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, j) => register(i + j)));
    }
    return ((await measure()) - before) / entriesCount;
  });
}

/** An answer makes the HTTP shim serialise what it keeps; then buffers on their way have to be gone. */
async function settledBytes(agent: RunningAgent, collect: () => unknown): Promise<number> {
  await (await fetch(`${agent.ready.http}/peers`)).text();
  for (let last = Number.POSITIVE_INFINITY; ; ) {
    await new Promise(resolve => setTimeout(resolve, 1_000));
    collect();
    const { heapUsed, external } = process.memoryUsage();
    if (Math.abs(heapUsed + external - last) < 20_000) return heapUsed + external;
    last = heapUsed + external;
  }
}

/** Ten guests join and leave in turn, in this process, so that what either side keeps is seen. */
export async function churn({ repetitions = 1_000 }: BenchOptions): Promise<readonly Figure[]> {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('run with --expose-gc');
  const directory = await mkdtemp(join(tmpdir(), 'firsthand-bench-'));
  try {
    return await withAgents(1, async ([host]) => {
      if (host === undefined) return [];
      const visit = async (cycle: number) => {
        const id = `guest-${cycle % 10}`;
        const guest = await createAgent({
          id,
          dataDir: join(directory, id),
          listen: ['/ip4/127.0.0.1/tcp/0'],
          http: '127.0.0.1:0',
          mdns: false,
          seeds: host.ready.multiaddrs.slice(0, 1),
        });
        await guest.stop();
      };
      const warmCount = Math.ceil(repetitions / 4);
      for (let cycle = 0; cycle < warmCount; cycle++) await visit(cycle);
      const before = await settledBytes(host, collect);
      for (let cycle = warmCount; cycle < repetitions; cycle++) await visit(cycle);
      const grown = ((await settledBytes(host, collect)) - before) / (repetitions - warmCount);
      return [
        { name: 'memory before', value: before / 1_048_576, unit: 'MiB' },
        {
          name: `growth a join and leave, of ${repetitions}`,
          value: grown / 1_024,
          unit: 'KiB',
          goal: { atMost: 1 },
        },
      ];
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export async function propagation(): Promise<readonly Figure[]> {
  return withAgents(10, async agents => {
    const [origin, ...others] = agents;
    if (origin === undefined) return [];
    const settled = () =>
      agents.every(agent => agent.listing.nodes().filter(({ status }) => status === 'alive').length === 10);
    while (!settled()) await new Promise(resolve => setTimeout(resolve, 20));

    const eachMs: number[] = [];
    const lastMs: number[] = [];
    for (let i = 0; i < 200; i++) {
      let missing = others.length;
      const startedMs = performance.now();
      const all = new Promise<void>(resolve => {
        for (const agent of others) {
          const unsubscribe = agent.listing.onChange((id, _before, after) => {
            if (id !== 'service' || after?.address !== service(i).address) return;
            eachMs.push(performance.now() - startedMs);
            unsubscribe();
            missing -= 1;
            if (missing === 0) resolve();
          });
        }
      });
      await origin.register({ action: 'register', id: 'service', node: service(i) });
      await all;
      lastMs.push(performance.now() - startedMs);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    return [
      { name: 'update over 10 agents in one process, each, p50', value: median(eachMs), unit: 'ms' },
      { name: 'update over 10 agents in one process, seen by all, p50', value: median(lastMs), unit: 'ms' },
      {
        name: 'update over 10 agents in one process, seen by all, p99',
        value: percentile(lastMs, 99),
        unit: 'ms',
      },
    ];
  });
}
