import { assert, describe, it } from 'vitest';
import { Peering, type PeeringSettings } from '../../../../src/core/peering/peering.ts';
import { seededRandom } from '../../../../src/runtime/seeded-random.ts';

interface Bench {
  readonly peering: Peering;
  readonly linked: Set<string>;
}

/** This agent is `m`: peers before it in the alphabet have smaller keys. */
function bench(settings: Partial<PeeringSettings> = {}): Bench {
  const linked = new Set<string>();
  const peering = new Peering(settings, {
    self: 'm',
    random: seededRandom(7),
    isLinked: peer => linked.has(peer),
  });
  return { peering, linked };
}

function dueKeys({ peering, linked }: Bench, monoMs: number, membersCount = linked.size): readonly string[] {
  return peering.due(membersCount, linked.size, monoMs).map(dial => dial.key);
}

const seed = '/dns4/seed.example/tcp/7946';

describe('core/peering', () => {
  it('dials a seed at once, and once at a time', () => {
    const mesh = bench();
    mesh.peering.addSeed(seed, 0);
    mesh.peering.addSeed(seed, 0);

    assert.deepEqual(mesh.peering.due(0, 0, 0), [
      { key: `seed:${seed}`, peer: undefined, multiaddrs: [seed] },
    ]);
    assert.deepEqual(dueKeys(mesh, 0), []);
  });

  it('waits longer after each failure, up to a cap', () => {
    const mesh = bench({ backoffMinMs: 100, backoffMaxMs: 1_600 });
    mesh.peering.addSeed(seed, 0);
    const key = `seed:${seed}`;

    const waits: number[] = [];
    for (let failures = 1, monoMs = 0; failures <= 40; failures++) {
      assert.deepEqual(dueKeys(mesh, monoMs), [key], `dial ${failures}`);
      mesh.peering.dialFailed(key, 'no answer', false, monoMs);
      const contact = [...mesh.peering.contacts()][0];
      const waitMs = (contact?.nextDialMonoMs ?? 0) - monoMs;
      const capMs = Math.min(1_600, 100 * 2 ** failures);
      assert.isAtLeast(waitMs, 50, 'never at once');
      assert.isBelow(waitMs, 50 + capMs);
      waits.push(waitMs);
      assert.deepEqual(dueKeys(mesh, monoMs + waitMs - 1), [], 'not before its time');
      monoMs += waitMs;
    }

    assert.isAbove(Math.max(...waits.slice(5)), Math.max(...waits.slice(0, 2)), 'it does grow');
    assert.isAbove(new Set(waits).size, 30, 'jitter');
  });

  it.each(['record', 'seed'] as const)('never gives up a %s', source => {
    const mesh = bench({ strangerFailuresMaxCount: 3 });
    if (source === 'seed') mesh.peering.addSeed(seed, 0);
    else mesh.peering.addPeer('z', ['/x'], source, 0);
    const key = source === 'seed' ? `seed:${seed}` : 'z';

    for (let i = 0; i < 100; i++) {
      assert.deepEqual(dueKeys(mesh, i * 1e6), [key]);
      mesh.peering.dialFailed(key, 'no answer', i % 2 === 1, i * 1e6);
    }

    assert.lengthOf([...mesh.peering.contacts()], 1);
  });

  it.each(['mdns', 'dht', 'store', 'inbound'] as const)(
    'gives up a peer known from %s after some failures',
    source => {
      const mesh = bench({ strangerFailuresMaxCount: 3 });
      mesh.peering.addPeer('a', ['/x'], source, 0);

      for (let i = 0; i < 3; i++) {
        assert.deepEqual(dueKeys(mesh, i * 1e6), ['a']);
        mesh.peering.dialFailed('a', 'no answer', false, i * 1e6);
      }

      assert.isUndefined(mesh.peering.contact('a'));
    },
  );

  it('gives up at once a stranger of another cluster, and keeps one that became a member', () => {
    const mesh = bench();
    mesh.peering.addPeer('a', ['/x'], 'mdns', 0);
    mesh.peering.addPeer('b', ['/x'], 'mdns', 0);
    mesh.peering.addPeer('b', ['/x'], 'record', 0);
    dueKeys(mesh, 0);

    mesh.peering.dialFailed('a', 'another cluster', true, 0);
    mesh.peering.dialFailed('b', 'another cluster', true, 0);

    assert.isUndefined(mesh.peering.contact('a'));
    assert.isDefined(mesh.peering.contact('b'));
  });

  it('asks the DHT after every third failure', () => {
    const mesh = bench();
    mesh.peering.addPeer('a', ['/x'], 'record', 0);

    const asked = Array.from({ length: 7 }, () => mesh.peering.dialFailed('a', 'no answer', false, 0).lookUp);

    assert.deepEqual(asked, [undefined, undefined, 'a', undefined, undefined, 'a', undefined]);
  });

  it('lets the smaller key dial first when a record names a peer', () => {
    const mesh = bench({ politenessMs: 400 });
    mesh.peering.addPeer('a', ['/x'], 'record', 0);
    mesh.peering.addPeer('z', ['/x'], 'record', 0);
    mesh.peering.addPeer('b', ['/x'], 'mdns', 0);

    assert.deepEqual([...dueKeys(mesh, 0)].sort(), ['b', 'z']);
    assert.deepEqual(dueKeys(mesh, 399), []);
    assert.deepEqual(dueKeys(mesh, 400), ['a']);
  });

  it('leaves linked peers alone, and itself', () => {
    const mesh = bench();
    mesh.linked.add('a');
    mesh.peering.addPeer('a', ['/x'], 'mdns', 0);
    mesh.peering.addPeer('m', ['/x'], 'mdns', 0);

    assert.deepEqual(dueKeys(mesh, 0), []);
    assert.isUndefined(mesh.peering.contact('m'));
  });

  it('dials nobody whose address it does not know', () => {
    const mesh = bench();
    mesh.peering.addPeer('a', [], 'mdns', 0);
    assert.deepEqual(dueKeys(mesh, 0), []);

    mesh.peering.addPeer('a', ['/x'], 'dht', 0);

    assert.deepEqual(dueKeys(mesh, 0), ['a']);
  });

  it('tries a newly named address first and soon, and keeps a bounded number', () => {
    const mesh = bench();
    mesh.peering.addPeer('a', ['/old'], 'record', 0);
    for (let i = 0; i < 6; i++) mesh.peering.dialFailed('a', 'no answer', false, 1_000);

    mesh.peering.addPeer('a', ['/new', '/old'], 'mdns', 1_001);

    assert.deepEqual(mesh.peering.due(0, 0, 1_001), [{ key: 'a', peer: 'a', multiaddrs: ['/new', '/old'] }]);
    mesh.peering.addPeer(
      'a',
      Array.from({ length: 40 }, (_, i) => `/${i}`),
      'dht',
      1_002,
    );
    assert.lengthOf(mesh.peering.contact('a')?.multiaddrs ?? [], 16);
  });

  it('takes in a bounded number of strangers, and members beyond', () => {
    const mesh = bench({ contactsMaxCount: 1 });
    mesh.peering.addPeer('a', ['/x'], 'mdns', 0);

    mesh.peering.addPeer('b', ['/x'], 'mdns', 0);
    mesh.peering.addPeer('c', ['/x'], 'record', 0);

    assert.deepEqual(
      [...mesh.peering.contacts()].map(({ key }) => key),
      ['a', 'c'],
    );
  });

  it('has a bounded number of dials under way', () => {
    const mesh = bench({ dialsMaxCount: 2 });
    for (const peer of ['a', 'b', 'c', 'd']) mesh.peering.addPeer(peer, ['/x'], 'mdns', 0);

    const [first = ''] = dueKeys(mesh, 0);
    assert.lengthOf(dueKeys(mesh, 0), 0);
    mesh.peering.dialFailed(first, 'no answer', false, 0);

    assert.lengthOf(dueKeys(mesh, 0), 1);
  });

  it('dials again soon when a link broke, also the seed behind it', () => {
    const mesh = bench({ backoffMinMs: 500 });
    mesh.peering.addSeed(seed, 0);
    dueKeys(mesh, 0);
    mesh.peering.dialSucceeded(`seed:${seed}`, 'a');
    mesh.linked.add('a');
    mesh.peering.addPeer('a', ['/x'], 'record', 0);
    assert.deepEqual(dueKeys(mesh, 10_000), [], 'both are linked');

    mesh.linked.delete('a');
    mesh.peering.linkDown('a', 10_000);

    assert.deepEqual([...dueKeys(mesh, 10_500)].sort(), ['a', `seed:${seed}`]);
  });

  it('starts the count of failures anew after success', () => {
    const mesh = bench();
    mesh.peering.addPeer('a', ['/x'], 'record', 0);
    mesh.peering.dialFailed('a', 'no answer', false, 0);

    mesh.peering.dialSucceeded('a', 'a');

    assert.equal(mesh.peering.contact('a')?.failedDialsCount, 0);
    assert.isUndefined(mesh.peering.contact('a')?.lastError);
  });

  it('minds no answers about contacts it has forgotten', () => {
    const mesh = bench();
    mesh.peering.addPeer('a', ['/x'], 'record', 0);
    mesh.peering.forget('a');

    assert.isFalse(mesh.peering.dialSucceeded('a', 'a'));
    assert.deepEqual(mesh.peering.dialFailed('a', 'no answer', false, 0), { lookUp: undefined });
    mesh.peering.linkDown('a', 0);
    assert.deepEqual(dueKeys(mesh, 1e6), []);
  });

  describe('in a partial mesh', () => {
    const settings = { fullMeshMaxCount: 10, partialMeshCount: 3, dialsMaxCount: 99, checkIntervalMs: 1_000 };
    const crowded = () => {
      const mesh = bench(settings);
      for (let i = 0; i < 30; i++) mesh.peering.addPeer(`p${i}`, ['/x'], 'mdns', 0);
      return mesh;
    };

    it('draws as many peers as links are missing', () => {
      const mesh = crowded();
      mesh.linked.add('p0');

      assert.lengthOf(dueKeys(mesh, 0, 31), 2);
      assert.lengthOf(dueKeys(mesh, 0, 31), 1, 'dials under way count as links; this is a look');
      assert.lengthOf(dueKeys(mesh, 0, 31), 0);
    });

    it('draws at random', () => {
      assert.notDeepEqual(dueKeys(crowded(), 0, 31), ['p0', 'p1', 'p2']);
    });

    it('looks at one of the others now and then, and gives that link up again', () => {
      const mesh = crowded();
      for (const peer of ['p0', 'p1', 'p2']) mesh.linked.add(peer);

      const [looked = '', ...more] = dueKeys(mesh, 0, 31);

      assert.deepEqual(more, []);
      assert.isTrue(mesh.peering.dialSucceeded(looked, looked), 'only a look');
      assert.deepEqual(dueKeys(mesh, 999, 31), []);
      assert.lengthOf(dueKeys(mesh, 1_000, 31), 1);
    });

    it('looks at once at a peer whose link broke', () => {
      const mesh = crowded();
      for (const peer of ['p0', 'p1', 'p2']) mesh.linked.add(peer);
      const [looked = ''] = dueKeys(mesh, 0, 31);
      mesh.peering.dialSucceeded(looked, looked);

      mesh.peering.linkDown('p9', 10);

      assert.deepEqual(dueKeys(mesh, 600, 31), ['p9']);
    });
  });
});
