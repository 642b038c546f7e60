import { assert, describe, it } from 'vitest';
import type { NetworkHandlers, Verdict } from '../../../src/runtime/ports.ts';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';
import { addressOf, type SimHost, SimNetworkHub } from '../../../src/sim/network.ts';
import { Scheduler } from '../../../src/sim/scheduler.ts';

interface Station {
  readonly host: SimHost;
  readonly heard: string[];
  verdict: Verdict;
}

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
    const station: Station = { host: this.hub.host(peer), heard: [], verdict: 'accept' };
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
    stand.hub.partition(peer => (peer === 'a' ? 0 : 1));

    await stand.link(a, 'nobody');
    await stand.link(a, 'a');
    await stand.link(a, 'b');
    await stand.pass(10_000);

    assert.deepEqual(a.heard, ['unreachable', 'self', 'unreachable']);
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
    stand.hub.partition(peer => (peer === 'a' ? 0 : 1));

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

    stand.hub.crash('a');
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
