import { assert, describe, it } from 'vitest';
import type { Effect } from '../../../src/core/effects.ts';
import type { Restored } from '../../../src/core/protocol.ts';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import {
  agentEntry,
  at,
  departure,
  entryAt,
  Speaker,
  seen,
  startWallMs,
  time,
} from '../../record-builder.ts';
import { events, logs, ofType, ProtocolBench, published, replies, written } from './protocol-bench.ts';

const other = () => new Speaker(2);
const seed = '/ip4/10.0.0.2/tcp/7946';
const dayMs = 24 * 3_600_000;

const nothingStored: Restored = {
  records: [],
  floors: new Map(),
  clocks: new Map(),
  contacts: [],
  proofs: [],
  reachability: new Map(),
  removals: [],
  aliveAtMs: undefined,
};

function hasReady(effects: readonly Effect[]): boolean {
  return effects.some(effect => effect.type === 'ready');
}

describe('core/protocol', () => {
  describe('start', () => {
    it('writes the epoch before anything is said, and says its own entry once that is written', () => {
      const agent = new ProtocolBench({ epoch: 42 });

      const effects = agent.start();

      const [first, second] = effects;
      assert.deepInclude(first?.type === 'persist' && first.operations[0], { name: 'epoch', value: 42 });
      assert.deepEqual(second?.type === 'persist' && second.then.map(effect => effect.type), ['publish']);
      assert.isFalse(
        effects.some(effect => effect.type === 'publish'),
        'not before it is written',
      );
      const [own] = published(effects);
      assert.deepInclude(own, { subject: 'me', authority: 'self', epoch: 42, sequence: 1 });
    });

    it('is ready at once when there is nobody to ask', () => {
      assert.isTrue(hasReady(new ProtocolBench().start()));
    });

    it('dials its seeds and waits to hear from one, but not for ever', () => {
      const agent = new ProtocolBench({ settings: { joinTimeoutMs: 3_000 } });

      const effects = agent.start([seed]);

      assert.isFalse(hasReady(effects));
      assert.deepEqual(ofType(effects, 'dial')[0]?.dial.multiaddrs, [seed]);
      assert.deepInclude(ofType(effects, 'wake'), {
        type: 'wake',
        afterMs: 3_000,
        input: { type: 'join-overdue' },
      });
      agent.step({
        type: 'dial-failed',
        key: `seed:${seed}`,
        reason: 'unreachable',
        isRefused: false,
        text: 'no answer',
      });
      const overdue = agent.step({ type: 'join-overdue' });
      assert.isTrue(hasReady(overdue));
      assert.deepEqual(logs(overdue), ['seed_unreachable']);
      assert.isFalse(hasReady(agent.step({ type: 'join-overdue' })), 'ready once');
    });

    it('is ready when it lacks nothing that a peer had', () => {
      const agent = new ProtocolBench();
      const peer = other();
      agent.start([seed]);
      agent.link(peer);
      const { tree, sync } = agent.protocol;
      const since = sync.since(at(agent.monoMs));

      const step = agent.step({
        type: 'sync-message',
        from: peer.peer,
        message: { type: 'open', ...tree.root(since), tops: [], hints: Array<string>(16).fill('') },
      });

      assert.isTrue(hasReady(step));
    });

    it('takes no registrations before it is ready', () => {
      const agent = new ProtocolBench();
      agent.start([seed]);

      const [reply] = replies(agent.register('svc'));

      assert.deepInclude(reply, { ok: false, code: 'NOT_READY' });
    });
  });

  describe('sync', () => {
    it('begins at once with a peer that listens while the agent is starting', () => {
      const agent = new ProtocolBench();
      const peer = other();
      agent.start([seed]);
      agent.link(peer);

      const sends = ofType(agent.step({ type: 'subscribed', peer: peer.peer }), 'send');

      assert.equal(sends[0]?.message.type, 'open');
      assert.deepEqual(agent.step({ type: 'sync-due', peer: peer.peer }), [], 'not twice');
    });

    it('begins a little later with further peers, whether they listen or not', () => {
      const agent = new ProtocolBench();
      const peer = other();
      agent.start();

      const due = ofType(agent.link(peer), 'wake').map(effect => effect.input);

      assert.deepEqual(due, [{ type: 'sync-due', peer: peer.peer }]);
      assert.lengthOf(ofType(agent.step({ type: 'sync-due', peer: peer.peer }), 'send'), 1);
    });

    it('does not begin with a peer that is gone again', () => {
      const agent = new ProtocolBench();
      const peer = other();
      agent.start();
      agent.link(peer);
      agent.step({ type: 'link-down', peer: peer.peer });

      assert.deepEqual(agent.step({ type: 'sync-due', peer: peer.peer }), []);
    });

    it('goes on with a random linked member now and then', () => {
      const agent = new ProtocolBench({ settings: { sync: { intervalMs: 1_000 } } });
      const peer = other();
      agent.start();
      agent.link(peer);
      agent.hear(peer, peer.introduce('peer'));

      const sends: unknown[] = [];
      for (let second = 0; second < 20; second++) {
        const sent = ofType(agent.pass(500), 'send').filter(({ message }) => message.type === 'open');
        sends.push(...sent);
        for (const { to } of sent) {
          agent.step({ type: 'sync-message', from: to, message: { type: 'close', reason: 'same' } });
        }
      }

      assert.isAtLeast(sends.length, 6);
      assert.isAtMost(sends.length, 20);
    });

    it('says fresh news of its own to the first that listens, and only to it', () => {
      const agent = new ProtocolBench();
      agent.start();
      agent.register('svc');
      agent.link(other());

      const first = published(agent.step({ type: 'subscribed', peer: other().peer }));
      const second = published(agent.step({ type: 'subscribed', peer: new Speaker(3).peer }));

      assert.deepEqual(first.map(record => record.subject).sort(), ['me', 'svc']);
      assert.deepEqual(second, []);
    });
  });

  describe('departure', () => {
    it('is said in a higher epoch, which is written first, and then answered', () => {
      const agent = new ProtocolBench({ epoch: 10 });
      agent.start();

      const effects = agent.step({ type: 'depart', ticket: 5, forGood: false });

      assert.deepInclude(written(effects)[0], { name: 'epoch', value: 11 });
      const [gone] = published(effects);
      assert.deepInclude(gone, { subject: 'me', epoch: 11, sequence: 1 });
      assert.deepEqual(gone?.body, { type: 'departure', reason: 'left' });
      assert.deepEqual(replies(effects), [{ ok: true, changed: true }]);
      assert.isFalse(
        effects.some(effect => effect.type === 'reply'),
        'not before it is written',
      );
    });

    it('keeps hosted services for the next start, unless it is for good', () => {
      const staying = new ProtocolBench();
      const leaving = new ProtocolBench();
      for (const agent of [staying, leaving]) {
        agent.start();
        agent.register('svc');
      }

      const kept = published(staying.step({ type: 'depart', ticket: 5, forGood: false }));
      const gone = published(leaving.step({ type: 'depart', ticket: 5, forGood: true }));

      assert.deepEqual(
        kept.map(record => record.subject),
        ['me'],
      );
      assert.deepEqual(
        gone.map(record => [record.subject, record.body.type === 'departure' && record.body.reason]),
        [
          ['svc', 'withdrawn'],
          ['me', 'left'],
        ],
      );
    });

    it('ends registrations and dialling, and is answered a second time', () => {
      const agent = new ProtocolBench();
      agent.start([seed]);
      agent.step({ type: 'depart', ticket: 5, forGood: false });

      assert.deepInclude(replies(agent.register('svc'))[0], { ok: false, code: 'NOT_READY' });
      assert.deepEqual(ofType(agent.pass(60_000), 'dial'), []);
      const again = agent.step({ type: 'depart', ticket: 6, forGood: false });
      assert.deepEqual(replies(again), [{ ok: true, changed: true }]);
      assert.deepEqual(published(again), []);
    });

    it('of another agent takes its services out, also where it was never met', () => {
      const agent = new ProtocolBench();
      const peer = other();
      agent.start();

      agent.hear(
        peer,
        peer.say({ subject: 'svc' }),
        peer.introduce('peer', { epoch: 2, body: departure('left') }),
      );

      assert.equal(agent.protocol.livenessOf(peer.peer), 'left');
      assert.isUndefined(agent.protocol.table.listing.get('svc'));
    });
  });

  describe('a store that refuses', () => {
    it('ends registrations until it is well again', () => {
      const agent = new ProtocolBench();
      agent.start();

      agent.step({ type: 'store-health', ok: false });
      assert.deepInclude(replies(agent.register('svc'))[0], { ok: false, code: 'STORE_FAILED' });
      agent.step({ type: 'store-health', ok: true });

      assert.deepEqual(replies(agent.register('svc')), [{ ok: true, changed: true }]);
    });
  });

  describe('our own key from elsewhere', () => {
    it('opens an epoch above what it said, tells of it, and speaks anew', () => {
      const agent = new ProtocolBench({ epoch: 10 });
      agent.start();

      const effects = agent.hear(agent.me, agent.me.introduce('me', { epoch: 20 }));

      assert.deepInclude(written(effects), { type: 'put-meta', name: 'epoch', value: 21 });
      assert.deepEqual(
        events(effects, 'conflict').map(({ data }) => 'kind' in data && data.kind),
        ['key-in-use-twice'],
      );
      assert.deepEqual(logs(effects), ['key_in_use_twice']);
      assert.deepInclude(agent.own, { epoch: 21, sequence: 1 });
      assert.deepEqual(published(effects), [agent.own as VerifiedRecord]);
    });

    it('does not speak anew more than once in five seconds', () => {
      const agent = new ProtocolBench({ epoch: 10 });
      agent.start();
      agent.hear(agent.me, agent.me.introduce('me', { epoch: 20 }));

      assert.lengthOf(published(agent.hear(agent.me, agent.me.introduce('me', { epoch: 30 }))), 0);
      agent.monoMs = 5_000;

      assert.lengthOf(published(agent.hear(agent.me, agent.me.introduce('me', { epoch: 9_000 }))), 1);
    });

    it('brings back a service of an earlier life, with a lease', () => {
      const agent = new ProtocolBench({ epoch: 10 });
      agent.start();

      const effects = agent.hear(agent.me, agent.me.say({ subject: 'svc', epoch: 9 }));

      assert.deepEqual([...agent.protocol.hosting.hostedIds()], ['svc']);
      assert.deepEqual(events(effects, 'conflict'), [], 'nothing is wrong');
    });

    it('is heeded before a rival that comes with it is answered', () => {
      const agent = new ProtocolBench({ epoch: 10 });
      const rival = other();
      agent.start();
      const early = time(-9_000);
      const [rivals, ours] = [
        rival.introduce('me', { time: early }),
        agent.me.introduce('me', { epoch: 20 }),
      ];
      // Each names what only the other's past explains, so the two are taken in together, the rival first.
      const gone = rival.introduce('me', {
        epoch: 2,
        time: early,
        context: seen(ours),
        body: departure('left'),
      });
      agent.hear(rival, gone);

      agent.hear(agent.me, agent.me.introduce('me', { epoch: 20, context: seen(rivals) }));

      assert.isAbove(agent.own?.epoch ?? 0, 20);
      assert.isFalse(agent.protocol.isNameLost);
    });

    it('does not make a leaving agent speak', () => {
      const agent = new ProtocolBench({ epoch: 10 });
      agent.start();
      agent.step({ type: 'depart', ticket: 1, forGood: true });

      assert.deepEqual(published(agent.hear(agent.me, agent.me.introduce('me', { epoch: 20 }))), []);
    });
  });

  describe('our name', () => {
    it('is defended against a key that had seen us and took us for gone', () => {
      const agent = new ProtocolBench();
      const rival = other();
      agent.start();
      const before = agent.own as VerifiedRecord;

      const usurping = rival.introduce('me', { context: seen(before), time: time(10) });
      const effects = agent.hear(rival, usurping);

      assert.deepEqual(published(effects), [agent.own as VerifiedRecord]);
      assert.isAbove(agent.own?.sequence ?? 0, before.sequence);
      assert.deepEqual(agent.own?.claimedAt, before.claimedAt);
      agent.pass(1_000);
      assert.equal(agent.protocol.table.ledger.resolution('me').winner, agent.own);
      assert.isFalse(agent.protocol.isNameLost);
      assert.equal(agent.protocol.table.parking.count, 0, 'it is kept as a conflict now');
    });

    it('is lost to an earlier claim, which is reported', () => {
      const agent = new ProtocolBench();
      const rival = other();
      agent.start();

      const effects = agent.hear(rival, rival.introduce('me', { time: time(-5_000) }));

      assert.isTrue(agent.protocol.isNameLost);
      assert.deepEqual(logs(effects), ['record_conflict', 'name_held_by_another_key']);
      assert.deepEqual(published(effects), []);
    });

    it('is left to a living holder by an agent that starts, speaks or leaves', () => {
      const agent = new ProtocolBench({ epoch: 10 });
      const holder = other().introduce('me', { time: time(-5_000) });
      agent.protocol.restore({ ...nothingStored, records: [holder], aliveAtMs: startWallMs }, at(0));

      const said = [
        ...published(agent.start()),
        ...published(agent.hear(agent.me, agent.me.introduce('me', { epoch: 20 }))),
        ...published(agent.step({ type: 'depart', ticket: 1, forGood: false })),
      ];

      assert.deepEqual(
        said.map(record => record.context),
        [[], [], []],
      );
      assert.equal(agent.protocol.table.ledger.resolution('me').winner, holder);
    });

    it('is taken back once its holder has left', () => {
      const agent = new ProtocolBench();
      const rival = other();
      agent.start();
      agent.hear(rival, rival.introduce('me', { time: time(-5_000) }));

      agent.hear(rival, rival.introduce('me', { epoch: 2, time: time(0), body: departure('left') }));

      assert.isFalse(agent.protocol.isNameLost);
      assert.equal(agent.protocol.table.listing.get('me')?.peerId, agent.me.peer);
    });

    it('is taken back from two earlier holders that leave within a second', () => {
      const agent = new ProtocolBench();
      const [first, second] = [new Speaker(2), new Speaker(3)];
      agent.start();
      for (const holder of [first, second]) {
        const claimedAt = time(-5_000);
        agent.hear(holder, holder.introduce('me', { time: claimedAt, claimedAt }));
        const left = { epoch: 2, time: time(0), claimedAt, body: departure('left') };
        agent.hear(holder, holder.introduce('me', left));
      }

      agent.pass(6_000);

      assert.isFalse(agent.protocol.isNameLost);
      assert.equal(agent.protocol.table.listing.get('me')?.peerId, agent.me.peer);
    });

    it('is taken back once its holder is dead', () => {
      const agent = new ProtocolBench();
      const rival = other();
      agent.start();
      agent.hear(rival, rival.introduce('me', { time: time(-5_000) }));
      agent.pass(250); // Not heard of yet, so it is probed.
      agent.refuse(rival);

      agent.pass(3_000);

      assert.equal(agent.protocol.livenessOf(rival.peer), 'dead');
      assert.isFalse(agent.protocol.isNameLost);
    });
  });

  describe('members', () => {
    it('are met through their own record: listed, dialled, and alive while it is fresh', () => {
      const agent = new ProtocolBench();
      const peer = other();
      agent.start();

      const effects = agent.hear(peer, peer.introduce('peer'));

      assert.equal(agent.protocol.table.listing.get('peer')?.status, 'alive');
      assert.deepEqual(agent.protocol.peering.contact(peer.peer)?.multiaddrs, [peer.multiaddr]);
      assert.deepEqual(
        events(effects, 'record').map(({ data }) => data.id),
        ['peer'],
      );
      assert.include(
        ofType(agent.pass(3_000), 'dial').map(({ dial }) => dial.peer),
        peer.peer,
      );
    });

    it('become suspect, then dead, and their services with them', () => {
      const agent = new ProtocolBench();
      const peer = other();
      agent.start();
      agent.link(peer);
      agent.hear(peer, peer.introduce('peer'), peer.say({ subject: 'svc' }));

      agent.step({ type: 'link-down', peer: peer.peer });
      const down = agent.step({ type: 'probe-refused', peer: peer.peer });
      const later = agent.pass(3_000);

      const told = (effects: readonly Effect[]) =>
        events(effects, 'liveness').map(({ data }) => ('to' in data ? `${data.id} ${data.to}` : ''));
      assert.deepEqual(told(down).sort(), ['peer suspect', 'svc suspect']);
      assert.deepEqual(told(later).sort(), ['peer dead', 'svc dead']);
      assert.deepEqual(
        agent.protocol.table.listing.nodes().map(({ id }) => id),
        ['me'],
      );
    });
  });

  it('proves, stores and gossips equivocation, and hangs up', () => {
    const agent = new ProtocolBench();
    const [liar, again] = [new Speaker(2), new Speaker(2)];
    agent.start();
    agent.link(liar);
    agent.hear(liar, liar.introduce('liar'));

    const effects = agent.hear(liar, again.say({ subject: 'svc', body: entryAt('y:1') }));

    assert.deepEqual(logs(effects), ['equivocation_proved']);
    assert.lengthOf(ofType(effects, 'publish-proof'), 1);
    assert.deepEqual(ofType(effects, 'hang-up'), [{ type: 'hang-up', peer: liar.peer }]);
    assert.isUndefined(agent.protocol.table.listing.get('liar'));
    assert.deepEqual(ofType(agent.link(liar), 'hang-up').length, 1, 'and does not come back');
    const { epoch, sequence, subject, digest } = again.say();
    assert.equal(
      agent.protocol.screen({ author: liar.peer, epoch, sequence, subject, digest }, 'gossip', at(0)),
      'quarantined',
    );
  });

  it('believes a bounded number of proofs', () => {
    const agent = new ProtocolBench({ settings: { table: { proofsMaxCount: 2 } } });
    agent.start();

    const refused = [3, 4, 5].map(number => {
      const [first, second] = [new Speaker(number).say(), new Speaker(number).say({ leaseMs: 1 })];
      return ofType(agent.step({ type: 'proof-received', first, second }), 'refused').length;
    });

    assert.deepEqual(refused, [0, 0, 1]);
    assert.equal(agent.protocol.table.ledger.proofs.size, 2);
  });

  it('screens before a signature is checked: known, too many of one author, or worth it', () => {
    const agent = new ProtocolBench({
      settings: { gossip: { authorBurstCount: 2, authorRecordsPerSecond: 1 } },
    });
    const peer = other();
    agent.start();
    const held = peer.say({ subject: 'held' });
    agent.hear(peer, held);
    const next = (via: 'gossip' | 'sync') => agent.protocol.screen(peer.say(), via, at(0));

    assert.equal(agent.protocol.screen(held, 'gossip', at(0)), 'known');
    assert.deepEqual(
      [next('gossip'), next('gossip'), next('gossip'), next('sync')],
      ['verify', 'verify', 'author-rate', 'verify'],
    );
  });

  describe('restore', () => {
    it('brings back records, hosted services, contacts and the end of a liar', () => {
      const agent = new ProtocolBench();
      const [peer, liar] = [other(), new Speaker(3)];
      const [first, second] = [liar.say(), new Speaker(3).say({ leaseMs: 1 })];
      const effects = agent.protocol.restore(
        {
          ...nothingStored,
          records: [agent.me.say({ subject: 'svc' }), peer.introduce('peer', { time: time(-dayMs) })],
          contacts: [{ peer: 'somebody', multiaddrs: ['/x'], seenAtMs: 0 }],
          proofs: [{ first, second }],
          aliveAtMs: startWallMs - 1_000,
        },
        at(0),
      );

      assert.deepEqual(effects, []);
      assert.deepEqual([...agent.protocol.hosting.hostedIds()], ['svc']);
      assert.equal(agent.protocol.table.listing.get('peer')?.status, 'suspect');
      assert.equal(agent.protocol.nodeIdOf(peer.peer), 'peer');
      assert.isDefined(agent.protocol.peering.contact('somebody'));
      assert.isTrue(agent.protocol.table.ledger.isQuarantined(liar.peer));
      const dials = ofType(agent.start(), 'dial').map(({ dial }) => dial.key);
      assert.include(dials, 'somebody');
    });

    it('drops the table, and keeps the floors, after half the life of a tombstone', () => {
      const agent = new ProtocolBench();
      const peer = other();
      const [kept, floored] = [peer.say({ subject: 'svc' }), peer.say({ subject: 'gone' })];
      const floors = new Map([['gone', [{ author: peer.peer, epoch: 1, sequence: 2 }]]]);
      const stored = { ...nothingStored, records: [kept], floors };

      const effects = agent.protocol.restore({ ...stored, aliveAtMs: startWallMs - dayMs / 2 - 1 }, at(0));

      assert.deepEqual(written(effects), [{ type: 'delete-record', subject: 'svc', author: peer.peer }]);
      assert.equal(agent.protocol.table.ledger.recordsCount, 0);
      agent.start();
      agent.hear(peer, floored);
      assert.isUndefined(agent.protocol.table.listing.get('gone'));
    });

    it.each([
      ['a record', (me: Speaker) => ({ records: [me.introduce('me', { epoch: 50 })] })],
      ['the clock', (me: Speaker) => ({ clocks: new Map([[me.peer, { epoch: 50, sequence: 3 }]]) })],
      [
        'a floor',
        (me: Speaker) => ({ floors: new Map([['x', [{ author: me.peer, epoch: 50, sequence: 3 }]]]) }),
      ],
    ] as const)('goes on above its own past where only %s tells of it', (_, stored) => {
      const agent = new ProtocolBench({ epoch: 10 });

      agent.protocol.restore({ ...nothingStored, ...stored(agent.me) }, at(0));
      const effects = agent.start();

      assert.equal(agent.own?.epoch, 51);
      assert.deepInclude(written(effects), { type: 'put-meta', name: 'epoch', value: 51 });
    });
  });

  describe('dials', () => {
    it('that succeed are remembered in the store', () => {
      const agent = new ProtocolBench();
      const peer = other();
      agent.start([seed]);

      const effects = agent.step({ type: 'dial-succeeded', key: `seed:${seed}`, peer: peer.peer });

      assert.deepEqual(written(effects), [
        {
          type: 'put-contact',
          contact: { peer: peer.peer, multiaddrs: [seed], seenAtMs: startWallMs },
        },
      ]);
    });

    it('that fail for good end a stranger, in the store too', () => {
      const agent = new ProtocolBench();
      agent.start();
      agent.step({ type: 'discovered', peer: 'stranger', multiaddrs: ['/x'], source: 'mdns' });

      const effects = agent.step({
        type: 'dial-failed',
        key: 'stranger',
        reason: 'foreign',
        isRefused: false,
        text: 'foreign',
      });

      assert.deepEqual(written(effects), [{ type: 'delete-contact', peer: 'stranger' }]);
    });

    it('that reach the agent itself end an address, and with the last one the wait for others', () => {
      const bench = new ProtocolBench();
      bench.start([seed]);

      const effects = bench.step({
        type: 'dial-failed',
        key: `seed:${seed}`,
        reason: 'self',
        isRefused: false,
        text: 'own',
      });

      assert.isTrue(hasReady(effects));
      assert.deepEqual([...bench.protocol.peering.contacts()], []);
    });

    it('that reach the agent itself leave a name, which may stand for others within two seconds', () => {
      const bench = new ProtocolBench();
      const name = '/dns4/agents.example/tcp/7946';
      bench.start([name]);

      bench.step({ type: 'dial-failed', key: `seed:${name}`, reason: 'self', isRefused: false, text: 'own' });

      assert.include(
        ofType(bench.pass(2_000), 'dial').map(({ dial }) => dial.key),
        `seed:${name}`,
      );
    });

    it('ask the DHT after three failures', () => {
      const agent = new ProtocolBench();
      const peer = other();
      agent.start();
      agent.hear(peer, peer.introduce('peer'));

      const lookUps = [1, 2, 3].flatMap(() =>
        ofType(
          agent.step({
            type: 'dial-failed',
            key: peer.peer,
            reason: 'unreachable',
            isRefused: false,
            text: 'no answer',
          }),
          'look-up',
        ),
      );

      assert.deepEqual(lookUps, [{ type: 'look-up', peer: peer.peer }]);
    });
  });

  it('withdraws what was not heard from in time', () => {
    const agent = new ProtocolBench({ settings: { hosting: { leaseMs: 2_000 } } });
    agent.start();
    agent.register('svc');

    const gone = published(agent.pass(4_000));

    assert.deepEqual(
      gone.map(record => [record.subject, record.body]),
      [['svc', { type: 'departure', reason: 'withdrawn' }]],
    );
  });

  it('lets what waits for an hour take no room after half a minute', () => {
    const agent = new ProtocolBench({ settings: { table: { totalMaxCount: 1 } } });
    const peer = other();
    agent.start();
    agent.hear(peer, peer.say({ subject: 'svc', time: time(3_600_000) }));

    const refused = ofType(agent.pass(29_000), 'refused');

    assert.deepEqual(refused, [], 'counted when it came, not each second');
    assert.equal(agent.protocol.table.parking.count, 1);
    agent.pass(2_000);
    assert.equal(agent.protocol.table.parking.count, 0);
  });

  it('takes what a newcomer is told although the records it names were reaped everywhere', () => {
    const agent = new ProtocolBench();
    const [peer, reaped] = [other(), new Speaker(3)];
    agent.start();

    const follows = peer.say({ subject: 'svc', context: seen(reaped.say({ subject: 'svc' })) });
    agent.hear(peer, peer.introduce('peer', { body: agentEntry('10.0.0.2:1', []) }), follows);
    assert.isUndefined(agent.protocol.table.listing.get('svc'), 'it waits a little');
    agent.pass(31_000);

    assert.equal(agent.protocol.table.ledger.resolution('svc').winner, follows);
  });
});
