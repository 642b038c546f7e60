/** The fault layer on real libp2p connections and real datagrams. */
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { FaultLayer } from '../../src/net/faults/fault-layer.ts';
import { ProbeSocket } from '../../src/net/probe-socket.ts';
import type { FaultRule } from '../../src/runtime/agent-port.ts';
import { seededRandom } from '../../src/runtime/seeded-random.ts';
import { bytes, link, type Member, networkContract, startMember } from './network-contract.ts';
import { Libp2pWorld, until } from './network-libp2p.ts';

const layer = (senderOf: (bytes: Uint8Array) => string | undefined = () => undefined) =>
  new FaultLayer({ random: seededRandom(1), senderOf });

const rule = (parts: Partial<FaultRule>): FaultRule => ({
  cut: false,
  loss: 0,
  latencyMs: 0,
  jitterMs: 0,
  ...parts,
});

// With the layer in between and no rule, nothing may be different.
networkContract('libp2p behind a fault layer', () => new Libp2pWorld({ faults: layer() }));

describe('net/faults on libp2p', { timeout: 60_000 }, () => {
  let world: Libp2pWorld;
  let faults: FaultLayer;
  let a: Member;
  let b: Member;
  beforeEach(async () => {
    faults = layer();
    world = new Libp2pWorld({ faults });
    [a, b] = [await startMember(world, 'blue'), await startMember(world, 'blue')];
  });
  afterEach(() => world.close());

  const frames = ({ heard }: Member) => heard.frames.map(({ bytes: [first] }) => first);

  it('holds what a cut peer says, lets the other way through, and hands it on in order once healed', async () => {
    await link(world, a, b);
    // Opening a stream takes words in both directions.
    a.network.send(b.peer, bytes(10, 0));
    b.network.send(a.peer, bytes(10, 0));
    await until(() => frames(a).length + frames(b).length === 2, 'both streams');
    faults.set([rule({ from: [a.peer], cut: true })]);

    for (const fill of [1, 2, 3]) a.network.send(b.peer, bytes(10, fill));
    b.network.send(a.peer, bytes(10, 9));
    await until(
      () => frames(a).length === 2 && faults.view().piecesHeld > 0,
      'the open way and the held pieces',
    );
    const during = frames(b);
    faults.set([]);
    await until(() => frames(b).length === 4, 'what was held');

    assert.deepEqual(during, [0]);
    assert.deepEqual(frames(b), [0, 1, 2, 3]);
    assert.equal(faults.view().piecesHeld, 0);
  });

  it('lets a ping to a cut peer run into its limit instead of failing at once', async () => {
    await link(world, a, b);
    faults.set([rule({ from: [a.peer], cut: true })]);
    const startedMs = performance.now();

    a.network.ping(b.peer);
    await until(() => a.heard.pings.length === 1, 'the ping to end');

    assert.deepEqual(a.heard.pings, [{ peer: b.peer, rttMs: undefined }]);
    assert.isAbove(performance.now() - startedMs, 1_000);
    assert.deepEqual(a.heard.down, []);
  });

  it('links nobody through a cut, and the very same dial once healed', async () => {
    faults.set([rule({ from: [a.peer], cut: true })]);

    a.network.dial({ key: 'a', peer: b.peer, multiaddrs: b.multiaddrs });
    await until(() => faults.view().piecesHeld > 0, 'the first words to be held');
    const during = [...a.heard.up, ...b.heard.up];
    faults.set([]);
    await until(() => a.heard.up.length > 0 && b.heard.up.length > 0, 'the link');

    assert.deepEqual(during, []);
    assert.deepEqual(a.heard.outcomesOf('a'), [{ ok: true, peer: b.peer }]);
  });

  it('carries a stream through loss, late but whole', async () => {
    await link(world, a, b);
    faults.set([rule({ loss: 0.2, latencyMs: 5, jitterMs: 5 })]);

    for (let fill = 0; fill < 40; fill++) a.network.send(b.peer, bytes(2_000, fill));
    await until(() => frames(b).length === 40, 'all frames');

    assert.deepEqual(
      frames(b),
      Array.from({ length: 40 }, (_, fill) => fill),
    );
  });

  it('keeps what is held in bounds: the sender has to wait, and nothing is lost', async () => {
    await link(world, a, b);
    faults.set([rule({ from: [a.peer], cut: true })]);

    for (let fill = 0; fill < 100; fill++) a.network.send(b.peer, bytes(60_000, fill));
    await until(() => faults.view().piecesHeld > 0, 'the first pieces');
    faults.set([]);
    await until(() => frames(b).length >= 20, 'what the queue of the sender took');

    assert.deepEqual(
      frames(b).slice(0, 20),
      Array.from({ length: 20 }, (_, fill) => fill),
    );
  });
});

describe('net/faults on datagrams', { timeout: 30_000 }, () => {
  const world = new Libp2pWorld();
  const open: ProbeSocket[] = [];
  afterEach(() => Promise.all(open.splice(0).map(socket => socket.stop())));

  /** A datagram is the name of its sender, a colon, and some text. */
  const senderOf = (received: Uint8Array) => Buffer.from(received).toString().split(':')[0];

  async function station() {
    const faults = layer(senderOf);
    const heard: string[] = [];
    const refused: string[] = [];
    const socket = new ProbeSocket({ metrics: world.metrics });
    open.push(socket);
    const handlers = faults.overProbes({
      onDatagram: (_, received) => heard.push(Buffer.from(received).toString()),
      onRefused: peer => refused.push(peer),
    });
    const { port } = await socket.start({ host: '127.0.0.1', port: 0, explicit: true }, handlers);
    return { socket, faults, heard, refused, address: `127.0.0.1:${port}` };
  }

  it('drops by sender, whichever socket it came from', async () => {
    const [x, y] = [await station(), await station()];
    y.faults.set([rule({ from: ['x'], cut: true })]);

    x.socket.send(y.address, Buffer.from('x:sent'));
    x.socket.ask('y', y.address, Buffer.from('x:asked'));
    await until(() => y.faults.view().datagramsDropped === 2, 'both to be dropped');
    x.socket.send(y.address, Buffer.from('z:sent'));
    await until(() => y.heard.length === 1, 'the other sender');

    assert.deepEqual(y.heard, ['z:sent']);
  });

  it('delivers late what is delayed, and everything once the rules are gone', async () => {
    const [x, y] = [await station(), await station()];
    y.faults.set([rule({ from: ['x'], latencyMs: 300 })]);

    x.socket.send(y.address, Buffer.from('x:late'));
    x.socket.send(y.address, Buffer.from('z:at once'));
    await until(() => y.heard.length === 2, 'both');
    y.faults.set([]);
    x.socket.send(y.address, Buffer.from('x:again'));
    await until(() => y.heard.length === 3, 'the third');

    assert.deepEqual(y.heard, ['z:at once', 'x:late', 'x:again']);
  });

  it('does not hear from a cut host that nobody listens there', async () => {
    const [x, y] = [await station(), await station()];
    await y.socket.stop();
    x.faults.set([rule({ from: ['y'], cut: true })]);

    x.socket.ask('y', y.address, Buffer.from('x:1'));
    await until(() => x.faults.view().datagramsDropped === 1, 'the refusal to be dropped');
    x.faults.set([]);
    x.socket.ask('y', y.address, Buffer.from('x:2'));
    await until(() => x.refused.length === 1, 'the refusal to be heard');

    assert.deepEqual(x.refused, ['y']);
  });
});
