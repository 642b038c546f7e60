/**
 * From an authority's list in one agent's hands until none of the others deals with the revoked member any more.
 *
 * All agents share this process and its loop, so each of these times bounds what agents on machines of their own take
 * from above, but for the network between them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuthorityDirectory } from '../../src/identity/authority-directory.ts';
import { type AgentOptions, createAgent, type RunningAgent } from '../../src/index.ts';
import { writeInvite } from '../../src/wire/grant.ts';
import { type Figure, median, percentile } from './figures.ts';
import type { BenchOptions } from './options.ts';

const cluster = 'bench';
const hourMs = 3_600_000;
const deadlineMs = 60_000;

export async function revocation({
  agents: agentsCount = 20,
  repetitions = 10,
}: Partial<BenchOptions>): Promise<readonly Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'firsthand-bench-'));
  const caDir = join(directory, 'ca');
  const ca = await AuthorityDirectory.create(caDir, { cluster });
  const running: RunningAgent[] = [];
  const start = async (id: string, how: Partial<AgentOptions>): Promise<RunningAgent> => {
    const agent = await createAgent({
      id,
      cluster,
      dataDir: join(directory, id),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      http: '127.0.0.1:0',
      mdns: false,
      dht: false,
      ...how,
    });
    running.push(agent);
    return agent;
  };
  try {
    const issuer = await start('issuer', { caDir });
    const invite = () =>
      writeInvite(
        ca.authority.invite({
          seeds: issuer.ready.multiaddrs.slice(0, 1),
          pattern: '*',
          roles: [],
          lifetimeMs: hourMs,
          expiresMs: Date.now() + hourMs,
        }).wire,
      );
    for (let i = 1; i < agentsCount - 1; i++) await start(`agent-${i}`, { join: invite() });
    const others = [...running];
    const closedMs: number[] = [];
    const shutOutMs: number[] = [];
    const joinedMs: number[] = [];
    for (let round = 0; round < repetitions; round++) {
      const startedMs = performance.now();
      const victim = await start(`victim-${round}`, { join: invite() });
      joinedMs.push(performance.now() - startedMs);
      const { id, peerId } = victim.identity;
      const isLinked = (agent: RunningAgent) =>
        agent.mesh().peers.some(({ peer, state }) => peer === peerId && state === 'connected');
      await until('everybody has met the victim', () =>
        others.every(each => isLinked(each) && lists(each, id)),
      );

      const { wire } = await ca.revoke({ keys: [peerId] }, Date.now());
      const revokedMs = performance.now();
      issuer.authority?.revoke(wire);
      await until('nobody lists the victim', () => !others.some(each => lists(each, id)));
      shutOutMs.push(performance.now() - revokedMs);
      await until('all links to the victim are closed', () => !others.some(isLinked));
      closedMs.push(performance.now() - revokedMs);
      await victim.stop();
    }
    const what = `member revoked, ${agentsCount} agents`;
    return [
      { name: 'invite to ready, with a cluster of that size', value: median(joinedMs), unit: 'ms' },
      { name: `${what}: listed by nobody, p50`, value: median(shutOutMs), unit: 'ms' },
      { name: `${what}: all connections closed, p50`, value: median(closedMs), unit: 'ms' },
      {
        name: `${what}: all connections closed, longest of ${repetitions}`,
        value: percentile(closedMs, 100),
        unit: 'ms',
        goal: { atMost: 2_000 },
      },
    ];
  } finally {
    for (const agent of running) await agent.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function lists(agent: RunningAgent, id: string): boolean {
  return agent.listing.get(id) !== undefined;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs / 1_000} s: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 2));
  }
}
