/** Peers that are gone before their connection is ready. */
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, assert, describe, it } from 'vitest';
import type { Admission } from '../../src/net/gated-registrar.ts';
import { createHost, type Host, type OverEncrypter } from '../../src/net/host.ts';
import { newKey, until } from './network-libp2p.ts';

const admission: Admission = { isAdmitted: () => true, whenAdmitted: async () => true, linked: () => [] };

describe('net/muxer', { timeout: 30_000 }, () => {
  const open: Host[] = [];
  const thrown: unknown[] = [];
  const onUncaught = (error: unknown) => thrown.push(error);
  afterEach(async () => {
    process.off('uncaughtException', onUncaught);
    await Promise.all(open.splice(0).map(({ node }) => node.stop()));
    thrown.length = 0;
  });

  async function host(overEncrypter?: OverEncrypter): Promise<Host> {
    const made = await createHost(
      {
        privateKeyRaw: newKey(),
        topic: 'blue',
        connectionsMaxCount: 10,
        dialTimeoutMs: 5_000,
        mayDial: () => true,
        mayEnter: () => true,
        scoreOf: () => 0,
        overEncrypter,
      },
      () => admission,
    );
    open.push(made);
    await made.node.start();
    await made.internals.transportManager.listen([multiaddr('/ip4/127.0.0.1/tcp/0')]);
    return made;
  }

  it('survives a peer that sends its first words and closes before they are read', async () => {
    process.on('uncaughtException', onUncaught);
    const secured = Promise.withResolvers<MessageStream>();
    const upgraded = Promise.withResolvers<void>();
    // Where libp2p waits between encrypting and multiplexing, a slow agent may be held up.
    const held: OverEncrypter = make => components => {
      const inner = make(components);
      return Object.assign(Object.create(inner) as ConnectionEncrypter, {
        secureInbound: async (...args: Parameters<ConnectionEncrypter['secureInbound']>) => {
          const result = await inner.secureInbound(...args);
          secured.resolve(result.connection);
          await until(() => result.connection.status !== 'open', 'the peer to be gone');
          upgraded.resolve();
          return result;
        },
      });
    };
    const [victim, peer] = [await host(held), await host()];

    const connection = await peer.node.dial(victim.node.getMultiaddrs());
    const stream = await secured.promise;
    await until(() => stream.readBufferLength > 0, 'its first words');
    await connection.close().catch(() => {}); // It waits for goodbyes that do not come.
    await upgraded.promise;
    // What is thrown where nobody catches it comes up within a few turns.
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve));

    assert.deepEqual(thrown, []);
    assert.lengthOf(victim.node.getConnections(), 0);
  });
});
