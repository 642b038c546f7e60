import { createSocket } from 'node:dgram';
import { afterEach, assert, describe, it } from 'vitest';
import { FirsthandError } from '../../src/errors.ts';
import { ProbeSocket, type ProbeSocketOptions } from '../../src/net/probe-socket.ts';
import { Libp2pWorld, until } from './network-libp2p.ts';

describe('net/probe-socket', () => {
  const world = new Libp2pWorld();
  const open: ProbeSocket[] = [];

  function create(options: Partial<ProbeSocketOptions> = {}): ProbeSocket {
    const socket = new ProbeSocket(
      { host: '127.0.0.1', port: 0, explicit: true, ...options },
      { metrics: world.metrics },
    );
    open.push(socket);
    return socket;
  }

  afterEach(async () => {
    for (const socket of open.splice(0)) await socket.stop();
  });

  it('tells the port that was picked', async () => {
    const address = await create().start();

    assert.equal(address.host, '127.0.0.1');
    assert.isAbove(address.port, 0);
  });

  it('refuses a port that is taken and was asked for, with its name', async () => {
    const { port } = await create().start();

    const error = await create({ port })
      .start()
      .catch((reason: unknown) => reason);

    assert.instanceOf(error, FirsthandError);
    assert.equal(error.code, 'ADDRESS_IN_USE');
    assert.include(error.message, `127.0.0.1:${port}/udp`);
  });

  it('takes another port when the taken one was only a suggestion', async () => {
    const { port } = await create().start();

    const other = await create({ port, explicit: false }).start();

    assert.isAbove(other.port, 0);
    assert.notEqual(other.port, port);
  });

  it('refuses an address that this machine does not have', async () => {
    const error = await create({ host: '198.51.100.7', explicit: false })
      .start()
      .catch((reason: unknown) => reason);

    assert.instanceOf(error, FirsthandError);
    assert.equal(error.code, 'ADDRESS_UNAVAILABLE');
    assert.include(error.message, '198.51.100.7:0/udp');
  });

  it('counts datagrams', async () => {
    const counted: string[] = [];
    const metrics = { ...world.metrics, probeDatagrams: { add: () => counted.push('one') } };
    const socket = new ProbeSocket({ host: '127.0.0.1', port: 0, explicit: true }, { metrics });
    open.push(socket);
    const { host, port } = await socket.start();
    const sender = createSocket('udp4');

    sender.send('hello', port, host);
    await until(() => counted.length > 0, 'the datagram');
    sender.close();

    assert.equal(counted.length, 1);
  });

  it('can be stopped twice, and before it was started', async () => {
    const socket = create();

    await socket.stop();
    const { port } = await socket.start();
    await Promise.all([socket.stop(), socket.stop()]);

    assert.equal((await create({ port }).start()).port, port);
  });
});
