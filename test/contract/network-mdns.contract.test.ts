/** mDNS on real interfaces: loopback, and two network namespaces joined by a cable and nothing else. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import createMdns from 'multicast-dns';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { startMdns } from '../../src/discovery/mdns.ts';
import { MdnsInterface } from '../../src/discovery/mdns-interface.ts';
import { serviceName } from '../../src/discovery/mdns-packet.ts';
import { registerNetMetrics } from '../../src/telemetry/metrics/net.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { type Member, startMember } from './network-contract.ts';
import { Libp2pWorld, until } from './network-libp2p.ts';

/** Agents of other tests, and real ones, may be on the same interfaces. */
const cluster = `mdns-test-${process.pid}`;

describe('discovery: mdns on loopback', { timeout: 30_000 }, () => {
  let world: Libp2pWorld;

  beforeEach(() => {
    world = new Libp2pWorld({ mdns: startMdns });
  });

  afterEach(async () => {
    await world.close();
  });

  it('finds agents of the cluster on one machine without a network, and only those', async context => {
    if (!(await loopbackCarriesMulticast())) context.skip('loopback does not carry multicast here');
    const members = await Promise.all([1, 2, 3].map(() => startMember(world, cluster)));
    const stranger = await startMember(world, `${cluster}-other`);

    await until(
      () => members.every(({ heard }) => peersOf(heard).size === 2),
      'all three to find each other',
    );

    for (const { peer, multiaddrs, heard } of members) {
      assert.notInclude([...peersOf(heard)], peer);
      for (const other of members.filter(member => member.peer !== peer)) {
        assert.deepEqual(addressesOf(heard, other.peer), other.multiaddrs);
      }
      assert.notInclude([...peersOf(heard)], stranger.peer);
      assert.notInclude([...peersOf(stranger.heard)], peer);
      assert.include(multiaddrs[0], '127.0.0.1');
    }
  });

  it('goes on after packets that make no sense', async context => {
    if (!(await loopbackCarriesMulticast())) context.skip('loopback does not carry multicast here');
    const a = await startMember(world, cluster);
    await shout([
      Buffer.alloc(0),
      Buffer.alloc(9_000, 0xff),
      Buffer.from(serviceName(cluster)),
      Buffer.alloc(12),
    ]);

    const b = await startMember(world, cluster);
    await until(() => peersOf(a.heard).size === 1 && peersOf(b.heard).size === 1, 'both to find each other');

    assert.deepEqual([...peersOf(a.heard)], [b.peer]);
  });
});

describe('discovery: mdns looks at itself', () => {
  const open: MdnsInterface[] = [];
  const loopback = (networkInterfaces().lo ?? []).filter(({ family }) => family === 'IPv4');

  afterEach(async () => {
    for (const each of open.splice(0)) await each.stop();
  });

  function listen(infos = loopback): MdnsInterface {
    const each = new MdnsInterface(
      { service: serviceName(cluster), instance: 'examined', name: 'lo', infos },
      {
        createMdns,
        metrics: registerNetMetrics(new MetricRegistry()),
        announce: () => [],
        onAnnouncement: () => {},
        onFailure: error => assert.fail(error.message),
      },
    );
    open.push(each);
    return each;
  }

  it('hears itself where multicast works', async context => {
    if (!(await loopbackCarriesMulticast())) context.skip('loopback does not carry multicast here');

    assert.isTrue(await listen().hearsItself());
  });

  it('says within two seconds that it does not where nothing of its own network comes back', async () => {
    const deaf = listen(
      loopback.map(info => ({ ...info, cidr: '198.51.100.1/32' })) as NetworkInterfaceInfo[],
    );
    const startedMs = performance.now();

    assert.isFalse(await deaf.hearsItself());
    assert.isBelow(performance.now() - startedMs, 2_000);
  });

  it('has nothing to say where it is switched off, and names every interface where it is on', async () => {
    const off = new Libp2pWorld();
    const on = new Libp2pWorld({ mdns: startMdns });
    try {
      const [without, member] = [await startMember(off, cluster), await startMember(on, cluster)];

      assert.isUndefined(await without.network.examineMdns());
      const found = await member.network.examineMdns();
      const names = Object.entries(networkInterfaces()).flatMap(([name, all = []]) =>
        all.some(({ internal }) => !internal) ? [name] : [],
      );
      assert.deepEqual(found?.map(({ name }) => name).sort(), names.sort());
    } finally {
      await Promise.all([off.close(), on.close()]);
    }
  });
});

const canMakeNamespaces = tryNamespaces();
if (canMakeNamespaces !== undefined) console.log(`skipped, network namespaces: ${canMakeNamespaces}`);

describe.skipIf(canMakeNamespaces !== undefined)(
  'discovery: mdns across a cable',
  { timeout: 60_000 },
  () => {
    const [left, right] = [`fh-l-${process.pid}`, `fh-r-${process.pid}`] as const;
    const agents: ChildProcess[] = [];

    beforeEach(() => {
      for (const name of [left, right]) {
        ip('netns', 'add', name);
        ip('-n', name, 'link', 'set', 'lo', 'up');
      }
    });

    afterEach(async () => {
      for (const agent of agents.splice(0)) {
        agent.stdin?.end();
        if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit');
      }
      for (const name of [left, right]) ip('netns', 'del', name);
    });

    it('finds the other end without a default route, also when the cable comes after the start', async () => {
      const [a, b] = [spawnAgent(left), spawnAgent(right)];
      await until(() => a.self !== undefined && b.self !== undefined, 'both agents to start');

      ip('link', 'add', 'cable', 'netns', left, 'type', 'veth', 'peer', 'name', 'cable', 'netns', right);
      for (const [name, address] of [
        [left, '10.231.7.1/24'],
        [right, '10.231.7.2/24'],
      ] as const) {
        ip('-n', name, 'addr', 'add', address, 'dev', 'cable');
        ip('-n', name, 'link', 'set', 'cable', 'up');
      }
      await until(() => a.found.size > 0 && b.found.size > 0, 'both ends to find each other');

      assert.deepEqual([...a.found.keys()], [b.self]);
      assert.deepEqual([...b.found.keys()], [a.self]);
      assert.match(a.found.get(b.self ?? '') ?? '', /^\/ip4\/10\.231\.7\.2\/tcp\/\d+\/p2p\//);
    });

    interface Agent {
      self: string | undefined;
      readonly found: Map<string, string>;
    }

    function spawnAgent(namespace: string): Agent {
      const script = fileURLToPath(new URL('./network-mdns-agent.ts', import.meta.url));
      const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, script, cluster], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      agents.push(child);
      const agent: Agent = { self: undefined, found: new Map() };
      createInterface({ input: child.stdout }).on('line', line => {
        const said: { self?: string; found?: string; multiaddrs?: string[] } = JSON.parse(line);
        if (said.self !== undefined) agent.self = said.self;
        if (said.found !== undefined) agent.found.set(said.found, said.multiaddrs?.[0] ?? '');
      });
      return agent;
    }
  },
);

function peersOf(heard: Member['heard']): ReadonlySet<string> {
  return new Set(heard.discovered.map(({ peer }) => peer));
}

function addressesOf(heard: Member['heard'], peer: string): readonly string[] | undefined {
  return heard.discovered.find(found => found.peer === peer)?.multiaddrs;
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** @returns Why it cannot be done; `undefined` when it can. */
function tryNamespaces(): string | undefined {
  const name = `fh-try-${process.pid}`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'exec', name, process.execPath, '--version');
    ip('netns', 'del', name);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}

async function shout(packets: readonly Buffer[]): Promise<void> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve));
  socket.setMulticastInterface('127.0.0.1');
  for (const packet of packets) {
    await new Promise<void>(resolve => socket.send(packet, 5_353, '224.0.0.251', () => resolve()));
  }
  socket.close();
}

async function loopbackCarriesMulticast(): Promise<boolean> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, resolve);
    });
    socket.addMembership('224.0.0.251', '127.0.0.1');
    socket.setMulticastInterface('127.0.0.1');
    const heard = once(socket, 'message', { signal: AbortSignal.timeout(2_000) });
    socket.send('hello', socket.address().port, '224.0.0.251');
    await heard;
    return true;
  } catch {
    return false; // No multicast on loopback: the kernel says so in several ways.
  } finally {
    socket.close();
  }
}
