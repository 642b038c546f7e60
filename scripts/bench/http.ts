/**
 * Registrations over HTTP, next to a bare Fastify route in a process of its own that parses the same body
 * and answers the same bytes. The machine is shared, so what counts is the ratio within one run.
 *
 * Every request registers a new node, and every answer lists all others: answers grow with the table, for
 * both servers alike.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { Playground } from '../../src/chaos/stages/agent-process.ts';
import { type Figure, median } from './figures.ts';

const connections = 32;
const requestsCount = 1_000;
const rounds = 3;

interface Measured {
  readonly perSecond: number;
  readonly p99Ms: number;
}

async function load(url: string): Promise<Measured> {
  let next = 0;
  const startedMs = performance.now();
  const result = await autocannon({
    url: `${url}/registration`,
    connections,
    amount: requestsCount,
    requests: [
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        setupRequest: request => {
          next += 1;
          return { ...request, body: bodyOf(next) };
        },
      },
    ],
  });
  if (result['2xx'] !== requestsCount)
    throw new Error(`${result.non2xx} answers were not 2xx, ${result.errors} errors`);
  return { perSecond: requestsCount / ((performance.now() - startedMs) / 1_000), p99Ms: result.latency.p99 };
}

function bodyOf(i: number): string {
  return JSON.stringify({
    id: `service-${String(i).padStart(5, '0')}`,
    address: `10.0.${i % 250}.${Math.floor(i / 250)}:8000`,
    metrics_port: 9_100,
  });
}

async function bareRoute(): Promise<Measured> {
  const child = fork(fileURLToPath(new URL('./bare-route.ts', import.meta.url)), { stdio: 'inherit' });
  try {
    const [url] = (await once(child, 'message')) as [string];
    return await load(url);
  } finally {
    child.kill();
  }
}

async function agentAlone(): Promise<Measured> {
  const playground = await Playground.open();
  try {
    const agent = await playground.start('agent-0');
    return await load(agent.ready.http);
  } finally {
    await playground.close();
  }
}

async function agentWithPeer(): Promise<Measured> {
  const playground = await Playground.open();
  try {
    const [agent] = await playground.cluster(['agent-0', 'agent-1']);
    if (agent === undefined) throw new Error('no agent');
    return await load(agent.ready.http);
  } finally {
    await playground.close();
  }
}

export async function registrationOverHttp(): Promise<readonly Figure[]> {
  const bare: Measured[] = [];
  const alone: Measured[] = [];
  const withPeer: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(await bareRoute());
    alone.push(await agentAlone());
    withPeer.push(await agentWithPeer());
  }
  const rate = (measured: readonly Measured[]) => median(measured.map(({ perSecond }) => perSecond));
  const p99 = (measured: readonly Measured[]) => median(measured.map(({ p99Ms }) => p99Ms));
  return [
    { name: 'bare Fastify route, same body and bytes', value: rate(bare), unit: 'requests/s' },
    { name: 'bare Fastify route, p99', value: p99(bare), unit: 'ms' },
    { name: 'HTTP registration of new entries', value: rate(alone), unit: 'requests/s' },
    { name: 'HTTP registration of new entries, p99', value: p99(alone), unit: 'ms' },
    {
      name: 'HTTP registration, share of the bare route',
      value: (100 * rate(alone)) / rate(bare),
      unit: '%',
      goal: { atLeast: 40 },
    },
    {
      name: 'the same with a second agent on the two cores that verifies',
      value: (100 * rate(withPeer)) / rate(bare),
      unit: '%',
    },
  ];
}
