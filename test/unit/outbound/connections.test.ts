import { Socket } from 'node:net';
import undici from 'undici';
import { assert, describe, it } from 'vitest';
import { HttpChecker } from '../../../src/health/http-checker.ts';
import { Connections } from '../../../src/outbound/connections.ts';

const options = { hostname: '127.0.0.1', host: '127.0.0.1:1', protocol: 'http:', port: '1' };

describe('outbound/connections', () => {
  it('keeps nothing of a connection that was refused', async () => {
    const connections = new Connections(undici.buildConnector({ timeout: 1_000 }));

    const refused = new Promise<Error | null>(resolve =>
      connections.connect(options, (...made) => resolve(made[0])),
    );
    const before = connections.beingMadeCount;
    const error = await refused;

    assert.equal(before, 1);
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    assert.equal(connections.beingMadeCount, 0);
  });

  it('ends what is still being made', async () => {
    const socket = new Socket();
    const ended = new Promise<Error>(resolve => socket.once('error', resolve));
    // Never calls back, like a host that drops what it gets.
    const connections = new Connections((() => socket) as unknown as undici.buildConnector.connector);
    connections.connect(options, () => {});

    connections.stop();

    assert.match((await ended).message, /nobody wants/);
    assert.isTrue(socket.destroyed);
  });

  it('is what health checks connect with, and no listener is left on what ends them', async () => {
    const added: string[] = [];
    const add = AbortSignal.prototype.addEventListener;
    AbortSignal.prototype.addEventListener = function (this: AbortSignal, ...args: Parameters<typeof add>) {
      added.push(args[0]);
      return add.apply(this, args);
    } as typeof add;
    const checker = new HttpChecker();
    try {
      for (let i = 0; i < 20; i++) {
        await new Promise(resolve => checker.check({ host: '127.0.0.1', port: 1 }, resolve));
      }
    } finally {
      AbortSignal.prototype.addEventListener = add;
      await checker.stop();
    }

    assert.isAtMost(added.length, 2);
  });
});
