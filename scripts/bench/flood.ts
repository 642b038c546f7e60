/** What an agent still does while somebody floods it with what is nothing: see `flooder.ts`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type AgentProcess, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { type Figure, median, never, percentile } from './figures.ts';
import type { BenchOptions } from './options.ts';

const cluster = 'bench';
const secret = 'a secret that all members know';

export async function flood(options: BenchOptions): Promise<readonly Figure[]> {
  return [...(await flooded('open', options)), ...(await flooded('with a secret', options))];
}

async function flooded(
  mode: 'open' | 'with a secret',
  { agents = 5, seconds = 15 }: BenchOptions,
): Promise<readonly Figure[]> {
  const playground = await Playground.open();
  try {
    const flags = ['--cluster', cluster, ...(mode === 'open' ? [] : await secretFlags(playground))];
    const ids = Array.from({ length: agents }, (_, n) => `agent-${n}`);
    const members = await playground.cluster(ids, flags);
    const [victim, watcher] = members;
    if (victim === undefined || watcher === undefined) throw new Error('a flood takes two agents');
    await eventually(
      'all are there',
      () => aliveCount(watcher),
      count => count === agents,
    );
    const quiet = await registrationsMs(victim, seconds);
    const doubts = new Doubts(watcher, victim.ready.id);
    const flooder = await startFlooder(victim, mode === 'open' ? [] : [secret]);
    const firstHalf = await registrationsMs(victim, seconds);
    const before = await residentMiB(victim);
    const under = [...firstHalf, ...(await registrationsMs(victim, seconds))];
    const after = await residentMiB(victim);
    const dropped = await counted(victim, 'firsthand_probe_datagrams_dropped_total');
    const arrived = await counted(victim, 'firsthand_probe_datagrams_total{direction="in"');
    const judged = await counted(victim, 'firsthand_gossip_received_total');
    const sent = await flooder.end();
    const dead = await doubts.end();
    return [
      { name: `${mode}: junk datagrams sent`, value: sent.datagrams / sent.seconds, unit: '/s' },
      { name: `${mode}: junk gossip messages sent`, value: sent.messages / sent.seconds, unit: '/s' },
      {
        name: `${mode}: datagrams that arrived and were dropped before they were decoded`,
        value: (100 * dropped) / arrived,
        unit: '%',
      },
      { name: `${mode}: gossip messages judged before the sender was shut off`, value: judged, unit: '' },
      { name: `${mode}: HTTP registration, quiet, p50`, value: median(quiet), unit: 'ms' },
      { name: `${mode}: HTTP registration, quiet, p99`, value: percentile(quiet, 99), unit: 'ms' },
      { name: `${mode}: HTTP registration, flooded, p50`, value: median(under), unit: 'ms' },
      { name: `${mode}: HTTP registration, flooded, p99`, value: percentile(under, 99), unit: 'ms' },
      {
        name: `${mode}: p99 flooded / quiet`,
        value: percentile(under, 99) / percentile(quiet, 99),
        unit: 'x',
        goal: { atMost: 10 },
      },
      {
        name: `${mode}: growth of resident memory in the second half`,
        value: after - before,
        unit: 'MiB',
        goal: { atMost: 50 },
      },
      { name: `${mode}: times that a peer suspected it`, value: dead.suspected, unit: '' },
      never(`${mode}: times that a peer took it for dead`, dead.dead, ''),
    ];
  } finally {
    await playground.close();
  }
}

async function secretFlags({ directory }: Playground): Promise<readonly string[]> {
  const path = join(directory, 'secret');
  await writeFile(path, secret, { mode: 0o600 });
  return ['--auth', 'shared_secret', '--secret-file', path];
}

const authorization = { authorization: `Bearer ${secret}` };

async function aliveCount(agent: AgentProcess): Promise<number> {
  const answer = await fetch(`${agent.ready.http}/peers?status=alive`, { headers: authorization });
  return ((await answer.json()) as readonly unknown[]).length;
}

/** One after the other, each of something new. */
async function registrationsMs(agent: AgentProcess, seconds: number): Promise<readonly number[]> {
  const results: number[] = [];
  const endMs = performance.now() + seconds * 1_000;
  for (let n = 0; performance.now() < endMs; n++) {
    const startedMs = performance.now();
    const { status } = await fetch(`${agent.ready.http}/registration`, {
      method: 'POST',
      headers: authorization,
      body: JSON.stringify({
        id: `svc-${n % 500}`,
        address: `127.0.0.1:${1_024 + (n % 60_000)}`,
        metrics_port: 9_100,
      }),
    });
    if (status !== 200) throw new Error(`answered ${status}`);
    results.push(performance.now() - startedMs);
  }
  return results;
}

/** The sum of one metric over its labels. */
async function counted({ ready }: AgentProcess, metric: string): Promise<number> {
  const text = await (await fetch(`${ready.http}/telemetry`)).text();
  const values = text.split('\n').filter(line => line.startsWith(metric));
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function residentMiB({ pid }: AgentProcess): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1]) / 1_024;
}

/** What one agent thinks of another, by its events. */
class Doubts {
  readonly #stopping = new AbortController();
  readonly #reading: Promise<void>;
  #suspected = 0;
  #dead = 0;

  constructor(watcher: AgentProcess, id: string) {
    this.#reading = this.#read(watcher, id).catch(error => {
      if (!this.#stopping.signal.aborted) throw error;
    });
  }

  async end() {
    this.#stopping.abort();
    await this.#reading;
    return { suspected: this.#suspected, dead: this.#dead };
  }

  async #read({ ready }: AgentProcess, id: string): Promise<void> {
    const { signal } = this.#stopping;
    const answer = await fetch(`${ready.http}/events?kind=liveness&id=${id}`, {
      headers: authorization,
      signal,
    });
    for await (const chunk of answer.body ?? []) {
      for (const [, to] of Buffer.from(chunk)
        .toString()
        .matchAll(/"to":"(suspect|dead)"/g)) {
        if (to === 'dead') this.#dead += 1;
        else this.#suspected += 1;
      }
    }
  }
}

interface Sent {
  readonly datagrams: number;
  readonly messages: number;
  readonly seconds: number;
}

/** Resolves once the flood is on. */
async function startFlooder(victim: AgentProcess, more: readonly string[]) {
  const script = fileURLToPath(new URL('flooder.ts', import.meta.url));
  const args = [script, victim.seed, victim.ready.probe, cluster, ...more];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const first = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => undefined)]);
  if (first === undefined) throw new Error('the flooder ended before it had begun');
  return {
    end: async (): Promise<Sent> => {
      const last = once(lines, 'line');
      child.stdin?.end();
      return JSON.parse(String((await last)[0])) as Sent;
    },
  };
}
