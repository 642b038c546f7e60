/** What only the real adapter can show: many hosts on one address, hostile peers, names, bad listen addresses. */
import { createServer } from 'node:net';
import type { Connection } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { startDht } from '../../src/discovery/dht.ts';
import { FirsthandError } from '../../src/errors.ts';
import type { Admission } from '../../src/net/gated-registrar.ts';
import { createHost, type Host } from '../../src/net/host.ts';
import { protocolNames } from '../../src/net/protocols.ts';
import { frameMaxBytes, gossipMaxBytes } from '../../src/runtime/ports.ts';
import { bytes, link, type Member, startMember } from './network-contract.ts';
import { Libp2pWorld, newKey, until } from './network-libp2p.ts';
import { RecordingHandlers } from './network-recorder.ts';

const names = protocolNames('blue');

describe('network: libp2p only', { timeout: 60_000 }, () => {
  let world: Libp2pWorld;
  const start = () => startMember(world, 'blue');
  const startAt = async (host: string, port: string): Promise<Member> => {
    const network = world.create('blue', [`/ip4/${host}/tcp/${port}`]);
    const heard = new RecordingHandlers();
    return { network, heard, ...(await network.start(heard)) };
  };
  const startMany = (count: number) => Promise.all(Array.from({ length: count }, start));

  beforeEach(() => {
    world = new Libp2pWorld();
  });

  afterEach(async () => {
    await world.close();
  });

  describe('many hosts on one address', () => {
    it('delivers every message of 18 hosts to all the others', async () => {
      const members = await startMany(18);
      await connectAll(members);

      for (const [index, { network }] of members.entries()) network.publish(bytes(300, index));
      await until(() => members.every(({ heard }) => heard.gossip.length >= 17), '18 x 17 deliveries');

      for (const { heard } of members)
        assert.equal(new Set(heard.gossip.map(({ bytes: [n] }) => n)).size, 17);
    });

    it('lets 25 hosts dial one at once', async () => {
      const [seed, ...others] = (await startMany(26)) as [Member, ...Member[]];

      for (const { network } of others) network.dial({ key: 'seed', multiaddrs: seed.multiaddrs });
      await until(() => others.every(({ heard }) => heard.outcomes.size === 1), '25 dials to end');

      assert.deepEqual(
        others.map(({ heard }) => heard.outcomesOf('seed')[0]?.ok),
        others.map(() => true),
      );
      await until(() => seed.network.links().length === 25, 'the seed to have them all');
    });
  });

  describe('names', () => {
    it('dials a DNS name without a peer id', async () => {
      const [a, b] = (await startMany(2)) as [Member, Member];
      const port = portOf(b);

      a.network.dial({ key: 'x', multiaddrs: [`/dns4/localhost/tcp/${port}`] });
      await until(() => a.heard.outcomes.size === 1, 'the dial to end');

      assert.deepEqual(a.heard.outcomesOf('x'), [{ ok: true, peer: b.peer }]);
    });

    it('reaches every agent behind a name that stands for itself and three others, itself first', async () => {
      const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'];
      world = new Libp2pWorld({ resolve: async () => hosts });
      const first = await startMember(world, 'blue');
      const port = portOf(first);
      const others = await Promise.all(hosts.slice(1).map(host => startAt(host, port)));

      first.network.dial({ key: 'x', multiaddrs: [`/dns4/agents/tcp/${port}`] });
      await until(() => first.heard.outcomes.size === 1, 'the dial to end');

      assert.deepEqual(first.heard.up.toSorted(), others.map(({ peer }) => peer).sort());
      assert.isTrue(first.heard.outcomesOf('x')[0]?.ok);
    });

    it('finds the one peer that is asked for behind a name that stands for several', async () => {
      const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
      world = new Libp2pWorld({ resolve: async () => hosts });
      const first = await startMember(world, 'blue');
      const port = portOf(first);
      const [, last] = (await Promise.all(hosts.slice(1).map(host => startAt(host, port)))) as [
        Member,
        Member,
      ];

      first.network.dial({ key: 'x', peer: last.peer, multiaddrs: [`/dns4/agents/tcp/${port}`] });
      await until(() => first.heard.outcomes.size === 1, 'the dial to end');

      assert.deepEqual(first.heard.outcomesOf('x'), [{ ok: true, peer: last.peer }]);
      assert.deepEqual(first.heard.up, [last.peer]);
    });

    it('says that a name is not known', async () => {
      const a = await start();

      a.network.dial({ key: 'x', multiaddrs: ['/dns4/nobody.invalid/tcp/7946'] });
      await until(() => a.heard.outcomes.size === 1, 'the dial to end');

      assert.match(a.heard.failureText('x'), /nobody\.invalid.*name/);
    });
  });

  describe('looking up', () => {
    it('finds through a neighbour the addresses of a peer that is not linked', async () => {
      world = new Libp2pWorld({ dht: startDht });
      const [a, b, c] = (await startMany(3)) as [Member, Member, Member];
      await link(world, a, b);
      await link(world, c, b);
      await until(() => {
        a.network.lookUp(c.peer);
        return a.heard.discovered.some(({ peer }) => peer === c.peer);
      }, 'the peer to be found');

      const found = a.heard.discovered.find(({ peer }) => peer === c.peer);
      assert.equal(found?.source, 'dht');
      assert.include(found?.multiaddrs.join(' '), (c.multiaddrs[0] ?? '').replace(/\/p2p\/.*/, ''));
    });
  });

  describe('listening', () => {
    it('names the address that another process holds', async () => {
      const taken = createServer();
      await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve));
      const address = taken.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;

      const error = await failedStart([`/ip4/127.0.0.1/tcp/${port}`]);

      taken.close();
      assert.equal(error.code, 'ADDRESS_IN_USE');
      assert.include(error.message, `/ip4/127.0.0.1/tcp/${port}`);
    });

    it('names the address that this machine does not have', async () => {
      const error = await failedStart(['/ip4/127.0.0.1/tcp/0', '/ip4/198.51.100.7/tcp/0']);

      assert.equal(error.code, 'ADDRESS_UNAVAILABLE');
      assert.include(error.message, '/ip4/198.51.100.7/tcp/0');
    });

    async function failedStart(listen: readonly string[]): Promise<FirsthandError> {
      const error = await world
        .create('blue', listen)
        .start(new RecordingHandlers())
        .then(
          () => undefined,
          (reason: unknown) => reason,
        );
      assert.instanceOf(error, FirsthandError);
      return error;
    }
  });

  describe('a bug in the caller', () => {
    it('is told about messages and frames above the limits', async () => {
      const [a, b] = (await startMany(2)) as [Member, Member];
      await link(world, a, b);

      assert.throws(() => a.network.publish(bytes(gossipMaxBytes + 1, 1)), RangeError);
      assert.throws(() => a.network.send(b.peer, bytes(frameMaxBytes + 1, 1)), RangeError);
    });
  });

  describe('a peer that does not behave', () => {
    let raw: Host;
    let gossipHeard: number;

    beforeEach(async () => {
      raw = await startRawHost();
      gossipHeard = 0;
      raw.node.services.gossip.addEventListener('message', () => {
        gossipHeard += 1;
      });
    });

    afterEach(async () => {
      await raw.node.stop();
    });

    it('loses its stream for a frame above the limit, and the link goes on', async () => {
      const a = await start();
      await raw.gate.handle(names.sync, () => {});
      const connection = await dialRaw(a);
      const stream = await connection.newStream(names.sync);

      stream.send(Uint8Array.of(2, 7, 7)); // A good frame first.
      stream.send(Uint8Array.of(0x81, 0x80, 0x04)); // 65,537 bytes are announced.
      await until(() => stream.status !== 'open', 'the stream to be reset');

      assert.deepEqual(
        a.heard.frames.map(frame => [...frame.bytes]),
        [[7, 7]],
      );
      assert.equal(await world.metric('firsthand_streams_rejected_total'), 1);
      assert.equal(a.network.links().length, 1);
    });

    it('has no more streams of a protocol than it may, and the link goes on', async () => {
      const a = await start();
      await raw.gate.handle(names.sync, () => {});
      const connection = await dialRaw(a);
      const [first, second, third] = [
        await connection.newStream(names.sync),
        await connection.newStream(names.sync),
        await connection.newStream(names.sync),
      ];
      first.send(Uint8Array.of(1, 1));
      second.send(Uint8Array.of(1, 2));

      await until(() => third.status !== 'open', 'the third to be reset');
      await until(() => a.heard.frames.length === 2, 'what was sent on the others');
      first.abort(new Error('enough of it'));
      await until(
        () => connection.streams.filter(({ protocol }) => protocol === names.sync).length < 2,
        'room',
      );
      const next = await connection.newStream(names.sync);
      next.send(Uint8Array.of(1, 9));
      await until(() => a.heard.frames.length === 3, 'what was sent on another one');

      assert.isAtLeast(await world.metric('firsthand_streams_refused_total'), 1);
      assert.equal(a.network.links().length, 1);
    });

    it('cannot make it remember topics by subscribing to many', async () => {
      const a = await startRawHost();
      a.node.services.gossip.subscribe(names.topic);
      const connection = await raw.node.dial(a.node.getMultiaddrs());
      raw.gate.up(connection);
      const { gossip } = raw.node.services;
      const remembered = () =>
        (a.node.services.gossip as unknown as { readonly topics: ReadonlyMap<string, unknown> }).topics;

      const heard: number[] = [];
      a.node.services.gossip.addEventListener('message', ({ detail }) => heard.push(detail.data.length));
      gossip.subscribe(names.topic);
      await until(() => a.node.services.gossip.getSubscribers(names.topic).length === 1, 'its subscription');

      for (let n = 0; n < 1_000; n += 1) gossip.subscribe(`made up ${n}`);
      // Behind all of them on the same stream.
      await gossip.publish(names.topic, bytes(77, 1));
      await until(() => heard.includes(77), 'its message');

      assert.deepEqual([...remembered().keys()], [names.topic]);
      await a.node.stop();
    });

    it('is foreign when it speaks no Firsthand at all', async () => {
      const a = await start();

      a.network.dial({ key: 'x', multiaddrs: raw.node.getMultiaddrs().map(String) });
      await until(() => a.heard.outcomes.size === 1, 'the dial to end');
      await until(() => raw.node.getConnections().length === 0, 'the connection to be closed');

      assert.match(a.heard.failureText('x'), /is not a Firsthand agent/);
      assert.deepEqual(a.heard.up, []);
      assert.equal(a.heard.foreign.length, 1);
    });

    it('gets a gossip stream again after it has broken the first', async () => {
      const a = await start();
      await raw.gate.handle(names.sync, () => {});
      raw.node.services.gossip.subscribe(names.topic);
      const connection = await dialRaw(a);
      await until(() => a.heard.subscribed.length === 1, 'its subscription');

      for (const stream of connection.streams) {
        if (stream.direction === 'inbound' && stream.protocol.startsWith('/meshsub/')) {
          stream.abort(new Error('broken on purpose'));
        }
      }
      await until(() => a.heard.subscribed.length === 2, 'it to count as newly subscribed');
      a.network.publish(bytes(100, 1));
      await until(() => gossipHeard === 1, 'the message to arrive');

      assert.equal(await world.metric('firsthand_gossip_streams_reopened_total'), 1);
      assert.equal(a.heard.down.length, 0);
    });

    async function dialRaw(to: Member): Promise<Connection> {
      const connection = await raw.node.dial(to.multiaddrs.map(address => multiaddr(address)));
      await raw.node.services.identify.identify(connection);
      raw.gate.up(connection);
      await until(() => to.heard.up.length === 1, 'the link');
      return connection;
    }
  });
});

/** A host with the agent's settings and none of its manners. */
async function startRawHost(): Promise<Host> {
  const admitsAll: Admission = {
    isAdmitted: () => true,
    whenAdmitted: async () => true,
    linked: () => [],
  };
  const host = await createHost(
    {
      privateKeyRaw: newKey(),
      topic: names.topic,
      connectionsMaxCount: 10,
      dialTimeoutMs: 5_000,
      mayDial: () => true,
      mayEnter: () => true,
      scoreOf: () => 0,
    },
    () => admitsAll,
  );
  await host.node.start();
  await host.internals.transportManager.listen([multiaddr('/ip4/127.0.0.1/tcp/0')]);
  return host;
}

function portOf({ multiaddrs: [first = ''] }: Member): string {
  return /tcp\/(\d+)/.exec(first)?.[1] ?? '';
}

async function connectAll(members: readonly Member[]): Promise<void> {
  for (const [index, from] of members.entries()) {
    for (const to of members.slice(index + 1)) {
      from.network.dial({ key: to.peer, peer: to.peer, multiaddrs: to.multiaddrs });
    }
  }
  await until(
    () => members.every(({ heard }) => heard.subscribed.length === members.length - 1),
    'everybody to be linked with everybody',
  );
}
