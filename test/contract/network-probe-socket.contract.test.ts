/** The probe socket on loopback. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, assert, describe, it } from 'vitest';
import { FirsthandError } from '../../src/errors.ts';
import { ProbeSocket, type ProbeSocketOptions } from '../../src/net/probe-socket.ts';
import { Libp2pWorld, until } from './network-libp2p.ts';

interface Station {
  readonly socket: ProbeSocket;
  readonly host: string;
  readonly port: number;
  readonly address: string;
  readonly heard: { readonly text: string; readonly from: string }[];
  readonly refused: string[];
}

const bytes = (text: string) => Buffer.from(text);

describe('net/probe-socket', () => {
  const world = new Libp2pWorld();
  const open: ProbeSocket[] = [];
  const ignored = { onDatagram: () => {}, onRefused: () => {} };
  const loopback: ProbeSocketOptions = { host: '127.0.0.1', port: 0, explicit: true };

  function create(metrics = world.metrics): ProbeSocket {
    const socket = new ProbeSocket({ metrics });
    open.push(socket);
    return socket;
  }

  async function station(options: Partial<ProbeSocketOptions> = {}): Promise<Station> {
    const heard: Station['heard'] = [];
    const refused: string[] = [];
    const socket = create();
    const { host, port } = await socket.start(
      { ...loopback, ...options },
      {
        onDatagram: (from, received) => heard.push({ text: Buffer.from(received).toString(), from }),
        onRefused: peer => refused.push(peer),
      },
    );
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    return { socket, host, port, address, heard, refused };
  }

  /** An address of loopback where nobody listens. */
  async function deserted(): Promise<string> {
    const { socket, address } = await station();
    await socket.stop();
    return address;
  }

  async function failure(options: Partial<ProbeSocketOptions>): Promise<FirsthandError> {
    const error = await create()
      .start({ ...loopback, ...options }, ignored)
      .catch((reason: unknown) => reason);
    assert.instanceOf(error, FirsthandError);
    return error;
  }

  afterEach(async () => {
    for (const socket of open.splice(0)) await socket.stop();
  });

  describe('start', () => {
    it('tells the port that was picked', async () => {
      const { host, port } = await station();

      assert.equal(host, '127.0.0.1');
      assert.isAbove(port, 0);
    });

    it('refuses a port that is taken and was asked for, with its name', async () => {
      const { port } = await station();

      const error = await failure({ port });

      assert.equal(error.code, 'ADDRESS_IN_USE');
      assert.include(error.message, `127.0.0.1:${port}/udp`);
    });

    it('takes another port when the taken one was only a suggestion', async () => {
      const { port } = await station();

      const other = await station({ port, explicit: false });

      assert.isAbove(other.port, 0);
      assert.notEqual(other.port, port);
    });

    it('refuses an address that this machine does not have', async () => {
      const error = await failure({ host: '198.51.100.7', explicit: false });

      assert.equal(error.code, 'ADDRESS_UNAVAILABLE');
      assert.include(error.message, '198.51.100.7:0/udp');
    });
  });

  it('sends and receives, both ways, from the port that others know', async () => {
    const [a, b] = [await station(), await station()];

    a.socket.send(b.address, bytes('there'));
    await until(() => b.heard.length > 0, 'the first');
    b.socket.send(b.heard[0]?.from ?? '', bytes('and back'));
    await until(() => a.heard.length > 0, 'the second');

    assert.deepEqual(b.heard, [{ text: 'there', from: a.address }]);
    assert.deepEqual(a.heard, [{ text: 'and back', from: b.address }]);
  });

  it('finds a host by its name', async () => {
    const [a, b] = [await station(), await station()];

    a.socket.send(`localhost:${b.port}`, bytes('there'));
    await until(() => b.heard.length > 0, 'the datagram');

    assert.equal(b.heard[0]?.text, 'there');
  });

  it.each([
    ['a host without an agent', '127.0.0.1:1'],
    ['a name that is none', 'no-such-host.invalid:1'],
    ['an empty address', ''],
    ['a port that cannot be', '127.0.0.1:99999'],
    ['an address that is none', 'nonsense'],
  ])('loses what is sent and asked to %s, without an error', async (_, address) => {
    const [a, b] = [await station(), await station()];

    a.socket.send(address, bytes('lost'));
    a.socket.ask('peer', address, bytes('lost'));
    a.socket.send(b.address, bytes('not lost'));
    await until(() => b.heard.length > 0, 'the next one');

    assert.equal(b.heard[0]?.text, 'not lost');
  });

  describe('ask', () => {
    it('hears the answer', async () => {
      const [a, b] = [await station(), await station()];

      a.socket.ask('b', b.address, bytes('question'));
      await until(() => b.heard.length > 0, 'the question');
      b.socket.send(b.heard[0]?.from ?? '', bytes('answer'));
      await until(() => a.heard.length > 0, 'the answer');

      assert.deepEqual(a.heard, [{ text: 'answer', from: b.address }]);
      assert.notEqual(b.heard[0]?.from, a.address, 'a socket of its own');
      assert.match(b.heard[0]?.from ?? '', /^127\.0\.0\.1:/);
    });

    it('hears within a second that nobody listens', async () => {
      const a = await station();
      const address = await deserted();
      const startedMs = performance.now();

      a.socket.ask('gone', address, bytes('question'));
      await until(() => a.refused.length > 0, 'the refusal');

      assert.deepEqual(a.refused, ['gone']);
      assert.isBelow(performance.now() - startedMs, 1_000);
    });

    it('hears it again when it asks again', async () => {
      const a = await station();
      const address = await deserted();
      a.socket.ask('gone', address, bytes('question'));
      await until(() => a.refused.length === 1, 'the first refusal');

      a.socket.ask('gone', address, bytes('question'));
      await until(() => a.refused.length === 2, 'the second refusal');

      assert.deepEqual(a.refused, ['gone', 'gone']);
    });

    it('asks the same peer from the same socket, and at a new address from a new one', async () => {
      const [a, b, c] = [await station(), await station(), await station()];

      a.socket.ask('peer', b.address, bytes('one'));
      a.socket.ask('peer', b.address, bytes('two'));
      a.socket.ask('other', b.address, bytes('three'));
      await until(() => b.heard.length === 3, 'three questions');
      a.socket.ask('peer', c.address, bytes('four'));
      await until(() => c.heard.length === 1, 'the fourth');

      const from = new Map(b.heard.map(each => [each.text, each.from]));
      assert.equal(from.get('one'), from.get('two'));
      assert.notEqual(from.get('one'), from.get('three'));
    });

    it('closes its socket three seconds after the last question', { timeout: 10_000 }, async () => {
      const [a, b] = [await station(), await station()];
      a.socket.ask('b', b.address, bytes('one'));
      await until(() => b.heard.length === 1, 'the first question');

      await untilFree(portOf(b.heard[0]?.from));
      a.socket.ask('b', b.address, bytes('two'));
      await until(() => b.heard.length === 2, 'the second question');

      assert.notEqual(b.heard[0]?.from, b.heard[1]?.from);
    });

    it('goes out of the common socket when too many are asked at a time', async () => {
      const [a, b] = [await station(), await station()];

      for (let i = 0; i < 300; i++) {
        a.socket.ask(`peer ${i}`, b.address, bytes(`${i}`));
        if (i % 20 === 0) await until(() => b.heard.length > i, `question ${i}`);
      }
      await until(() => b.heard.length === 300, 'all questions');

      const own = b.heard.filter(({ from }) => from !== a.address).length;
      assert.equal(own, 256);
    });

    it('is silent once the socket is stopped', async () => {
      const [a, b] = [await station(), await station()];
      const address = await deserted();

      a.socket.ask('gone', address, bytes('question'));
      await a.socket.stop();
      a.socket.ask('b', b.address, bytes('too late'));
      a.socket.send(b.address, bytes('too late'));
      const other = await station();
      other.socket.send(b.address, bytes('in time'));
      await until(() => b.heard.length > 0, 'the other one');

      assert.deepEqual(a.refused, []);
      assert.deepEqual(
        b.heard.map(({ text }) => text),
        ['in time'],
      );
    });
  });

  describe('over IPv6', async () => {
    const hasIpv6 = await isBindable('::1');

    it.skipIf(!hasIpv6)('sends, asks and hears a refusal', async () => {
      const [a, b] = [await station({ host: '::1' }), await station({ host: '::1' })];

      a.socket.send(b.address, bytes('sent'));
      a.socket.ask('b', b.address, bytes('asked'));
      await until(() => b.heard.length === 2, 'both');
      await b.socket.stop();
      a.socket.ask('b', b.address, bytes('too late'));
      await until(() => a.refused.length > 0, 'the refusal');

      assert.include(
        b.heard.map(({ from }) => from),
        a.address,
      );
      assert.isTrue(b.heard.every(({ from }) => from.startsWith('[::1]:')));
      assert.deepEqual(a.refused, ['b']);
    });

    it.skipIf(!hasIpv6)('reaches IPv4 as well where it listens on all addresses', async () => {
      const [all, four] = [await station({ host: '::' }), await station()];

      all.socket.send(four.address, bytes('sent'));
      all.socket.ask('four', four.address, bytes('asked'));
      await until(() => four.heard.length === 2, 'both');
      four.socket.send(`127.0.0.1:${all.port}`, bytes('back'));
      await until(() => all.heard.length > 0, 'the answer');

      assert.deepEqual(all.heard, [{ text: 'back', from: four.address }]);
      assert.isTrue(four.heard.every(({ from }) => from.startsWith('127.0.0.1:')));
    });
  });

  it('counts datagrams and their bytes in both directions', async () => {
    const counted: string[] = [];
    const metrics = {
      ...world.metrics,
      probeDatagrams: { add: ({ direction }: { direction: string }) => counted.push(direction) },
      probeBytes: {
        add: ({ direction }: { direction: string }, n: number) => counted.push(`${direction} ${n}`),
      },
    };
    const socket = create(metrics as never);
    const { host, port } = await socket.start(loopback, ignored);
    const other = createSocket('udp4');
    other.bind(0, '127.0.0.1');
    await once(other, 'listening');

    other.send('hello', port, host);
    await until(() => counted.length === 2, 'the datagram');
    socket.send(`127.0.0.1:${other.address().port}`, bytes('hi'));
    other.close();

    assert.deepEqual(counted, ['in', 'in 5', 'out', 'out 2']);
  });

  it('can be stopped twice, and before it was started', async () => {
    const socket = create();

    await socket.stop();
    const { port } = await socket.start(loopback, ignored);
    await Promise.all([socket.stop(), socket.stop()]);

    assert.equal((await station({ port })).port, port);
  });

  it('is not started twice', async () => {
    const { socket } = await station();

    const again = await socket.start(loopback, ignored).catch((error: unknown) => error);

    assert.instanceOf(again, TypeError);
  });
});

function portOf(address = ''): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

async function untilFree(port: number): Promise<void> {
  const endMs = performance.now() + 8_000;
  while (!(await isBindable('127.0.0.1', port))) {
    if (performance.now() > endMs) throw new Error(`port ${port} is still in use`);
    await sleep(50);
  }
}

async function isBindable(host: string, port = 0): Promise<boolean> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  return new Promise(resolve => {
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, host, () => socket.close(() => resolve(true)));
  });
}
