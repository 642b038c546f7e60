import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { available, type NamespaceHost, NamespaceNetwork } from '../../src/chaos/stages/namespaces.ts';
import { Exchange } from './datagrams.ts';

const { ok, reason } = available();
if (!ok) console.warn(`not tested with hosts in network namespaces: ${reason}`);

describe.skipIf(!ok)('a cluster of four hosts', { timeout: 180_000 }, () => {
  let network: NamespaceNetwork;
  let playground: Playground;
  beforeEach(async () => {
    network = await NamespaceNetwork.open(4);
    playground = await Playground.open();
  });
  afterEach(async () => {
    await playground.close();
    await network.close();
  });

  const startAt = (host: NamespaceHost, id: string, seed?: AgentProcess) =>
    playground.start(id, [...host.flags, ...(seed === undefined ? [] : ['--seed', seed.seed])], {
      wrapper: host.wrapper,
    });

  async function startAll(): Promise<readonly AgentProcess[]> {
    const [first, ...others] = network.hosts;
    if (first === undefined) throw new Error('no host');
    const seed = await startAt(first, 'agent-0');
    return [seed, ...(await Promise.all(others.map((host, i) => startAt(host, `agent-${i + 1}`, seed))))];
  }

  async function allSee(agents: readonly AgentProcess[], ids: readonly string[]): Promise<void> {
    for (const agent of agents)
      await eventually(
        `${agent.ready.id} sees ${ids.join()} alive`,
        () => agent.peers(),
        peers => aliveIds(peers).join() === ids.join(),
        90_000,
      );
  }

  it('runs the agent itself in the namespace, as the process that is signalled', async () => {
    const agent = await startAt(network.hosts[1] as NamespaceHost, 'agent-0');

    const command = await readFile(`/proc/${agent.pid}/cmdline`, 'utf8');

    assert.match(command, /node\0.*main\.[jt]s\0start\0/);
    assert.notEqual(await readlink(`/proc/${agent.pid}/ns/net`), await readlink('/proc/self/ns/net'));
  });

  it('sees only its own half while cut in two, and everybody again once healed', async () => {
    const agents = await startAll();
    const ids = agents.map(({ ready }) => ready.id);
    await allSee(agents, ids);

    await network.partition(network.hosts.slice(0, 2), network.hosts.slice(2));
    await allSee(agents.slice(0, 2), ids.slice(0, 2));
    await allSee(agents.slice(2), ids.slice(2));
    await network.heal();

    await allSee(agents, ids);
  });

  it('loses the share of datagrams it is told to, one way or both, and none once healed', async () => {
    const [a, b] = network.hosts as [NamespaceHost, NamespaceHost];

    const untouched = await datagrams(a, b);
    await network.loseUdp(0.5, [b]);
    const halved = await datagrams(a, b);
    await network.heal();
    await network.cut([a], [b]);
    const oneWay = [await datagrams(a, b), await datagrams(b, a)];
    await network.heal();
    await network.blockUdp([b]);
    const blocked = [await datagrams(a, b), await datagrams(b, a)];
    await network.heal();
    const healed = await datagrams(a, b);

    assert.equal(untouched, datagramsCount);
    assert.approximately(halved / datagramsCount, 0.5, 0.15);
    assert.deepEqual(oneWay, [0, datagramsCount]);
    assert.deepEqual(blocked, [0, 0]);
    assert.equal(healed, datagramsCount);
  });

  it('leaves neither a namespace nor an interface behind', async () => {
    await network.close();

    assert.deepEqual(
      network.hosts.filter(({ name }) => existsSync(`/run/netns/${name}`)),
      [],
    );
    assert.notInclude(Object.keys(networkInterfaces()), network.outside);
  });

  it('takes away what a process that is gone left behind', async () => {
    const leftover = `firsthand-${spawnSync('true').pid}-0-1`;
    spawnSync('ip', ['netns', 'add', leftover]);
    assert.isTrue(existsSync(`/run/netns/${leftover}`));

    const another = await NamespaceNetwork.open(1);

    await another.close();
    assert.isFalse(existsSync(`/run/netns/${leftover}`));
    assert.include(Object.keys(networkInterfaces()), network.outside);
  });
});

const datagramsCount = 400;
const exchange = new Exchange(9_000);

/** Sends that many, and returns how many arrived. */
function datagrams(from: NamespaceHost, to: NamespaceHost): Promise<number> {
  return exchange.send(from, to, datagramsCount);
}
