/** Keys that operators shut out, and crowds of keys that somebody made up. */
import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import type { BanDraft, VerifiedBan } from '../../../src/core/reputation/ban.ts';
import { handOver } from '../../../src/identity/succession.ts';
import { agentEntry, entryAt, Speaker, seen, startWallMs, testCluster, time } from '../../record-builder.ts';
import { ofType, ProtocolBench, replies, written } from './protocol-bench.ts';

const [bad, other] = [new Speaker(2), new Speaker(3)];

function ban(issuer: Speaker, fields: Partial<BanDraft> = {}): VerifiedBan {
  return issuer.codec.sealBan({
    issuer: issuer.peer,
    subject: bad.peer,
    issuedAtMs: startWallMs,
    untilMs: 0,
    isLifted: false,
    reason: 'floods us',
    ...fields,
  });
}

function joined(issuers: readonly string[] = []): ProtocolBench {
  const agent = new ProtocolBench({ settings: { bans: { issuers } } });
  agent.start();
  for (const speaker of [bad, other]) agent.answering.add(speaker);
  agent.hear(bad, bad.introduce('bad'), bad.say({ subject: 'svc', body: entryAt('10.0.0.9:80') }));
  agent.hear(other, other.introduce('other'));
  agent.link(bad);
  return agent;
}

describe('core/protocol, a banned key', () => {
  it('is gone at once, here: no link, no probe, nothing listed; written down before it is told', () => {
    const agent = joined();

    const effects = agent.step({ type: 'ban', ticket: 1, ban: ban(agent.me) });

    const { listing, ledger } = agent.protocol.table;
    assert.deepEqual(replies(effects), [{ ok: true, changed: true }]);
    assert.deepEqual(
      listing
        .nodes()
        .map(({ id }) => id)
        .toSorted(),
      ['me', 'other'],
    );
    assert.isAbove(ledger.subjectsOf(bad.peer).size, 0, 'the records are kept, or tables would differ');
    assert.deepEqual(
      ofType(effects, 'standing').map(({ peer, standing }) => [peer, standing]),
      [[bad.peer, 'banned']],
    );
    assert.deepEqual(
      ofType(effects, 'hang-up').map(({ peer }) => peer),
      [bad.peer],
    );
    assert.equal(agent.protocol.detector.member(bad.peer), undefined);
    const put = effects.find(
      effect => effect.type === 'persist' && effect.operations.some(({ type }) => type === 'put-ban'),
    );
    assert.deepEqual(put?.type === 'persist' && put.then.map(({ type }) => type), ['publish-bans']);
  });

  it('is neither met again nor listed when it says something new, and its link is refused', () => {
    const agent = joined();
    agent.step({ type: 'ban', ticket: 1, ban: ban(agent.me) });

    agent.hear(
      other,
      bad.introduce('bad', { epoch: 2 }),
      bad.say({ subject: 'new', epoch: 2, body: entryAt('10.0.0.9:81') }),
    );
    const effects = agent.link(bad);

    assert.deepEqual(
      agent.protocol.table.listing
        .nodes()
        .map(({ id }) => id)
        .toSorted(),
      ['me', 'other'],
    );
    assert.deepEqual(
      ofType(effects, 'hang-up').map(({ peer }) => peer),
      [bad.peer],
    );
  });

  it('is back among the others when it is pardoned, and when its time is over', () => {
    for (const isOver of [false, true]) {
      const agent = joined();
      agent.step({
        type: 'ban',
        ticket: 1,
        ban: ban(agent.me, isOver ? { untilMs: startWallMs + 2_000 } : {}),
      });

      if (!isOver)
        agent.step({
          type: 'ban',
          ticket: 2,
          ban: ban(agent.me, { isLifted: true, issuedAtMs: startWallMs + 1 }),
        });
      agent.pass(5_000);

      assert.equal(agent.protocol.table.listing.get('svc')?.status, 'alive', String(isOver));
      assert.equal(agent.protocol.detector.member(bad.peer)?.state, 'alive');
    }
  });

  it('does not escape by another key that follows it, and comes back with that when it is pardoned', () => {
    const agent = joined();
    const next = new Speaker(5);
    agent.answering.add(next);
    agent.step({ type: 'ban', ticket: 1, ban: ban(agent.me) });
    const words = { cluster: testCluster, subject: 'bad', successor: next.peer };
    const predecessor = handOver(words, bad.key);
    const body = { ...agentEntry('10.0.0.1:7000', [next.multiaddr]), predecessor } as const;

    const before = agent.protocol.table.ledger.recordBy(bad.peer, 'bad') as VerifiedRecord;
    const claim = { body, context: seen(before), claimedAt: before.claimedAt, time: time(100) };
    const effects = agent.hear(other, next.introduce('bad', claim));
    const isListed = agent.protocol.table.listing.get('bad') !== undefined;
    agent.step({
      type: 'ban',
      ticket: 2,
      ban: ban(agent.me, { isLifted: true, issuedAtMs: startWallMs + 1 }),
    });

    assert.isFalse(isListed);
    assert.deepEqual(
      ofType(effects, 'standing').map(({ peer, standing }) => [peer, standing]),
      [[next.peer, 'banned']],
    );
    assert.equal(agent.protocol.table.listing.get('bad')?.peerId, next.peer);
  });

  it('is banned by the word of another agent only where that one is named as an issuer', () => {
    for (const [issuers, isGone] of [
      [[], false],
      [[other.peer], true],
    ] as const) {
      const agent = joined(issuers);

      const effects = agent.step({ type: 'ban-received', ban: ban(other) });

      assert.equal(agent.protocol.table.listing.get('svc') === undefined, isGone);
      assert.deepEqual(
        agent.protocol.exclusion.bans.views(startWallMs).map(({ state }) => state),
        [isGone ? 'in-force' : 'advised'],
      );
      assert.include(
        written(effects).map(({ type }) => type),
        'put-ban',
      );
    }
  });
});

describe('core/protocol, a crowd of keys from one host', () => {
  const crowd = Array.from({ length: 100 }, (_, i) => new Speaker(20 + i));

  it('is met up to a bound; the rest is neither probed nor dialled, and off the lists in the end', () => {
    const agent = new ProtocolBench({ settings: { newcomers: { membersPerHostMaxCount: 16 } } });
    agent.start();
    for (const speaker of crowd) agent.answering.add(speaker);

    for (const [i, speaker] of crowd.entries()) {
      const body = agentEntry('10.0.0.1:7000', [`/ip4/10.0.0.1/tcp/${8_000 + i}/p2p/${speaker.peer}`]);
      agent.hear(speaker, speaker.introduce(`sybil-${i}`, { body }));
    }
    agent.pass(90_000);

    assert.equal(agent.protocol.detector.membersCount, 16);
    assert.lengthOf([...agent.protocol.peering.contacts()], 16);
    assert.isAtLeast(agent.protocol.newcomers.refusedCount, 84);
    assert.isAtMost(agent.protocol.table.listing.nodes().length, 17);
  });

  it('leaves room for agents elsewhere', () => {
    const agent = new ProtocolBench({ settings: { newcomers: { membersPerHostMaxCount: 16 } } });
    agent.start();
    for (const [i, speaker] of crowd.entries()) agent.hear(speaker, speaker.introduce(`sybil-${i}`));
    const honest = new Speaker(9);
    const body = {
      ...agentEntry('10.7.0.1:7000', [honest.multiaddr]),
      agent: { multiaddrs: [honest.multiaddr], probe: '10.7.0.1:7946' },
    } as const;

    agent.hear(honest, honest.introduce('honest', { body }));

    assert.equal(agent.protocol.detector.member(honest.peer)?.id, 'honest');
  });

  it('is met later when there is room again', () => {
    const agent = new ProtocolBench({ settings: { newcomers: { membersPerHostMaxCount: 1 } } });
    agent.start();
    agent.answering.add(other);
    agent.hear(bad, bad.introduce('bad'));
    agent.hear(other, other.introduce('other'));

    agent.step({ type: 'ban', ticket: 1, ban: ban(agent.me) });
    agent.pass(125_000);

    assert.equal(agent.protocol.detector.member(other.peer)?.id, 'other');
  });
});
