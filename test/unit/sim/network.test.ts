import { assert, describe, it } from 'vitest';
import type { NetworkHandlers, Verdict } from '../../../src/runtime/ports.ts';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';
import type { SimHost } from '../../../src/sim/host.ts';
import { multiaddrOf, probeAddressOf, SimNetworkHub } from '../../../src/sim/network.ts';
import { Scheduler } from '../../../src/sim/scheduler.ts';

interface Station {
  readonly host: SimHost;
  readonly heard: string[];
  verdict: Verdict;
}

/** By then linked hosts have found each other for their meshes. */
const meshedMs = 5_000;
const nowhere = '/ip4/192.0.2.1/tcp/7946';
/** Peers are letters, and `a` stands at the first place. */
const placeOf = (peer: string) => peer.charCodeAt(0) - 96;
const addressOf = (peer: string) => (peer === 'nobody' ? nowhere : multiaddrOf(placeOf(peer), peer));
const alone = (peer: string) => new Set([placeOf(peer)]);

class Stand {
  readonly scheduler = new Scheduler();
  readonly hub: SimNetworkHub;

  constructor(loss = 0) {
    this.hub = new SimNetworkHub(
      { loss, delayMinMs: 1, delayMaxMs: 5 },
      { scheduler: this.scheduler, random: seededRandom(1) },
    );
  }

  async station(peer: string): Promise<Station> {
    const station: Station = { host: this.hub.host(placeOf(peer), peer), heard: [], verdict: 'accept' };
    const { heard } = station;
    const handlers: NetworkHandlers = {
      onGossip: (from, bytes) => {
        heard.push(`gossip ${Buffer.from(bytes)} from ${from}`);
        return station.verdict;
      },
      onFrame: (from, bytes) => heard.push(`frame ${Buffer.from(bytes)} from ${from}`),
      onLinkUp: other => heard.push(`up ${other}`),
      onLinkDown: other => heard.push(`down ${other}`),
      onSubscribed: other => heard.push(`subscribed ${other}`),
      onDialEnded: (_, outcome) => heard.push(outcome.ok ? `dialled ${outcome.peer}` : outcome.reason),
      onPing: (other, rttMs) => heard.push(`ping ${other} ${rttMs === undefined ? 'lost' : 'answered'}`),
      onDiscovered: () => {},
      onForeign: () => {},
    };
    await station.host.start(handlers);
    return station;
  }

  async link(from: Station, to: string): Promise<void> {
    from.host.dial({ key: to, peer: to, multiaddrs: [addressOf(to)] });
    await this.scheduler.run(this.scheduler.nowMs + 200);
  }

  /** Cuts one off from all the others. */
  cutOff(peer: string): void {
    this.hub.partition(alone(peer), new Set(['a', 'b', 'c', 'x'].filter(each => each !== peer).map(placeOf)));
  }

  pass(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.nowMs + ms);
  }
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

describe('sim/network', () => {
  it('links two that dial, once, and tells both', async () => {
    const stand = new Stand();
    const [a, b] = [await stand.station('a'), await stand.station('b')];

    await stand.link(a, 'b');
    await stand.link(b, 'a');

    assert.deepEqual(a.heard.filter(each => each !== 'dialled b').sort(), ['subscribed b', 'up b']);
    assert.deepEqual(b.heard.filter(each => each !== 'dialled a').sort(), ['subscribed a', 'up a']);
    assert.deepEqual(
      a.host.links().map(({ peer, outbound }) => [peer, outbound]),
      [['b', true]],
    );
  });

  it('answers a dial of nobody, of itself, and over a partition', async () => {
    const stand = new Stand();
    const a = await stand.station('a');
    await stand.station('b');
    stand.cutOff('a');

    await stand.link(a, 'nobody');
    await stand.link(a, 'a');
    await stand.link(a, 'b');
    await stand.pass(10_000);

    assert.deepEqual(a.heard, ['self', 'unreachable', 'unreachable']);
  });

  it('delivers frames in order, late rather than never', async () => {
    const stand = new Stand(0.5);
    const [a, b] = [await stand.station('a'), await stand.station('b')];
    await stand.link(a, 'b');
    b.heard.length = 0;

    for (let i = 0; i < 50; i++) a.host.send('b', bytes(`${i}`));
    await stand.pass(60_000);

    assert.deepEqual(
      b.heard,
      Array.from({ length: 50 }, (_, i) => `frame ${i} from a`),
    );
  });

  it('passes gossip on where it is accepted, each message once', async () => {
    const stand = new Stand();
    const [a, b, c] = [await stand.station('a'), await stand.station('b'), await stand.station('c')];
    await stand.link(a, 'b');
    await stand.link(b, 'c');
    await stand.pass(meshedMs);
    for (const { heard } of [a, b, c]) heard.length = 0;

    a.host.publish(bytes('news'));
    await stand.pass(500);
    b.verdict = 'ignore';
    a.host.publish(bytes('nonsense'));
    await stand.pass(500);

    assert.deepEqual(b.heard, ['gossip news from a', 'gossip nonsense from a']);
    assert.deepEqual(c.heard, ['gossip news from b']);
    assert.deepEqual(a.heard, []);
  });

  it('has meshes of three or four, both ways, which are mended, and tells everybody each message once', async () => {
    const stand = new Stand();
    const peers = [...'abcdefghij'];
    const stations = await Promise.all(peers.map(peer => stand.station(peer)));
    for (const [index, station] of stations.entries())
      for (const other of peers.slice(0, index)) await stand.link(station, other);
    await stand.pass(meshedMs);
    const meshOf = ({ host }: Station) => host.links().flatMap(({ peer, inMesh }) => (inMesh ? [peer] : []));

    const before = stations.map(meshOf);
    stand.hub.crash(placeOf('a'));
    const left = stations.slice(1);
    await stand.pass(4 * meshedMs);
    for (const { heard } of left) heard.length = 0;
    left[0]?.host.publish(bytes('news'));
    await stand.pass(500);

    for (const mesh of [...before, ...left.map(meshOf)]) assert.include([2, 3, 4], mesh.length);
    for (const station of left)
      for (const peer of meshOf(station)) {
        const other = left.find(({ host }) => host.peer === peer);
        assert.include(other === undefined ? [] : meshOf(other), station.host.peer);
      }
    for (const { heard } of left.slice(1)) assert.lengthOf(heard, 1);
  });

  it('loses gossip for good', async () => {
    const stand = new Stand(0.5);
    const [a, b] = [await stand.station('a'), await stand.station('b')];
    await stand.link(a, 'b');
    b.heard.length = 0;

    for (let i = 0; i < 100; i++) a.host.publish(bytes(`${i}`));
    await stand.pass(60_000);

    assert.isAbove(b.heard.length, 25);
    assert.isBelow(b.heard.length, 75);
  });

  it('cuts frames and pings at once in a partition, and breaks links a little later', async () => {
    const stand = new Stand();
    const [a, b] = [await stand.station('a'), await stand.station('b')];
    await stand.link(a, 'b');
    b.heard.length = 0;
    stand.cutOff('a');

    a.host.send('b', bytes('lost'));
    b.host.ping('a');
    await stand.pass(3_000);
    assert.deepEqual(b.heard, []);
    await stand.pass(3_000);

    assert.deepEqual(b.heard, ['down a', 'ping a lost']);
    stand.hub.heal();
    await stand.link(a, 'b');
    assert.include(b.heard, 'up a');
  });

  it('tells the peers of one that crashed, and nothing to the dead', async () => {
    const stand = new Stand();
    const [a, b] = [await stand.station('a'), await stand.station('b')];
    await stand.link(a, 'b');
    const before = a.heard.length;

    stand.hub.crash(placeOf('a'));
    b.host.send('a', bytes('too late'));
    await stand.pass(1_000);

    assert.equal(b.heard.at(-1), 'down a');
    assert.lengthOf(a.heard, before);
    assert.deepEqual(b.host.links(), []);
  });

  it('hangs up on both sides', async () => {
    const stand = new Stand();
    const [a, b] = [await stand.station('a'), await stand.station('b')];
    await stand.link(a, 'b');

    a.host.hangUp('b');
    await stand.pass(100);

    assert.equal(a.heard.at(-1), 'down b');
    assert.equal(b.heard.at(-1), 'down a');
  });
});

describe('sim/network, a process that does not run', () => {
  it('answers a dial and a ping when it goes on, unless that is too late', async () => {
    const stand = new Stand();
    const [a, b] = [await stand.station('a'), await stand.station('b')];
    const held: (() => void)[] = [];
    b.host.onArrival = callback => held.push(callback);
    const goOn = () => {
      for (const callback of held.splice(0)) callback();
    };

    await stand.link(a, 'b');
    const whileHeld = [...a.heard];
    goOn();
    await stand.pass(100);
    const linked = [...a.heard];
    a.host.ping('b');
    await stand.pass(1_000);
    goOn();
    await stand.pass(100);
    a.host.ping('b');
    await stand.pass(6_000);
    goOn();
    await stand.pass(100);

    assert.deepEqual(whileHeld, []);
    assert.deepEqual(linked, ['up b', 'dialled b', 'subscribed b']);
    assert.deepEqual(a.heard.slice(linked.length), ['ping b answered', 'ping b lost']);
  });
});

describe('sim/network, datagrams', () => {
  const at = (peer: string) => probeAddressOf(placeOf(peer));

  async function probing(stand: Stand, peer: string) {
    await stand.station(peer);
    const heard: string[] = [];
    const probes = stand.hub.probes(placeOf(peer));
    probes.listen({
      onDatagram: (address, received) => heard.push(`${Buffer.from(received)} from ${address}`),
      onRefused: asked => heard.push(`${asked} refuses`),
    });
    return { probes, heard };
  }

  it('arrive with the address of the sender', async () => {
    const stand = new Stand();
    const [a, b] = [await probing(stand, 'a'), await probing(stand, 'b')];

    a.probes.send(at('b'), bytes('one'));
    b.probes.ask('a', at('a'), bytes('two'));
    await stand.pass(100);

    assert.deepEqual(
      new Set([...a.heard, ...b.heard]),
      new Set([`one from ${at('a')}`, `two from ${at('b')}`]),
    );
  });

  it('get lost, come twice, and overtake each other', async () => {
    const stand = new Stand(0.2);
    const [a, b] = [await probing(stand, 'a'), await probing(stand, 'b')];

    for (let i = 0; i < 1_000; i++) a.probes.send(at('b'), bytes(`${i}`));
    await stand.pass(1_000);

    const numbers = b.heard.map(text => Number.parseInt(text, 10));
    const arrived = new Set(numbers).size;
    assert.approximately(arrived, 800, 50);
    assert.isAbove(numbers.length, arrived);
    assert.isTrue(numbers.some((number, i) => number < (numbers[i - 1] ?? 0)));
  });

  it('vanish without a word in a partition, also those that were under way', async () => {
    const stand = new Stand();
    const [a, b] = [await probing(stand, 'a'), await probing(stand, 'b')];
    a.probes.ask('b', at('b'), bytes('under way'));

    stand.cutOff('a');
    a.probes.ask('b', at('b'), bytes('cut'));
    await stand.pass(1_000);

    assert.deepEqual([a.heard, b.heard], [[], []]);
  });

  it('are refused by a host whose agent is gone, to who asked', async () => {
    const stand = new Stand();
    const [a] = [await probing(stand, 'a'), await probing(stand, 'b')];
    stand.hub.crash(placeOf('b'));

    a.probes.send(at('b'), bytes('sent'));
    await stand.pass(100);
    const afterSend = [...a.heard];
    a.probes.ask('b', at('b'), bytes('asked'));
    await stand.pass(100);

    assert.deepEqual(afterSend, []);
    assert.include(a.heard, 'b refuses');
    assert.isTrue(a.heard.every(each => each === 'b refuses'));
  });

  it('to an address where nobody ever was vanish', async () => {
    const stand = new Stand();
    const a = await probing(stand, 'a');

    a.probes.ask('x', at('x'), bytes('asked'));
    await stand.pass(1_000);

    assert.deepEqual(a.heard, []);
  });

  it('refuses a dial to a host whose agent is gone, and lets one into a partition wait', async () => {
    const stand = new Stand();
    const [a] = [await stand.station('a'), await stand.station('b')];
    const outcomes: unknown[] = [];
    const host = stand.hub.at(placeOf('a'));
    const dial = () => host?.dial({ key: 'b', peer: 'b', multiaddrs: [addressOf('b')] });
    await host?.start({
      onGossip: () => 'ignore',
      onFrame: () => {},
      onLinkUp: () => {},
      onLinkDown: () => {},
      onSubscribed: () => {},
      onDialEnded: (_, outcome) =>
        outcomes.push(
          outcome.ok ? 'ok' : [outcome.text, outcome.isRefused, Math.round(stand.scheduler.nowMs / 1_000)],
        ),
      onPing: () => {},
      onDiscovered: () => {},
      onForeign: () => {},
    });

    stand.hub.crash(placeOf('b'));
    dial();
    await stand.pass(1_000);
    stand.cutOff('a');
    await stand.station('b');
    dial();
    await stand.pass(10_000);

    assert.deepEqual(outcomes, [
      ['connection refused', true, 0],
      ['no answer', false, 6],
    ]);
    assert.isDefined(a);
  });
});
