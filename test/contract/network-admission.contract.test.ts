/** Who gets onto a connection where a secret is asked for, between real hosts. */
import { connect, type Socket } from 'node:net';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { ClusterKey } from '../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../src/identity/cluster-keyring.ts';
import { SecretAdmission } from '../../src/identity/secret-admission.ts';
import { admissionProtocol } from '../../src/net/admission-encrypter.ts';
import type { Admission } from '../../src/net/gated-registrar.ts';
import { type ConnectionExcess, createHost, type Host, type HostLimits } from '../../src/net/host.ts';
import type { Libp2pNetwork } from '../../src/net/network.ts';
import type { AdmissionAuthority, AdmissionFacts, AdmissionRefusal } from '../../src/runtime/admission.ts';
import { link } from './network-contract.ts';
import { Libp2pWorld, newKey, until } from './network-libp2p.ts';
import { RecordingHandlers } from './network-recorder.ts';

const cluster = 'blue';
const good = 'a secret that all members know';

function secretOf(...secrets: readonly string[]): SecretAdmission {
  const keys = secrets.map(secret => new ClusterKey({ cluster, secret, source: '/etc/firsthand/secret' }));
  return new SecretAdmission({ cluster }, { keyring: new ClusterKeyring(keys.map(key => ({ key }))) });
}

interface Member {
  readonly network: Libp2pNetwork;
  readonly heard: RecordingHandlers;
  readonly peer: string;
  readonly multiaddrs: readonly string[];
}

describe('network: admission', { timeout: 60_000 }, () => {
  let world: Libp2pWorld;
  const facts = new Map<string, AdmissionFacts>();
  const hosts: Host[] = [];
  const start = async (authority?: AdmissionAuthority): Promise<Member> => {
    const onAdmitted = (peer: string, proved: AdmissionFacts) => facts.set(peer, proved);
    const network = world.create(cluster, undefined, { authority, onAdmitted });
    const heard = new RecordingHandlers();
    return { network, heard, ...(await network.start(heard)) };
  };
  const failureOf = async (from: Member, to: Member) => {
    from.network.dial({ key: 'x', peer: to.peer, multiaddrs: to.multiaddrs });
    await until(() => from.heard.outcomes.size === 1, 'the dial to end');
    assert.isFalse(from.heard.outcomesOf('x')[0]?.ok);
    return from.heard.failureText('x');
  };
  /** A host with an authority of its own, and how its exchanges were refused. */
  const bare = async (authority: AdmissionAuthority | undefined, limits: Partial<HostLimits> = {}) => {
    const refused: AdmissionRefusal[] = [];
    const origins: (string | undefined)[] = [];
    const excess: ConnectionExcess[] = [];
    const parts = {
      onAdmitted: () => refused.push({ reason: 'failed', by: 'self' }),
      onRefused: (_peer: string, _role: unknown, refusal: AdmissionRefusal, from: string | undefined) => {
        refused.push(refusal);
        origins.push(from);
      },
    };
    const host = await createHost(
      {
        privateKeyRaw: newKey(),
        topic: 'blue',
        connectionsMaxCount: 10,
        dialTimeoutMs: 5_000,
        mayDial: () => true,
        mayEnter: () => true,
        scoreOf: () => 0,
        admission: authority && { authority, ...parts },
        limits,
        onExcess: reason => excess.push(reason),
      },
      () => everybody,
    );
    hosts.push(host);
    await host.node.start();
    await host.internals.transportManager.listen([multiaddr('/ip4/127.0.0.1/tcp/0')]);
    return { host, refused, origins, excess };
  };

  beforeEach(() => {
    world = new Libp2pWorld();
    facts.clear();
  });

  afterEach(async () => {
    await Promise.all(hosts.splice(0).map(({ node }) => node.stop()));
    await world.close();
  });

  it('links two that know the secret, and says which one they share', async () => {
    const [a, b] = [await start(secretOf(good)), await start(secretOf(good))];

    await link(world, a, b);

    const { id } = new ClusterKey({ cluster, secret: good, source: '' });
    assert.deepEqual(a.network.admissionOf(b.peer), { keyIds: [id] });
    assert.deepEqual(b.network.admissionOf(a.peer), { keyIds: [id] });
  });

  it('links two of which one uses a newer secret and still accepts the older', async () => {
    const [a, b] = [await start(secretOf('the new secret of all', good)), await start(secretOf(good))];

    await link(world, b, a);

    const { id } = new ClusterKey({ cluster, secret: good, source: '' });
    assert.deepEqual(a.network.admissionOf(b.peer), { keyIds: [id] });
    assert.deepEqual(b.network.admissionOf(a.peer), { keyIds: [id] });
  });

  it('refuses a dialer with another secret, which hears whose fault it is', async () => {
    const [a, b] = [await start(secretOf(good)), await start(secretOf('a secret of somebody else'))];

    const text = await failureOf(b, a);

    assert.match(text, /the secret from \/etc\/firsthand\/secret .* is not the one/);
    assert.lengthOf(a.network.links(), 0);
    assert.equal(facts.size, 0);
  });

  it('refuses the secret that it no longer accepts', async () => {
    const [a, b] = [await start(secretOf('the new secret of all')), await start(secretOf(good))];

    const text = await failureOf(b, a);

    assert.match(text, /is not the one of the agent that was asked/);
    assert.equal(facts.size, 0);
  });

  it('refuses an agent that offers no secret, and is refused by one', async () => {
    const [a, b] = [await start(secretOf(good)), await start()];

    const texts = [await failureOf(b, a), await failureOf(a, b)];

    for (const text of texts) assert.match(text, /another kind of credentials/);
    assert.equal(facts.size, 0);
  });

  it('is over at its deadline with a peer that says nothing, and no stream was opened', async () => {
    const member = await bare(secretOf(good), { admissionTimeoutMs: 300 });
    const outsider = await bare(
      saying(() => new Promise(() => {}), Buffer.from([1, ...Buffer.alloc(32)])),
      { admissionTimeoutMs: 1_000 },
    );
    let streams = 0;
    await member.host.internals.registrar.handle('/x', () => {
      streams += 1;
    });

    const failed = await outsider.host.node
      .dialProtocol(member.host.node.getMultiaddrs(), '/x')
      .then(() => false)
      .catch(() => true);

    assert.isTrue(failed);
    assert.deepEqual(member.refused, [{ reason: 'late', by: 'self' }]);
    assert.equal(streams, 0);
    assert.lengthOf(member.host.node.getConnections(), 0);
  });

  it('refuses a peer that sends back what it is sent', async () => {
    const member = await bare(secretOf(good));
    let own: Uint8Array = Buffer.alloc(0);
    const echo = saying(message => {
      own = message;
      return { type: 'go-on', message };
    }, Buffer.alloc(0));
    const outsider = await bare({ ...echo, begin: () => ({ ...echo.begin(), opening: own }) });

    await outsider.host.node.dial(member.host.node.getMultiaddrs()).catch(() => {});

    assert.deepEqual(
      member.refused.map(({ reason }) => reason),
      ['malformed'],
    );
    assert.deepEqual(member.origins, ['127.0.0.1']);
    assert.deepEqual([...new Set(outsider.origins)], ['127.0.0.1']);
    assert.lengthOf(member.host.node.getConnections(), 0);
  });

  describe('connections that say nothing', () => {
    const sockets: Socket[] = [];
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy();
    });
    const silent = async ({ node }: Host, localAddress: string, count: number) => {
      const port = Number(node.getMultiaddrs()[0]?.toString().split('/')[4]);
      for (let n = 0; n < count; n += 1) {
        const socket = connect({ port, host: '127.0.0.1', localAddress });
        socket.on('error', () => {});
        sockets.push(socket);
        // One that is refused may never hear that it was connected.
        await new Promise<void>(resolve => {
          socket.once('connect', () => resolve()).once('close', () => resolve());
        });
      }
      return sockets.at(-1) as Socket;
    };

    it('of one host leave room for those of another', async () => {
      const { host, excess } = await bare(secretOf(good), { hostPendingMaxCount: 3 });
      await silent(host, '127.0.0.1', 5);
      await until(() => excess.length === 2, 'two to be refused');

      const other = await silent(host, '127.0.0.2', 1);
      const heard: Buffer[] = [];
      other.on('data', data => heard.push(data));
      other.write(negotiation('/multistream/1.0.0'));
      await until(() => heard.length > 0, 'an answer');

      assert.deepEqual(excess, ['host_pending', 'host_pending']);
    });

    it('of all hosts together are counted too', async () => {
      const { host, excess } = await bare(secretOf(good), { pendingConnectionsMaxCount: 3 });

      await silent(host, '127.0.0.1', 2);
      await silent(host, '127.0.0.2', 3);
      await until(() => excess.length === 2, 'two to be refused');

      assert.deepEqual(excess, ['limit', 'limit']);
    });
  });

  it('ends a connection whose bytes are no exchange', async () => {
    const member = await bare(secretOf(good));
    const port = Number(member.host.node.getMultiaddrs()[0]?.toString().split('/')[4]);
    const socket = connect(port, '127.0.0.1');
    const heard: Buffer[] = [];
    socket.on('data', data => heard.push(data));
    socket.on('error', () => {});
    const closed = new Promise<void>(resolve => socket.once('close', () => resolve()));

    socket.write(negotiation('/multistream/1.0.0', admissionProtocol({ name: 'secret' })));
    socket.write(Buffer.alloc(200_000, 0xff));
    await closed;

    assert.isBelow(Buffer.concat(heard).length, 500);
    assert.lengthOf(member.host.node.getConnections(), 0);
  });
});

const everybody: Admission = { isAdmitted: () => true, whenAdmitted: async () => true, linked: () => [] };

/** An authority that says what a test wants. */
function saying(take: ReturnType<AdmissionAuthority['begin']>['take'], opening: Uint8Array) {
  return { name: 'secret', begin: () => ({ opening, take }), explain: () => 'a test' };
}

/** How libp2p's peers agree on a protocol: lines with their length in front. */
function negotiation(...lines: readonly string[]): Buffer {
  return Buffer.concat(lines.map(line => Buffer.from(`${String.fromCharCode(line.length + 1)}${line}\n`)));
}
