/** An agent that changes its key, and those that see it do so. */
import { assert, describe, it } from 'vitest';
import type { Effect } from '../../../src/core/effects.ts';
import type { Restored } from '../../../src/core/protocol.ts';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import { handOver } from '../../../src/identity/succession.ts';
import {
  agentEntry,
  at,
  departure,
  entryAt,
  Speaker,
  seen,
  startWallMs,
  testCluster,
  time,
} from '../../record-builder.ts';
import { events, logs, ofType, ProtocolBench, published, replies, written } from './protocol-bench.ts';

const nothingStored: Restored = {
  records: [],
  floors: new Map(),
  clocks: new Map(),
  contacts: [],
  proofs: [],
  reachability: new Map(),
  removals: [],
  aliveAtMs: startWallMs,
};

function following(former: Speaker, next: Speaker, subject: string) {
  return handOver({ cluster: testCluster, subject, successor: next.peer }, former.key);
}

/** The entry that a new key says about the name of the former one. */
function followUp(former: Speaker, next: Speaker, before: VerifiedRecord): VerifiedRecord {
  const predecessor = following(former, next, before.subject);
  const body = { ...agentEntry('10.0.0.1:7000', [next.multiaddr]), predecessor } as const;
  return next.introduce(before.subject, {
    body,
    context: seen(before),
    claimedAt: before.claimedAt,
    time: time(100),
  });
}

/** The agent signs with another key from now on, as its driver sees to. */
function rekey(agent: ProtocolBench, next: Speaker): readonly Effect[] {
  const former = new Speaker(1);
  agent.me.codec.takeKey(next.key);
  agent.me.probeCodec.takeKey(next.key);
  return agent.step({
    type: 'rekey',
    ticket: 7,
    peer: next.peer,
    predecessor: following(former, next, 'me'),
  });
}

describe('core/protocol, a key that is followed by another one', () => {
  const [host, next, other] = [new Speaker(2), new Speaker(3), new Speaker(4)];

  it('gives its name away while it is alive, and its services stay listed as alive all the time', () => {
    const agent = new ProtocolBench();
    agent.start();
    const own = host.introduce('web');
    agent.answering.add(next);
    agent.hear(host, own, host.say({ subject: 'svc', body: entryAt('10.0.0.9:80') }));
    const statuses: (string | undefined)[] = [];
    agent.protocol.table.listing.onChange((_id, _before, after) => statuses.push(after?.status));

    const effects = agent.hear(next, followUp(host, next, own));
    agent.pass(30_000); // The services are said again by now, if at all.

    const { ledger, listing } = agent.protocol.table;
    assert.equal(ledger.resolution('web').winner?.author, next.peer);
    assert.equal(listing.get('web')?.peerId, next.peer);
    assert.deepEqual(events(effects, 'liveness'), []);
    assert.deepEqual(
      statuses.filter(status => status !== 'alive'),
      [],
    );
    assert.equal(listing.get('svc')?.status, 'alive');
    assert.equal(agent.protocol.detector.member(host.peer), undefined);
    assert.equal(agent.protocol.livenessOf(host.peer), agent.protocol.livenessOf(next.peer));
  });

  it('shares the fate of the key that follows', () => {
    const agent = new ProtocolBench();
    agent.start();
    const own = host.introduce('web');
    agent.hear(host, own, host.say({ subject: 'svc', body: entryAt('10.0.0.9:80') }));
    agent.hear(next, followUp(host, next, own));

    for (let i = 0; i < 40 && agent.protocol.livenessOf(next.peer) !== 'dead'; i++) {
      agent.refuse(next);
      agent.pass(250);
    }

    assert.equal(agent.protocol.livenessOf(host.peer), 'dead');
    assert.equal(agent.protocol.table.listing.get('svc'), undefined);
  });

  it('still counts for what was on its way, and for nothing once it is ended', () => {
    const agent = new ProtocolBench();
    agent.start();
    const own = host.introduce('web');
    agent.hear(host, own);
    agent.hear(next, followUp(host, next, own));
    const late = host.say({ subject: 'late', body: entryAt('10.0.0.9:81') });

    agent.hear(host, late);
    const listedLate = agent.protocol.table.listing.get('late')?.status;
    const claim = host.claim('revoked');
    const effects = agent.step({ type: 'claims-received', from: next.peer, claims: [claim] });
    const later = host.say({ subject: 'later', epoch: 999, body: entryAt('10.0.0.9:82') });
    agent.hear(other, later);
    assert.include(logs(effects), 'former_key_ended');

    assert.equal(listedLate, 'alive');
    assert.equal(agent.protocol.table.listing.get('late'), undefined);
    assert.equal(agent.protocol.table.listing.get('later'), undefined);
    assert.equal(agent.protocol.table.ledger.resolution('web').winner?.author, next.peer);
    assert.include(
      written(effects).map(({ type }) => type),
      'put-removal',
    );
  });

  it('is not met again when what it said comes late, also after a restart in whatever order', () => {
    const own = host.introduce('web');
    const follower = followUp(host, next, own);
    for (const records of [
      [own, follower],
      [follower, own],
    ]) {
      const agent = new ProtocolBench();
      agent.protocol.restore({ ...nothingStored, records }, at(0));
      agent.start();

      agent.hear(other, host.introduce('web', { time: time(50), epoch: 2 }));

      assert.equal(agent.protocol.detector.member(host.peer), undefined);
      assert.equal(agent.protocol.table.ledger.resolution('web').winner?.author, next.peer);
    }
  });

  it('is not waited for by a newcomer that only hears of what it said', () => {
    const agent = new ProtocolBench();
    agent.start();
    const own = host.introduce('web');
    const service = host.say({ subject: 'svc', body: entryAt('10.0.0.9:80') });

    agent.hear(next, followUp(host, next, own));
    agent.hear(next, next.say({ subject: 'svc', body: entryAt('10.0.0.9:80'), context: seen(service) }));

    assert.equal(agent.protocol.table.listing.get('svc')?.status, 'alive');
  });

  it('cannot be followed by whoever has not its signature: its name is kept while it is alive', () => {
    const agent = new ProtocolBench();
    agent.start();
    const own = host.introduce('web');
    agent.hear(host, own);

    agent.hear(
      other,
      other.introduce('web', { context: seen(own), claimedAt: own.claimedAt, time: time(100) }),
    );

    assert.equal(agent.protocol.table.ledger.resolution('web').winner, own);
  });
});

describe('core/protocol, its own key', () => {
  const next = new Speaker(9);

  it('is changed without a moment at which its name or a service is not listed as alive', () => {
    const agent = new ProtocolBench();
    agent.start();
    agent.register('svc');
    agent.pass(500);
    const listed: (string | undefined)[] = [];
    agent.protocol.table.listing.onChange((_id, _before, after) => listed.push(after?.status));

    const effects = rekey(agent, next);

    assert.deepEqual(replies(effects), [{ ok: true, changed: true }]);
    assert.isTrue(listed.every(status => status === 'alive'));
    const said = published(effects);
    assert.deepEqual(
      said.map(({ subject, author }) => [subject, author]),
      [
        ['me', next.peer],
        ['svc', next.peer],
      ],
    );
    assert.equal(agent.protocol.table.ledger.resolution('me').winner, said[0]);
    assert.deepEqual(
      agent.protocol.table.listing.get('svc')?.authors.toSorted(),
      [new Speaker(1).peer, next.peer].toSorted(),
    );
    const ended = agent.step({ type: 'end-key', ticket: 8, claim: new Speaker(1).claim('revoked') });
    assert.deepEqual(replies(ended), [{ ok: true, changed: true }]);
    assert.deepEqual(agent.protocol.table.listing.get('svc')?.authors, [next.peer]);
    assert.isTrue(listed.every(status => status === 'alive'));
  });

  it('keeps what was taken out from coming back when the former key has ended', () => {
    const agent = new ProtocolBench();
    const rival = new Speaker(2);
    agent.start();
    agent.pass(500);
    agent.register('svc');
    const vouching = rival.say({
      subject: 'svc',
      body: agent.protocol.table.ledger.recordsOf('svc')[0]?.body as never,
    });
    agent.hear(rival, rival.introduce('rival'), vouching);
    agent.step({ type: 'deregister', ticket: 2, id: 'svc' });

    rekey(agent, next);
    agent.step({ type: 'end-key', ticket: 8, claim: new Speaker(1).claim('revoked') });

    assert.equal(agent.protocol.table.listing.get('svc'), undefined);
  });

  it('is taken over at a start that finds a former key: all it said is said again, once', () => {
    const former = new Speaker(1);
    const own = former.introduce('me', { time: time(-1_000) });
    const records = [
      own,
      former.say({ subject: 'svc', body: entryAt('10.0.0.9:80'), time: time(-900) }),
      former.say({ subject: 'gone', body: departure('deregistered'), time: time(-800) }),
    ];
    const agent = new ProtocolBench({ predecessor: following(former, next, 'me') });
    agent.me.codec.takeKey(next.key);
    agent.me.probeCodec.takeKey(next.key);
    agent.protocol.restore({ ...nothingStored, records }, at(0));

    const said = published(agent.start()).map(({ subject, author }) => [subject, author]);

    assert.deepEqual(said, [
      ['me', next.peer],
      ['gone', next.peer],
      ['svc', next.peer],
    ]);
    assert.deepEqual([...agent.protocol.hosting.hostedIds()], ['svc']);
    assert.equal(agent.protocol.table.ledger.resolution('me').winner?.claimedAt.wallMs, own.claimedAt.wallMs);
  });

  it('is ended: written down first, then told to everybody, and the agent stops', () => {
    const agent = new ProtocolBench();
    const peer = new Speaker(2);
    agent.start();
    agent.hear(peer, peer.introduce('peer'));
    agent.link(peer);
    agent.pass(500);

    const effects = agent.step({ type: 'revoke-key', ticket: 3 });

    const write = effects.findIndex(effect => effect.type === 'persist');
    assert.deepEqual(
      effects.slice(0, write).filter(({ type }) => type === 'send' || type === 'datagram'),
      [],
    );
    const claims = ofType(effects, 'send').flatMap(({ message }) =>
      message.type === 'claims' ? message.claims : [],
    );
    assert.deepEqual(
      claims.map(({ kind, subject }) => [kind, subject]),
      [['revoked', agent.me.peer]],
    );
    assert.equal(agent.protocol.phase, 'stopping');
  });
});
