/**
 * What every `Network` must do. Runs on the libp2p adapter and on the simulator's network, so it lets
 * time pass only through the world it is given.
 */
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { frameMaxBytes, gossipMaxBytes, type Network } from '../../src/runtime/ports.ts';
import { RecordingHandlers } from './network-recorder.ts';

export interface NetworkWorld {
  /** A network that is not started yet, with a key of its own. */
  create(cluster: string): Network;
  /** An address at which nobody listens. */
  readonly deadAddress: string;
  /** Lets time pass until the condition holds; rejects, naming `what`, when it takes too long. */
  until(condition: () => boolean, what: string): Promise<void>;
  /** Stops whatever is left. */
  close(): Promise<void>;
}

/** One started network with everything it has reported. */
export interface Member {
  readonly network: Network;
  readonly peer: string;
  readonly multiaddrs: readonly string[];
  readonly heard: RecordingHandlers;
}

export async function startMember(world: NetworkWorld, cluster: string): Promise<Member> {
  const network = world.create(cluster);
  const heard = new RecordingHandlers();
  const { peer, multiaddrs } = await network.start(heard);
  return { network, peer, multiaddrs, heard };
}

/** Dials and waits until both ends report the link and hear each other's gossip. */
export async function link(world: NetworkWorld, from: Member, to: Member): Promise<void> {
  from.network.dial({ key: `to ${to.peer}`, peer: to.peer, multiaddrs: to.multiaddrs });
  await world.until(
    () => from.heard.subscribed.includes(to.peer) && to.heard.subscribed.includes(from.peer),
    'both ends to be linked and subscribed',
  );
}

export function bytes(length: number, fill: number): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

export function networkContract(name: string, open: () => NetworkWorld | Promise<NetworkWorld>): void {
  describe(`network contract: ${name}`, { timeout: 30_000 }, () => {
    let world: NetworkWorld;
    const start = (cluster = 'blue') => startMember(world, cluster);

    beforeEach(async () => {
      world = await open();
    });

    afterEach(async () => {
      await world.close();
    });

    it('tells where it can be reached, with its peer id in every address', async () => {
      const a = await start();

      assert.isAtLeast(a.multiaddrs.length, 1);
      for (const address of a.multiaddrs) assert.isTrue(address.endsWith(`/p2p/${a.peer}`), address);
    });

    it('reports a link once at both ends, whoever dials and however often', async () => {
      const [a, b] = [await start(), await start()];

      a.network.dial({ key: 'a1', peer: b.peer, multiaddrs: b.multiaddrs });
      b.network.dial({ key: 'b1', peer: a.peer, multiaddrs: a.multiaddrs });
      await world.until(() => a.heard.outcomes.size + b.heard.outcomes.size === 2, 'both dials to end');
      a.network.dial({ key: 'a2', peer: b.peer, multiaddrs: b.multiaddrs });
      await world.until(() => a.heard.outcomes.size === 2 && b.heard.up.length > 0, 'the second dial to end');

      assert.deepEqual(a.heard.outcomesOf('a1'), [{ ok: true, peer: b.peer }]);
      assert.deepEqual(a.heard.outcomesOf('a2'), [{ ok: true, peer: b.peer }]);
      assert.deepEqual(b.heard.outcomesOf('b1'), [{ ok: true, peer: a.peer }]);
      assert.deepEqual([a.heard.up, b.heard.up], [[b.peer], [a.peer]]);
    });

    it('finds out who is at an address that names no peer', async () => {
      const [a, b] = [await start(), await start()];

      a.network.dial({ key: 'seed', multiaddrs: [withoutPeer(b.multiaddrs[0])] });
      await world.until(() => a.heard.outcomes.size === 1, 'the dial to end');

      assert.deepEqual(a.heard.outcomesOf('seed'), [{ ok: true, peer: b.peer }]);
    });

    it('reports the end of a link once at both ends', async () => {
      const [a, b] = [await start(), await start()];
      await link(world, a, b);

      a.network.hangUp(b.peer);
      await world.until(() => a.heard.down.length > 0 && b.heard.down.length > 0, 'the link to end');

      assert.deepEqual([a.heard.down, b.heard.down], [[b.peer], [a.peer]]);
      assert.deepEqual([a.network.links(), b.network.links()], [[], []]);
    });

    it.each(['quarantined', 'banned'] as const)(
      'keeps out who is %s, whoever dials, until he is not',
      async standing => {
        const [a, b] = [await start(), await start()];
        await link(world, a, b);
        a.network.setStanding(b.peer, standing);
        a.network.hangUp(b.peer);
        await world.until(() => a.heard.down.length > 0 && b.heard.down.length > 0, 'the link to end');

        a.network.dial({ key: 'out', peer: b.peer, multiaddrs: b.multiaddrs });
        b.network.dial({ key: 'in', peer: a.peer, multiaddrs: a.multiaddrs });
        await world.until(
          () => a.heard.outcomes.has('out') && b.heard.outcomes.has('in'),
          'both dials to end',
        );
        const outcomes = [a.heard.outcomesOf('out')[0], b.heard.outcomesOf('in')[0]];
        const linksMeanwhile = a.heard.up.length;
        a.network.setStanding(b.peer, 'good');
        a.network.dial({ key: 'again', peer: b.peer, multiaddrs: b.multiaddrs });
        await world.until(() => a.heard.outcomes.has('again'), 'the last dial to end');

        assert.deepEqual(
          outcomes.map(outcome => outcome?.ok),
          [false, false],
        );
        assert.equal(linksMeanwhile, 1);
        assert.deepEqual(a.heard.outcomesOf('again'), [{ ok: true, peer: b.peer }]);
      },
    );

    it('links again after a link has ended', async () => {
      const [a, b] = [await start(), await start()];
      await link(world, a, b);
      a.network.hangUp(b.peer);
      await world.until(() => a.heard.down.length > 0 && b.heard.down.length > 0, 'the link to end');

      b.network.dial({ key: 'again', peer: a.peer, multiaddrs: a.multiaddrs });
      await world.until(() => b.heard.subscribed.length === 2, 'the second subscription');
      b.network.publish(bytes(100, 1));
      await world.until(() => a.heard.gossip.length === 1, 'the message');

      assert.deepEqual(a.heard.up, [b.peer, b.peer]);
      assert.deepEqual(b.heard.outcomesOf('again'), [{ ok: true, peer: a.peer }]);
    });

    it('reports the link before anything else of a peer', async () => {
      const [a, b] = [await start(), await start()];

      await link(world, a, b);
      a.network.publish(bytes(10, 1));
      a.network.send(b.peer, bytes(10, 2));
      await world.until(() => b.heard.gossip.length + b.heard.frames.length === 2, 'message and frame');

      assert.equal(b.heard.calls[0], `up ${a.peer}`);
      assert.deepEqual(b.heard.subscribed, [a.peer]);
    });

    it('shows a link with its direction and subscription', async () => {
      const [a, b] = [await start(), await start()];

      await link(world, a, b);

      const [ofA, ofB] = [a.network.links(), b.network.links()];
      assert.deepEqual(
        [...ofA, ...ofB].map(({ peer, outbound, subscribed }) => ({ peer, outbound, subscribed })),
        [
          { peer: b.peer, outbound: true, subscribed: true },
          { peer: a.peer, outbound: false, subscribed: true },
        ],
      );
    });

    describe('dials that fail', () => {
      it('ends as unreachable where nobody listens', async () => {
        const a = await start();

        a.network.dial({ key: 'x', multiaddrs: [world.deadAddress] });
        await world.until(() => a.heard.outcomes.size === 1, 'the dial to end');

        assert.deepEqual(reasons(a, 'x'), ['unreachable']);
        assert.include(a.heard.failureText('x'), world.deadAddress);
      });

      it('ends as refused when another peer answers than was asked for', async () => {
        const [a, b, c] = [await start(), await start(), await start()];

        a.network.dial({ key: 'x', peer: c.peer, multiaddrs: [withoutPeer(b.multiaddrs[0])] });
        await world.until(() => a.heard.outcomes.size === 1, 'the dial to end');

        assert.deepEqual(reasons(a, 'x'), ['unreachable']);
        assert.deepInclude(a.heard.outcomes.get('x')?.[0], { isRefused: true });
      });

      it('ends as unreachable when no address can be read', async () => {
        const a = await start();

        a.network.dial({ key: 'x', multiaddrs: ['nonsense', '/ip4/1.2.3.4.5/tcp/1'] });
        a.network.dial({ key: 'y', multiaddrs: [] });
        await world.until(() => a.heard.outcomes.size === 2, 'the dials to end');

        assert.deepEqual([...reasons(a, 'x'), ...reasons(a, 'y')], ['unreachable', 'unreachable']);
      });

      it('ends as self at its own address, with and without the peer id', async () => {
        const a = await start();

        a.network.dial({ key: 'x', multiaddrs: a.multiaddrs });
        a.network.dial({ key: 'y', multiaddrs: [withoutPeer(a.multiaddrs[0])] });
        await world.until(() => a.heard.outcomes.size === 2, 'the dials to end');

        assert.deepEqual([...reasons(a, 'x'), ...reasons(a, 'y')], ['self', 'self']);
        assert.deepEqual(a.heard.up, []);
      });

      it('ends as foreign at an agent of another cluster, which both ends report and neither links', async () => {
        const [a, b] = [await start('blue'), await start('green')];

        a.network.dial({ key: 'x', multiaddrs: b.multiaddrs });
        await world.until(() => a.heard.outcomes.size === 1, 'the dial to end');
        await world.until(
          () => a.heard.foreign.length > 0 && b.heard.foreign.length > 0,
          'both ends to tell',
        );

        assert.deepEqual(reasons(a, 'x'), ['foreign']);
        assert.match(a.heard.failureText('x'), /cluster "blue"/);
        assert.deepEqual([a.heard.up, b.heard.up], [[], []]);
        assert.deepEqual([a.heard.foreign.length, b.heard.foreign.length], [1, 1]);
      });

      it('calls back after the call that dialled, never within it', async () => {
        const a = await start();

        a.network.dial({ key: 'x', multiaddrs: ['nonsense'] });
        const within = a.heard.outcomes.size;
        await world.until(() => a.heard.outcomes.size === 1, 'the dial to end');

        assert.equal(within, 0);
      });
    });

    describe('gossip', () => {
      it('publishes into the void without an error', async () => {
        const a = await start();

        assert.doesNotThrow(() => a.network.publish(bytes(10, 1)));
      });

      it('delivers to the first listener what was said before into the void', async () => {
        const [a, b] = [await start(), await start()];
        a.network.publish(bytes(10, 1));
        await link(world, a, b);

        a.network.publish(bytes(10, 1));
        await world.until(() => b.heard.gossip.length === 1, 'the message');

        assert.deepEqual(b.heard.gossip, [{ from: a.peer, bytes: bytes(10, 1) }]);
      });

      it('delivers the bytes as they were, up to the limit', async () => {
        const [a, b] = [await start(), await start()];
        await link(world, a, b);

        a.network.publish(bytes(gossipMaxBytes, 7));
        await world.until(() => b.heard.gossip.length === 1, 'the message');

        assert.deepEqual(b.heard.gossip, [{ from: a.peer, bytes: bytes(gossipMaxBytes, 7) }]);
        assert.deepEqual(a.heard.gossip, []);
      });

      for (const verdict of ['ignore', 'reject'] as const) {
        it(`passes on what is accepted and not what meets ${verdict}`, async () => {
          const [a, b, c] = [await start(), await start(), await start()];
          b.heard.judge = message => (message[0] === 1 ? verdict : 'accept');
          await link(world, a, b);
          await link(world, b, c);

          a.network.publish(bytes(50, 1));
          a.network.publish(bytes(50, 2));
          await world.until(() => c.heard.gossip.length > 0 && b.heard.gossip.length === 2, 'the messages');

          assert.deepEqual(c.heard.gossip, [{ from: b.peer, bytes: bytes(50, 2) }]);
        });
      }

      it('does not reach another cluster', async () => {
        const [a, b, stranger] = [await start(), await start(), await start('green')];
        await link(world, a, b);
        a.network.dial({ key: 'x', multiaddrs: stranger.multiaddrs });
        await world.until(() => a.heard.foreign.length > 0, 'the stranger to be refused');

        a.network.publish(bytes(50, 1));
        await world.until(() => b.heard.gossip.length === 1, 'the message');

        assert.deepEqual(stranger.heard.gossip, []);
        assert.deepEqual(stranger.heard.subscribed, []);
      });
    });

    describe('frames', () => {
      it('arrive in order, both ways at once, from empty to the largest', async () => {
        const [a, b] = [await start(), await start()];
        const lengths = [1, 0, 60 * 1_024, 5, frameMaxBytes, 127, 128, 16_383, 16_384, 2, 40_000, 3];
        const sent = lengths.map((length, index) => bytes(length, index));
        await link(world, a, b);

        for (const frame of sent) {
          a.network.send(b.peer, frame);
          b.network.send(a.peer, frame);
        }
        await world.until(
          () => a.heard.frames.length === sent.length && b.heard.frames.length === sent.length,
          'all frames',
        );

        assert.deepEqual(
          b.heard.frames,
          sent.map(frame => ({ from: a.peer, bytes: frame })),
        );
        assert.deepEqual(
          a.heard.frames,
          sent.map(frame => ({ from: b.peer, bytes: frame })),
        );
      });

      it('are dropped without an error for a peer that is not linked', async () => {
        const [a, b, c] = [await start(), await start(), await start()];
        await link(world, a, b);

        a.network.send(c.peer, bytes(10, 1));
        a.network.send(b.peer, bytes(10, 2));
        await world.until(() => b.heard.frames.length === 1, 'the frame to the linked peer');

        assert.deepEqual(c.heard.frames, []);
      });
    });

    describe('ping', () => {
      it('answers each call once, with a round trip for a linked peer', async () => {
        const [a, b] = [await start(), await start()];
        await link(world, a, b);

        a.network.ping(b.peer);
        a.network.ping(b.peer);
        await world.until(() => a.heard.pings.length === 2, 'both answers');

        for (const { peer, rttMs } of a.heard.pings) {
          assert.equal(peer, b.peer);
          assert.isAtLeast(rttMs ?? -1, 0);
        }
      });

      it('answers without a round trip for a peer that is not linked', async () => {
        const [a, b] = [await start(), await start()];

        a.network.ping(b.peer);
        await world.until(() => a.heard.pings.length === 1, 'the answer');

        assert.deepEqual(a.heard.pings, [{ peer: b.peer, rttMs: undefined }]);
        assert.deepEqual(a.heard.up, []);
      });
    });

    describe('stop', () => {
      it('ends the link at the other end, and can be called twice', async () => {
        const [a, b] = [await start(), await start()];
        await link(world, a, b);

        await Promise.all([a.network.stop(), a.network.stop()]);
        await a.network.stop();
        await world.until(() => b.heard.down.length === 1, 'the other end to notice');

        assert.deepEqual(b.heard.down, [a.peer]);
        assert.deepEqual(a.network.links(), []);
      });

      it('ends a pending dial, and is silent afterwards', async () => {
        const [a, b] = [await start(), await start()];
        a.network.dial({ key: 'x', multiaddrs: b.multiaddrs });

        await a.network.stop();
        const callsAtStop = a.heard.calls.length;
        a.network.publish(bytes(10, 1));
        a.network.send(b.peer, bytes(10, 1));
        a.network.dial({ key: 'late', multiaddrs: b.multiaddrs });
        await link(world, b, await start());

        assert.deepEqual(reasons(a, 'x'), ['unreachable']);
        assert.equal(a.heard.calls.length, callsAtStop);
      });

      it('works before the start', async () => {
        const network = world.create('blue');

        await network.stop();

        assert.deepEqual(network.links(), []);
      });
    });
  });
}

function withoutPeer(address = ''): string {
  return address.replace(/\/p2p\/.*$/, '');
}

function reasons(member: Member, key: string): readonly string[] {
  return member.heard.outcomesOf(key).map(outcome => (outcome.ok ? 'ok' : outcome.reason));
}
