/** What one member with a genuine key can do to another one, and what becomes of it. */
import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import { departure, entryAt, Speaker, seen, startWallMs, time } from '../../record-builder.ts';
import { events, logs, ofType, ProtocolBench, published } from './protocol-bench.ts';

const [honest, liar] = [new Speaker(2), new Speaker(3)];
const weekMs = 7 * 24 * 3_600_000;

function joined(): ProtocolBench {
  const agent = new ProtocolBench({ settings: { table: { tombstoneRetentionMs: 60_000 } } });
  agent.start();
  for (const speaker of [honest, liar]) agent.answering.add(speaker);
  agent.hear(honest, honest.introduce('honest'));
  agent.hear(liar, liar.introduce('liar'));
  return agent;
}

function ownEntry(agent: ProtocolBench): VerifiedRecord {
  return agent.protocol.table.ledger.recordBy(honest.peer, 'honest') as VerifiedRecord;
}

describe('core/protocol, a member that lies', () => {
  it('brings nothing back with records of last week, and costs whoever passes them on nothing', () => {
    const agent = joined();
    const old = honest.say({ subject: 'svc', body: entryAt('10.0.0.9:80'), time: time(0) });
    agent.hear(honest, old);
    agent.hear(honest, honest.say({ subject: 'svc', body: departure('deregistered'), time: time(10) }));
    agent.pass(150_000); // The departure is forgotten by now, except for its floor.
    const isForgotten = agent.protocol.table.ledger.recordsOf('svc').length === 0;
    agent.monoMs += weekMs;

    for (const via of ['gossip', 'sync'] as const)
      agent.step({ type: 'records-received', from: liar.peer, via, records: [old], last: true });

    assert.isTrue(isForgotten);
    assert.equal(agent.protocol.table.listing.get('svc'), undefined);
    assert.equal(agent.protocol.reputation.standing(liar.peer), 'good');
  });

  it('does not get the name of a member that is there by saying that it follows it', () => {
    const agent = joined();

    agent.hear(liar, liar.introduce('honest', { time: time(10), context: seen(ownEntry(agent)) }));
    agent.pass(5_000);

    assert.equal(agent.protocol.table.listing.get('honest')?.peerId, honest.peer);
  });

  it('that backdates its claim to a name is reported as a conflict, and loses the name when it is banned', () => {
    const agent = joined();

    const effects = agent.hear(liar, liar.introduce('honest', { time: time(10), claimedAt: time(-weekMs) }));
    const draft = { issuer: agent.me.peer, subject: liar.peer, issuedAtMs: startWallMs };
    const ban = agent.me.codec.sealBan({ ...draft, untilMs: 0, isLifted: false, reason: 'took a name' });
    agent.step({ type: 'ban', ticket: 1, ban });

    assert.deepEqual(
      events(effects, 'conflict').map(({ data }) => [data.id, data.kind]),
      [['honest', 'name-held-by-another-key']],
    );
    assert.equal(agent.protocol.table.listing.get('honest')?.peerId, honest.peer);
  });

  it('that took our own name is followed by us once it is banned here', () => {
    const agent = joined();
    agent.hear(liar, liar.introduce('me', { time: time(10), claimedAt: time(-weekMs) }));
    const wasLost = agent.protocol.isNameLost;

    const draft = { issuer: agent.me.peer, subject: liar.peer, issuedAtMs: startWallMs };
    const ban = agent.me.codec.sealBan({ ...draft, untilMs: 0, isLifted: false, reason: 'took our name' });
    const effects = agent.step({ type: 'ban', ticket: 1, ban });

    assert.isTrue(wasLost);
    assert.isFalse(agent.protocol.isNameLost);
    assert.deepEqual(
      published(effects).map(({ subject, author }) => [subject, author]),
      [['me', agent.me.peer]],
    );
  });

  it('is cut off everywhere once it has said two things at once, and the proof stays', () => {
    const agent = joined();
    agent.link(liar);
    const twin = new Speaker(3);
    const dot = { epoch: 5, sequence: 1 };
    const one = liar.say({ subject: 'svc', body: entryAt('10.0.0.9:80'), ...dot });
    const other = twin.say({ subject: 'svc', body: entryAt('10.6.6.6:80'), ...dot });
    agent.hear(liar, one);

    const effects = agent.hear(liar, other);
    const late = agent.link(liar);

    assert.include(logs(effects), 'equivocation_proved');
    assert.lengthOf(ofType(effects, 'publish-proof'), 1);
    for (const each of [effects, late])
      assert.deepEqual(
        ofType(each, 'hang-up').map(({ peer }) => peer),
        [liar.peer],
      );
    assert.equal(agent.protocol.table.listing.get('svc'), undefined);
    assert.equal(agent.protocol.table.ledger.proofs.get(liar.peer)?.first.subject, 'svc');
  });
});
