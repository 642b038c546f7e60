import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { eventually } from '../../../src/chaos/stages/agent-process.ts';
import { ClusterSecret, type SecretEvent } from '../../../src/identity/cluster-secret.ts';
import type { NetworkHandlers } from '../../../src/runtime/ports.ts';

const cluster = 'blue';
const first = 'the first secret of the cluster';
const second = 'the second secret of the cluster';

const deaf: NetworkHandlers = {
  onGossip: () => 'ignore',
  onFrame: () => {},
  onLinkUp: () => {},
  onLinkDown: () => {},
  onSubscribed: () => {},
  onDialEnded: () => {},
  onPing: () => {},
  onDiscovered: () => {},
  onForeign: () => {},
};

describe('identity/cluster-secret', () => {
  let directory: string;
  const opened: ClusterSecret[] = [];
  const logged: SecretEvent[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'firsthand-secret-'));
    logged.length = 0;
  });
  afterEach(async () => {
    for (const secret of opened.splice(0)) secret.stop();
    // One may be writing its keyring still.
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  async function open(name: string, secret = first): Promise<ClusterSecret> {
    const place = await mkdtemp(join(directory, name));
    const one = await ClusterSecret.open(
      { cluster, directory: place, secret, source: name, acceptOldMs: 1_000_000 },
      { wallMs: () => 0, random: () => 0, lookIntervalMs: 20, log: event => logged.push(event) },
    );
    opened.push(one);
    return one;
  }
  const idOf = (secret: ClusterSecret) => secret.secrets()[0]?.id ?? '';
  /** Knows one peer, which proved what is given. */
  function attached(own: ClusterSecret, peer: ClusterSecret, keyIds: readonly string[]) {
    const hungUp: string[] = [];
    let failures = 0;
    own.attach({
      members: () => [],
      contactOf: () => [],
      ask: async (_peer, _addresses, request) => {
        if (failures > 0) {
          failures -= 1;
          throw new Error('no route to it');
        }
        return (await peer.answer('us', request)) ?? Buffer.alloc(0);
      },
      admissionOf: () => ({ keyIds }),
      linked: () => ['peer'],
      hangUp: id => hungUp.push(id),
    });
    return {
      hungUp,
      failOnce: () => {
        failures = 1;
      },
    };
  }

  it('gives what it lacks to a peer that comes with the old secret, though the first try fails', async () => {
    const [own, peer] = [await open('own'), await open('peer')];
    const old = idOf(own);
    attached(own, peer, [old]).failOnce();
    await own.rotate({ secret: second, dropOld: false });

    own.watching(deaf).onLinkUp('peer', '');
    await eventually(
      'the peer uses it',
      () => idOf(peer),
      id => id === idOf(own),
    );

    assert.isTrue(peer.accepted().includes(second));
    assert.notInclude(logged, 'secret_not_handed_over');
  });

  it('finds a linked peer that has missed a change, without a new link', async () => {
    const [own, peer] = [await open('own'), await open('peer')];
    attached(own, peer, [idOf(own)]);

    await own.rotate({ secret: second, dropOld: false });
    await eventually(
      'the peer uses it',
      () => idOf(peer),
      id => id === idOf(own),
    );

    assert.isTrue(peer.accepted().includes(second));
  });

  it('has a peer use what it was given while that still waited here', async () => {
    const [own, peer, member] = [await open('own'), await open('peer'), await open('member')];
    const isReachable = Promise.withResolvers<void>();
    const keyIds = [idOf(own)];
    own.attach({
      // The peer is linked and, as if it stood still, not counted among those that are there.
      members: () => [{ id: 'member', peer: 'member', multiaddrs: [] }],
      contactOf: () => [],
      ask: async (id, _addresses, request) => {
        if (id === 'member') await isReachable.promise;
        return (await (id === 'member' ? member : peer).answer('us', request)) ?? Buffer.alloc(0);
      },
      admissionOf: () => ({ keyIds }),
      linked: () => ['peer'],
      hangUp: () => {},
    });
    const rotating = own.rotate({ secret: second, dropOld: false });
    await eventually(
      'the peer accepts it',
      () => peer.accepted().includes(second),
      accepts => accepts,
    );

    isReachable.resolve();
    await rotating;

    await eventually(
      'the peer uses it',
      () => idOf(peer),
      id => id === idOf(own),
      10_000,
    );
  });

  it('does not turn a peer that takes part in another change', async () => {
    const [own, peer] = [await open('own'), await open('peer')];
    const old = idOf(own);
    attached(own, peer, [old]);
    await own.rotate({ secret: second, dropOld: false });
    attached(peer, own, [old]);
    await peer.rotate({ secret: 'a third secret of the cluster', dropOld: false });
    const before = idOf(peer);

    own.watching(deaf).onLinkUp('peer', '');
    await eventually(
      'the peer accepts it',
      () => peer.accepted().includes(second),
      accepts => accepts,
    );

    assert.equal(idOf(peer), before);
  });

  it('gives nothing to a peer that has all', async () => {
    const [own, peer] = [await open('own'), await open('peer')];
    const asked: string[] = [];
    own.attach({
      members: () => [],
      contactOf: () => [],
      ask: async id => {
        asked.push(id);
        return Buffer.alloc(0);
      },
      admissionOf: () => ({ keyIds: [idOf(peer)] }),
      linked: () => [],
      hangUp: () => {},
    });

    own.watching(deaf).onLinkUp('peer', '');

    assert.deepEqual(asked, []);
  });

  it('hangs up on who was admitted by a secret that is no longer accepted, and on nobody else', async () => {
    const [own, peer] = [await open('own'), await open('peer')];
    const { hungUp } = attached(own, peer, [idOf(own)]);

    await own.rotate({ secret: second, dropOld: false });
    assert.deepEqual(hungUp, []);
    await own.rotate({ dropOld: true });

    await eventually(
      'it hangs up',
      () => hungUp,
      peers => peers.length === 1,
    );
    assert.isFalse(own.accepted().includes(first));
  });

  it('answers nothing to what is no command', async () => {
    const own = await open('own');

    assert.isUndefined(await own.answer('peer', Buffer.from('give me the secret')));
  });
});
